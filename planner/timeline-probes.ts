import { internal, unsupported } from '../sql/errors.js';
import type { Call } from '../sql/expression.js';
import { typeOf } from '../sql/expression-type.js';
import type { QueryExpr } from '../sql/query.js';
import { Oid, type } from '../sql/types.js';
import { convertExpression } from './convert-expression.js';
import { levelsRead } from './correlated-instants.js';
import { columnRef, conjunction, TRUE } from './expression.js';
import { planSubquery } from './from-subquery.js';
import { sameType } from './logical-plan.js';
import type { Field, Operator, PlanExpr, PlanLeaf, ProjectOperator, TimelineOperator } from './physical-plan.js';
import { between, type Scope, type TimelineRequest } from './planning.js';
import { walkLevels } from './query-levels.js';

const TIMESTAMPTZ = type(Oid.timestamptz);
const BOOL = type(Oid.bool);

interface ProbesOptions {
  /** `at`, one instant or an array. */
  readonly at: QueryExpr;
  readonly position: number | undefined;
  /** Key columns and time of the operator's input, by id. */
  readonly keys: readonly number[];
  readonly ts: number;
  readonly request: TimelineRequest;
  /** The source read once more, and the keys over it: for calls that are not asked about certain keys. */
  readonly source: () => { readonly input: Operator; readonly keys: readonly PlanExpr[] };
}

interface Asked {
  /** Distinct (key, instant) without NULLs. */
  readonly rows: Operator;
  readonly instant: Field;
  readonly keyFields: readonly Field[];
}

/**
 * A TIMELINE() whose `at` is another one for each row of a query round it (LATERAL, or in an expression), or comes from a query.
 * It is computed once for all of those rows: the distinct keys and instants that they ask for stand among the events as probe rows,
 * and the points are then told apart by their time. Without an equality on the whole key, every key is asked for at every instant.
 */
export class TimelineProbes {
  readonly #options: ProbesOptions;
  readonly #isArray: boolean;
  /** The query whose rows ask: 1 is the one round the call; 0: the call asks for itself. */
  readonly #level: number;

  constructor(options: ProbesOptions) {
    this.#options = options;
    this.#isArray = typeOf(options.at).oid !== Oid.timestamptz;
    const levels = [...levelsRead(options.at)];
    const [level = 0] = levels;
    if (levels.length > 1) throw this.#refuse('the option "at" over columns of several queries round timeline()');
    this.#level = level;
  }

  /** Events and probes together. `probe`: the column that tells them apart. */
  into(events: ProjectOperator): { readonly input: Operator; readonly probe: number } {
    const { request, keys, ts } = this.#options;
    const { planning } = request;
    const { rows, instant, keyFields } = this.#rows();
    const types = events.items.map(({ field }) => field);
    const probe = planning.newField('probe', BOOL);
    const fields = [...types, probe];
    const flag = (value: string): PlanExpr => ({ kind: 'constant', type: BOOL, value });
    const anew = ({ name, type: of }: Field): Field => planning.newField(name, of);
    const asProbe = (field: Field): PlanExpr => {
      if (field.id === ts) return columnRef(instant);
      const key = keys.indexOf(field.id);
      const column = key < 0 ? undefined : keyFields[key];
      return column === undefined ? { kind: 'constant', type: field.type, value: null } : columnRef(column);
    };
    const inputs: Operator[] = [
      {
        ...events,
        items: [...events.items.map(({ field, expr }) => ({ field: anew(field), expr })), { field: anew(probe), expr: flag('f') }],
      },
      {
        kind: 'project',
        input: rows,
        items: [...types.map((field) => ({ field: anew(field), expr: asProbe(field) })), { field: anew(probe), expr: flag('t') }],
      },
    ];
    return { input: { kind: 'union_all', inputs, fields }, probe: probe.id };
  }

