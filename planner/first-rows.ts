import { functionName } from '../sql/functions/signature.js';
import { ELEMENT_OF, Oid } from '../sql/types.js';
import { columnIds, hasSubquery, substitute } from './columns.js';
import { isVolatile } from './expression.js';
import { operatorsIn } from './logical-plan.js';
import {
  type AggregateOperator,
  type FirstRows,
  fieldsOf,
  type Operator,
  type PlanExpr,
  type PlanLeaf,
  type ScanField,
  type SortOperator,
} from './physical-plan.js';

/** More rows are sorted at once. */
const MOST_ROWS = 100_000;

/** By scan: the column behind the first sort key of an ORDER BY … LIMIT over it alone, or of which only the least or greatest is wanted. */
export function orderColumns(plans: readonly Operator[]): ReadonlyMap<string, number> {
  const columns = new Map<string, number>();
  for (const op of plans.flatMap((plan) => [...operatorsIn(plan)])) {
    const sort = op.kind === 'sort' ? op : op.kind === 'aggregate' ? sortOfExtreme(op) : undefined;
    const first = sort === undefined ? undefined : firstRows(sort);
    if (first !== undefined) columns.set(first.scan, first.column);
  }
  return columns;
}

/** The sort whose order is that of the plan's rows, all of them, and of one scan alone. */
export function wholeSort(plan: Operator): { readonly sort: SortOperator; readonly first: FirstRows } | undefined {
  let op = plan;
  while (op.kind === 'project' || op.kind === 'filter') op = op.input;
  if (op.kind !== 'sort' || op.limit !== undefined || op.offset !== undefined) return undefined;
  const first = firstRows({ ...op, limit: 1 });
  return first === undefined ? undefined : { sort: op, first };
}

/** The operator, told to read its scan in parts, where `inParts` says that it should. */
export function withFirstRows(op: Operator, inParts: (scan: string) => boolean): Operator {
  if (op.kind === 'sort') {
    const first = firstRows(op);
    return first !== undefined && inParts(first.scan) ? { ...op, first } : op;
  }
  const sort = op.kind === 'aggregate' ? sortOfExtreme(op) : undefined;
  if (op.kind !== 'aggregate' || sort === undefined) return op;
  const input = withFirstRows(sort, inParts);
  return input === sort ? op : { ...op, input };
}

/** min() and max() of all rows need one of them only. */
function sortOfExtreme({ input, keys, aggregates, sets, groupings }: AggregateOperator): SortOperator | undefined {
  const [call, second] = aggregates;
  const expr = call?.args[0];
  if (keys.length > 0 || sets !== undefined || groupings !== undefined || second !== undefined) return undefined;
  if (call === undefined || expr === undefined || call.args.length !== 1 || call.filter !== undefined) return undefined;
  const name = functionName(call.fn);
  if (name !== 'max' && name !== 'min') return undefined;
  return { kind: 'sort', input, keys: [{ expr, descending: name === 'max', nullsFirst: false }], limit: 1 };
}

/**
 * Of a top-N over filters and projections of one scan, whose first key is a column of it. Undefined where it is another one, or where a part's
 * rows would depend on more than the part.
 */
function firstRows(sort: SortOperator): FirstRows | undefined {
  const { limit, offset = 0, keys } = sort;
  if (limit === undefined || limit + offset < 1 || limit + offset > MOST_ROWS) return undefined;
  let below: readonly PlanExpr[] = keys.map(({ expr }) => expr);
  const read: PlanExpr[] = [...below];
  let op = sort.input;
  for (; op.kind === 'filter' || op.kind === 'project'; op = op.input) {
    if (op.kind === 'filter') read.push(op.predicate);
    else {
      const by = new Map(op.items.map((item) => [item.field.id, item.expr]));
      below = below.map((expr) => substitute(expr, by));
      read.push(...op.items.map((item) => item.expr));
    }
  }
  const isConstant = (expr: PlanExpr): boolean => expr.kind === 'constant';
  const at = below.findIndex((expr) => !isConstant(expr));
  const key = below[at];
  if (key === undefined) return undefined;
  if (op.kind !== 'scan') return undefined;
  // files between tasks do not hold them
  if (fieldsOf(sort.input).some(({ type }) => ELEMENT_OF.get(type.oid) === Oid.interval)) return undefined;
  const given = givenIds(sort.input);
  if (read.some((expr) => isVolatile<PlanLeaf>(expr) || hasSubquery(expr) || [...columnIds(expr)].some((id) => !given.has(id))))
    return undefined;
  const column = sameOrder(key);
  const field: ScanField | undefined = op.fields.find(({ id }) => column.kind === 'column' && id === column.id);
  if (field === undefined || field.path !== undefined) return undefined;
  return { scan: op.scan, column: field.id, key: at, ties: !below.slice(at + 1).every(isConstant) };
}

function givenIds(chain: Operator): ReadonlySet<number> {
  const ids = new Set<number>();
  for (const op of operatorsIn(chain)) {
    if (op.kind === 'scan') for (const { id } of op.fields) ids.add(id);
    if (op.kind === 'project') for (const { field } of op.items) ids.add(field.id);
  }
  return ids;
}

const WIDENINGS: ReadonlySet<string> = new Set(['int8(int4)', 'int8(int2)', 'int4(int2)']);

/** What a key's order is the order of: its argument, for casts that keep it. */
function sameOrder(key: PlanExpr): PlanExpr {
  if (key.kind === 'call' && WIDENINGS.has(key.fn)) return key.args[0] ?? key;
  return key;
}
