import { createHash } from 'node:crypto';
import type { TableColumn } from '../connectors/connector.js';
import { Oid } from '../sql/types.js';
import { parseTimestampTz } from '../sql/value-time.js';
import { type DirectInput, directInput } from './direct-timeline.js';
import { childrenOf, mapLeaves, sameExpr } from './expression.js';
import { operatorsIn, rewrite } from './logical-plan.js';
import type { CarryPoint, Operator, PlanExpr, PlanLeaf, ScanField, Stage, Task, TimelineCarry, TimelineOperator } from './physical-plan.js';
import type { CarryMode, PlanningConnector } from './planning.js';
import { timeBound } from './time-bound.js';
import type { StateExpr, StateLeaf, TimelineSpec } from './timeline-spec.js';

/**
 * Carries: the state of all keys at the end of a day, kept for the next query that asks the same of a later window.
 *
 * A call with `since` needs what came before it. Its operators' state at a midnight D <= since is all that is needed of the events before D, and it
 * depends on nothing but those events and the operators. So it is kept under a hash of both: the operators and the expressions that feed them,
 * and the table's files that hold events before D, with what is deleted of them. A file that comes late with events of that day changes the
 * hash, and the state is not found; one that comes with later events does not. A state is never stale, and never needs to be invalidated.
 */

const DAY = 86_400_000_000n;
/** Days before `since` that are looked at for a state. */
const DAYS_BACK = 31n;
/** Each day looked at costs a walk over the splits. */
const MOST_LOOKS = 50_000;

export interface CarryRequest {
  readonly mode: CarryMode;
  /** Bytes of events before `since` from which on a state is worth keeping. */
  readonly fromBytes: number;
  readonly connector: (schema: string, table: string) => PlanningConnector;
  readonly signal: AbortSignal;
}

/** The column of a scan that a call's time is, where states of it may be kept: what bounds of splits are needed of. */
export function carriedTime(op: Operator): { readonly scan: string; readonly column: ScanField } | undefined {
  if (op.kind !== 'timeline' || !isCarried(op)) return undefined;
  const input = directInput(op.input);
  const column = input === undefined ? undefined : timeColumn(op, input);
  return input === undefined || column === undefined ? undefined : { scan: input.scan.scan, column };
}

/** Events seen before (`dedupe`) are no part of a state, and probes have no `since`. */
function isCarried({ spec }: TimelineOperator): boolean {
  return (
    spec.since !== undefined &&
    spec.dedupe.length === 0 &&
    spec.ties === 'apply' &&
    spec.probe === undefined &&
    !spec.fill &&
    !remembersWindow(spec)
  );
}

function timeColumn({ spec }: TimelineOperator, input: DirectInput): ScanField | undefined {
  const time = input.columns.get(spec.ts);
  return time?.kind !== 'column' ? undefined : input.scan.fields.find(({ id, type }) => id === time.id && type.oid === Oid.timestamptz);
}

/** Tells direct timeline operators which states they may begin with, and which they should keep. */
export async function addCarries(stages: readonly Stage[], request: CarryRequest): Promise<readonly Stage[]> {
  const changed: Stage[] = [];
  for (const stage of stages) {
    const [task, second] = stage.tasks;
    const found = new Map<TimelineSpec, TimelineCarry>();
    for (const op of operatorsIn(stage.root)) {
      if (op.kind !== 'timeline' || op.direct !== true || task === undefined || second !== undefined) continue;
      const carry = await carryOf(op, task, request);
      if (carry !== undefined) found.set(op.spec, carry);
    }
    if (found.size === 0) {
      changed.push(stage);
      continue;
    }
    const root = rewrite(stage.root, (op) => {
      const carry = op.kind === 'timeline' ? found.get(op.spec) : undefined;
      return op.kind === 'timeline' && carry !== undefined ? { ...op, carry } : op;
    });
    changed.push({ ...stage, root });
  }
  return changed;
}

