import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import { type Field, fieldsOf, type TimelineOperator } from '../../planner/physical-plan.js';
import type { ColumnVector } from '../../sql/column-vector.js';
import { duckdbType } from '../../sql/duckdb-type.js';
import { internal, TimelineError } from '../../sql/errors.js';
import { Oid, type Type, type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { openKernel } from '../timeline/event-kernel.js';
import type { SpanOutput } from '../timeline/span-rows.js';
import type { PostgresCompute } from '../timeline/state-fallback.js';
import { orderKey } from './print-expression.js';
import { columnList, type PrintContext, printOperator } from './print-operator.js';
import { streamChunks } from './stream-chunks.js';
import { createValueTable } from './value-table.js';
import { readChunk } from './value-vectors.js';

export interface TimelineStep {
  readonly op: TimelineOperator;
  readonly context: PrintContext;
  readonly connection: DuckDBConnection;
  /** Never `connection`: a stream on it would end early. */
  readonly filling: DuckDBConnection;
  /** Name of the table that gets the operator's rows. */
  readonly table: string;
  /** What the operators above use of it. */
  readonly output: SpanOutput;
  /** Called between chunks; throws when the task was aborted. */
  readonly checkpoint: () => void;
  readonly batchRows: number;
  /** PostgreSQL's functions in the timeline's zone. */
  readonly postgres: PostgresCompute;
}

/** Runs one timeline operator into a table; gives remarks for the user. */
export async function runTimeline(step: TimelineStep): Promise<readonly string[]> {
  const { op, connection, filling, batchRows } = step;
  const horizon = await readHorizon(step);
  const types = new Map<number, Type>(fieldsOf(op.input).map((field) => [field.id, field.type]));
  const evaluator = openKernel({
    spec: op.spec,
    inputTypes: types,
    horizon,
    order: 'grouped',
    output: step.output,
    ...(op.digest === undefined ? {} : { digest: op.digest }),
    postgres: step.postgres,
    batchRows,
  });
  const wanted = <T>(all: readonly T[]): T[] => all.filter((_, i) => step.output.wanted[i]);
  const table = await createValueTable(filling, step.table, wanted(op.fields), batchRows);
  const input = sortedInput(step);
  for await (const chunk of streamChunks(connection, input.sql)) {
    step.checkpoint();
    const columns = input.read(chunk);
    for (const part of parts(columns, chunk.rowCount, batchRows)) {
      const batch = evaluator.push({ rowCount: part.rowCount, columns: vectors(part.columns) });
      if (batch !== undefined) table.append(wanted(batch.columns), batch.rowCount);
    }
  }
  step.checkpoint();
  const last = evaluator.finish();
  if (last !== undefined) table.append(wanted(last.columns), last.rowCount);
  table.finish();
  const skipped = evaluator.skippedRows;
  return skipped === 0 ? [] : [`timeline: ${skipped} ${skipped === 1 ? 'row' : 'rows'} with a NULL key or timestamp skipped`];
}

function* parts(columns: Columns, rowCount: number, most: number): Generator<{ readonly columns: Columns; readonly rowCount: number }> {
  if (rowCount <= most) {
    yield { columns, rowCount };
    return;
  }
  for (let from = 0; from < rowCount; from += most) {
    const rows = Math.min(most, rowCount - from);
    yield { columns: new Map([...columns].map(([id, column]) => [id, column.slice(from, from + rows)])), rowCount: rows };
  }
}

function vectors(columns: Columns): ReadonlyMap<number, ColumnVector> {
  return new Map([...columns].map(([id, values]) => [id, { kind: 'values', values }]));
}

type Columns = ReadonlyMap<number, readonly (Value | null)[]>;

/** The filled table with all of the operator's fields; those that nobody reads are NULL. */
export function timelineRelation({ op, table, output }: Pick<TimelineStep, 'op' | 'table' | 'output'>): string {
  if (output.wanted.every((wanted) => wanted)) return table;
  const items = op.fields.map((field, i) =>
    output.wanted[i] === true ? `c${field.id}` : `CAST(NULL AS ${duckdbType(field.type)}) AS c${field.id}`,
  );
  return `(SELECT ${items.join(', ')} FROM ${table})`;
}

interface SortedInput {
  readonly sql: string;
  /** A chunk's columns by field id. */
  read(chunk: DuckDBDataChunk): Map<number, readonly (Value | null)[]>;
}

/**
 * The operator's input sorted by key, timestamp, tie-break, and its own order. A key of text comes with its first row only, and
 * with a mark on the others: DuckDB's long texts are read by a call for each, which costs more than all else.
 */
function sortedInput({ op, context }: TimelineStep): SortedInput {
  const fields = fieldsOf(op.input);
  const read = fieldsRead(op);
  const key = (id: number): string => {
    const field = fields.find((candidate) => candidate.id === id);
    if (field === undefined) throw internal(`timeline: column ${id} is not in the input`);
    return orderKey(`c${id}`, field.type);
  };
  const order = [...op.spec.keys, op.spec.ts, ...op.spec.orderBy].map((id) => `${key(id)} ASC NULLS LAST`);
  const repeating = read.filter((field) => isText(field) && op.spec.keys.includes(field.id));
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
      const columns = new Map(read.map((field, i) => [field.id, values[i] ?? []]));
      repeating.forEach(({ id }, n) => {
        const column = columns.get(id) ?? [];
        const marks = values[read.length + n] ?? [];
        let last = held.get(id) ?? null;
        for (let row = 0; row < column.length; row++) {
          if (marks[row] === true) column[row] = last;
          else last = column[row] ?? null;
        }
        held.set(id, last);
      });
      return columns;
    },
  };
}

function isText(field: Field): boolean {
  return field.type.oid === Oid.text || field.type.oid === Oid.varchar;
}

/** What the evaluator looks at: a tie-break only sorts, unless ties are errors. */
function fieldsRead({ input, spec }: TimelineOperator): readonly Field[] {
  const ids = new Set([...spec.keys, spec.ts, ...spec.dedupe, ...(spec.ties === 'error' ? spec.orderBy : [])]);
  if (spec.ends !== undefined) ids.add(spec.ends);
  if (spec.probe !== undefined) ids.add(spec.probe);
  for (const leaf of spec.leaves) {
    if ('value' in leaf) ids.add(leaf.value);
    if ('when' in leaf && leaf.when !== undefined) ids.add(leaf.when);
  }
  return fieldsOf(input).filter((field) => ids.has(field.id));
}

async function readHorizon(step: TimelineStep): Promise<bigint | undefined> {
  const { op, context, connection } = step;
  const { input, horizon, spec } = op;
  if (spec.until.kind !== 'horizon') return undefined;
  const sql =
    horizon === undefined
      ? `SELECT max(c${spec.ts}) FROM (${printOperator(input, context)})`
      : `SELECT ${columnList(fieldsOf(horizon).map((field) => `c${field.id}`))} FROM (${printOperator(horizon, context)})`;
  const chunk = await (await connection.stream(sql)).fetchChunk();
  const value =
    chunk === null || chunk.rowCount === 0 ? null : readChunk(chunk, [type(Oid.timestamptz)], { normalizeJsonb: false })[0]?.[0];
  if (value === null || value === undefined) return undefined;
  if (typeof value !== 'bigint')
    throw new TimelineError({ kind: 'internal', sqlstate: 'XX000', message: 'timeline: the horizon is no timestamp' });
  return value;
}