  /** The points of the row that asks. */
  tie(points: TimelineOperator): Operator {
    if (this.#level === 0) return points;
    const time = points.fields[points.spec.keys.length];
    if (time === undefined) throw internal('timeline: points without their time');
    const at = convertExpression(this.#options.at, this.#scope(undefined));
    const equal = { fn: 'timestamptz_eq(timestamptz,timestamptz)', operator: '=', type: BOOL, volatility: 'immutable' } as const;
    const predicate: PlanExpr = this.#isArray
      ? { kind: 'any_all', fn: equal.fn, operator: '=', quantifier: 'any', arg: columnRef(time), array: at }
      : { kind: 'call', ...equal, args: [columnRef(time), at] };
    return { kind: 'filter', input: points, predicate };
  }

  #rows(): Asked {
    const { request } = this.#options;
    const { planning } = request;
    if (this.#level === 0) {
      const one = planning.newField('?', type(Oid.int4));
      const values: Operator = { kind: 'values', rows: [[{ kind: 'constant', type: one.type, value: '0' }]], fields: [one] };
      return this.#forAllKeys(values, convertExpression(this.#options.at, this.#scope(undefined)));
    }
    const equal = this.#equalKeys();
    const outer = this.#outer().rows?.(this.#ranges(equal ?? []));
    if (outer === undefined) throw this.#refuse('the option "at" over these columns of the query round timeline()');
    const at = convertExpression(this.#options.at, this.#scope(outer.scope));
    if (equal === undefined) return this.#forAllKeys(outer.input, at);
    const keys = equal.map((key) => convertExpression(key, this.#around(outer.scope)));
    const { input, instant, others } = this.#instants(outer.input, at, keys);
    return { rows: distinct(input, [instant, ...others]), keyFields: others, instant };
  }

  #forAllKeys(input: Operator, at: PlanExpr): Asked {
    const { planning } = this.#options.request;
    const asked = this.#instants(input, at, []);
    const source = this.#options.source();
    const keyFields = source.keys.map((key) => planning.newField('key', typeOf<PlanLeaf>(key)));
    const keyed: Operator = {
      kind: 'project',
      input: source.input,
      items: source.keys.map((expr, n) => ({ field: keyFields[n] as Field, expr })),
    };
    return {
      rows: {
        kind: 'join',
        type: 'cross',
        left: distinct(keyed, keyFields),
        right: distinct(asked.input, [asked.instant]),
        condition: undefined,
      },
      instant: asked.instant,
      keyFields,
    };
  }

  /** A row for each instant, arrays opened, beside other values. */
  #instants(input: Operator, at: PlanExpr, others: readonly PlanExpr[]): { input: Operator; instant: Field; others: readonly Field[] } {
    const { planning } = this.#options.request;
    const asked = planning.newField('at', typeOf<PlanLeaf>(at));
    const fields = others.map((expr) => planning.newField('key', typeOf<PlanLeaf>(expr)));
    const items = [{ field: asked, expr: at }, ...others.map((expr, n) => ({ field: fields[n] as Field, expr }))];
    const rows: Operator = { kind: 'project', input, items };
    if (!this.#isArray) return { input: rows, instant: asked, others: fields };
    const instant = planning.newField('at', TIMESTAMPTZ);
    const call = {
      kind: 'call',
      fn: 'unnest(anyarray)',
      args: [columnRef(asked)],
      type: TIMESTAMPTZ,
      volatility: 'immutable',
      retset: true,
    } as Call<PlanLeaf>;
    const opened: Operator = { kind: 'table_function', input: rows, calls: [{ call, fields: [instant] }], ordinality: undefined };
    const kept = [instant, ...fields];
    const renamed = kept.map((field) => ({ field: planning.newField(field.name, field.type), expr: columnRef(field) }));
    const [first, ...rest] = renamed.map(({ field }) => field);
    return { input: { kind: 'project', input: opened, items: renamed }, instant: first as Field, others: rest };
  }

  /** What the query round the call sets each key column equal to; undefined: not all of them, or not by rows of the query that asks. */
  #equalKeys(): readonly QueryExpr[] | undefined {
    const { keys, request } = this.#options;
    const round = request.outer;
    const found = keys.map((_, n) => round?.equalTo?.(n + 1));
    const fits = found.every((expr, n) => {
      if (expr === undefined) return false;
      const target = request.query.targets.filter(({ junk }) => !junk)[n];
      if (target === undefined || !sameType({ ...typeOf(expr), typmod: -1 }, { ...typeOf(target.expr), typmod: -1 })) return false;
      const levels = [...levelsRead(expr)];
      return !hasQuery(expr) && levels.every((level) => level === this.#level - 1) && this.#offers(expr);
    });
    return fits ? (found as readonly QueryExpr[]) : undefined;
  }

  /** Has the query that asks these columns when it asks? */
  #offers(key: QueryExpr): boolean {
    return this.#outer().rows?.(this.#ranges([key])) !== undefined;
  }

  /** Ranges of the query that asks which `at` and conditions of the query round the call read. */
  #ranges(keys: readonly QueryExpr[]): ReadonlySet<number> {
    return new Set([...rangesOf([this.#options.at], this.#level), ...rangesOf(keys, this.#level - 1)]);
  }

  #outer(): Scope {
    let scope = this.#options.request.outer;
    for (let n = 1; n < this.#level; n += 1) scope = scope?.outer;
    if (scope === undefined) throw internal('timeline: no query round the call');
    return scope;
  }

  /** The scope that `at` stands in; `asking`: in place of the query that asks. */
  #scope(asking: Scope | undefined): Scope {
    const { request } = this.#options;
    const outer = asking === undefined ? request.outer : this.#around(asking);
    return {
      ...between(outer),
      subquery: (link, inside) => planSubquery(link, inside, { ctes: request.ctes, planning: request.planning }),
    };
  }

  /** The scope of the query round the call, where `asking` is the one that asks. */
  #around(asking: Scope): Scope {
    let scope = asking;
    for (let n = 1; n < this.#level; n += 1) scope = between(scope);
    return scope;
  }

  #refuse(what: string): Error {
    const { position } = this.#options;
    return unsupported(what, {
      ...(position === undefined ? {} : { position }),
      hint: 'Join the rows that ask in a LATERAL of their own: FROM (SELECT … ) o, LATERAL timeline(…, at => o.t).',
    });
  }
}

function distinct(input: Operator, fields: readonly Field[]): Operator {
  const present = fields.map((field): PlanExpr => ({ kind: 'is_null', arg: columnRef(field), negated: true }));
  return { kind: 'distinct', input: { kind: 'filter', input, predicate: conjunction<PlanLeaf>(present) ?? TRUE } };
}

/** Ranges of the query `level` queries out that expressions read. */
function rangesOf(exprs: readonly QueryExpr[], level: number): ReadonlySet<number> {
  const ranges = new Set<number>();
  for (const expr of exprs) {
    walkLevels(expr, (node, depth) => {
      if (node.kind === 'var' && node.level - depth === level) ranges.add(node.range);
      return true;
    });
  }
  return ranges;
}

function hasQuery(expr: QueryExpr): boolean {
  let found = false;
  walkLevels(expr, (node) => {
    if (node.kind === 'sublink') found = true;
    return !found;
  });
  return found;
}
