import { Oid } from '../../sql/types.js';
import { columnIds } from '../columns.js';
import { columnRef, conjunction, conjuncts, isVolatile } from '../expression.js';
import { mapInputs } from '../logical-plan.js';
import { type Field, fieldsOf, type Operator, type PlanExpr, type PlanLeaf } from '../physical-plan.js';
import { columnEquality, Estimates, selectivity } from '../statistics.js';
import type { RuleContext } from './rule.js';

/** Up to so many relations every order is looked at; beyond, the cheapest next join is taken each time. */
const ALL_ORDERS = 8;
/** Relations are bits of a number. The joins of more are ordered below the last so many. */
const MOST_RELATIONS = 30;

/**
 * Orders the joins of each tree of inner joins by the rows they are thought to give, the smaller input on the right (the side
 * that is hashed or sent to every task). Relations without a condition between them are crossed last.
 */
export function orderJoins(plan: Operator, context: RuleContext): Operator {
  const estimates = new Estimates({ rows: (scan) => context.planning.table(scan.schema, scan.table).description.rowEstimate });
  const visit = (op: Operator): Operator => {
    if (!isInner(op)) return mapInputs(op, visit);
    const tree: Tree = { relations: [], parts: [] };
    flatten(op, tree);
    // of two relations DuckDB chooses itself which to hash, and the cutter which to send where
    if (tree.relations.length > MOST_RELATIONS) return mapInputs(op, visit);
    if (tree.relations.length < 3 || tree.parts.some((part) => isVolatile<PlanLeaf>(part))) return mapInputs(op, visit);
    const relations = tree.relations.map(visit);
    return asWritten(new Ordering(relations, tree.parts, estimates).best(), fieldsOf(op));
  };
  return visit(plan);
}

interface Tree {
  readonly relations: Operator[];
  readonly parts: PlanExpr[];
}

type InnerJoin = Operator & { readonly kind: 'join' };

function isInner(op: Operator): op is InnerJoin {
  return op.kind === 'join' && (op.type === 'inner' || op.type === 'cross') && op.lateral !== true;
}

/** Projections that only leave columns out hide no join. */
function flatten(op: Operator, into: Tree): void {
  if (isInner(op)) {
    flatten(op.left, into);
    flatten(op.right, into);
    into.parts.push(...conjuncts<PlanLeaf>(op.condition));
  } else if (op.kind === 'filter' && isInner(op.input) && !isVolatile<PlanLeaf>(op.predicate)) {
    flatten(op.input, into);
    into.parts.push(...conjuncts<PlanLeaf>(op.predicate));
  } else if (
    op.kind === 'project' &&
    isInner(op.input) &&
    op.items.every(({ field, expr }) => expr.kind === 'column' && expr.id === field.id)
  ) {
    flatten(op.input, into);
  } else into.relations.push(op);
}

function asWritten(op: Operator, fields: readonly Field[]): Operator {
  const given = fieldsOf(op);
  if (given.length === fields.length && given.every((field, n) => field.id === fields[n]?.id)) return op;
  return { kind: 'project', input: op, items: fields.map((field) => ({ field, expr: columnRef(field) })) };
}

/** Relations are bits of a number: relation n is 2^n. */
interface Figures {
  readonly set: number;
  readonly rows: number;
  /** Rows of all joins in it. */
  readonly cost: number;
  /** Joins in it that had no condition. */
  readonly crosses: number;
}

interface Joined extends Figures {
  readonly op: Operator;
}

interface Class {
  readonly fn: string;
  readonly members: PlanExpr[];
  /** The relations that have a member. */
  readonly set: number;
  /** How many different values there are. */
  domain: number;
}

class Ordering {
  readonly #relations: readonly Operator[];
  readonly #estimates: Estimates;
  /** Of each relation, how many different values a column of it may have. */
  readonly #domains: readonly number[];
  /** Relation of each column. */
  readonly #home = new Map<number, number>();
  readonly #classes: Class[] = [];
  /** Other conjuncts, with the relations they read. */
  readonly #others: { readonly part: PlanExpr; readonly set: number }[] = [];
  /** Conditions as written, for joins that need just these. */
  readonly #written = new Map<string, PlanExpr>();

