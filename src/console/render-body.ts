import type { IncomingMessage } from 'node:http';
import { Refusal } from './http-guard.js';
import type { RenderWords } from './render-query.js';

const NAMES = ['sql', 'format', 'width', 'timezone', 'title', 'by', 'key'];

/** What a request asks for: of GET its query string; of POST its body, SQL (text/plain, options in the query string) or JSON. */
export async function readWords(request: IncomingMessage, { mostBytes }: { readonly mostBytes: number }): Promise<RenderWords> {
  const words = queryWords(request.url ?? '');
  if (request.method === 'GET') return words;
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'text/plain' && type !== 'application/json' && type !== 'application/sql')
    throw new Refusal(415, { sqlstate: '08P01', message: 'the body must be text/plain (SQL) or application/json' });
  const body = await readBody(request, mostBytes);
  if (type === 'application/json') return jsonWords(body);
  if (words.sql !== undefined) throw malformed('the SQL is given twice, in the URL and as the body');
  return { ...words, sql: body };
}

function queryWords(url: string): RenderWords {
  const at = url.indexOf('?');
  const found = new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
  for (const name of new Set(found.keys())) {
    requireKnown(name);
    if (name !== 'key' && found.getAll(name).length > 1) throw malformed(`"${name}" is given more than once`);
  }
  const word = (name: string): string | undefined => found.get(name) ?? undefined;
  return {
    sql: word('sql'),
    format: word('format'),
    width: word('width'),
    timezone: word('timezone'),
    title: word('title'),
    by: word('by'),
    key: found.getAll('key'),
  };
}

/** `{sql, width, …}`; `key` and `by` are a text or a list of texts. */
function jsonWords(body: string): RenderWords {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw malformed('the body is no JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw malformed('the body must be an object: {"sql": "SELECT …"}');
  const given = parsed as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) requireKnown(name);
  const texts = (name: string): string[] | undefined => {
    const value = given[name];
    if (value === undefined || value === null) return undefined;
    const list: unknown[] = Array.isArray(value) && (name === 'key' || name === 'by') ? value : [value];
    if (list.length > 1000 || !list.every((item) => typeof item === 'string' || typeof item === 'number'))
      throw malformed(`"${name}" must be a text`);
    return list.map(String);
  };
  const word = (name: string): string | undefined => texts(name)?.[0];
  return {
    sql: word('sql'),
    format: word('format'),
    width: word('width'),
    timezone: word('timezone'),
    title: word('title'),
    by: texts('by')?.join(','),
    key: texts('key') ?? [],
  };
}

function requireKnown(name: string): void {
  if (!NAMES.includes(name)) throw malformed(`unknown option "${name.slice(0, 60)}"`, `There are ${NAMES.join(', ')}.`);
}

async function readBody(request: IncomingMessage, mostBytes: number): Promise<string> {
  const tooLarge = (): Refusal => new Refusal(413, { sqlstate: '54000', message: `the body is larger than ${mostBytes} bytes` });
  if (Number(request.headers['content-length'] ?? 0) > mostBytes) throw tooLarge();
  const parts: Buffer[] = [];
  let bytes = 0;
  // Left early, an iterator would end the connection before the answer is written.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > mostBytes) throw tooLarge();
    parts.push(part);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts));
  } catch {
    throw new Refusal(400, { sqlstate: '22021', message: 'the body is not UTF-8' });
  }
}

function malformed(message: string, hint?: string): Refusal {
  return new Refusal(400, { sqlstate: '22023', message, ...(hint === undefined ? {} : { hint }) });
}
