import { internal } from '../sql/errors.js';
import { isWithinGroup } from '../sql/functions/native-aggregate.js';
import { functionName } from '../sql/functions/signature.js';
import type { FrameBound } from '../sql/query.js';
import { timelineDetails, timelineText } from './explain-timeline.js';
import { inputsOf, subplansOf } from './logical-plan.js';
import type {
  AggregateOperator,
  Operator,
  PhysicalPlan,
  PlanAggregate,
  PlanExpr,
  ProjectOperator,
  PruningStep,
  ScanOperator,
  SortKey,
  WindowOperator,
} from './physical-plan.js';
import type { PlanNames } from './plan-names.js';
import { type ColumnNames, printExpression } from './print-expression.js';
import { count, size } from './units.js';

export interface ExplainContext {
  readonly names: PlanNames;
  readonly snapshots: PhysicalPlan['snapshots'];
  readonly indent: number;
}

/** An operator and its inputs, one line each, details below it. */
export function explainOperator(op: Operator, context: ExplainContext): string[] {
  const { names, indent } = context;
  const pad = ' '.repeat(indent);
  const lines = [`${pad}${headline(op, names.name)}`, ...details(op, context).map((detail) => `${pad}    ${detail}`)];
  for (const plan of subplansOf(op)) lines.push(`${pad}  Subquery:`, ...explainOperator(plan, { ...context, indent: indent + 4 }));
  for (const input of inputsOf(op)) lines.push(...explainOperator(input, { ...context, indent: indent + 2 }));
  return lines;
}

function headline(op: Operator, names: ColumnNames): string {
  switch (op.kind) {
    case 'scan':
      return `Scan ${op.schema}.${op.table} (${op.connector}): ${op.fields.map((field) => names(field.id)).join(', ')}`;
    case 'exchange_read':
      return `Rows of stage ${op.stage}: ${op.fields.map((field) => names(field.id)).join(', ')}`;
    case 'values':
      return op.rows.length === 0 ? 'No rows' : `Values: ${count(op.rows.length, 'row')}`;
    case 'filter':
      return `${op.input.kind === 'scan' ? 'Residual filter' : 'Filter'}: ${printExpression(op.predicate, names)}`;
    case 'project':
      return `Project: ${projectText(op, names)}`;
    case 'aggregate':
      return aggregateText(op, names);
    case 'join': {
      const plain = op.type === 'inner' ? 'Join' : `${op.type[0]?.toUpperCase()}${op.type.slice(1)} join`;
      const kind = op.lateral === true ? `Lateral ${plain.toLowerCase()}` : plain;
      return op.condition === undefined ? kind : `${kind}: ${printExpression(op.condition, names)}`;
    }
    case 'sort':
      return `${op.limit === undefined ? 'Sort' : `Top ${op.limit}`}${skipping(op.offset)}: ${sortText(op.keys, names)}`;
    case 'limit':
      return op.limit === undefined ? `Skip ${op.offset ?? 0}` : `Limit ${op.limit}${skipping(op.offset)}`;
    case 'distinct':
      return 'Distinct';
    case 'union_all':
      return `Union all: ${count(op.inputs.length, 'input')}`;
    case 'window':
      return `Window${windowText(op, names)}: ${op.calls.map((call) => callText({ ...call, distinct: false, orderBy: [], state: [] }, 'single', names)).join(', ')}`;
    case 'table_function':
      return `For each row${op.keepEmpty === true ? ', NULLs where there is none' : ''}: ${op.calls.map(({ call }) => printExpression(call, names)).join(', ')}`;
    case 'sample':
      return `Sample ${op.method}: ${op.percent} %${op.seed === undefined ? '' : `, seed ${op.seed}`}`;
    case 'recursive':
      return op.all ? 'Recursive union all' : 'Recursive union';
    case 'recursive_read':
      return 'Rows that came last';
    case 'shared_read':
      throw internal('a shared plan after stages were cut');
    case 'assert':
      return `At least one row, else: ${op.message}`;
    case 'timeline':
      return timelineText(op, names);
  }
}

function details(op: Operator, context: ExplainContext): string[] {
  if (op.kind === 'scan') return scanDetails(op, context);
  if (op.kind === 'sort' && op.first !== undefined) {
    return [`Top-N by bounds of ${context.names.name(op.first.column)}: reads the parts that may hold the first rows until no other can`];
  }
  if (op.kind === 'timeline') return timelineDetails(op, context.names);
  return [];
}

