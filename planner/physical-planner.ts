import type { TablePredicate } from '../connectors/connector.js';
import { internal } from '../sql/errors.js';
import { joinColumns } from './dynamic-filters.js';
import { orderColumns, wholeSort, withFirstRows } from './first-rows.js';
import { cutStages, type ScanSplits } from './fragment.js';
import { IndexSearches } from './index-narrowing.js';
import { indexRemark, keyColumns } from './index-remark.js';
import { mapSubplans, operatorsIn, rewrite } from './logical-plan.js';
import { optionalScans, settleOptionalJoins, withoutOptionalJoins } from './optional-joins.js';
import { fieldsOf, type Operator, type PhysicalPlan, type ScanOperator, type Split } from './physical-plan.js';
import type { PlanContext, Planning } from './planning.js';
import { type PlanSink, withSink } from './sink.js';
import type { PlanTables } from './tables.js';
import { addCarries, carriedTime } from './timeline-carry.js';
import { lookbackRemarks, settleWindows, windowsOf } from './timeline-windows.js';

/** Of fewer bytes a scan is read at once: parts of it cost a few milliseconds each. */
const PAYS_FROM_BYTES = 1 << 20;

/** Splits of every scan, stages cut at exchanges, and the plan round them. */
export async function planStages(
  logical: Operator,
  request: {
    readonly context: PlanContext;
    readonly tables: PlanTables;
    readonly shared: ReadonlyMap<number, Operator>;
    /** The conjuncts right above each scan, by ScanOperator.scan. */
    readonly asked: ReadonlyMap<string, readonly TablePredicate[]>;
    readonly notices: readonly string[];
    readonly sink?: PlanSink | undefined;
    readonly newField: Planning['newField'];
  },
): Promise<PhysicalPlan> {
  const { context, tables, shared, asked, notices, sink } = request;
  const keys = context.taskTargets.dynamicFilters === 'off' ? new Set<number>() : joinColumns([logical, ...shared.values()]);
  const carry = context.taskTargets.carry ?? 'auto';
  const timed = new Map(
    [logical, ...shared.values()]
      .flatMap((plan) => [...operatorsIn(withoutOptionalJoins(plan))])
      .flatMap((op) => (carry === 'off' ? [] : (carriedTime(op) ?? [])))
      .map(({ scan, column }) => [scan, column.name]),
  );
  const byBounds = context.taskTargets.topN === 'off' ? new Map<string, number>() : orderColumns([logical, ...shared.values()]);
  const parting = new Set<string>();
  // What is written somewhere is not read in turn.
  const sequenced = sink !== undefined || context.taskTargets.topN === 'off' ? undefined : wholeSort(logical);
  const found = new Map<string, ScanSplits & Pick<ScanOperator, 'pruning' | 'index'>>();
  const searches = new IndexSearches(context, asked);
  let remark: string | undefined;
  const optional = optionalScans([logical, ...shared.values()]);
  const scans = [logical, ...shared.values()].flatMap((plan) => [...operatorsIn(plan)]).filter((op) => op.kind === 'scan');
  // those that an optional join would read come last, when it is known what it would spare
  for (const op of [...scans.filter(({ scan }) => !optional.has(scan)), ...scans.filter(({ scan }) => optional.has(scan))]) {
    const spared = optional.get(op.scan)?.flatMap((scan) => found.get(scan)?.splits ?? []);
    if (spared !== undefined && spared.reduce((sum, { bytes }) => sum + bytes, 0) < context.taskTargets.smallBytes) continue;
    context.signal.throwIfAborted();
    if (found.has(op.scan)) throw internal(`scan ${op.scan} is in the plan twice`);
    const { connector } = tables.get(op.schema, op.table);
    const filters = asked.get(op.scan) ?? [];
    // Bounds tell whether an index would be worth having.
    const worthy = remark === undefined && context.useIndex !== 'off' && connector.dataFiles?.scattered !== undefined;
    const whole = sequenced?.first.scan === op.scan ? sequenced.first.column : undefined;
    const bounded = (op.groups === undefined ? op.fields : [])
      .filter(
        (field) => keys.has(field.id) || timed.get(op.scan) === field.name || byBounds.get(op.scan) === field.id || whole === field.id,
      )
      .map((field) => field.name);
    const wish = { bytes: context.taskTargets.splitBytes, bounded: [...new Set([...bounded, ...(worthy ? keyColumns(filters) : [])])] };
    const planned = await connector.splits(op.handle, context.signal, wish);
    const narrowed = await searches.narrowed(op, connector, planned);
    remark ??= await indexRemark({ scan: op, connector, filters, found: narrowed, all: planned.splits, context });
    if (connector.ordered !== undefined) parting.add(op.scan);
    const { splits, pruning, index } = narrowed;
    found.set(op.scan, {
      splits: splits.map((split) => ({ ...split, connector: connector.name })),
      pruning,
      ...(index === undefined ? {} : { index }),
    });
  }
  const least = context.taskTargets.topN === 'on' ? 0 : PAYS_FROM_BYTES;
  const inParts = (scan: string): boolean =>
    byBounds.has(scan) && parting.has(scan) && (found.get(scan)?.splits ?? []).reduce((sum, { bytes }) => sum + bytes, 0) >= least;
  const pruned = (op: Operator): Operator =>
    rewrite(op, (inner) => {
      if (inner.kind === 'scan') {
        const { pruning = [], index } = found.get(inner.scan) ?? {};
        return { ...inner, pruning, ...(index === undefined ? {} : { index }) };
      }
      return mapSubplans(withFirstRows(inner, inParts), pruned);
    });
  const rows = (scan: string): number | undefined => found.get(scan)?.splits.reduce((sum, split) => sum + split.rows, 0);
  const since = await rowsSince([logical, ...shared.values()], { found, context, tables });
  const settled = (op: Operator): Operator =>
    settleWindows(pruned(settleOptionalJoins(op, rows)), (scan) => {
      const [all, window] = [rows(scan), since.get(scan)];
      return all === undefined || window === undefined ? undefined : { all, since: window };
    });
  const plan = settled(logical);
  const sharedPlans = new Map([...shared].map(([id, sharedPlan]) => [id, settled(sharedPlan)]));
  const read = new Set(
    [plan, ...sharedPlans.values()].flatMap((op) => [...operatorsIn(op)].flatMap((one) => (one.kind === 'scan' ? [one.scan] : []))),
  );
  const groups = sequenced === undefined ? undefined : await sequence(logical, sequenced, found, request);
  const cut = cutStages(plan, {
    splits: new Map([...found].filter(([scan]) => read.has(scan))),
    shared: sharedPlans,
    targets: context.taskTargets,
    ...(groups === undefined || sequenced === undefined ? {} : { sequence: { scan: sequenced.first.scan, groups } }),
    keepBounds: new Set(timed.keys()),
  });
  const carried =
    timed.size === 0
      ? cut
      : await addCarries(cut, {
          mode: carry,
          fromBytes: context.taskTargets.smallBytes,
          connector: (schema, table) => tables.get(schema, table).connector,
          signal: context.signal,
        });
  const stages = sink === undefined ? carried : withSink(carried, sink, request.newField);
  return {
    version: 1,
    output: fieldsOf(stages.at(-1)?.root ?? plan),
    stages,
    snapshots: [...tables].map((table) => ({
      catalog: table.connector.name,
      table: `${table.schema}.${table.table}`,
      snapshot: table.snapshot,
      ...(table.asOf === undefined ? {} : { asOf: table.asOf }),
    })),
    session: context.session,
    notices: [...notices, ...(remark === undefined ? [] : [remark]), ...lookbackRemarks(stages)],
  };
}

