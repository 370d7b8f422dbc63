import { columnIds, hasSubquery, substitute } from '../columns.js';
import { conjunction, conjuncts, exprText, isVolatile, sameExpr } from '../expression.js';
import { mapInputs, sameType } from '../logical-plan.js';
import { type ColumnRef, fieldsOf, type JoinOperator, type Operator, type PlanExpr, type PlanLeaf } from '../physical-plan.js';

/**
 * What follows from a join's condition and one side's filters for the other side: with `a.x = b.x` and `a.x > 5` also
 * `b.x > 5`; of `(a.x = 1 AND b.y = 2) OR (a.x = 3 AND b.y = 4)` also `a.x IN (1, 3)` as an OR, and the like for b. Derived
 * conjuncts read one column, or one side of the join; they raise no errors that their source does not.
 */
export function derivePredicates(plan: Operator): Operator {
  const facts = new Facts();
  const visit = (op: Operator): Operator => {
    if (op.kind === 'join') {
      const added = derivedFor(op, [], facts);
      return mapInputs(added, visit);
    }
    if (op.kind === 'filter' && op.input.kind === 'join') {
      const input = derivedFor(op.input, conjuncts<PlanLeaf>(op.predicate), facts);
      return { ...op, input: mapInputs(input, visit) };
    }
    return mapInputs(op, visit);
  };
  return visit(plan);
}

function derivedFor(op: JoinOperator, above: readonly PlanExpr[], facts: Facts): JoinOperator {
  if (op.type === 'cross' && above.length === 0) return op;
  const inner = op.type === 'inner' || op.type === 'cross';
  const on = conjuncts<PlanLeaf>(op.condition).filter((part) => !isVolatile<PlanLeaf>(part));
  const left = new Set(fieldsOf(op.left).map((field) => field.id));
  const right = new Set(fieldsOf(op.right).map((field) => field.id));
  // a row of one side that cannot match has no effect: these are the sides of which that is so
  const intoLeft = inner || op.type === 'right' || op.type === 'semi';
  const intoRight = inner || op.type === 'left' || op.type === 'semi' || op.type === 'anti';
  const knownLeft = facts.of(op.left);
  const knownRight = facts.of(op.right);
  const toLeft: PlanExpr[] = [];
  const toRight: PlanExpr[] = [];
  const add = (to: PlanExpr[], known: Known, part: PlanExpr): void => {
    if (!known.texts.has(exprText(part)) && !to.some((other) => sameExpr(other, part))) to.push(part);
  };
  const equal = pairs(on, left, right);
  for (const [a, b] of equal) {
    if (intoRight) for (const part of knownLeft.about.get(a.id) ?? []) carry(part, b, (made) => add(toRight, knownRight, made), knownRight);
    if (intoLeft) for (const part of knownRight.about.get(b.id) ?? []) carry(part, a, (made) => add(toLeft, knownLeft, made), knownLeft);
  }
  const sources = inner ? [...on, ...above.filter((part) => !isVolatile<PlanLeaf>(part))] : on;
  for (const part of sources) {
    if (part.kind !== 'or') continue;
    const ofLeft = intoLeft ? sideOf(part, left) : undefined;
    const ofRight = intoRight ? sideOf(part, right) : undefined;
    if (ofLeft !== undefined) add(toLeft, knownLeft, ofLeft);
    if (ofRight !== undefined) add(toRight, knownRight, ofRight);
  }
  if (toLeft.length === 0 && toRight.length === 0) return op;
  return { ...op, left: filtered(op.left, toLeft), right: filtered(op.right, toRight) };
}

function filtered(op: Operator, parts: readonly PlanExpr[]): Operator {
  if (parts.length === 0) return op;
  const own = op.kind === 'filter' && !isVolatile<PlanLeaf>(op.predicate) ? conjuncts<PlanLeaf>(op.predicate) : [];
  const input = op.kind === 'filter' && own.length > 0 ? op.input : op;
  return { kind: 'filter', input, predicate: conjunction<PlanLeaf>([...own, ...parts]) as PlanExpr };
}

/** Columns of the two sides that the condition sets equal: of one type, so that what compares one compares the other. */
function pairs(
  on: readonly PlanExpr[],
  left: ReadonlySet<number>,
  right: ReadonlySet<number>,
): readonly (readonly [ColumnRef, ColumnRef])[] {
  const found: (readonly [ColumnRef, ColumnRef])[] = [];
  for (const part of on) {
    if (part.kind !== 'call' || part.operator !== '=') continue;
    const [a, b] = part.args;
    if (a?.kind !== 'column' || b?.kind !== 'column' || !sameType(a.type, b.type)) continue;
    if (left.has(a.id) && right.has(b.id)) found.push([a, b]);
    else if (left.has(b.id) && right.has(a.id)) found.push([b, a]);
  }
  return found;
}

/** A comparison of one column said of another one that equals it; nothing where that one is known to be a constant already. */
function carry(part: PlanExpr, to: ColumnRef, add: (made: PlanExpr) => void, known: Known): void {
  if (!isConstantEquality(part) && (known.about.get(to.id) ?? []).some(isConstantEquality)) return;
  const [from] = columnIds(part);
  if (from !== undefined) add(substitute(part, new Map([[from, to]])));
}

function isConstantEquality(part: PlanExpr): boolean {
  return part.kind === 'call' && part.operator === '=';
}

