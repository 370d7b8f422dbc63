import { internal } from '../sql/errors.js';
import { cutStages, type ScanSplits } from './fragment.js';
import { operatorsIn, rewrite } from './logical-plan.js';
import { fieldsOf, type Operator, type PhysicalPlan, type ScanOperator } from './physical-plan.js';
import type { PlanContext } from './planning.js';
import type { PlanTables } from './tables.js';

/** Splits of every scan, stages cut at exchanges, and the plan round them. */
export async function planStages(
  logical: Operator,
  request: { readonly context: PlanContext; readonly tables: PlanTables; readonly notices: readonly string[] },
): Promise<PhysicalPlan> {
  const { context, tables, notices } = request;
  const found = new Map<string, ScanSplits & Pick<ScanOperator, 'pruning'>>();
  for (const op of operatorsIn(logical)) {
    if (op.kind !== 'scan') continue;
    context.signal.throwIfAborted();
    if (found.has(op.scan)) throw internal(`scan ${op.scan} is in the plan twice`);
    const { connector } = tables.get(op.schema, op.table);
    const { splits, pruning } = await connector.splits(op.handle, context.signal);
    found.set(op.scan, { splits: splits.map((split) => ({ ...split, connector: connector.name })), pruning });
  }
  const plan = rewrite(logical, (op) => (op.kind === 'scan' ? { ...op, pruning: found.get(op.scan)?.pruning ?? [] } : op));
  const stages = cutStages(plan, { splits: found, targets: context.taskTargets });
  return {
    version: 1,
    output: fieldsOf(plan),
    stages,
    snapshots: [...tables].map((table) => ({
      catalog: table.connector.name,
      table: `${table.schema}.${table.table}`,
      snapshot: table.snapshot,
    })),
    session: context.session,
    notices,
  };
}
