import { internal, TimelineError, unsupported } from '../sql/errors.js';
import type { Call, Constant } from '../sql/expression.js';
import { typeOf } from '../sql/expression-type.js';
import type { Query, QueryExpr, QueryLeaf, Var } from '../sql/query.js';
import { timeZone } from '../sql/time-zone.js';
import type { TimelineMarker } from '../sql/timeline-marker.js';
import { Oid, type, typeName } from '../sql/types.js';
import { outerColumns } from './columns.js';
import { convertExpression } from './convert-expression.js';
import { columnRef, conjunction } from './expression.js';
import type { Field, Operator, PlanExpr, PlanLeaf, ProjectOperator, TimelineOperator } from './physical-plan.js';
import { between, type CteFrames, type Planning, type Scope, type TimelineRequest } from './planning.js';
import { timeBound } from './time-bound.js';
import { hasMarkers, type Markers, readMarkers } from './timeline-markers.js';
import { TimelineProbes } from './timeline-probes.js';
import type { TimelineSpec } from './timeline-spec.js';
import { type SignalKind, signalKind, TimelineStates } from './timeline-states.js';
import { type TimelineValues, timelineValues } from './timeline-values.js';

const TIMESTAMPTZ = type(Oid.timestamptz);

/** Did sql/timeline-call.ts write this query: a TIMELINE() call, or a replay function's arguments to check? */
export function isTimelineQuery(query: Query): boolean {
  return hasMarkers(query);
}

/** The operator of a marked query; its fields are the query's output columns, in order. */
export function planTimeline(request: TimelineRequest): Operator {
  const { query, planning, ctes, outer } = request;
  const markers = readMarkers(query);
  if (markers.call !== undefined) return planCall(request, markers, markers.call);
  const op = planning.query({ ...query, where: markers.rest }, ctes, outer);
  if (markers.assertRows === undefined) return op;
  // The kernel's SQL engine moves filters down into an assertion, and may so find that nothing of it can matter; not below a LIMIT.
  return { kind: 'limit', limit: Number.MAX_SAFE_INTEGER, input: { kind: 'assert', input: op, ...markers.assertRows } };
}