/** What an OR says of one side: the OR of what each of its branches says of it, if each says something. */
function sideOf(part: PlanExpr & { readonly kind: 'or' | 'and' }, side: ReadonlySet<number>): PlanExpr | undefined {
  const branches: PlanExpr[] = [];
  for (const arg of part.args) {
    const own = conjuncts<PlanLeaf>(arg).filter((one) => {
      const read = columnIds(one);
      return read.size > 0 && !hasSubquery(one) && [...read].every((id) => side.has(id));
    });
    const branch = conjunction<PlanLeaf>(own);
    if (branch === undefined) return undefined;
    if (!branches.some((other) => JSON.stringify(other) === JSON.stringify(branch))) branches.push(branch);
  }
  return branches.length === 1 ? branches[0] : { kind: 'or', args: branches };
}

const COMPARISONS: ReadonlySet<string> = new Set(['=', '<', '<=', '>', '>=']);

/** A comparison of a column with constants, by its type's own order: true of every equal value, and never an error. */
function comparedColumn(part: PlanExpr): number | undefined {
  if (part.kind === 'any_all') {
    const constant =
      part.array.kind === 'constant' || (part.array.kind === 'array' && part.array.elements.every((e) => e.kind === 'constant'));
    return part.quantifier === 'any' && part.operator === '=' && constant && part.arg.kind === 'column' ? part.arg.id : undefined;
  }
  if (part.kind !== 'call' || part.operator === undefined || !COMPARISONS.has(part.operator) || part.volatility === 'volatile')
    return undefined;
  const [a, b] = part.args;
  if (a?.kind === 'column' && b?.kind === 'constant') return a.id;
  if (b?.kind === 'column' && a?.kind === 'constant') return b.id;
  return undefined;
}

interface Known {
  /** Of every conjunct that holds, its JSON. */
  readonly texts: ReadonlySet<string>;
  /** Comparisons with constants, by column. */
  readonly about: ReadonlyMap<number, readonly PlanExpr[]>;
}

/** What holds of every row of an operator. */
class Facts {
  readonly #known = new Map<Operator, Known>();
  readonly #holding = new Map<Operator, readonly PlanExpr[]>();

  of(op: Operator): Known {
    let known = this.#known.get(op);
    if (known === undefined) {
      known = summary(this.#conjuncts(op));
      this.#known.set(op, known);
    }
    return known;
  }

  /** Every join asks for what holds below it, so without a memory each join of a chain would ask all below once more. */
  #conjuncts(op: Operator): readonly PlanExpr[] {
    let parts = this.#holding.get(op);
    if (parts === undefined) {
      parts = this.#collected(op);
      this.#holding.set(op, parts);
    }
    return parts;
  }

  #collected(op: Operator): readonly PlanExpr[] {
    switch (op.kind) {
      case 'filter':
        return [...conjuncts<PlanLeaf>(op.predicate).filter((part) => !isVolatile<PlanLeaf>(part)), ...this.#conjuncts(op.input)];
      case 'sort':
      case 'limit':
      case 'distinct':
      case 'window':
      case 'assert':
      case 'sample':
      case 'table_function':
        return this.#conjuncts(op.input);
      case 'project':
        return translated(this.#conjuncts(op.input), op.items);
      case 'aggregate':
        return op.sets === undefined ? translated(this.#conjuncts(op.input), op.keys) : [];
      case 'join': {
        const left = this.#conjuncts(op.left);
        if (op.type === 'full') return [];
        if (op.type === 'right') return this.#conjuncts(op.right);
        if (op.type !== 'inner' && op.type !== 'cross') return left;
        const on = conjuncts<PlanLeaf>(op.condition).filter((part) => !isVolatile<PlanLeaf>(part));
        return spread([...left, ...this.#conjuncts(op.right), ...on]);
      }
      default:
        return [];
    }
  }
}

/** Conjuncts over an operator's input as conjuncts over the columns that pass it on. */
function translated(
  parts: readonly PlanExpr[],
  items: readonly { readonly field: { readonly id: number }; readonly expr: PlanExpr }[],
): readonly PlanExpr[] {
  if (parts.length === 0) return parts;
  const by = new Map<number, PlanExpr>();
  for (const { field, expr } of items) if (expr.kind === 'column') by.set(expr.id, { ...expr, id: field.id });
  return parts.filter((part) => !hasSubquery(part) && [...columnIds(part)].every((id) => by.has(id))).map((part) => substitute(part, by));
}

/** With `a = b` among them, what compares one compares the other. */
function spread(parts: readonly PlanExpr[]): readonly PlanExpr[] {
  const equal = parts.flatMap((part) => {
    if (part.kind !== 'call' || part.operator !== '=') return [];
    const [a, b] = part.args;
    return a?.kind === 'column' && b?.kind === 'column' && sameType(a.type, b.type) ? [[a, b] as const] : [];
  });
  if (equal.length === 0) return parts;
  const partners = new Map<number, (typeof equal)[number][number][]>();
  for (const [a, b] of equal) {
    partners.set(a.id, [...(partners.get(a.id) ?? []), b]);
    if (a.id !== b.id) partners.set(b.id, [...(partners.get(b.id) ?? []), a]);
  }
  const known = new Set(parts.map(exprText));
  const all = [...parts];
  for (const part of all) {
    const id = comparedColumn(part);
    if (id === undefined) continue;
    for (const other of partners.get(id) ?? []) {
      const made = substitute(part, new Map([[id, other]]));
      const text = exprText(made);
      if (known.has(text)) continue;
      known.add(text);
      all.push(made);
    }
  }
  return all;
}

function summary(parts: readonly PlanExpr[]): Known {
  const about = new Map<number, PlanExpr[]>();
  for (const part of parts) {
    const id = comparedColumn(part);
    if (id !== undefined) about.set(id, [...(about.get(id) ?? []), part]);
  }
  return { texts: new Set(parts.map(exprText)), about };
}