/** Rows of those files of a scan that may hold rows from its timeline's `since` on. */
async function rowsSince(
  plans: readonly Operator[],
  {
    found,
    context,
    tables,
  }: {
    readonly found: ReadonlyMap<string, ScanSplits & Pick<ScanOperator, 'index'>>;
    readonly context: PlanContext;
    readonly tables: PlanTables;
  },
): Promise<ReadonlyMap<string, number>> {
  const rows = new Map<string, number>();
  const scans = new Map(plans.flatMap((plan) => [...operatorsIn(plan)]).flatMap((op) => (op.kind === 'scan' ? [[op.scan, op]] : [])));
  for (const [scan, handle] of plans.flatMap((plan) => [...windowsOf(plan)])) {
    const op = scans.get(scan);
    const { splits: all = [], index } = found.get(scan) ?? {};
    // without files there is nothing to compare, and what an index left of them is not to be compared with files
    if (op === undefined || all.length === 0 || index?.result === 'narrowed') continue;
    context.signal.throwIfAborted();
    const { splits } = await tables
      .get(op.schema, op.table)
      .connector.splits(handle, context.signal, { bytes: context.taskTargets.splitBytes, bounded: [] });
    rows.set(
      scan,
      splits.reduce((sum, split) => sum + split.rows, 0),
    );
  }
  return rows;
}

/** Splits of a sorted scan in groups that come one after the other: each is sorted by itself, and rows come before all is read. Undefined: there is one group only. */
async function sequence(
  plan: Operator,
  { sort, first }: NonNullable<ReturnType<typeof wholeSort>>,
  found: ReadonlyMap<string, ScanSplits>,
  { context, tables }: { readonly context: PlanContext; readonly tables: PlanTables },
): Promise<readonly (readonly Split[])[] | undefined> {
  const scan = [...operatorsIn(plan)].find((op) => op.kind === 'scan' && op.scan === first.scan);
  const key = sort.keys[first.key];
  const splits = found.get(first.scan)?.splits ?? [];
  if (scan?.kind !== 'scan' || key === undefined || splits.length < 2) return undefined;
  const field = scan.fields.find(({ id }) => id === first.column);
  const { connector } = tables.get(scan.schema, scan.table);
  if (field === undefined || connector.sequence === undefined) return undefined;
  const { descending, nullsFirst } = key;
  const groups = await connector.sequence(scan.handle, splits, { column: field.name, descending, nullsFirst }, context.signal);
  if (groups.length < 2) return undefined;
  const all = groups.map((group) => group.flatMap((index) => splits[index] ?? []));
  if (all.flat().length !== splits.length) throw internal(`connector ${connector.name} lost splits of scan ${scan.scan}`);
  return all;
}
