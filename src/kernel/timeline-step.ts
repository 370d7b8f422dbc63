import type { DuckDBConnection } from '@duckdb/node-api';
import { fieldsOf, type TimelineOperator } from '../../planner/physical-plan.js';
import { internal, TimelineError } from '../../sql/errors.js';
import type { Type } from '../../sql/types.js';
import { TimelineEvaluator } from '../timeline/evaluator.js';
import { orderKey } from './print-expression.js';
import { columnList, type PrintContext, printOperator } from './print-operator.js';
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
  /** Called between chunks; throws when the task was aborted. */
  readonly checkpoint: () => void;
}

/** Runs one timeline operator into a table; gives remarks for the user. */
export async function runTimeline(step: TimelineStep): Promise<readonly string[]> {
  const { op, connection, filling } = step;
  const horizon = op.horizon === undefined ? undefined : await readHorizon(step);
  const fields = fieldsOf(op.input);
  const types = new Map<number, Type>(fields.map((field) => [field.id, field.type]));
  const evaluator = new TimelineEvaluator(op.spec, types, horizon);
  const table = await createValueTable(filling, step.table, op.fields);
  const result = await connection.stream(inputQuery(step));
  for (;;) {
    step.checkpoint();
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    const values = readChunk(
      chunk,
      fields.map((field) => field.type),
      { normalizeJsonb: true },
    );
    const columns = new Map(fields.map((field, i) => [field.id, values[i] ?? []]));
    const batch = evaluator.push(columns, chunk.rowCount);
    if (batch !== undefined) table.append(batch.columns, batch.rowCount);
  }
  const last = evaluator.finish();
  if (last !== undefined) table.append(last.columns, last.rowCount);
  table.finish();
  const skipped = evaluator.skippedRows;
  return skipped === 0 ? [] : [`timeline: ${skipped} ${skipped === 1 ? 'row' : 'rows'} with a NULL key or timestamp skipped`];
}

/** The operator's input sorted by key, timestamp, tie-break, and its own order. */
function inputQuery({ op, context }: TimelineStep): string {
  const fields = fieldsOf(op.input);
  const key = (id: number): string => {
    const field = fields.find((candidate) => candidate.id === id);
    if (field === undefined) throw internal(`timeline: column ${id} is not in the input`);
    return orderKey(`c${id}`, field.type);
  };
  const order = [...op.spec.keys, op.spec.ts, ...op.spec.orderBy].map((id) => `${key(id)} ASC NULLS LAST`);
  return (
    `SELECT ${columnList(fields.map((field) => `c${field.id}`))} ` +
    `FROM (SELECT *, row_number() OVER () AS input_row FROM (${printOperator(op.input, context)})) ORDER BY ${[...order, 'input_row'].join(', ')}`
  );
}

async function readHorizon(step: TimelineStep): Promise<bigint | undefined> {
  const horizon = step.op.horizon;
  if (horizon === undefined) return undefined;
  const type = fieldsOf(horizon)[0]?.type;
  if (type === undefined) throw internal('timeline: the horizon has no column');
  const result = await step.connection.stream(printOperator(horizon, step.context));
  const chunk = await result.fetchChunk();
  const value = chunk === null || chunk.rowCount === 0 ? null : readChunk(chunk, [type], { normalizeJsonb: false })[0]?.[0];
  if (value === null || value === undefined) return undefined;
  if (typeof value !== 'bigint')
    throw new TimelineError({ kind: 'internal', sqlstate: 'XX000', message: 'timeline: the horizon is no timestamp' });
  return value;
}
