import type { TableName } from '../../../connector.js';
import { isJsonObject, type Json } from '../../format/exact-json.js';
import type { RestClient } from './rest-client.js';
import type { RestSession } from './rest-session.js';

const MAX_NAMES = 1_000_000;
const MAX_PAGES = 20_000;
const MAX_LEVELS = 8;
const PARALLEL = 8;
const WHAT = { namespaces: 'the list of namespaces', tables: 'the list of tables' };

export function namespacePath(session: RestSession, levels: readonly string[]): string {
  return levels.map(encodeURIComponent).join(session.separator);
}

export function tablePath(session: RestSession, levels: readonly string[], table: string): string {
  return `${session.base}/namespaces/${namespacePath(session, levels)}/tables/${encodeURIComponent(table)}`;
}

/** All tables of all namespaces, nested ones too. Namespaces that we may not look into are left out. */
export async function listTables(
  client: RestClient,
  session: RestSession,
  signal: AbortSignal | undefined,
): Promise<readonly { readonly levels: readonly string[]; readonly name: TableName }[]> {
  const found: { levels: readonly string[]; name: TableName }[] = [];
  let isFlat = false;
  let waiting: (readonly string[])[] = [...(await namespacesBelow(client, session, [], signal)).names];
  let namespaces = waiting.length;
  while (waiting.length > 0) {
    const next: (readonly string[])[] = [];
    await inParallel(waiting, async (levels) => {
      const tables = await tablesOf(client, session, levels, signal);
      for (const table of tables) found.push({ levels, name: { schema: levels.join('.'), table } });
      if (isFlat || levels.length === MAX_LEVELS) return;
      const below = await namespacesBelow(client, session, levels, signal);
      // Services without nested namespaces refuse the question; once is enough.
      if (below.flat) isFlat = true;
      next.push(...below.names);
    });
    namespaces += next.length;
    if (namespaces + found.length > MAX_NAMES) throw client.bad(WHAT.tables, `there are more than ${MAX_NAMES} names`);
    waiting = next;
  }
  return found;
}

async function namespacesBelow(
  client: RestClient,
  session: RestSession,
  parent: readonly string[],
  signal: AbortSignal | undefined,
): Promise<{ readonly names: readonly (readonly string[])[]; readonly flat: boolean }> {
  const names: (readonly string[])[] = [];
  // The separator is a character once the query is decoded.
  const query: Record<string, string> = parent.length === 0 ? {} : { parent: parent.join(decodeURIComponent(session.separator)) };
  const pages = pagesOf(client, { path: `${session.base}/namespaces`, what: WHAT.namespaces, query, key: 'namespaces', signal });
  for await (const page of pages) {
    if (page === 'refused') return { names: [], flat: parent.length > 0 };
    for (const item of page) {
      const levels = readLevels(item);
      if (levels === undefined) throw client.bad(WHAT.namespaces, 'a namespace is not a list of texts');
      // Some servers answer with the parent itself, or with all namespaces whatever the parent.
      if (levels.length === parent.length + 1 && parent.every((level, index) => level === levels[index])) names.push(levels);
    }
  }
  return { names, flat: false };
}

async function tablesOf(
  client: RestClient,
  session: RestSession,
  levels: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const names: string[] = [];
  const path = `${session.base}/namespaces/${namespacePath(session, levels)}/tables`;
  for await (const page of pagesOf(client, { path, what: WHAT.tables, query: {}, key: 'identifiers', signal })) {
    if (page === 'refused') return [];
    for (const item of page) {
      const name = isJsonObject(item) ? item['name'] : undefined;
      if (typeof name !== 'string') throw client.bad(WHAT.tables, 'a table has no name');
      names.push(name);
    }
  }
  return names;
}

interface Listing {
  readonly path: string;
  readonly what: string;
  readonly query: Readonly<Record<string, string>>;
  readonly key: string;
  readonly signal: AbortSignal | undefined;
}

/** The list below `key`, page by page. `refused`: not there (any more), not ours to see, or not a question that this server takes. */
async function* pagesOf(client: RestClient, { path, what, query, key, signal }: Listing): AsyncIterable<readonly Json[] | 'refused'> {
  const seen = new Set<string>();
  // An empty token asks for pages where the server has them.
  let token = '';
  for (let pages = 0; ; pages++) {
    const request = { method: 'GET', path, what, query: { ...query, pageToken: token }, repeatable: true, signal } as const;
    const answer = await client.send(request);
    if (answer.kind === 'refused') {
      const { status } = answer.failure;
      const isQuestion = path.endsWith('/namespaces') && query['parent'] === undefined;
      if (!isQuestion && (status === 403 || status === 404 || (query['parent'] !== undefined && [400, 405, 406, 501].includes(status)))) {
        yield 'refused';
        return;
      }
    }
    if (answer.kind !== 'ok') throw client.error(request, answer);
    const json = client.parse(request, answer);
    const list = isJsonObject(json) ? json[key] : undefined;
    if (!isJsonObject(json) || !Array.isArray(list)) throw client.bad(what, `it has no list "${key}"`);
    yield list as readonly Json[];
    const next = json['next-page-token'];
    if (next === undefined || next === null || next === '') return;
    if (typeof next !== 'string' || seen.has(next) || pages >= MAX_PAGES) throw client.bad(what, 'its pages do not end');
    seen.add(next);
    token = next;
  }
}

function readLevels(item: Json): readonly string[] | undefined {
  if (!Array.isArray(item) || item.length === 0) return undefined;
  const levels = item as readonly Json[];
  return levels.every((level) => typeof level === 'string' && level !== '') ? (levels as readonly string[]) : undefined;
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}
