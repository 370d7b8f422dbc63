import { notAllowed } from './store-error.js';

/** Where an object lies. Text after the scheme is taken as it stands: Iceberg writers do not percent-encode it. */
export type Location =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly key: string };

/**
 * Reads `file:/x`, `file://host-less/x`, `file:///x`, `/x`, `s3://bucket/key`, `s3a://…`, `s3n://…`.
 * Errors: 42501 for another scheme, a relative path, or `..` in it.
 */
export function parseLocation(text: string): Location {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text);
  const name = scheme?.[1]?.toLowerCase();
  if (name === undefined || name === 'file') {
    const path = name === undefined ? text : text.slice('file:'.length).replace(/^\/\/(localhost)?(?=\/)/i, '');
    if (!path.startsWith('/') || path.startsWith('//')) throw notAllowed(`"${text}" is not an absolute location`);
    return { kind: 'file', path: cleanPath(path, text) };
  }
  if (name === 's3' || name === 's3a' || name === 's3n') {
    const match = /^[^:]+:\/\/([^/]+)(\/.*)?$/s.exec(text);
    if (match?.[1] === undefined) throw notAllowed(`"${text}" is not an s3://bucket/key location`);
    return { kind: 's3', bucket: match[1], key: cleanPath(match[2] ?? '/', text).slice(1) };
  }
  throw notAllowed(`location "${text}" has the scheme "${name}", only file and s3 can be read`);
}

/** `/a//b/./c/` -> `/a/b/c`; the root is ''. */
function cleanPath(path: string, text: string): string {
  if (path.includes('\0')) throw notAllowed('a location with a zero byte');
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw notAllowed(`location "${text}" has ".." in it`);
  return parts.length === 0 ? '' : `/${parts.join('/')}`;
}

/** One spelling for one place, without a slash at the end. */
function formatLocation(location: Location): string {
  if (location.kind === 'file') return `file://${location.path}`;
  return location.key === '' ? `s3://${location.bucket}` : `s3://${location.bucket}/${location.key}`;
}

export function normalLocation(text: string): string {
  return formatLocation(parseLocation(text));
}

/** The place as writers spell it; the rest of the text stays as it is. */
export function spellingsOf(text: string): readonly string[] {
  const file = /^(?:file:)?(?:\/\/)?(\/[^/].*)$/s.exec(text);
  if (file?.[1] !== undefined) return [`file:${file[1]}`, `file://${file[1]}`, file[1]];
  const s3 = /^s3[an]?:\/\/(.*)$/s.exec(text);
  return s3?.[1] === undefined ? [text] : ['s3', 's3a', 's3n'].map((scheme) => `${scheme}://${s3[1]}`);
}

/** The rest of `location` below `root` (both normal), '' for the root itself; undefined: not below it. */
export function below(root: string, location: string): string | undefined {
  if (location === root) return '';
  return location.startsWith(`${root}/`) ? location.slice(root.length + 1) : undefined;
}

/** Replaces old location prefixes by new ones; the longest that fits wins, and the result is not mapped again. */
export class Relocation {
  readonly #rules: readonly { readonly from: string; readonly to: string }[];

  constructor(locations: Readonly<Record<string, string>>) {
    this.#rules = Object.entries(locations)
      .map(([from, to]) => ({ from: normalLocation(from), to: normalLocation(to) }))
      .sort((a, b) => b.from.length - a.from.length);
  }

  get targets(): readonly string[] {
    return this.#rules.map((rule) => rule.to);
  }

  /** The normal form of each place that is now at `location` (itself normal), itself among them. */
  sources(location: string): readonly string[] {
    const moved = this.#rules.flatMap(({ from, to }) => {
      const rest = below(to, location);
      return rest === undefined ? [] : [rest === '' ? from : `${from}/${rest}`];
    });
    return [location, ...moved];
  }

  /** The normal form of where `text` lies now. */
  apply(text: string): string {
    const location = normalLocation(text);
    for (const { from, to } of this.#rules) {
      const rest = below(from, location);
      if (rest !== undefined) return rest === '' ? to : `${to}/${rest}`;
    }
    return location;
  }
}
