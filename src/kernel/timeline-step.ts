import type { DuckDBConnection } from '@duckdb/node-api';
import { fieldsOf, type TimelineOperator } from '../../planner/physical-plan.js';
import { duckdbType } from '../../sql/duckdb-type.js';
import { TimelineError } from '../../sql/errors.js';
import { Oid, type Type, type } from '../../sql/types.js';
import { openKernel } from '../timeline/event-kernel.js';
import type { SpanBatch, SpanOutput } from '../timeline/span-rows.js';
import type { PostgresCompute } from '../timeline/state-fallback.js';
import { columnList, type PrintContext, printOperator } from './print-operator.js';
import { beginOf, CarriedRun, type CarryFolder, loadCarried } from './timeline/carried-state.js';
import { chooseFeed } from './timeline/choose-feed.js';
import { openDirectEvents } from './timeline/direct-events.js';
import { eventColumns } from './timeline/event-columns.js';
import type { EventFeed, FeedChoice, Turn } from './timeline/event-feed.js';
import { groupFeed } from './timeline/group-feed.js';
import { TooMuch } from './timeline/grouped-events.js';
import { latestOf, latestTime } from './timeline/horizon.js';
import { NotDecoded } from './timeline/parquet-events.js';
import { sortedFeed } from './timeline/sorted-feed.js';
import { streamFeed } from './timeline/stream-feed.js';
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
  /** Of the task. */
  readonly memoryBytes: number;
  readonly feed: FeedChoice;
  /** PostgreSQL's functions in the timeline's zone. */
  readonly postgres: PostgresCompute;
  readonly carried: CarryFolder;
}

export interface TimelineRun {
  /** Remarks for the user. */
  readonly notices: readonly string[];
  /** How events came, for EXPLAIN ANALYZE. */
  readonly events: string;
  /** Events that came. */
  readonly rows: number;
  /** States to keep: files by key. */
  readonly carries: Readonly<Record<string, string>>;
}

/** DuckDB's chunks have so many rows; a test's batches fewer. */
const CHUNK_ROWS = 2048;
/** Rows that typed columns are handed on by. */
const DIRECT_BATCH_ROWS = 32_768;

/** Runs one timeline operator into a table. */
export async function runTimeline(step: TimelineStep): Promise<TimelineRun> {
  const feeding = await chosenFeed(step);
  try {
    return await runFeed(step, feeding, step.table);
  } catch (error) {
    if (!(error instanceof NotDecoded)) throw error;
    // some rows are in the table: it is made anew
    await step.filling.run(`DROP TABLE IF EXISTS ${step.table}`);
    return await runFeed(step, await sorted(step, error.message), step.table);
  } finally {
    feeding.feed.close();
  }
}

interface Feeding {
  readonly feed: EventFeed;
  readonly horizon: bigint | undefined;
}

async function runFeed(step: TimelineStep, { feed, horizon }: Feeding, name: string): Promise<TimelineRun> {
  const { op, filling, batchRows, output } = step;
  const wanted = <T>(all: readonly T[]): T[] => all.filter((_, i) => output.wanted[i]);
  const kernel = openKernel({
    spec: op.spec,
    inputTypes: new Map<number, Type>(fieldsOf(op.input).map((field) => [field.id, field.type])),
    horizon,
    order: feed.order,
    output,
    batchRows,
    postgres: step.postgres,
    ...(op.digest === undefined ? {} : { digest: op.digest }),
  });
  const table = await createValueTable(filling, name, wanted(op.fields), batchRows);
  const append = (rows: SpanBatch): void => table.append(wanted(rows.columns), rows.rowCount);
  await loadCarried(op, step.carried.carries, kernel);
  // without a common time of all keys there is no state to keep
  const run = feed.order === 'interleaved' ? new CarriedRun(op, step.carried, endOf(op, horizon)) : undefined;
  let events = 0;
  try {
    for await (const batch of feed.batches()) {
      events += batch.rowCount;
      if (run !== undefined) for await (const rows of run.push(kernel, batch)) append(rows);
      else {
        const rows = kernel.push(batch);
        if (rows !== undefined) append(rows);
      }
    }
    step.checkpoint();
    if (run !== undefined) for await (const rows of run.end(kernel)) append(rows);
    const last = kernel.finish();
    if (last !== undefined) append(last);
  } finally {
    // of a table that is made anew, too: nothing may come into it later
    table.finish();
  }
  const skipped = kernel.skippedRows + feed.skipped();
  return {
    notices: [
      ...(skipped === 0 ? [] : [`timeline: ${skipped} ${skipped === 1 ? 'row' : 'rows'} with a NULL key or timestamp skipped`]),
      ...(run?.remarks ?? []),
    ],
    events: feed.told(),
    rows: events,
    carries: run?.saved ?? {},
  };
}

