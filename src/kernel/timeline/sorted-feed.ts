import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import { type Field, fieldsOf, type TimelineOperator } from '../../../planner/physical-plan.js';
import type { ColumnVector } from '../../../sql/column-vector.js';
import { internal } from '../../../sql/errors.js';
import { Oid, type } from '../../../sql/types.js';
import type { Value } from '../../../sql/value.js';
import type { EventBatch } from '../../timeline/kernel.js';
import { sortKey } from '../print-expression.js';
import { columnList, type PrintContext, printOperator } from '../print-operator.js';
import { streamChunks } from '../stream-chunks.js';
import { readChunk } from '../value-vectors.js';
import type { EventFeed, Turn } from './event-feed.js';
import { sliceVector } from './vectors.js';

export interface SortedFeedOptions {
  readonly op: TimelineOperator;
  readonly context: PrintContext;
  readonly connection: DuckDBConnection;
  /** Another one to the same instance, for a look at what it does. */
  readonly watching: DuckDBConnection;
  /** Ids of the columns that the kernel looks at. */
  readonly needed: readonly number[];
  readonly batchRows: number;
  readonly turn: Turn;
  /** Why it is not another feed; undefined: nothing else was to be expected. */
  readonly why: string | undefined;
  /** What is sorted by first. */
  readonly by: 'key' | 'time';
}

/** (C) DuckDB sorts the events by key and time, or by time alone, spilling what does not fit its memory. */
export function sortedFeed(options: SortedFeedOptions): EventFeed {
  const { connection, watching, batchRows, turn, why } = options;
  let spilled = false;
  return {
    order: options.by === 'key' ? 'grouped' : 'interleaved',
    told: () => `sorted by DuckDB${spilled ? ' (spilled)' : ''}${why === undefined ? '' : `: ${why}`}`,
    async *batches() {
      const input = sortedInput(options);
      let first = true;
      for await (const chunk of streamChunks(connection, input.sql)) {
        await turn();
        // all of it has been sorted when the first rows come
        if (first) spilled = await hasSpilled(watching);
        first = false;
        yield* parts({ rowCount: chunk.rowCount, columns: input.read(chunk) }, batchRows);
      }
    },
    skipped: () => 0,
    close: () => undefined,
  };
}

async function hasSpilled(connection: DuckDBConnection): Promise<boolean> {
  const found = await connection.runAndReadAll('SELECT count(*) FROM duckdb_temporary_files()');
  return Number(found.getRows()[0]?.[0] ?? 0) > 0;
}

function* parts(batch: EventBatch, most: number): Generator<EventBatch> {
  if (batch.rowCount <= most) {
    yield batch;
    return;
  }
  for (let from = 0; from < batch.rowCount; from += most) {
    const to = Math.min(from + most, batch.rowCount);
    yield { columns: new Map([...batch.columns].map(([id, vector]) => [id, sliceVector(vector, from, to)])), rowCount: to - from };
  }
}

interface SortedInput {
  readonly sql: string;
  /** A chunk's columns by field id. */
  read(chunk: DuckDBDataChunk): Map<number, ColumnVector>;
}

/**
 * The operator's input sorted by key, timestamp, tie-break, and its own order. A key of text comes with its first row only, and
 * with a mark on the others: DuckDB's long texts are read by a call for each, which costs more than all else.
 */
function sortedInput({ op, context, needed, by }: SortedFeedOptions): SortedInput {
  const fields = fieldsOf(op.input);
  const read = fields.filter((field) => needed.includes(field.id));
  const key = (id: number): string => {
    const field = fields.find((candidate) => candidate.id === id);
    if (field === undefined) throw internal(`timeline: column ${id} is not in the input`);
    return sortKey(`c${id}`, field.type);
  };
  const keys = by === 'key' ? op.spec.keys : [];
  const order = [...keys, op.spec.ts, ...op.spec.orderBy].map((id) => `${key(id)} ASC NULLS LAST`);
  const repeating = read.filter((field) => isText(field) && keys.includes(field.id));
  const again = (field: Field): string => `c${field.id} IS NOT DISTINCT FROM lag(c${field.id}) OVER ()`;
  const items = read.map((field) =>
    repeating.includes(field) ? `CASE WHEN ${again(field)} THEN NULL ELSE c${field.id} END` : `c${field.id}`,
  );
  const types = [...read.map((field) => field.type), ...repeating.map(() => type(Oid.bool))];
  const held = new Map<number, Value | null>();
  return {
    sql:
      `SELECT ${columnList([...items, ...repeating.map(again)])} ` +
      `FROM (SELECT * FROM (SELECT *, row_number() OVER () AS input_row FROM (${printOperator(op.input, context)})) ORDER BY ${[...order, 'input_row'].join(', ')})`,
    read(chunk) {
      const values = readChunk(chunk, types, { normalizeJsonb: true });
      repeating.forEach((field, n) => {
        const column = values[read.indexOf(field)] ?? [];
        const marks = values[read.length + n] ?? [];
        let last = held.get(field.id) ?? null;
        for (let row = 0; row < column.length; row++) {
          if (marks[row] === true) column[row] = last;
          else last = column[row] ?? null;
        }
        held.set(field.id, last);
      });
      return new Map(read.map((field, i): [number, ColumnVector] => [field.id, { kind: 'values', values: values[i] ?? [] }]));
    },
  };
}

function isText(field: Field): boolean {
  return field.type.oid === Oid.text || field.type.oid === Oid.varchar;
}
