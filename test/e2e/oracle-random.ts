import type { Dice } from './oracle-dice.js';
import { type Column, columnsOf, Expressions, KINDS, type Kind } from './oracle-expressions.js';

export interface RandomQuery {
  readonly sql: string;
  readonly ordered: boolean;
}

interface Body {
  readonly sql: string;
  readonly kinds: readonly Kind[];
}

/** One random SELECT over the oracle's tables; ties in its ORDER BY are rows that are the same. */
export function randomQuery(dice: Dice): RandomQuery {
  return new Generator(dice).query();
}

/** A random condition over a table of the oracle's, or lake.events. */
export function randomCondition(dice: Dice, table = 'events', alias = 'e'): string {
  const expressions = new Expressions(dice);
  expressions.scope = columnsOf(table, alias);
  return expressions.bool(3);
}

/** Kinds with few values, so that sets of them meet. */
const COARSE: readonly Kind[] = ['int', 'text', 'bool', 'date', 'flt'];
const FRAMES = [
  '',
  '',
  ' rows between unbounded preceding and current row',
  ' rows between 2 preceding and 1 following',
  ' rows between 3 preceding and 2 preceding',
  ' rows between 1 following and unbounded following',
  ' range between unbounded preceding and unbounded following',
  ' range between current row and unbounded following',
  ' groups between 1 preceding and 1 following',
  ' groups between current row and 2 following exclude ties',
  ' rows between 2 preceding and 2 following exclude current row',
  ' range unbounded preceding exclude group',
];

class Generator {
  readonly #of: Expressions;
  #aliases = 0;

  constructor(private readonly dice: Dice) {
    this.#of = new Expressions(dice);
  }

  query(): RandomQuery {
    const { dice } = this;
    const roll = dice.fraction();
    if (roll < 0.04) return { sql: this.distinctOn(), ordered: true };
    if (roll < 0.07) return { sql: this.recursive(), ordered: false };
    if (roll < 0.1) return { sql: this.ties(), ordered: false };
    const body = this.body();
    if (dice.chance(0.12)) return { sql: this.with(body), ordered: false };
    if (!dice.chance(0.45)) return { sql: body.sql, ordered: false };
    const keys = body.kinds.map((_, n) => `${n + 1}${this.direction()}`);
    const limit = dice.chance(0.6) ? ` limit ${dice.whole(0, 40)}${dice.chance(0.3) ? ` offset ${dice.whole(0, 20)}` : ''}` : '';
    return { sql: `${body.sql} order by ${keys.join(', ')}${limit}`, ordered: true };
  }

  private body(): Body {
    const roll = this.dice.fraction();
    if (roll < 0.24) return this.plain();
    if (roll < 0.44) return this.grouped();
    if (roll < 0.5) return this.distinct();
    if (roll < 0.57) return this.union();
    if (roll < 0.64) return this.sets();
    if (roll < 0.78) return this.windows();
    if (roll < 0.86) return this.groupingSets();
    if (roll < 0.94) return this.lateral();
    return this.expanded();
  }

  private with(body: Body): string {
    const { dice } = this;
    const how = dice.pick(['', '', 'materialized ', 'not materialized ']);
    const use = dice.pick([
      'select * from q',
      'select * from q union all select * from q',
      'select * from q except select * from q',
      'select count(*) from (select * from q limit 50) a join (select * from q limit 70) b on true',
      'select count(*), (select count(*) from q) from q',
      'select q.* from q where exists (select 1 from q x)',
    ]);
    return `with q as ${how}(${body.sql}) ${use}`;
  }

  private direction(): string {
    return this.dice.pick(['', '', ' desc', ' asc nulls first', ' desc nulls last']);
  }

  private plain(kinds?: readonly Kind[]): Body {
    const { dice } = this;
    const from = this.from();
    const out = kinds ?? Array.from({ length: dice.whole(1, 4) }, () => dice.pick(KINDS));
    const items = out.map((kind, n) => `${kinds === undefined && dice.chance(0.08) ? this.scalar(kind) : this.#of.key(kind, 2)} as c${n}`);
    return { sql: `select ${items.join(', ')} from ${from}${this.where()}`, kinds: out };
  }

