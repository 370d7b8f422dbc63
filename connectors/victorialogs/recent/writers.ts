import { TimelineError } from '../../../sql/errors.js';
import type { FlushedRows, TableName } from '../../connector.js';
import type { LogsClient } from '../client/logs-client.js';
import type { LogsFilter, LogsPipe } from '../logsql/syntax.js';
import { FIELD, MOST_NUMBER, recentKey, writerText } from './layout.js';

/** A writer's rows that are not in the table's version. */
export interface RecentWriter {
  readonly writer: string;
  /** The last number that is in the version; undefined: none is. */
  readonly flushed: bigint | undefined;
  readonly first: bigint;
  readonly last: bigint;
  /** Different numbers. */
  readonly rows: number;
}

/** Of one table's documents, those after what is flushed. */
export interface RecentSource {
  readonly client: Pick<LogsClient, 'query'>;
  readonly table: TableName;
  readonly identity: string;
  readonly flushed: FlushedRows;
  readonly signal: AbortSignal;
}

const PIPES: readonly LogsPipe[] = [
  {
    kind: 'stats',
    by: [{ kind: 'field', field: FIELD.writer }],
    calls: [
      // An answer of empty values would be no line.
      { fn: 'count', as: 'documents' },
      { fn: 'count_uniq', field: FIELD.number, as: 'rows' },
      { fn: 'min', field: FIELD.number, as: 'first' },
      { fn: 'max', field: FIELD.number, as: 'last' },
      { fn: 'count', field: FIELD.marked, as: 'marked' },
    ],
  },
];

const numbered: LogsFilter = { kind: 'present', field: FIELD.number };

function flushedBy(source: RecentSource): ReadonlyMap<string, bigint> {
  return new Map(Object.entries(source.flushed.upTo).map(([writer, text]) => [writer, flushedNumber(source, writer, text)]));
}

function ofTable(identity: string): LogsFilter {
  return { kind: 'equals', field: FIELD.table, value: recentKey(identity) };
}

/** The table's documents with numbers that are not flushed. */
export function freshDocuments(source: RecentSource): LogsFilter {
  const flushed = flushedBy(source);
  const after = [...flushed].map(
    ([writer, number]): LogsFilter => ({
      kind: 'and',
      args: [ofWriter(writer), { kind: 'compare', field: FIELD.number, op: '>', value: String(number) }],
    }),
  );
  const others: LogsFilter = { kind: 'not', arg: { kind: 'in', field: FIELD.writer, values: [...flushed.keys()].map(writerText) } };
  const wanted: LogsFilter = flushed.size === 0 ? { kind: 'all' } : { kind: 'or', args: [...after, others] };
  return { kind: 'and', args: [ofTable(source.identity), numbered, wanted] };
}

/** What every writer has that is not flushed, as it is now. */
export async function recentWriters(source: RecentSource): Promise<readonly RecentWriter[]> {
  const { client, identity, signal } = source;
  const flushed = flushedBy(source);
  const writers: RecentWriter[] = [];
  for await (const batch of client.query({ filter: freshDocuments(source), pipes: PIPES }, { signal })) {
    for (const row of batch) {
      const name = row[FIELD.writer] ?? '';
      const [first, last, rows] = [whole(row['first']), whole(row['last']), whole(row['rows'])];
      if (!name.startsWith('~') || first === undefined || last === undefined || rows === undefined || last > MOST_NUMBER)
        throw odd(source, `documents of writer ${JSON.stringify(name)} are not numbered 1, 2, 3 …`);
      const writer = name.slice(1);
      if ((whole(row['marked']) ?? 0n) > 0n) throw incomplete(source, writer);
      if (!flushed.has(writer) && !source.flushed.complete) throw unknownWriter(source, writer);
      writers.push({ writer, flushed: flushed.get(writer), first, last, rows: Number(rows) });
    }
  }
  await requireNumbers(source, ofTable(identity));
  return writers;
}

/** Numbers that should be there and are not, in words; undefined: there are none. */
export function gapOf({ writer, flushed, first, last, rows }: RecentWriter): string | undefined {
  // Who begins at 0 has nothing before it, either.
  const from = flushed === undefined ? (first === 0n ? 0n : 1n) : flushed + 1n;
  const missing = last - from + 1n - BigInt(rows);
  return missing === 0n ? undefined : `${missing} of rows ${from} to ${last} of writer "${writer}" are missing`;
}

export function ofWriter(writer: string): LogsFilter {
  return { kind: 'equals', field: FIELD.writer, value: writerText(writer) };
}

async function requireNumbers(source: RecentSource, mine: LogsFilter): Promise<void> {
  const named: LogsFilter = { kind: 'present', field: FIELD.writer };
  const filter: LogsFilter = { kind: 'and', args: [mine, { kind: 'not', arg: { kind: 'and', args: [numbered, named] } }] };
  const pipes: readonly LogsPipe[] = [{ kind: 'stats', by: [], calls: [{ fn: 'count', as: 'documents' }] }];
  for await (const batch of source.client.query({ filter, pipes }, { signal: source.signal }))
    for (const row of batch) if (row['documents'] !== '0') throw odd(source, 'documents without a writer or a number');
}

function flushedNumber(source: RecentSource, writer: string, text: string): bigint {
  const number = whole(text);
  if (number === undefined || number > MOST_NUMBER)
    throw odd(source, `flushed_seq.${writer} of the table is ${JSON.stringify(text.slice(0, 100))}`);
  return number;
}

function whole(text: string | undefined): bigint | undefined {
  return text !== undefined && /^(?:0|[1-9]\d{0,15})$/.test(text) ? BigInt(text) : undefined;
}

function odd({ table: { schema, table } }: RecentSource, what: string): TimelineError {
  return failure('58000', `the fresh rows of ${schema}.${table} cannot be told: ${what}`);
}

function incomplete({ table: { schema, table } }: RecentSource, writer: string): TimelineError {
  return failure(
    '0A000',
    `writer "${writer}" has fresh rows of ${schema}.${table} with values that the log store cannot hold (NaN, infinities, very long ones)`,
  );
}

function unknownWriter({ table: { schema, table } }: RecentSource, writer: string): TimelineError {
  return failure(
    '58000',
    `it is not known which rows of writer "${writer}" are in ${schema}.${table}: the snapshots that told it have expired`,
  );
}

function failure(sqlstate: string, message: string): TimelineError {
  const hint = 'SET timeline.include_recent = off reads what is in the table.';
  return new TimelineError({ kind: sqlstate === '0A000' ? 'unsupported' : 'connector', sqlstate, message, hint });
}