function planCall(request: TimelineRequest, markers: Markers, call: Call<QueryLeaf>): Operator {
  const { query, planning } = request;
  const marker = readMarker(call.args[0]);
  const values = timelineValues(call, marker, planning.session.timeZone);
  const { levels, frames, round } = levelsOf(query, marker, request);
  const lowest = levels.at(-1);
  if (lowest === undefined) throw internal('timeline without levels');
  const source: Query = { ...lowest, where: undefined };
  const { input, scope } = planning.from(source, frames, round);

  const project = new RowColumns(planning, scope);
  const outputs = query.targets.filter(({ junk }) => !junk);
  const keyExprs = outputs.slice(0, marker.keys).map((target) => target.expr);
  let keyColumns: readonly Var[] = [];
  const states = new TimelineStates({
    levels,
    marker,
    get keyColumns() {
      return keyColumns;
    },
    column: (row) => project.column(row),
  });
  const rows = (exprs: readonly QueryExpr[]): QueryExpr[] => exprs.map((expr) => states.row(expr, 0));
  keyColumns = rows(keyExprs).map((expr) => {
    if (expr.kind !== 'var') throw internal('timeline key is no column');
    return expr;
  });
  const keys = keyColumns.map((key) => project.column(key));
  if (markers.ts === undefined) throw internal('timeline without ts');
  const time = timeOf(convertExpression(states.row(markers.ts, 0), scope), values, marker);
  const ts = project.add('ts', time);
  const orderBy = rows(markers.orderBy).map((expr) => project.column(expr));
  const dedupe = rows(markers.dedupe).map((expr) => project.column(expr));
  const ends = markers.ends === undefined ? undefined : project.column(states.row(markers.ends, 0));

  const targets = outputs.slice(outputs.length - marker.signals.length);
  const kinds: SignalKind[] = [];
  const signals = targets.map((target, n): TimelineSpec['signals'][number] => {
    const expr = states.signal(n, target.expr);
    const kind = signalKind(expr, { points: marker.emit === 'points', earlier: kinds });
    kinds.push(kind);
    return { name: marker.signals[n] ?? target.name, expr, type: typeOf(target.expr), numerical: kind === 'numerical' };
  });
  const spec: TimelineSpec = {
    emit: marker.emit,
    keys,
    ts,
    orderBy,
    dedupe,
    ties: marker.ties,
    since: values.since?.toString(),
    until: untilOf(values),
    at: values.at?.map(String),
    every: values.every,
    origin: values.origin?.toString(),
    timeZone: values.timeZone,
    idle: values.idle?.toString(),
    ends,
    fill: values.fill,
    leaves: states.leaves,
    signals,
  };
  const filtered = filter(input, readBounds(time, values, marker));
  const events: ProjectOperator = { kind: 'project', input: filtered, items: project.items };
  const probes =
    values.openAt === undefined
      ? undefined
      : new TimelineProbes({
          at: values.openAt,
          position: marker.positions['at'],
          keys,
          ts,
          request: { ...request, ctes: [{ ctes: query.ctes, outer: request.outer }, ...request.ctes] },
          source: () => {
            const again = planning.from(source, frames, round);
            return { input: again.input, keys: keyColumns.map((key) => convertExpression(key, again.scope)) };
          },
        });
  const asked = probes?.into(events);
  const operator: TimelineOperator = {
    kind: 'timeline',
    input: asked?.input ?? events,
    horizon:
      spec.until.kind === 'horizon' ? horizonOf({ planning, source, frames, outer: round, states, markers, values, marker }) : undefined,
    spec: asked === undefined ? spec : { ...spec, probe: asked.probe },
    ...(values.readFrom === undefined ? {} : { reading: { lookback: { kind: 'asked', from: values.readFrom.toString() } } }),
    fields: outputs.map((target) => planning.newField(target.name, typeOf(target.expr))),
  };
  if (outerColumns(operator).size > 0) throw unsupported('timeline() over rows that depend on the query around it (LATERAL or correlated)');
  return probes === undefined ? operator : probes.tie(operator);
}

function readMarker(arg: QueryExpr | undefined): TimelineMarker {
  if (arg?.kind !== 'constant' || (arg as Constant).value === null) throw internal('timeline marker without its specification');
  return JSON.parse((arg as Constant).value ?? '') as TimelineMarker;
}

/** The marked query and the subselects below it, and the WITH queries and the scope that the lowest sees round it. */
function levelsOf(
  query: Query,
  marker: TimelineMarker,
  { ctes, outer }: Pick<TimelineRequest, 'ctes' | 'outer'>,
): { readonly levels: readonly Query[]; readonly frames: CteFrames; readonly round: Scope | undefined } {
  const levels: Query[] = [query];
  let frames: CteFrames = [{ ctes: query.ctes, outer }, ...ctes];
  let round = outer;
  for (let n = 0; n < marker.levels; n++) {
    const entry = levels.at(-1)?.ranges.find((range) => range.kind === 'subquery');
    if (entry?.kind !== 'subquery') throw internal('timeline level is no subquery');
    levels.push(entry.query);
    round = between(round);
    frames = [{ ctes: entry.query.ctes, outer: round }, ...frames];
  }
  return { levels, frames, round };
}

/** The operator's input columns: row expressions over the source, each distinct one once. */
class RowColumns {
  readonly #planning: Planning;
  readonly #scope: Scope;
  readonly #byText = new Map<string, number>();
  readonly items: { readonly field: Field; readonly expr: PlanExpr }[] = [];

  constructor(planning: Planning, scope: Scope) {
    this.#planning = planning;
    this.#scope = scope;
  }