  private distinct(): Body {
    const { sql, kinds } = this.plain();
    return { sql: sql.replace(/^select/, 'select distinct'), kinds };
  }

  private union(): Body {
    const kinds = Array.from({ length: this.dice.whole(1, 3) }, () => this.dice.pick(KINDS));
    const parts = Array.from({ length: this.dice.whole(2, 3) }, () => this.plain(kinds).sql);
    const operator = this.dice.pick(['union all', 'union all', 'union all', 'union']);
    return { sql: parts.join(` ${operator} `), kinds };
  }

  /** Plain columns of few values on both sides. */
  private sets(): Body {
    const { dice } = this;
    const kinds = Array.from({ length: dice.whole(1, 2) }, () => dice.pick(COARSE));
    const part = (): string => {
      const table = dice.pick(['facts', 'dims', 'links', 'none']);
      this.#of.scope = columnsOf(table, 'x');
      const items = kinds.map(
        (kind, n) => `${kind === 'flt' ? `(${this.#of.column(kind, false)} + 0)` : this.#of.column(kind, false)} as c${n}`,
      );
      return `select ${items.join(', ')} from o.${table} x${this.where()}`;
    };
    const operator = (): string => `${dice.pick(['intersect', 'except', 'union'])}${dice.chance(0.4) ? ' all' : ''}`;
    const sql = dice.chance(0.7) ? `${part()} ${operator()} ${part()}` : `(${part()} ${operator()} ${part()}) ${operator()} (${part()})`;
    return { sql: `select * from (${sql}) sets`, kinds };
  }

  private grouped(): Body {
    const { dice } = this;
    const from = this.from();
    const keys = Array.from({ length: dice.whole(0, 2) }, () => {
      const kind = dice.pick(KINDS);
      return { kind, sql: this.#of.key(kind, 1) };
    });
    const totals = Array.from({ length: dice.whole(1, 3) }, () => this.#of.aggregate());
    const where = this.where();
    const items = [...keys, ...totals].map(({ sql }, n) => `${sql} as c${n}`);
    const group = keys.length === 0 ? '' : ` group by ${keys.map((_, n) => n + 1).join(', ')}`;
    return {
      sql: `select ${items.join(', ')} from ${from}${where}${group}${this.having()}`,
      kinds: [...keys, ...totals].map(({ kind }) => kind),
    };
  }

  private having(): string {
    const { dice } = this;
    if (!dice.chance(0.2)) return '';
    return ` having ${dice.pick(['count(*) > 2', 'sum(1) < 20', 'count(*) % 2 = 0', 'bool_or(true)', 'count(*) > (select min(k) from o.dims)', 'count(*) in (select k from o.dims)'])}`;
  }

  private groupingSets(): Body {
    const { dice } = this;
    const from = this.from();
    const keys = Array.from({ length: dice.whole(1, 3) }, () => {
      const kind = dice.pick(COARSE);
      // No constants: PostgreSQL 18 shows one that is written twice as NULL in one place and not in the other.
      const key = this.place(kind, 0);
      return /\b[xyz]\./.test(key) ? { kind, sql: key } : { kind: this.#of.scope[0]?.kind ?? kind, sql: this.#of.scope[0]?.sql ?? key };
    });
    const where = this.where();
    const names = [...new Set(keys.map(({ sql }) => sql))];
    const list = names.join(', ');
    const sets = dice.pick([
      `rollup (${list})`,
      `cube (${list})`,
      `grouping sets ((${list}), ())`,
      `grouping sets ((${list}), (${names[0]}), (), ())`,
      `grouping sets (rollup (${list}), (${names.at(-1)}))`,
      `${names[0]}, rollup (${list})`,
    ]);
    const totals = Array.from({ length: dice.whole(1, 2) }, () => this.#of.aggregate());
    const items = [...keys, ...totals].map(({ sql }, n) => `${sql} as c${n}`);
    if (dice.chance(0.6)) items.push(`grouping(${list}) as g`);
    const kinds = [...keys, ...totals].map(({ kind }) => kind);
    return {
      sql: `select ${items.join(', ')} from ${from}${where} group by ${sets}${this.having()}`,
      kinds: items.length > kinds.length ? [...kinds, 'int'] : kinds,
    };
  }

  /** Where rows tie, only functions that give tied rows the same; else the order goes down to the key of facts. */
  private windows(): Body {
    const { dice } = this;
    const table = dice.pick(['facts', 'facts', 'dims', 'links', 'none']);
    this.#of.scope = columnsOf(table, 'x');
    const calls = Array.from({ length: dice.whole(1, 3) }, () => this.windowCall(table === 'facts'));
    const shown = Array.from({ length: dice.whole(1, 2) }, () => dice.pick(KINDS)).map((kind) => ({ kind, sql: this.#of.key(kind, 0) }));
    const all = [...shown, ...calls];
    const where = this.where();
    return {
      sql: `select ${all.map(({ sql }, n) => `${sql} as c${n}`).join(', ')} from o.${table} x${where}`,
      kinds: all.map(({ kind }) => kind),
    };
  }

  private windowCall(unique: boolean): { readonly sql: string; readonly kind: Kind } {
    const { dice } = this;
    const partition = dice.chance(0.6) ? `partition by ${this.place(dice.pick(COARSE), 0)} ` : '';
    const key = dice.pick(KINDS);
    const by = `order by ${this.place(key, 0)}${this.direction()}`;
    const total = unique ? `${by}, x.id${dice.pick(['', ' desc'])}` : undefined;
    if (total !== undefined && dice.chance(0.6)) {
      const kind = dice.pick(KINDS);
      const value = this.place(kind, 1);
      const frame = dice.pick(FRAMES);
      return dice.pick<() => { sql: string; kind: Kind }>([
        () => ({ sql: `row_number() over (${partition}${total})`, kind: 'big' }),
        () => ({ sql: `ntile(${dice.whole(1, 5)}) over (${partition}${total})`, kind: 'int' }),
        () => ({ sql: `lag(${value}${dice.pick(['', ', 2', ', 0', ', -1'])}) over (${partition}${total})`, kind }),
        () => ({ sql: `lead(${value}, ${dice.whole(1, 3)}, ${value}) over (${partition}${total})`, kind }),
        () => ({ sql: `${dice.pick(['first_value', 'last_value'])}(${value}) over (${partition}${total}${frame})`, kind }),
        () => ({ sql: `nth_value(${value}, ${dice.whole(1, 3)}) over (${partition}${total}${frame})`, kind }),
        () => ({ sql: `count(${value})${this.filter()} over (${partition}${total}${frame})`, kind: 'big' }),
        () => ({ sql: `sum(${this.#of.value('int', 1)})${this.filter()} over (${partition}${total}${frame})`, kind: 'big' }),
        () => ({ sql: `round(avg(${this.#of.value('int', 0)}) over (${partition}${total}${frame}), 6)`, kind: 'num' }),
        () => ({ sql: `${dice.pick(['min', 'max'])}(${this.#of.key('num', 0)}) over (${partition}${total}${frame})`, kind: 'num' }),
      ])();
    }
    return dice.pick<() => { sql: string; kind: Kind }>([
      () => ({ sql: `${dice.pick(['rank', 'dense_rank'])}() over (${partition}${by})`, kind: 'big' }),
      () => ({ sql: `${dice.pick(['percent_rank', 'cume_dist'])}() over (${partition}${by})`, kind: 'flt' }),
      () => ({ sql: `count(*)${this.filter()} over (${partition}${by})`, kind: 'big' }),
      () => ({ sql: `sum(${this.#of.value('int', 0)}) over (${partition}${by})`, kind: 'big' }),
      () => ({ sql: `${dice.pick(['min', 'max'])}(${this.#of.key('date', 0)}) over (${partition.trim()})`, kind: 'date' }),
      () => ({
        sql: `sum(${this.#of.value('int', 0)}) over (order by ${this.#of.column('int', false)} range between ${dice.whole(0, 3)} preceding and ${dice.whole(0, 3)} following)`,
        kind: 'big',
      }),
      () => ({
        sql: `count(*) over (order by ${this.#of.column('date', false)}${dice.pick(['', ' desc'])} range between '${dice.pick(['1 day', '1 month', '1 year'])}' preceding and current row)`,
        kind: 'big',
      }),
    ])();
  }

  /** A key that is no bare constant: those stand for positions in GROUP BY and ORDER BY. */
  private place(kind: Kind, depth: number): string {
    const key = this.#of.key(kind, depth);
    return /^([-'\d]|true|false|null)/.test(key) ? `coalesce(${key})` : key;
  }

  private filter(): string {
    return this.dice.chance(0.2) ? ` filter (where ${this.#of.bool(1)})` : '';
  }

  private lateral(): Body {
    const { dice } = this;
    const outer = columnsOf('facts', 'x');
    const alias = this.alias();
    const table = dice.pick(['dims', 'links', 'facts']);
    const kinds = Array.from({ length: dice.whole(1, 2) }, () => dice.pick(KINDS));
    const tie = this.tie(outer, columnsOf(table, alias));
    const aggregated = dice.chance(0.5);
    const seesOuter = dice.chance(0.4);
    // an aggregate over outer columns alone would be the outer query's
    this.#of.scope = [...columnsOf(table, alias), ...(seesOuter && !aggregated ? outer : [])];
    const items = kinds.map(
      (kind, n) =>
        (aggregated ? `max(${kind === 'bool' ? `(${this.#of.bool(0)})::int` : this.#of.key(kind, 0)})` : this.#of.key(kind, 0)) +
        ` as v${n}`,
    );
    if (seesOuter) this.#of.scope = [...columnsOf(table, alias), ...outer];
    const inner = `select ${items.join(', ')} from o.${table} ${alias} where ${tie}${dice.chance(0.5) ? ` and ${this.#of.bool(1)}` : ''}`;
    const limited =
      aggregated || table !== 'facts' || !dice.chance(0.5) ? inner : `${inner} order by ${alias}.id limit ${dice.whole(1, 3)}`;
    this.#of.scope = outer;
    // few outer rows: what ties nothing is a cross product
    const where = `${this.where() || ' where true'} and x.id <= 60`;
    const join = dice.pick([`, lateral (${limited}) l`, ` cross join lateral (${limited}) l`, ` left join lateral (${limited}) l on true`]);
    const columns = ['x.id', ...kinds.map((_, n) => `l.v${n}`)];
    const out = kinds.map((kind): Kind => (aggregated && kind === 'bool' ? 'int' : kind));
    return { sql: `select ${columns.join(', ')} from o.facts x${join}${where}`, kinds: ['big', ...out] };
  }

  /** Set-returning functions beside a table. */
  private expanded(): Body {
    const { dice } = this;
    this.#of.scope = columnsOf('facts', 'x');
    const where = this.where();
    switch (dice.whole(0, 3)) {
      case 0:
        return { sql: `select x.id, g from o.facts x, generate_series(1, x.k) g${where}`, kinds: ['big', 'int'] };
      case 1:
        return {
          sql: `select x.id, el from o.facts x, unnest(array[${this.#of.value('int', 1)}, ${this.#of.value('int', 1)}]) el${where}`,
          kinds: ['big', 'int'],
        };
      case 2:
        return {
          sql: `select x.id, generate_series(x.k, x.k + ${dice.whole(-1, 3)}) as g, unnest(array[${this.#of.value('text', 1)}, 'b']) as el from o.facts x${where}`,
          kinds: ['big', 'int', 'text'],
        };
      default:
        return {
          sql: `select x.id, t.p, t.n from o.facts x left join lateral unnest(string_to_array(x.s, ' ')) with ordinality as t(p, n) on true${where}`,
          kinds: ['big', 'text', 'big'],
        };
    }
  }

  private distinctOn(): string {
    const { dice } = this;
    this.#of.scope = columnsOf('facts', 'x');
    const key = this.place(dice.pick(COARSE), 1);
    const order = `order by ${key}${this.direction()}, ${this.place(dice.pick(KINDS), 0)}${this.direction()}, x.id`;
    return `select distinct on (${key}) x.id, ${this.#of.key(dice.pick(KINDS), 1)} as c from o.facts x${this.where()} ${order}${dice.chance(0.3) ? ` limit ${dice.whole(0, 5)}` : ''}`;
  }

  private ties(): string {
    const { dice } = this;
    this.#of.scope = columnsOf('facts', 'x');
    const key = this.place(dice.pick(COARSE), 0);
    return `select ${key} as c, count(*) from (select * from o.facts x${this.where()} order by ${key}${this.direction()} fetch first ${dice.whole(1, 20)} rows with ties) x group by 1`;
  }

  private recursive(): string {
    const { dice } = this;
    const all = dice.pick(['', ' all']);
    const depth = dice.whole(2, 6);
    return dice.pick([
      () =>
        `with recursive r(n, k) as (select 1, k from o.dims where k is not null union${all} select n + 1, (k * 2) % 17 from r where n < ${depth}) select n, k, count(*) from r group by n, k`,
      () =>
        `with recursive r(a, d) as (select ${dice.whole(0, 16)}, 0 union${all} select l.b, r.d + 1 from r join o.links l on l.a % 17 = r.a where r.d < ${Math.min(depth, 3)} and l.b is not null) select a, d, count(*) from r group by a, d`,
      () =>
        `with recursive r(n, s) as (select 0, 'x'::text union${all} select n + 1, s || n::text from r where n < (select max(k) from o.dims where k < 9)) select * from r`,
      () =>
        `select x.id, (with recursive r(n) as (select x.k union${all} select n - 1 from r where n > 0) select sum(n) from r) as total from o.facts x where x.k < ${depth}`,
    ])();
  }

  private alias(): string {
    this.#aliases += 1;
    return `s${this.#aliases}`;
  }

  /** A condition that ties an inner table to the columns outside. */
  private tie(outer: readonly Column[], inner: readonly Column[]): string {
    const { dice } = this;
    const kind = dice.pick(['int', 'int', 'text', 'date', 'big'] as const);
    const pairs = outer
      .filter((c) => c.kind === kind && c.wild !== true)
      .flatMap((l) => inner.filter((r) => r.kind === kind && r.wild !== true).map((r) => [l.sql, r.sql] as const));
    if (pairs.length === 0) return 'true';
    const [left, right] = dice.pick(pairs);
    return `${right} ${dice.chance(0.8) ? '=' : dice.pick(['<', '>=', '<>', 'is not distinct from'])} ${left}`;
  }

  /** A subquery with one value. */
  private scalar(kind: Kind): string {
    const { dice } = this;
    const outer = this.#of.scope;
    const alias = this.alias();
    const table = dice.pick(['dims', 'links']);
    const own = columnsOf(table, alias);
    const tie = dice.chance(0.7) ? ` where ${this.tie(outer, own)}` : '';
    this.#of.scope = own;
    const value = kind === 'bool' ? `bool_or(${this.#of.bool(1)})` : `${dice.pick(['min', 'max'])}(${this.#of.key(kind, 1)})`;
    this.#of.scope = outer;
    return `(select ${value} from o.${table} ${alias}${tie})`;
  }

  private subqueryCondition(): string {
    const { dice } = this;
    const outer = this.#of.scope;
    const alias = this.alias();
    const table = dice.pick(['dims', 'links', 'facts', dice.chance(0.3) ? 'none' : 'dims']);
    const own = columnsOf(table, alias);
    const tie = dice.chance(0.7) ? this.tie(outer, own) : 'true';
    this.#of.scope = dice.chance(0.25) ? [...own, ...outer] : own;
    const extra = dice.chance(0.5) ? ` and ${this.#of.bool(1)}` : '';
    const kind = dice.pick(['int', 'text', 'date', 'num', 'flt', 'tz'] as const);
    this.#of.scope = own;
    const value = this.#of.key(kind, 0);
    this.#of.scope = outer;
    const from = `from o.${table} ${alias} where ${tie}${extra}`;
    const side = this.#of.key(kind, 0);
    return dice.pick([
      () => `exists (select 1 ${from})`,
      () => `not exists (select ${value} ${from})`,
      () => `${side} in (select ${value} ${from})`,
      () => `${side} not in (select ${value} ${from})`,
      () => `${side} ${dice.pick(['=', '<', '>='])} (select ${dice.pick(['min', 'max'])}(${value}) ${from})`,
      () => `${side} ${dice.pick(['<', '>', '<>', '='])} ${dice.pick(['any', 'all'])} (select ${value} ${from})`,
      () => `(select count(*) ${from}) ${dice.pick(['>', '=', '<'])} ${dice.whole(0, 4)}`,
    ])();
  }

  private from(): string {
    const { dice } = this;
    const roll = dice.fraction();
    const source = (alias: string): { sql: string; columns: readonly Column[] } => {
      const table = dice.pick(['facts', 'facts', 'facts', 'dims', 'links', dice.chance(0.3) ? 'none' : 'dims']);
      if (!dice.chance(0.15)) return { sql: `o.${table} ${alias}`, columns: columnsOf(table, alias) };
      this.#of.scope = columnsOf(table, 't');
      const kinds = ['big', 'int', 'text', dice.pick(KINDS), dice.pick(KINDS)] as const;
      const inner = `select ${kinds.map((kind, n) => `${this.#of.key(kind, 1)} as c${n}`).join(', ')} from o.${table} t${this.where()}`;
      return { sql: `(${inner}) ${alias}`, columns: kinds.map((kind, n) => ({ sql: `${alias}.c${n}`, kind })) };
    };
    const first = source('x');
    if (roll < 0.6) {
      this.#of.scope = first.columns;
      return first.sql;
    }
    let sql = first.sql;
    let columns = [...first.columns];
    for (const alias of roll > 0.92 ? ['y', 'z'] : ['y']) {
      // Facts joined with facts by a coarse key would be many rows.
      const right = source(alias);
      const kind = dice.pick(['int', 'int', 'big', 'text', 'flt', 'date', 'num', 'tz'] as const);
      const pairs = columns
        .filter((c) => c.kind === kind)
        .flatMap((l) => right.columns.filter((r) => r.kind === kind).map((r) => `${l.sql} = ${r.sql}`));
      const type = dice.pick(['join', 'left join', 'right join', 'full join', 'join', 'left join']);
      columns = [...columns, ...right.columns];
      this.#of.scope = columns;
      const ids = columns.filter((c) => c.kind === 'big');
      const on = pairs.length > 0 ? [dice.pick(pairs)] : ids.length > 1 ? [`${ids[0]?.sql} = ${ids[1]?.sql}`] : ['1 = 0'];
      const extra = dice.chance(0.3) && type !== 'full join' ? ` and ${this.#of.bool(1)}` : '';
      sql += ` ${type} ${right.sql} on ${on.join(' and ')}${extra}`;
    }
    this.#of.scope = columns;
    return sql;
  }

  private where(): string {
    const { dice } = this;
    if (!dice.chance(0.65)) return '';
    const condition = this.#of.bool(dice.whole(1, 3));
    if (!dice.chance(0.25)) return ` where ${condition}`;
    return ` where ${dice.pick([`${this.subqueryCondition()}`, `${condition} and ${this.subqueryCondition()}`, `(${condition} or ${this.subqueryCondition()})`, `not (${this.subqueryCondition()}) and ${condition}`])}`;
  }
}
