import type { Candidates, DataFile, RowRuns } from '../../connector.js';
import type { LogsClient, LogsRow, QueryOptions } from '../client/logs-client.js';
import type { LogsFilter } from '../logsql/syntax.js';
import { FIELD } from './layout.js';
import { oddAnswer } from './odd-answer.js';
import { CANONICAL_POSITION, readCount } from './read-back.js';
import { PAGE_ROWS, pagesOf, runsOf } from './row-runs.js';

/** A covered file, as its documents name it. */
export interface SearchedFile {
  readonly file: DataFile;
  readonly id: string;
}

export interface Search {
  readonly client: LogsClient;
  /** Of the documents of the covered files that are wanted. */
  readonly filter: LogsFilter;
  readonly files: readonly SearchedFile[];
  readonly always: boolean;
  readonly options: QueryOptions;
}

/** Positions are asked for up to so many. */
const MAX_HITS = 100_000;
/** So few cost nothing to look at. */
const CHEAP_HITS = 5000;
/** Beyond this share of the rows an index is no use. */
const MAX_SHARE = 0.05;
/** Positions pay while so much of the pages is touched, about. */
const MAX_PAGES = 0.3;
/** Ranges pay where no more of the rows are in them. */
const MAX_RANGES = 0.7;

export type Found = Extract<Candidates, { kind: 'narrowed' }>;
type Scan = Extract<Candidates, { kind: 'scan' }>;

/** Counts first, then asks for what pays: rows, or ranges of rows. Throws where the server's answers do not fit together. */
export async function search(request: Search): Promise<Pick<Found, 'only' | 'hits' | 'form'> | Scan> {
  const { files, always } = request;
  const hits = await countHits(request);
  const rows = files.reduce((sum, { file }) => sum + file.rows, 0);
  if (hits === 0) return { only: new Map(files.map(({ file }) => [file.path, []])), hits, form: 'positions' };
  if (!always && hits > rows * MAX_SHARE && hits > 1) return scan(`${hits} of ${rows} rows may pass: reading all of them is faster`);
  const pages = files.reduce((sum, { file }) => sum + Math.ceil(file.rows / PAGE_ROWS), 0);
  const touched = 1 - (1 - 1 / Math.max(1, pages)) ** hits;
  if (hits <= MAX_HITS && (always || touched < MAX_PAGES || hits <= CHEAP_HITS)) {
    const found = await positions(request, hits);
    // Rows of one user may lie together: chance is no guide then.
    const read = [...found.only.values()].reduce((sum, runs) => sum + pagesOf(runs), 0);
    return always || read < pages * MAX_PAGES || read <= 1 ? found : scan(`${hits} rows may pass, and they lie all over the files`);
  }
  const found = await ranges(request, hits);
  const left = [...found.only.values()].reduce((sum, runs) => sum + runs.reduce((one, [, count]) => one + count, 0), 0);
  if (!always && left > rows * MAX_RANGES) return scan(`${hits} rows may pass, and they lie all over the files`);
  return found;
}

function scan(reason: string): Scan {
  return { kind: 'scan', reason };
}

async function countHits({ client, filter, options }: Search): Promise<number> {
  const rows = await all(client.query({ filter, pipes: [{ kind: 'stats', by: [], calls: [{ fn: 'count', as: 'n' }] }] }, options), 1);
  return readCount(rows[0]?.['n']) ?? noCount();
}

/** At most `most` rows. */
async function all(batches: AsyncIterable<readonly LogsRow[]>, most: number): Promise<readonly LogsRow[]> {
  const rows: LogsRow[] = [];
  for await (const batch of batches) {
    rows.push(...batch);
    if (rows.length > most) throw oddAnswer('more rows than it had counted');
  }
  return rows;
}

async function positions({ client, filter, files, options }: Search, hits: number): Promise<Pick<Found, 'only' | 'hits' | 'form'>> {
  const byId = new Map(files.map(({ file, id }) => [id, { file, found: [] as number[] }]));
  let rows = 0;
  const query = {
    filter,
    pipes: [
      { kind: 'fields', fields: [FIELD.file, FIELD.position] },
      { kind: 'limit', rows: hits + 1 },
    ],
  } as const;
  for await (const batch of client.query(query, options)) {
    rows += batch.length;
    if (rows > hits) throw oddAnswer('more rows than it had counted');
    for (const row of batch) {
      const one = byId.get(row[FIELD.file] ?? '');
      // A file of before, or of another snapshot.
      if (one === undefined) continue;
      const position = readCount(row[FIELD.position]);
      if (position === undefined || position >= one.file.rows) throw oddAnswer('a row number that the file does not have');
      one.found.push(position);
    }
  }
  // A body cut off where a line ends looks like any other.
  if (rows !== hits) throw oddAnswer('fewer rows than it had counted');
  return { only: new Map([...byId.values()].map(({ file, found }) => [file.path, runsOf(found)])), hits, form: 'positions' };
}

async function ranges({ client, filter, files, options }: Search, hits: number): Promise<Pick<Found, 'only' | 'hits' | 'form'>> {
  const byId = new Map(files.map(({ file, id }) => [id, file]));
  const only = new Map<string, RowRuns>(files.map(({ file }) => [file.path, []]));
  const query = {
    // `min` and `max` would trip over anything else; if there is any, the counts do not fit.
    filter: { kind: 'and', args: [filter, CANONICAL_POSITION] },
    pipes: [
      {
        kind: 'stats',
        by: [{ kind: 'field', field: FIELD.file }],
        calls: [
          { fn: 'count', as: 'n' },
          { fn: 'min', field: FIELD.position, as: 'a' },
          { fn: 'max', field: FIELD.position, as: 'b' },
        ],
      },
    ],
  } as const;
  let counted = 0;
  const seen = new Set<string>();
  for await (const batch of client.query(query, options)) {
    for (const row of batch) {
      const id = row[FIELD.file] ?? '';
      if (seen.has(id)) throw oddAnswer('a file twice');
      seen.add(id);
      counted += readCount(row['n']) ?? noCount();
      const file = byId.get(id);
      if (file === undefined) continue;
      const [from, to] = [readCount(row['a']), readCount(row['b'])];
      if (from === undefined || to === undefined || from > to || to >= file.rows)
        throw oddAnswer('a row number that the file does not have');
      only.set(file.path, [[from, to - from + 1]]);
    }
  }
  if (counted !== hits) throw oddAnswer('another number of rows than it had counted');
  const whole = files.every(({ file }) => (only.get(file.path) ?? []).every(([, rows]) => rows === file.rows));
  return { only, hits, form: whole ? 'files' : 'ranges' };
}

/** Of the documents of a table: its covered files' that may hold wanted rows. */
export function documentFilter(options: {
  readonly table: string;
  readonly range: { readonly from: bigint; readonly to: bigint };
  /** One for each mapping; a document has to pass one of them. */
  readonly filters: readonly LogsFilter[];
  /** Absent: any. */
  readonly files?: readonly string[];
}): LogsFilter {
  const { table, range, filters, files } = options;
  return {
    kind: 'and',
    args: [
      { kind: 'time', from: range.from, to: range.to + 1n },
      { kind: 'equals', field: FIELD.table, value: table },
      { kind: 'or', args: filters },
      ...(files === undefined ? [] : [{ kind: 'in', field: FIELD.file, values: files } as const]),
    ],
  };
}

function noCount(): never {
  throw oddAnswer('no count');
}
