import type { TableColumn, TablePredicate } from '../../connectors/connector.js';
import { internal } from '../../sql/errors.js';
import { columnIds, hasSubquery } from '../columns.js';
import { conjunction, conjuncts, isVolatile, mapLeaves } from '../expression.js';
import { mapInputs } from '../logical-plan.js';
import type { Operator, PlanExpr, PlanLeaf, PushedPredicate, ScanOperator } from '../physical-plan.js';
import { printExpression, scanNames } from '../print-expression.js';
import type { RuleContext } from './rule.js';

/**
 * Offers each conjunct over a scan to its connector. What it answers exactly needs no filter; what it answers
 * inexactly, or not at all, stays as the residual.
 */
export function askConnectors(op: Operator, context: RuleContext): Operator {
  if (op.kind === 'filter' && op.input.kind === 'scan') return asked(op.input, conjuncts<PlanLeaf>(op.predicate), context);
  return mapInputs(op, (input) => askConnectors(input, context));
}

function asked(scan: ScanOperator, parts: readonly PlanExpr[], context: RuleContext): Operator {
  const own = new Set(scan.fields.map((field) => field.id));
  const offered = parts.filter(
    (part) => !isVolatile<PlanLeaf>(part) && !hasSubquery(part) && [...columnIds(part)].every((id) => own.has(id)),
  );
  const filters = offered.map((part) => tablePredicate(part, scan));
  const { connector, handle } = context.planning.table(scan.schema, scan.table);
  const { answers } = connector.pushdown(handle, {
    filters,
    columns: scan.fields.map((field) => field.path?.column ?? field.name),
    limit: undefined,
  });
  if (answers.length !== filters.length)
    throw internal(`connector ${scan.connector} answered ${answers.length} of ${filters.length} predicates`);
  context.asked.set(scan.scan, filters);
  const names = scanNames(scan);
  const pushed = offered.map((part, n): PushedPredicate => ({ text: printExpression(part, names), answer: answers[n] ?? 'unsupported' }));
  const residual = parts.filter((part) => answers[offered.indexOf(part)] !== 'exact');
  const predicate = conjunction<PlanLeaf>(residual);
  const input: ScanOperator = { ...scan, pushed };
  return predicate === undefined ? input : { kind: 'filter', input, predicate };
}

/** The last word to each connector: its predicates again, the columns that are left after pruning, and a limit right above it. */
export function settleConnectors(op: Operator, context: RuleContext): Operator {
  if (op.kind === 'limit' && op.input.kind === 'scan' && op.limit !== undefined) {
    return { ...op, input: settled(op.input, context, op.limit + (op.offset ?? 0)) };
  }
  if (op.kind === 'scan') return settled(op, context, undefined);
  return mapInputs(op, (input) => settleConnectors(input, context));
}

function settled(scan: ScanOperator, context: RuleContext, limit: number | undefined): ScanOperator {
  const { connector, handle } = context.planning.table(scan.schema, scan.table);
  const filters = context.asked.get(scan.scan) ?? [];
  const answer = connector.pushdown(handle, { filters, columns: scan.fields.map((field) => field.path?.column ?? field.name), limit });
  // a residual that went because of an exact answer must not come back
  if (filters.some((_, n) => (answer.answers[n] === 'exact') !== (scan.pushed[n]?.answer === 'exact'))) {
    throw internal(`connector ${scan.connector} changed its answer about a predicate`);
  }
  return { ...scan, handle: answer.handle };
}

export function tablePredicate(expr: PlanExpr, scan: ScanOperator): TablePredicate {
  return mapLeaves<PlanLeaf, TableColumn>(expr, (leaf) => {
    const field = leaf.kind === 'column' ? scan.fields.find((candidate) => candidate.id === leaf.id) : undefined;
    if (field === undefined) throw internal(`predicate over scan ${scan.scan} reads what it does not have`);
    return { kind: 'table_column', name: field.name, type: field.type };
  });
}
