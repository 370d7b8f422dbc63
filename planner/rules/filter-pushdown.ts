import { typeOf } from '../../sql/expression-type.js';
import { columnIds, hasSubquery, substitute } from '../columns.js';
import { conjunction, conjuncts, isVolatile } from '../expression.js';
import { isIdentityType } from '../identity-types.js';
import { mapInputs } from '../logical-plan.js';
import { fieldsOf, type JoinOperator, type Operator, type PlanExpr, type PlanLeaf } from '../physical-plan.js';
import { spanColumns } from '../timeline-parts.js';
import { required, withoutDropped } from './null-rejection.js';

/**
 * Moves each conjunct as far down as it may go: through projections, sorts and DISTINCT, into both inputs of a UNION
 * ALL, to the side of a join that keeps its rows, below an aggregate when it reads group keys only, below a window when
 * it reads the partition's columns only.
 * TIMELINE lets predicates on its key columns through and nothing else: the events that a filter would drop
 * are what later states come from.
 */
export function pushFilters(plan: Operator): Operator {
  return push(plan, []);
}

const NONE: ReadonlySet<number> = new Set();

/** `above`: what filters the operator's rows; `alive`: columns that are not NULL in any of its rows that counts, `above` put aside. */
function push(op: Operator, above: readonly PlanExpr[], alive: ReadonlySet<number> = NONE): Operator {
  switch (op.kind) {
    case 'filter': {
      const own = conjuncts<PlanLeaf>(op.predicate);
      if (own.some((part) => isVolatile<PlanLeaf>(part))) return keep({ ...op, input: push(op.input, []) }, above);
      return push(op.input, [...own, ...above], alive);
    }
    case 'project': {
      const by = new Map(op.items.map((item) => [item.field.id, item.expr]));
      const columns = op.items.flatMap(({ field, expr }) => (expr.kind === 'column' && alive.has(field.id) ? [expr.id] : []));
      const [down, stay] = split(above, (part) =>
        [...columnIds(part)].every((id) => !isVolatile<PlanLeaf>(by.get(id) ?? part) && !repeats(by.get(id))),
      );
      return keep(
        {
          ...op,
          input: push(
            op.input,
            down.map((part) => substitute(part, by)),
            new Set(columns),
          ),
        },
        stay,
      );
    }
    case 'sort':
      if (op.limit !== undefined || op.offset !== undefined) return keep(into(op), above);
      return { ...op, input: push(op.input, above, alive) };
    case 'distinct': {
      const [down, stay] = split(above, (part) => !isVolatile<PlanLeaf>(part));
      return keep({ ...op, input: push(op.input, down, alive) }, stay);
    }
    case 'union_all': {
      const [down, stay] = split(above, (part) => op.inputs.length < 2 || !repeats(part));
      const inputs = op.inputs.map((input) => {
        const fields = fieldsOf(input);
        const by = new Map(
          op.fields.map((field, n): [number, PlanExpr] => [field.id, { kind: 'column', id: fields[n]?.id ?? -1, type: field.type }]),
        );
        const living = op.fields.flatMap((field, n) => (alive.has(field.id) ? [fields[n]?.id ?? -1] : []));
        return push(
          input,
          down.map((part) => substitute(part, by)),
          new Set(living),
        );
      });
      return keep({ ...op, inputs }, stay);
    }
    case 'aggregate': {
      // with grouping sets a key that is not in each of them is NULL in rows of its own
      const everywhere = op.keys.filter((_, n) => op.sets?.every((set) => set.includes(n)) ?? true);
      const by = new Map(everywhere.map((key) => [key.field.id, key.expr]));
      const [down, stay] = split(
        above,
        (part) => readsOnly(part, new Set(by.keys())) && [...columnIds(part)].every((id) => !repeats(by.get(id))),
      );
      return keep(
        {
          ...op,
          input: push(
            op.input,
            down.map((part) => substitute(part, by)),
          ),
        },
        stay,
      );
    }
    case 'timeline': {
      const by = new Map<number, PlanExpr>();
      const inputs = new Map(fieldsOf(op.input).map((field) => [field.id, field]));
      spanColumns(op).forEach((column, n) => {
        const id = column === undefined ? undefined : op.spec.keys[column];
        const output = op.fields[n];
        const input = id === undefined ? undefined : inputs.get(id);
        if (output !== undefined && input !== undefined) by.set(output.id, { kind: 'column', id: input.id, type: input.type });
      });
      const odd = new Set([...by].flatMap(([id, key]) => (isIdentityType(typeOf<PlanLeaf>(key)) ? [] : [id])));
      const [down, stay] = split(above, (part) => readsOnly(part, new Set(by.keys())) && isOfWholeKeys(part, odd));
      const horizon = op.horizon === undefined ? undefined : push(op.horizon, []);
      return keep(
        {
          ...op,
          input: push(
            op.input,
            down.map((part) => substitute(part, by)),
          ),
          horizon,
        },
        stay,
      );
    }
    case 'join':
      return pushIntoJoin(op, above, alive);
    // its columns must be what they are for the frames of other rows; a predicate on the partition's own columns keeps or drops it whole
    case 'window': {
      const keys = new Set(op.partitionBy.flatMap((expr) => (expr.kind === 'column' ? [expr.id] : [])));
      const [down, stay] = split(above, (part) => readsOnly(part, keys));
      return keep({ ...op, input: push(op.input, down) }, stay);
    }
    case 'table_function': {
      const given = new Set(fieldsOf(op.input).map((field) => field.id));
      const [down, stay] = split(above, (part) => readsOnly(part, given));
      return keep({ ...op, input: push(op.input, down) }, stay);
    }
    case 'sample':
    case 'recursive':
    case 'recursive_read':
    case 'shared_read':
    case 'limit':
    case 'assert':
    case 'scan':
    case 'exchange_read':
    case 'values':
      return keep(into(op), above);
  }
}