/** Where the output ends; undefined: there is none. */
function endOf({ spec }: TimelineOperator, horizon: bigint | undefined): number | undefined {
  switch (spec.until.kind) {
    case 'at':
      return Number(spec.until.instant);
    case 'horizon':
      return horizon === undefined ? undefined : Number(horizon);
    case 'none':
      return undefined;
  }
}

async function chosenFeed(step: TimelineStep): Promise<Feeding> {
  const { op, memoryBytes, feed: wanted } = step;
  if (op.direct !== true) return sorted(step, undefined);
  if (wanted === 'sort') return sorted(step, 'as asked for');
  const direct = await openDirectEvents(op, step.context.scans, eventColumns(op));
  if (typeof direct === 'string') return sorted(step, direct);
  const { events, spec } = direct;
  const turn = turnOf(step);
  const batchRows = step.batchRows < CHUNK_ROWS ? step.batchRows : DIRECT_BATCH_ROWS;
  try {
    const choice = chooseFeed(direct, memoryBytes, wanted);
    const own = spec.until.kind === 'horizon' && op.horizon === undefined;
    switch (choice.feed) {
      case 'stream': {
        const latest = own ? await latestTime(events, turn) : undefined;
        const horizon = own ? instantOf(latest) : await readHorizon(step);
        return { feed: streamFeed(direct, { turn, batchRows }), horizon };
      }
      case 'group': {
        // a state is of all keys at one time: events must come by time
        if (beginOf(op, step.carried.carries) !== undefined) return await sorted(step, choice.why);
        const feed = await groupFeed(direct, { turn, batchRows, memoryBytes: choice.memoryBytes, why: choice.why });
        return { feed, horizon: own ? instantOf(feed.latest) : await readHorizon(step) };
      }
      case 'sort':
        events.close();
        return await sorted(step, choice.why);
    }
  } catch (error) {
    events.close();
    if (error instanceof NotDecoded) return sorted(step, error.message);
    if (error instanceof TooMuch) return sorted(step, 'the events are more than memory is for');
    throw error;
  }
}

async function sorted(step: TimelineStep, why: string | undefined): Promise<Feeding> {
  const { op, context, connection, filling, batchRows } = step;
  const needed = eventColumns(op);
  const by = beginOf(op, step.carried.carries) === undefined ? 'key' : 'time';
  const feed = sortedFeed({ op, context, connection, watching: filling, needed, batchRows, turn: turnOf(step), why, by });
  return { feed, horizon: await readHorizon(step) };
}

/** A message for the thread is heard only when it has nothing to do. */
function turnOf({ checkpoint }: TimelineStep): Turn {
  return async () => {
    await new Promise((resolve) => setImmediate(resolve));
    checkpoint();
  };
}

function instantOf(latest: number | 'none' | undefined): bigint | undefined {
  return typeof latest === 'number' ? BigInt(latest) : undefined;
}

/** The filled table with all of the operator's fields; those that nobody reads are NULL. */
export function timelineRelation({ op, table, output }: Pick<TimelineStep, 'op' | 'table' | 'output'>): string {
  if (output.wanted.every((wanted) => wanted)) return table;
  const items = op.fields.map((field, i) =>
    output.wanted[i] === true ? `c${field.id}` : `CAST(NULL AS ${duckdbType(field.type)}) AS c${field.id}`,
  );
  return `(SELECT ${items.join(', ')} FROM ${table})`;
}

/** By statistics where they tell it, else by a query. */
async function readHorizon(step: TimelineStep): Promise<bigint | undefined> {
  const { op, context, connection } = step;
  const { input, horizon, spec } = op;
  if (spec.until.kind !== 'horizon') return undefined;
  if (horizon !== undefined && op.direct === true) {
    const latest = await latestOf(horizon, context.scans, turnOf(step));
    if (latest !== undefined) return instantOf(latest);
  }
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