function scanDetails(scan: ScanOperator, { names, snapshots }: ExplainContext): string[] {
  const lines: string[] = [];
  const pinned = snapshots.find((one) => one.catalog === scan.connector && one.table === `${scan.schema}.${scan.table}`);
  const asked = pinned?.asOf === undefined || pinned.asOf === pinned.snapshot ? '' : ` (as of ${pinned.asOf})`;
  lines.push(`Snapshot: ${pinned?.snapshot ?? 'none (the table is empty or has no versions)'}${asked}`);
  for (const [answer, label] of [
    ['exact', 'Pushed exact'],
    ['inexact', 'Pushed inexact'],
    ['unsupported', 'Not pushed'],
  ] as const) {
    const texts = scan.pushed.filter((one) => one.answer === answer).map((one) => one.text);
    if (texts.length > 0) lines.push(`${label}: ${texts.join(' AND ')}`);
  }
  if (scan.groups !== undefined) lines.push(`Pushed aggregate: ${scan.groups}`);
  for (const step of scan.pruning) {
    if (step.step === 'splits') {
      lines.push(`Splits: ${step.after} of ${count(step.before, 'file')}`);
      continue;
    }
    lines.push(step.note === undefined ? `Pruning, ${stepText(step)}` : `${step.step}: ${step.note}`);
  }
  if (scan.index !== undefined) lines.push(`Index ${scan.index.name}: ${scan.index.text}`);
  for (const { column, stage } of scan.dynamic ?? []) lines.push(`Dynamic filter: ${names.name(column)} in keys of stage ${stage}`);
  return lines;
}

/** `files by partition: 9 -> 2 (18.0 MB -> 4.0 MB)` */
export function stepText({ step, before, after, bytesBefore, bytesAfter }: PruningStep): string {
  const bytes = bytesBefore === undefined || bytesAfter === undefined ? '' : ` (${size(bytesBefore)} -> ${size(bytesAfter)})`;
  return `${step}: ${before} -> ${after}${bytes}`;
}

function projectText(op: ProjectOperator, names: ColumnNames): string {
  return op.items
    .map(({ field, expr }) => {
      const text = printExpression(expr, names);
      const name = names(field.id);
      return text === name ? text : `${text} AS ${name}`;
    })
    .join(', ');
}

function aggregateText(op: AggregateOperator, names: ColumnNames): string {
  const phase = op.phase === 'partial' ? 'Partial aggregate' : op.phase === 'final' ? 'Final aggregate' : 'Aggregate';
  const calls = op.aggregates.map((call) => callText(call, op.phase, names));
  const keys = op.keys.map(({ field, expr }) => {
    const text = printExpression(expr, names);
    const name = names(field.id);
    return text === name ? text : `${text} AS ${name}`;
  });
  const sets =
    op.sets === undefined
      ? ''
      : ` in sets ${op.sets.map((set) => `(${set.map((key) => names(op.keys[key]?.field.id ?? 0)).join(', ')})`).join(', ')}`;
  const by = `${keys.length === 0 ? '' : ` by ${keys.join(', ')}`}${sets}`;
  return `${phase}${by}${calls.length === 0 ? '' : `: ${calls.join(', ')}`}`;
}

/** Of a final aggregate only the names: its arguments are where the partial one is. */
function callText(call: PlanAggregate, phase: AggregateOperator['phase'], names: ColumnNames): string {
  const name = functionName(call.fn);
  const shown = names(call.field.id);
  if (phase === 'final') return shown === name ? `${name}(…)` : `${name}(…) AS ${shown}`;
  const args = call.args.length === 0 ? (call.fn === 'count()' ? '*' : '') : call.args.map((arg) => printExpression(arg, names)).join(', ');
  const order = call.orderBy.length === 0 ? '' : ` ORDER BY ${sortText(call.orderBy, names)}`;
  const filter = call.filter === undefined ? '' : ` FILTER (WHERE ${printExpression(call.filter, names)})`;
  const as = shown === name ? '' : ` AS ${shown}`;
  if (call.direct !== undefined && isWithinGroup(call.fn)) {
    const direct = (call.direct ?? []).map((arg) => printExpression(arg, names)).join(', ');
    return `${name}(${direct}) WITHIN GROUP (${order.trimStart()})${filter}${as}`;
  }
  return `${name}(${call.distinct ? 'DISTINCT ' : ''}${args}${order})${filter}${as}`;
}

function windowText({ partitionBy, orderBy, frame }: WindowOperator, names: ColumnNames): string {
  const partition = partitionBy.length === 0 ? '' : ` by ${partitionBy.map((expr) => printExpression(expr, names)).join(', ')}`;
  const order = orderBy.length === 0 ? '' : ` in order of ${sortText(orderBy, names)}`;
  const usual = frame.mode === 'range' && frame.start.kind === 'unbounded_preceding' && frame.end.kind === 'current_row';
  const bound = (side: FrameBound<PlanExpr>): string =>
    'offset' in side ? `${printExpression(side.offset, names)} ${side.kind}` : side.kind.replace('_', ' ');
  const exclude = frame.exclude === 'none' ? '' : ` without ${frame.exclude.replace('_', ' ')}`;
  const rows = usual && exclude === '' ? '' : `, ${frame.mode} from ${bound(frame.start)} to ${bound(frame.end)}${exclude}`;
  return `${partition}${order}${rows}`;
}

function sortText(keys: readonly SortKey[], names: ColumnNames): string {
  return keys
    .map((key) => {
      // NULLS LAST is the default going up, NULLS FIRST going down
      const nulls = key.nullsFirst === key.descending ? '' : key.nullsFirst ? ' NULLS FIRST' : ' NULLS LAST';
      return `${printExpression(key.expr, names)}${key.descending ? ' DESC' : ''}${nulls}`;
    })
    .join(', ');
}

function skipping(offset: number | undefined): string {
  return offset === undefined || offset === 0 ? '' : ` after ${offset}`;
}