  column(row: QueryExpr): number {
    const expr = convertExpression(row, this.#scope);
    return this.add(expr.kind === 'column' ? `c${expr.id}` : 'row', expr);
  }

  add(name: string, expr: PlanExpr): number {
    const text = JSON.stringify(expr);
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    const field = this.#planning.newField(name, typeOf<PlanLeaf>(expr));
    this.#byText.set(text, field.id);
    this.items.push({ field, expr });
    return field.id;
  }
}

/** A timestamp without zone is read in the call's zone. */
function timeOf(expr: PlanExpr, values: TimelineValues, marker: TimelineMarker): PlanExpr {
  const { oid } = typeOf<PlanLeaf>(expr);
  if (oid === Oid.timestamptz) return expr;
  const position = marker.positions['ts'];
  const place = position === undefined ? {} : { position };
  if (oid !== Oid.timestamp) {
    throw new TimelineError({ kind: 'semantic', sqlstate: '42804', message: `"ts" must be a timestamp, not ${typeName(oid)}`, ...place });
  }
  timeZone(values.timeZone);
  const zone: Constant = { kind: 'constant', type: type(Oid.text), value: values.timeZone };
  return { kind: 'call', fn: 'timezone(text,timestamp)', args: [zone, expr], type: TIMESTAMPTZ, volatility: 'immutable' };
}

function untilOf(values: TimelineValues): TimelineSpec['until'] {
  if (values.until !== undefined) return { kind: 'at', instant: values.until.toString() };
  return { kind: values.at === undefined && values.openAt === undefined ? 'horizon' : 'none' };
}

/** Planning law 2: events that nothing can see need not be read. Points see the events at `until` and at the last `at`. */
function readBounds(time: PlanExpr, values: TimelineValues, marker: TimelineMarker): readonly PlanExpr[] {
  const bounds: PlanExpr[] = [];
  const last = values.at?.at(-1);
  if (values.at !== undefined)
    bounds.push(last === undefined ? { kind: 'constant', type: type(Oid.bool), value: 'false' } : timeBound<PlanLeaf>(time, '<=', last));
  if (values.until !== undefined)
    bounds.push(marker.emit === 'points' ? timeBound<PlanLeaf>(time, '<=', values.until) : timeBound<PlanLeaf>(time, '<', values.until));
  if (values.readFrom !== undefined) bounds.push(timeBound<PlanLeaf>(time, '>=', values.readFrom));
  return bounds;
}

function filter(input: Operator, bounds: readonly PlanExpr[]): Operator {
  const predicate = conjunction<PlanLeaf>(bounds);
  return predicate === undefined ? input : { kind: 'filter', input, predicate };
}

/** max(ts) over the whole source, rows with a NULL key too, at the same snapshot. */
function horizonOf(options: {
  readonly planning: Planning;
  readonly source: Query;
  readonly frames: CteFrames;
  readonly outer: Scope | undefined;
  readonly states: TimelineStates;
  readonly markers: Markers;
  readonly values: TimelineValues;
  readonly marker: TimelineMarker;
}): Operator {
  const { planning, source, frames, outer, states, markers, values, marker } = options;
  if (markers.ts === undefined) throw unsupported('timeline() without ts');
  const { input, scope } = planning.from(source, frames, outer);
  const time = timeOf(convertExpression(states.row(markers.ts, 0), scope), values, marker);
  const field = planning.newField('horizon_ts', TIMESTAMPTZ);
  const max = planning.newField('horizon', TIMESTAMPTZ);
  return {
    kind: 'aggregate',
    phase: 'single',
    input: { kind: 'project', input, items: [{ field, expr: time }] },
    keys: [],
    aggregates: [
      { field: max, fn: 'max(timestamptz)', args: [columnRef(field)], distinct: false, orderBy: [], filter: undefined, state: [] },
    ],
  };
}
