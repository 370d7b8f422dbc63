import type { LogsClient, LogsRow, QueryOptions } from '../client/logs-client.js';
import { parseInstant } from '../instant.js';
import type { LogsFilter, LogsQuery } from '../logsql/syntax.js';
import { FIELD } from './layout.js';
import { oddAnswer } from './odd-answer.js';

/** What the store has of a file's documents. */
export interface ReadBack {
  readonly documents: number;
  /** Different row numbers. */
  readonly positions: number;
  readonly least: number;
  readonly greatest: number;
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * Only canonical row numbers count: of anything else the store's `min`, `max` and its notion of numbers tell nothing (`1a` comes between 10 and 2).
 */
export const CANONICAL_POSITION: LogsFilter = { kind: 'regex', field: FIELD.position, pattern: '^(?:0|[1-9][0-9]{0,14})$' };

/** By `_f`; files of which the store has nothing are absent. Throws for an answer of another form. */
export async function readBack(
  client: LogsClient,
  request: { readonly table: string; readonly files: readonly string[]; readonly range?: { readonly from: bigint; readonly to: bigint } },
  options: QueryOptions,
): Promise<ReadonlyMap<string, ReadBack>> {
  const { table, files, range } = request;
  const query: LogsQuery = {
    filter: {
      kind: 'and',
      args: [
        ...(range === undefined ? [] : [{ kind: 'time', from: range.from, to: range.to + 1n } as const]),
        { kind: 'equals', field: FIELD.table, value: table },
        { kind: 'in', field: FIELD.file, values: files },
        CANONICAL_POSITION,
      ],
    },
    pipes: [
      {
        kind: 'stats',
        by: [{ kind: 'field', field: FIELD.file }],
        calls: [
          { fn: 'count', as: 'n' },
          { fn: 'count_uniq', field: FIELD.position, as: 'u' },
          { fn: 'min', field: FIELD.position, as: 'a' },
          { fn: 'max', field: FIELD.position, as: 'b' },
          { fn: 'min', field: '_time', as: 'lo' },
          { fn: 'max', field: '_time', as: 'hi' },
        ],
      },
    ],
  };
  const wanted = new Set(files);
  const found = new Map<string, ReadBack>();
  for await (const rows of client.query(query, options)) {
    for (const row of rows) {
      const id = row[FIELD.file] ?? '';
      const one = readRow(row);
      // A group that is there twice, or was not asked for: the answer is of no form that we know.
      if (one === undefined || !wanted.has(id) || found.has(id)) throw oddAnswer('other groups than were asked for');
      found.set(id, one);
    }
  }
  return found;
}

function readRow(row: LogsRow): ReadBack | undefined {
  const [documents, positions, least, greatest] = ['n', 'u', 'a', 'b'].map((name) => readCount(row[name]));
  const [from, to] = ['lo', 'hi'].map((name) => parseInstant(row[name] ?? ''));
  if (documents === undefined || positions === undefined || least === undefined || greatest === undefined) return undefined;
  return from === undefined || to === undefined ? undefined : { documents, positions, least, greatest, from, to };
}

/** A canonical number of rows, or of a row; undefined: anything else. */
export function readCount(text: string | undefined): number | undefined {
  if (text === undefined || !/^(?:0|[1-9]\d{0,14})$/.test(text)) return undefined;
  return Number(text);
}

/** Has every row of the file a document? As many different whole numbers as rows, none below 0, none beyond the last: none is missing. */
export function isWhole(one: ReadBack | undefined, rows: number): one is ReadBack {
  return one !== undefined && one.positions === rows && one.least === 0 && one.greatest === rows - 1;
}