/**
 * Does the predicate hold for all or none of a key's events? Not where it may tell equal values of the key apart (1.0 and 1.00, 'a ' and
 * 'a' of char(n)): the rows show one of them, events have them all. Comparisons by the key's own equality or order never do.
 */
function isOfWholeKeys(part: PlanExpr, odd: ReadonlySet<number>): boolean {
  const plain = (expr: PlanExpr): boolean => ![...columnIds(expr)].some((id) => odd.has(id));
  if (plain(part)) return true;
  switch (part.kind) {
    case 'and':
    case 'or':
      return part.args.every((arg) => isOfWholeKeys(arg, odd));
    case 'not':
      return isOfWholeKeys(part.arg, odd);
    case 'is_null':
      return part.arg.kind === 'column';
    case 'any_all':
      return COMPARISONS.has(part.operator) && part.arg.kind === 'column' && plain(part.array);
    case 'call':
      return COMPARISONS.has(part.operator ?? '') && part.args.every((arg) => arg.kind === 'column' || plain(arg));
    default:
      return false;
  }
}

const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>=']);

function into(op: Operator): Operator {
  return mapInputs(op, (input) => push(input, []));
}

function keep(op: Operator, parts: readonly PlanExpr[]): Operator {
  const predicate = conjunction<PlanLeaf>(parts);
  return predicate === undefined ? op : { kind: 'filter', input: op, predicate };
}

/** A plan may stand in one place only: what holds a subquery is moved, never written twice. */
function repeats(expr: PlanExpr | undefined): boolean {
  return expr !== undefined && hasSubquery(expr);
}

function split(parts: readonly PlanExpr[], test: (part: PlanExpr) => boolean): readonly [readonly PlanExpr[], readonly PlanExpr[]] {
  return [parts.filter(test), parts.filter((part) => !test(part))];
}

/** Reads some columns, all of them among these. (A predicate without columns says nothing about groups or keys.) */
function readsOnly(part: PlanExpr, ids: ReadonlySet<number>): boolean {
  const read = columnIds(part);
  return read.size > 0 && [...read].every((id) => ids.has(id));
}

/** Reads columns, but none of these: of the other side, or of a query outside. */
function readsNone(part: PlanExpr, ids: ReadonlySet<number>): boolean {
  const read = columnIds(part);
  return read.size > 0 && ![...read].some((id) => ids.has(id));
}

/**
 * A WHERE conjunct may go to a side whose rows all appear in the result; an ON conjunct to a side whose rows do not
 * have to. So for `a LEFT JOIN b`: WHERE goes to a, ON goes to b; for FULL neither goes anywhere.
 * An outer join whose NULL rows something above drops is none.
 */
function pushIntoJoin(written: JoinOperator, above: readonly PlanExpr[], alive: ReadonlySet<number>): Operator {
  const counted = required(above.filter((part) => !isVolatile<PlanLeaf>(part)));
  for (const id of alive) counted.add(id);
  const op = withoutDropped(written, counted);
  const left = new Set(fieldsOf(op.left).map((field) => field.id));
  const right = new Set(fieldsOf(op.right).map((field) => field.id));
  const toLeft: PlanExpr[] = [];
  const toRight: PlanExpr[] = [];
  const on: PlanExpr[] = [];
  const stay: PlanExpr[] = [];
  const inner = op.type === 'inner' || op.type === 'cross';
  const semi = op.type === 'semi';
  // ON decides about rows of these sides alone
  const onLeft = inner || semi || op.type === 'right';
  const onRight = inner || semi || op.type === 'left' || op.type === 'anti';
  // what reads columns of a query outside, or asks a query of its own, stays a filter
  const joins = (part: PlanExpr): boolean => {
    const read = columnIds(part);
    return read.size > 0 && !hasSubquery(part) && [...read].every((id) => left.has(id) || right.has(id));
  };
  for (const part of conjuncts<PlanLeaf>(op.condition)) {
    if (isVolatile<PlanLeaf>(part)) on.push(part);
    else if ((onLeft && readsOnly(part, left)) || (op.type === 'right' && readsNone(part, right))) toLeft.push(part);
    else if ((onRight && readsOnly(part, right)) || (op.type === 'left' && readsNone(part, left))) toRight.push(part);
    else if (inner && hasSubquery(part)) stay.push(part);
    else on.push(part);
  }
  const whereLeft = inner || semi || op.type === 'left' || op.type === 'anti';
  const whereRight = inner || op.type === 'right';
  for (const part of above) {
    if (whereLeft && readsOnly(part, left)) toLeft.push(part);
    else if (whereRight && readsOnly(part, right)) toRight.push(part);
    else if (inner && joins(part)) on.push(part);
    else stay.push(part);
  }
  const condition = conjunction<PlanLeaf>(on);
  const type = inner ? (condition === undefined ? 'cross' : 'inner') : op.type;
  const matched = required(on.filter((part) => !isVolatile<PlanLeaf>(part)));
  const living = (where: boolean, whenMatched: boolean): ReadonlySet<number> =>
    new Set([...(where ? counted : []), ...(whenMatched ? matched : [])]);
  return keep(
    {
      ...op,
      type,
      left: push(op.left, toLeft, living(whereLeft, onLeft)),
      right: push(op.right, toRight, living(whereRight, onRight)),
      condition,
    },
    stay,
  );
}