async function carryOf(op: TimelineOperator, task: Task, request: CarryRequest): Promise<TimelineCarry | undefined> {
  const time = carriedTime(op);
  const input = directInput(op.input);
  if (time === undefined || input === undefined || op.spec.since === undefined) return undefined;
  const splits = task.splits[time.scan] ?? [];
  const { scan } = input;
  const connector = request.connector(scan.schema, scan.table);
  if (connector.narrow === undefined || connector.fingerprint === undefined) return undefined;
  // the hash knows what is filtered above the scan, not what the scan leaves out by itself
  if (scan.dynamic !== undefined || scan.pushed.some(({ answer }) => answer === 'exact')) return undefined;
  const column: TableColumn = { kind: 'table_column', name: time.column.name, type: time.column.type };
  const before = async (instant: bigint): Promise<readonly unknown[]> =>
    (await connector.narrow?.(scan.handle, splits, [timeBound<TableColumn>(column, '<', instant)], request.signal))?.splits ?? [];
  const since = BigInt(op.spec.since);
  const last = midnight(since);
  if (request.mode === 'auto') {
    const read = new Set((await before(last)).map((data) => JSON.stringify(data)));
    const bytes = splits.filter(({ data }) => read.has(JSON.stringify(data))).reduce((sum, split) => sum + split.bytes, 0);
    if (bytes < request.fromBytes) return undefined;
  }
  const keyAt = async (at: bigint): Promise<string | undefined> => {
    const earlier = await before(at);
    const files = earlier.length === 0 ? undefined : connector.fingerprint?.(scan.handle, earlier);
    return files === undefined
      ? undefined
      : createHash('sha256')
          .update(JSON.stringify([at.toString(), files, shape(op.spec, input, at)]))
          .digest('hex');
  };
  const looks = splits.length === 0 ? 0n : BigInt(Math.max(1, Math.floor(MOST_LOOKS / splits.length)));
  const load: CarryPoint[] = [];
  for (let n = 0n; n < (looks < DAYS_BACK ? looks : DAYS_BACK); n++) {
    const at = last - n * DAY;
    const key = await keyAt(at);
    if (key === undefined) break;
    load.push({ at: at.toString(), key });
  }
  const until = op.spec.until.kind === 'at' ? midnight(BigInt(op.spec.until.instant)) : undefined;
  const next = until === undefined || until <= last ? undefined : { at: until, key: await keyAt(until) };
  const save = [...load.slice(0, 1), ...(next?.key === undefined ? [] : [{ at: next.at.toString(), key: next.key }])];
  return save.length === 0 ? undefined : { scan: time.scan, column: time.column.id, load, save };
}

function midnight(instant: bigint): bigint {
  return instant - (((instant % DAY) + DAY) % DAY);
}

/** All that a state at `at` depends on besides the table's files: equal for calls that differ in window, output and names only. */
function shape(spec: TimelineSpec, input: DirectInput, at: bigint): unknown {
  const names = new Map(input.scan.fields.map(({ id, name }) => [id, name]));
  const named = (expr: PlanExpr | undefined): unknown =>
    expr === undefined
      ? null
      : mapLeaves<PlanLeaf, PlanLeaf>(expr, (leaf) =>
          leaf.kind === 'column' ? ({ kind: 'column', id: 0, type: leaf.type, name: names.get(leaf.id) } as PlanLeaf) : leaf,
        );
  const column = (id: number | undefined): unknown => (id === undefined ? null : named(input.columns.get(id)));
  const time = input.columns.get(spec.ts);
  const { connector, schema, table } = input.scan;
  return {
    version: 1,
    table: [connector, schema, table],
    // what the call's own `until` leaves out is not before `at`
    filters: input.filters.filter((filter) => !isAfter(filter, time, at)).map(named),
    keys: spec.keys.map(column),
    ts: column(spec.ts),
    orderBy: spec.orderBy.map(column),
    ends: column(spec.ends),
    idle: spec.idle ?? null,
    timeZone: spec.timeZone,
    leaves: spec.leaves.map((leaf) => ({
      ...leaf,
      ...('value' in leaf ? { value: column(leaf.value) } : {}),
      ...('when' in leaf ? { when: column(leaf.when) } : {}),
    })),
    signals: spec.signals.map(({ expr }) => expr),
  };
}

/** `ts < c` or `ts <= c` that all events before `at` pass. */
function isAfter(filter: PlanExpr, time: PlanExpr | undefined, at: bigint): boolean {
  if (filter.kind !== 'call' || time === undefined || !/^timestamptz_l[te]\(timestamptz,timestamptz\)$/.test(filter.fn)) return false;
  const [left, right] = filter.args;
  if (left === undefined || right?.kind !== 'constant' || right.value === null || !sameExpr(left, time)) return false;
  return parseTimestampTz(right.value, 'UTC') >= at;
}

/** Does a state depend on how long another lasted since `since`? Then it depends on `since`, which is the next query's own. */
function remembersWindow(spec: TimelineSpec): boolean {
  const counts = spec.signals.map(() => false);
  const counting = (expr: StateExpr): boolean => {
    if (expr.kind === 'signal') return counts[expr.index] === true;
    if (expr.kind !== 'state_op') return childrenOf<StateLeaf>(expr).some(counting);
    if (expr.op === 'duration_where') return true;
    return counting(expr.arg);
  };
  const latched = (expr: StateExpr): boolean => {
    if (expr.kind === 'state_op') return counting(expr.arg) || latched(expr.arg);
    return expr.kind === 'signal' ? false : childrenOf<StateLeaf>(expr).some(latched);
  };
  return spec.signals.some(({ expr }, n) => {
    counts[n] = counting(expr);
    return latched(expr);
  });
}