  constructor(relations: readonly Operator[], parts: readonly PlanExpr[], estimates: Estimates) {
    this.#relations = relations;
    this.#estimates = estimates;
    this.#domains = relations.map((op) => estimates.domain(op));
    relations.forEach((op, n) => {
      for (const field of fieldsOf(op)) this.#home.set(field.id, n);
    });
    for (const part of parts) {
      const equality = columnEquality(part);
      if (equality !== undefined && this.#homeOf(equality.a) !== this.#homeOf(equality.b) && part.kind === 'call') {
        this.#equate(equality.fn, part.args);
        this.#written.set(`${equality.a}=${equality.b}`, part);
      } else {
        let set = 0;
        for (const id of columnIds(part)) set |= this.#homeOf(id);
        this.#others.push({ part, set });
      }
    }
    for (const one of this.#classes) {
      one.domain = Math.min(...one.members.map((member) => estimates.domain(this.#relation(member))));
    }
  }

  best(): Operator {
    const all = 2 ** Math.min(30, this.#relations.length) - 1;
    const leaves = this.#relations.map((op, n): Joined => {
      const filtered = this.#filtered(op, 1 << n);
      return { set: 1 << n, op: filtered, rows: this.#estimates.rows(filtered), cost: 0, crosses: 0 };
    });
    const done = this.#relations.length <= ALL_ORDERS ? this.#everyOrder(leaves, all) : this.#greedy(leaves);
    // what reads none of the relations stands above them
    const constant = this.#others.filter(({ set }) => set === 0).map(({ part }) => part);
    const predicate = conjunction<PlanLeaf>(constant);
    return predicate === undefined ? done.op : { kind: 'filter', input: done.op, predicate };
  }

  #everyOrder(leaves: readonly Joined[], all: number): Joined {
    const best = new Map<number, Figures>();
    for (const leaf of leaves) best.set(leaf.set, leaf);
    for (let set = 1; set <= all; set += 1) {
      if ((set & (set - 1)) === 0) continue;
      let chosen: Figures | undefined;
      const consider = (a: number): void => {
        const [x, y] = [best.get(a), best.get(set ^ a)];
        if (x === undefined || y === undefined) return;
        const figures = this.#figures(x, y);
        if (chosen !== undefined && !cheaper(figures, chosen)) return;
        chosen = figures;
        this.#parts.set(set, [a, set ^ a]);
      };
      // the order as written comes first, so that it wins where nothing is better; then each pair of parts once
      consider(set ^ (1 << (31 - Math.clz32(set))));
      const lowest = set & -set;
      for (let a = (set - 1) & set; a > 0; a = (a - 1) & set) if ((a & lowest) !== 0) consider(a);
      if (chosen !== undefined) best.set(set, chosen);
    }
    return this.#build(all, leaves);
  }

  /** How each set is best made of two. */
  readonly #parts = new Map<number, readonly [number, number]>();

  #build(set: number, leaves: readonly Joined[]): Joined {
    const leaf = leaves.find((one) => one.set === set);
    if (leaf !== undefined) return leaf;
    const [a, b] = this.#parts.get(set) as readonly [number, number];
    return this.#join(this.#build(a, leaves), this.#build(b, leaves));
  }

  #greedy(leaves: readonly Joined[]): Joined {
    const open = [...leaves];
    while (open.length > 1) {
      let chosen: { readonly x: Joined; readonly y: Joined; readonly figures: Figures } | undefined;
      open.forEach((x, n) => {
        for (const y of open.slice(n + 1)) {
          const figures = this.#figures(x, y);
          const crossed = figures.crosses - x.crosses - y.crosses;
          const before = chosen === undefined ? 0 : chosen.figures.crosses - chosen.x.crosses - chosen.y.crosses;
          if (chosen === undefined || crossed < before || (crossed === before && figures.rows < chosen.figures.rows))
            chosen = { x, y, figures };
        }
      });
      if (chosen === undefined) break;
      const { x, y } = chosen;
      open.splice(open.indexOf(y), 1);
      open[open.indexOf(x)] = this.#join(x, y);
    }
    return open[0] as Joined;
  }

