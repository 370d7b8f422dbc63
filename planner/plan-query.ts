import { TimelineError } from '../sql/errors.js';
import type { Constant } from '../sql/expression.js';
import type { Query } from '../sql/query.js';
import type { Type } from '../sql/types.js';
import { checkFunctions } from './check-functions.js';
import { foldQuery } from './fold.js';
import { planFrom } from './from-clause.js';
import { inlineOnceRead } from './from-cte.js';
import { planSelect } from './from-query.js';
import { checkNesting } from './nesting.js';
import { optimizeShared, optimizing } from './optimizer.js';
import type { Field, PhysicalPlan, ScanOperator } from './physical-plan.js';
import { planStages } from './physical-planner.js';
import type { PlanContext, Planning } from './planning.js';
import type { RuleContext } from './rules/rule.js';
import { PlanTables } from './tables.js';
import { type WriteTarget, writtenRows } from './written-rows.js';

/**
 * The physical plan of an analysed query. `parameters` are the values of $1, $2, … in text form.
 * Throws 0A000, by name, for what cannot be planned yet, and what folding constants raised in PostgreSQL.
 */
export async function planQuery(request: {
  readonly query: Query;
  readonly parameters: readonly Constant[];
  readonly context: PlanContext;
  readonly write?: WriteTarget;
}): Promise<PhysicalPlan> {
  const { context } = request;
  context.signal.throwIfAborted();
  const query = await foldQuery(request.query, request.parameters, context);
  const tables = await PlanTables.pinned(query, context);
  const planning = newPlanning(context, tables);
  for (const { notices } of tables) planning.notices.push(...(notices ?? []));
  const selected = planning.query(query, [], undefined);
  const { write } = request;
  const logical = inlineOnceRead(write === undefined ? selected : writtenRows(selected, write, planning), planning);
  const asked: RuleContext['asked'] = new Map();
  const optimized = await inTurns(optimizing(logical, { planning, asked }), context.signal);
  const shared = await inTurns(optimizeShared(optimized, { planning, asked }), context.signal);
  for (const plan of [optimized, ...shared.values()]) checkNesting(plan);
  const computed = new Set([optimized, ...shared.values()].flatMap((plan) => checkFunctions(plan)));
  const { notices, newField } = planning;
  const plan = await planStages(optimized, { context, tables, shared, asked, notices, sink: write?.sink, newField });
  return computed.size === 0 ? plan : { ...plan, computedByPostgres: [...computed] };
}

/** Milliseconds of planning at a time; other sessions have their turn then, and a cancellation arrives. */
const TURN_MS = 20;

async function inTurns<T>(steps: Generator<void, T>, signal: AbortSignal): Promise<T> {
  let began = performance.now();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (performance.now() - began < TURN_MS) continue;
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    began = performance.now();
  }
}

/** Bounds what one statement may unfold to (a CTE that is used twice by the next, which is used twice, …). */
const MAX_FIELDS = 200_000;

function newPlanning(context: PlanContext, tables: PlanTables): Planning {
  let lastId = 0;
  let lastScan = 0;
  const planning: Planning = {
    session: context.session,
    notices: [],
    ...(context.timelineRules === undefined ? {} : { timelineRules: context.timelineRules }),
    ...(context.connectorAggregates === undefined ? {} : { connectorAggregates: context.connectorAggregates }),
    shared: new Map(),
    newField: (name: string, type: Type): Field => {
      lastId += 1;
      if (lastId > MAX_FIELDS)
        throw new TimelineError({ kind: 'limit', sqlstate: '54001', message: 'statement is too complex: its plan has too many columns' });
      return { id: lastId, name, type };
    },
    table: (schema, table) => tables.get(schema, table),
    systemTable: (schema, table) => {
      const found = tables.system(schema, table);
      if (found === undefined) return undefined;
      const fields = found.columns.map((column) => planning.newField(column.name, column.type));
      return {
        kind: 'values',
        fields,
        rows: found.rows.map((row) => fields.map(({ type }, n) => ({ kind: 'constant', type, value: row[n] ?? null }))),
      };
    },
    scan: (schema, table): ScanOperator => {
      const { connector, description, handle } = tables.get(schema, table);
      lastScan += 1;
      return {
        kind: 'scan',
        scan: `s${lastScan}`,
        connector: connector.name,
        schema,
        table,
        handle,
        fields: description.columns.map((column) => planning.newField(column.name, column.type)),
        pushed: [],
        pruning: [],
      };
    },
    rows: (schema, table) => {
      const scan = planning.scan(schema, table);
      const { recent } = tables.get(schema, table);
      if (recent === undefined) return scan;
      const fields = scan.fields.map(({ name, type }) => planning.newField(name, type));
      return { kind: 'union_all', inputs: [scan, planning.scan(schema, recent)], fields };
    },
    query: (query, ctes, outer) => planSelect(query, { ctes, outer, planning }),
    from: (query, ctes, outer) => planFrom(query, { ctes, outer, planning }),
  };
  return planning;
}
