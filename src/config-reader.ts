import { TimelineError } from '../sql/errors.js';
import { nearestName } from '../sql/nearest-name.js';

export type Env = Readonly<Record<string, string | undefined>>;

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One mapping of the configuration document: knows its keys, refuses others, names the full path in errors. */
export class Reader {
  private readonly values: Readonly<Record<string, unknown>>;

  constructor(
    value: unknown,
    private readonly path: string,
    known: readonly string[],
  ) {
    if (value !== undefined && value !== null && !isObject(value))
      throw this.error(path === '' ? 'the document' : path, 'must be a mapping');
    this.values = isObject(value) ? value : {};
    for (const key of Object.keys(this.values)) {
      if (known.includes(key)) continue;
      const near = nearestName(key, known);
      const hint = near === undefined ? `Known keys: ${known.join(', ')}.` : `Perhaps you meant "${this.name(near)}".`;
      throw new TimelineError({ kind: 'semantic', sqlstate: 'F0000', message: `unknown configuration key "${this.name(key)}"`, hint });
    }
  }

  has(key: string): boolean {
    return this.values[key] !== undefined;
  }

  value(key: string): unknown {
    return this.values[key];
  }

  string(key: string): string | undefined {
    const value = this.values[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'string' && typeof value !== 'number') throw this.error(this.name(key), 'must be text');
    return String(value);
  }

  required(key: string): string {
    const value = this.string(key);
    if (value === undefined) throw this.error(this.name(key), 'is required');
    return value;
  }

  boolean(key: string): boolean | undefined {
    const value = this.values[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'boolean') throw this.error(this.name(key), 'must be true or false');
    return value;
  }

  section(key: string, known: readonly string[]): Reader {
    return new Reader(this.values[key], this.name(key), known);
  }

  /** A mapping in the place of what the document has there. */
  nested(key: string, value: unknown, known: readonly string[]): Reader {
    return new Reader(value, this.name(key), known);
  }

  name(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  error(name: string, problem: string): TimelineError {
    return new TimelineError({ kind: 'semantic', sqlstate: 'F0000', message: `${name}: ${problem}` });
  }
}

export function configError(message: string, hint?: string): TimelineError {
  return new TimelineError({ kind: 'semantic', sqlstate: 'F0000', message, ...(hint === undefined ? {} : { hint }) });
}

/** `1073741824`, `512MB`, `4GiB` as bytes. */
export function byteCount(value: unknown, name: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])i?b?|b)?\s*$/i.exec(String(value));
  if (match === null) throw configError(`${name}: must be a number of bytes such as 512MB, not ${String(value)}`);
  const exponent = match[2] === undefined ? 0 : ' kmgt'.indexOf(match[2].toLowerCase());
  return Math.round(Number(match[1]) * 1024 ** exponent);
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/** `30 d`, `12h`, `90 min` as milliseconds; 0 needs no unit. */
export function duration(value: unknown, name: string): number {
  const text = String(value).trim();
  if (/^0+$/.test(text)) return 0;
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|min|h|d|w|(?:second|minute|hour|day|week)s?)$/i.exec(text);
  const word = match?.[2]?.toLowerCase() ?? '';
  const unit = UNITS_MS[word] ?? UNITS_MS[word.startsWith('min') ? 'min' : word.charAt(0)];
  if (match === null || unit === undefined)
    throw configError(`${name}: must be a time with its unit such as 30 d, 12 h or 90 min (0: for ever), not ${text}`);
  return Math.round(Number(match[1]) * unit);
}

/** What stands under `key`, or in the environment variable that `<key>_env` names; never both. Undefined: neither. */
export function secret(reader: Reader, key: string, path: string, env: Env): string | undefined {
  const variable = reader.string(`${key}_env`);
  if (variable === undefined) return reader.string(key);
  if (reader.has(key)) throw configError(`${path}: ${key} and ${key}_env cannot both be given`);
  const value = env[variable];
  if (value === undefined || value === '') throw configError(`${path}.${key}_env: the environment variable ${variable} is not set`);
  return value;
}

/** Text that may go into an HTTP header. */
export function headerText(text: string, path: string): string {
  if (!/^[\x20-\x7e]*$/.test(text)) throw configError(`${path}: must be plain text without line breaks`);
  return text;
}

/** Without what would be shown (user and password) or sent wrongly (query, fragment), and without slashes at the end. */
export function httpUrl(text: string, path: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw configError(`${path}: must be a URL`);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw configError(`${path}: must begin with https:// or http://`);
  if (url.username !== '' || url.password !== '') throw configError(`${path}: must hold no user and no password`, 'Use auth.');
  if (url.search !== '' || url.hash !== '') throw configError(`${path}: must have no query and no fragment`);
  return url.href.replace(/\/+$/, '');
}