  #figures(x: Figures, y: Figures): Figures {
    let part = 1;
    let keys = 0;
    let values = 1;
    for (const one of this.#classes) {
      if ((one.set & x.set) === 0 || (one.set & y.set) === 0) continue;
      keys += 1;
      values *= Math.max(1, one.domain);
    }
    let conditions = keys;
    for (const { part: other, set } of this.#others) {
      if (!crosses(set, x.set, y.set)) continue;
      conditions += 1;
      part *= selectivity(other);
    }
    // several keys together have no more values than the smaller side's largest table has rows
    if (keys > 1) values = Math.min(values, Math.min(this.#largest(x.set), this.#largest(y.set)));
    const rows = Math.max(1, ((x.rows * y.rows) / values) * part);
    return {
      set: x.set | y.set,
      rows,
      cost: x.cost + y.cost + rows + Math.min(x.rows, y.rows),
      crosses: x.crosses + y.crosses + (conditions === 0 ? 1 : 0),
    };
  }

  #join(x: Joined, y: Joined): Joined {
    const [left, right] = x.rows >= y.rows ? [x, y] : [y, x];
    const parts: PlanExpr[] = [];
    for (const one of this.#classes) {
      const equality = (one.set & left.set) !== 0 && (one.set & right.set) !== 0 ? this.#equality(one, left.set, right.set) : undefined;
      if (equality !== undefined) parts.push(equality);
    }
    for (const { part, set } of this.#others) if (crosses(set, left.set, right.set)) parts.push(part);
    const condition = conjunction<PlanLeaf>(parts);
    const op: Operator = { kind: 'join', type: condition === undefined ? 'cross' : 'inner', left: left.op, right: right.op, condition };
    return { ...this.#figures(x, y), op };
  }

  /** One equality between the two sides says it all: within a side the members of a class are equal already. */
  #equality(one: Class, left: number, right: number): PlanExpr | undefined {
    const of = (set: number): readonly PlanExpr[] => one.members.filter((member) => (this.#homeOf(idOf(member)) & set) !== 0);
    let made: PlanExpr | undefined;
    for (const a of of(left)) {
      for (const b of of(right)) {
        const written = this.#written.get(`${idOf(a)}=${idOf(b)}`) ?? this.#written.get(`${idOf(b)}=${idOf(a)}`);
        if (written !== undefined) return written;
        made ??= equal(one.fn, a, b);
      }
    }
    return made;
  }

  #largest(set: number): number {
    let most = 1;
    this.#domains.forEach((domain, n) => {
      if ((set & (1 << n)) !== 0 && domain > most) most = domain;
    });
    return most;
  }

  /** A relation with what reads it alone, and with what follows for its columns from those of others that equal several of them. */
  #filtered(op: Operator, set: number): Operator {
    const parts = this.#others.filter((other) => other.set === set).map(({ part }) => part);
    for (const one of this.#classes) {
      const [first, ...rest] = one.members.filter((member) => this.#homeOf(idOf(member)) === set);
      for (const member of rest) parts.push(equal(one.fn, first as PlanExpr, member));
    }
    const predicate = conjunction<PlanLeaf>(parts);
    return predicate === undefined ? op : { kind: 'filter', input: op, predicate };
  }

  #relation(member: PlanExpr): Operator {
    return this.#relations[Math.log2(this.#homeOf(idOf(member)))] as Operator;
  }

  #homeOf(id: number): number {
    const home = this.#home.get(id);
    return home === undefined ? 0 : 1 << home;
  }

  #equate(fn: string, args: readonly PlanExpr[]): void {
    const [a, b] = args as readonly [PlanExpr, PlanExpr];
    const touching = this.#classes.filter((one) => one.fn === fn && one.members.some((m) => idOf(m) === idOf(a) || idOf(m) === idOf(b)));
    const members = touching.flatMap((one) => one.members);
    for (const arg of [a, b]) if (!members.some((member) => idOf(member) === idOf(arg))) members.push(arg);
    for (const one of touching) this.#classes.splice(this.#classes.indexOf(one), 1);
    const set = members.reduce((bits, member) => bits | this.#homeOf(idOf(member)), 0);
    this.#classes.push({ fn, members, set, domain: 1 });
  }
}

function equal(fn: string, a: PlanExpr, b: PlanExpr): PlanExpr {
  return { kind: 'call', fn, operator: '=', args: [a, b], type: { oid: Oid.bool, typmod: -1 }, volatility: 'immutable' };
}

function idOf(member: PlanExpr): number {
  return member.kind === 'column' ? member.id : -1;
}

/** Read by neither side alone, and by both together. */
function crosses(set: number, x: number, y: number): boolean {
  return (set & x) !== 0 && (set & y) !== 0 && (set & ~(x | y)) === 0;
}

function cheaper(a: Figures, b: Figures): boolean {
  return a.crosses < b.crosses || (a.crosses === b.crosses && a.cost < b.cost);
}
