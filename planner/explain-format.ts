import { stringify } from 'yaml';

/** The plan as data (explainJson) in one of PostgreSQL's formats; each is one value. */
export function explainData(data: unknown, format: 'json' | 'xml' | 'yaml'): string {
  switch (format) {
    case 'json':
      return JSON.stringify([data], null, 2);
    case 'yaml':
      return stringify([plain(data)]).trimEnd();
    case 'xml':
      return ['<explain xmlns="http://www.postgresql.org/2009/explain">', ...element('Query', plain(data), 1), '</explain>'].join('\n');
  }
}

/** As JSON would have it: without what is undefined. */
function plain(data: unknown): unknown {
  return JSON.parse(JSON.stringify(data)) as unknown;
}

function element(name: string, value: unknown, depth: number): string[] {
  const pad = '  '.repeat(depth);
  // Names come from plans too; what XML does not take in a name becomes a dash, as PostgreSQL does it.
  const tag = name.replace(/[^A-Za-z0-9_.-]/g, '-').replace(/^(?=[^A-Za-z_])/, '_');
  if (typeof value !== 'object' || value === null) {
    return [value === null ? `${pad}<${tag}/>` : `${pad}<${tag}>${escaped(String(value))}</${tag}>`];
  }
  const children = Array.isArray(value)
    ? value.flatMap((item) => element('Item', item, depth + 1))
    : Object.entries(value).flatMap(([key, item]) => element(key, item, depth + 1));
  return children.length === 0 ? [`${pad}<${tag}/>`] : [`${pad}<${tag}>`, ...children, `${pad}</${tag}>`];
}

function escaped(text: string): string {
  return (
    text
      .replace(/&/g, '&amp;')
      .replace(/</g, '&lt;')
      .replace(/>/g, '&gt;')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML has no way to write these
      .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, '\ufffd')
  );
}
