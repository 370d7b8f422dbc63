import { type Field, fieldsOf, type Operator, type PlanExpr } from '../../planner/physical-plan.js';
import type { Planning } from '../../planner/planning.js';
import type { Tables } from './mini-engine.js';
import { BOOL, binary, bool, column, filter, INT, int, type TestTable, testPlanning } from './support.js';

export const TABLES: Readonly<Record<string, TestTable>> = {
  t: {
    columns: [
      ['a', INT],
      ['b', INT],
      ['c', INT],
    ],
    answers: { a: 'inexact' },
  },
  u: {
    columns: [
      ['a', INT],
      ['d', INT],
    ],
    answers: { d: 'inexact' },
  },
};

export const ROWS: Tables = {
  t: [
    { a: 1, b: 1, c: 2 },
    { a: 1, b: null, c: 0 },
    { a: 2, b: 2, c: null },
    { a: null, b: 0, c: 1 },
    { a: 0, b: 2, c: 2 },
    { a: 2, b: 2, c: 1 },
    { a: 2, b: 2, c: 1 },
  ],
  u: [
    { a: 1, d: 2 },
    { a: 2, d: null },
    { a: null, d: 1 },
    { a: 3, d: 0 },
    { a: 1, d: 2 },
  ],
};

/** A random plan is grown from a list of random numbers, so that fast-check can shrink it. */
export class Growth {
  readonly #choices: readonly number[];
  #at = 0;
  /** Subqueries that are being grown. */
  #nested = 0;
  readonly planning: Planning = testPlanning(TABLES);

  constructor(choices: readonly number[]) {
    this.#choices = choices;
  }

  pick(n: number): number {
    this.#at += 1;
    return (this.#choices[this.#at - 1] ?? 0) % n;
  }

  oneOf<T>(list: readonly T[]): T {
    return list[this.pick(list.length)] as T;
  }

  operator(depth: number): Operator {
    if (depth === 0) return this.planning.scan('lake', this.pick(2) === 0 ? 't' : 'u');
    switch (this.pick(9)) {
      case 0:
      case 1: {
        const input = this.operator(depth - 1);
        return filter(input, this.predicate(fieldsOf(input), 2));
      }
      case 2: {
        const input = this.operator(depth - 1);
        const items = Array.from({ length: 1 + this.pick(3) }, () => ({
          field: this.planning.newField('p', INT),
          expr: this.value(fieldsOf(input), 1),
        }));
        return { kind: 'project', input, items };
      }
      case 3: {
        // comma joins under a WHERE
        const tables = Array.from({ length: 2 + this.pick(3) }, () => this.operator(0));
        const joined = tables.reduce((left, right): Operator => ({ kind: 'join', type: 'cross', left, right, condition: undefined }));
        const parts = Array.from({ length: 1 + this.pick(4) }, () =>
          this.pick(3) === 0
            ? this.predicate(fieldsOf(joined), 1)
            : binary('=', column(this.oneOf(fieldsOf(joined))), column(this.oneOf(fieldsOf(joined)))),
        );
        return filter(joined, { kind: 'and', args: parts });
      }
      case 4: {
        const left = this.operator(depth - 1);
        const right = this.operator(depth - 1);
        const both = [...fieldsOf(left), ...fieldsOf(right)];
        if (this.pick(5) === 4) {
          const lateral = { kind: 'join', type: this.oneOf(['cross', 'inner', 'left'] as const), left, lateral: true } as const;
          const condition = lateral.type === 'cross' ? undefined : this.predicate(both, 1);
          return { ...lateral, right: this.ranked(filter(right, this.predicate(both, 1))), condition };
        }
        const type = (['inner', 'left', 'right', 'full', 'cross', 'semi', 'anti'] as const)[this.pick(7)] ?? 'cross';
        const join = { kind: 'join', type, left, right, condition: undefined } as const;
        return type === 'cross' ? join : { ...join, condition: this.predicate(both, 1, type !== 'full') };
      }
      case 5: {
        const input = this.operator(depth - 1);
        const keys = Array.from({ length: this.pick(3) }, () => ({
          field: this.planning.newField('k', INT),
          expr: this.value(fieldsOf(input), 1),
        }));
        const aggregates = Array.from({ length: 1 + this.pick(2) }, () => {
          const star = this.pick(2) === 0;
          return {
            field: this.planning.newField('g', INT),
            fn: star ? 'count()' : 'sum(int4)',
            args: star ? [] : [this.value(fieldsOf(input), 1)],
            distinct: false,
            orderBy: [],
            filter: this.pick(3) === 0 ? this.predicate(fieldsOf(input), 1) : undefined,
            state: [],
          };
        });
        return { kind: 'aggregate', phase: 'single', input, keys, aggregates };
      }
      case 6:
        return { kind: 'distinct', input: this.operator(depth - 1) };
      case 7: {
        const inputs = Array.from({ length: 2 }, () => this.operator(depth - 1));
        const width = Math.min(...inputs.map((input) => fieldsOf(input).length));
        const fields = Array.from({ length: width }, () => this.planning.newField('n', INT));
        return {
          kind: 'union_all',
          fields,
          inputs: inputs.map((input) => ({
            kind: 'project',
            input,
            items: fieldsOf(input)
              .slice(0, width)
              .map((field) => ({ field: this.planning.newField('n', INT), expr: column(field) })),
          })),
        };
      }
      default: {
        const sort = this.sorted(this.operator(depth - 1));
        return this.pick(2) === 0 ? sort : this.limited(sort);
      }
    }
  }

  /** Sorted by every column, so that LIMIT has one right answer. */
  sorted(input: Operator): Operator {
    const keys = fieldsOf(input).map((field) => ({
      expr: column(field),
      descending: this.pick(2) === 0,
      nullsFirst: this.pick(2) === 0,
    }));
    return { kind: 'sort', input, keys };
  }

  limited(input: Operator): Operator {
    return { kind: 'limit', input, limit: this.pick(5), ...(this.pick(2) === 0 ? {} : { offset: this.pick(3) }) };
  }

  /** The first rows of it, sometimes. */
  ranked(input: Operator): Operator {
    return this.pick(3) === 2 ? this.limited(this.sorted(input)) : input;
  }

  /** A comparison with a query, or its rows' existence; its WHERE may read the columns outside. */
  subquery(outside: readonly Field[]): PlanExpr {
    this.#nested += 1;
    const input = this.operator(this.pick(2));
    const tied = this.pick(4) === 3 ? input : filter(input, this.predicate([...fieldsOf(input), ...outside], 1));
    const plan = this.ranked(tied);
    this.#nested -= 1;
    const inner = column(this.oneOf(fieldsOf(plan)));
    const link = this.oneOf(['exists', 'not exists', 'any', 'not any', 'all', 'scalar'] as const);
    switch (link) {
      case 'exists':
      case 'not exists': {
        const exists: PlanExpr = { kind: 'subquery', link: 'exists', plan, test: undefined, type: BOOL };
        return link === 'exists' ? exists : { kind: 'not', arg: exists };
      }
      case 'any':
      case 'not any':
      case 'all': {
        const test = binary(this.pick(3) === 2 ? '<' : '=', this.value(outside, 0), inner);
        const quantified: PlanExpr = { kind: 'subquery', link: link === 'all' ? 'all' : 'any', plan, test, type: BOOL };
        return link === 'not any' ? { kind: 'not', arg: quantified } : quantified;
      }
      case 'scalar': {
        const field = this.planning.newField('g', INT);
        const counted = this.pick(2) === 0;
        const call = { field, fn: counted ? 'count()' : 'sum(int4)', args: counted ? [] : [inner], distinct: false, orderBy: [] };
        const total: Operator = {
          kind: 'aggregate',
          phase: 'single',
          input: plan,
          keys: [],
          aggregates: [{ ...call, filter: undefined, state: [] }],
        };
        return binary('<', this.value(outside, 0), { kind: 'subquery', link: 'scalar', plan: total, test: undefined, type: INT });
      }
    }
  }

  value(fields: readonly Field[], depth: number): PlanExpr {
    const leaf = (): PlanExpr =>
      this.pick(4) === 0 ? int([0, 1, 2, null][this.pick(4)] ?? null) : column(fields[this.pick(fields.length)]);
    if (depth === 0) return leaf();
    switch (this.pick(4)) {
      case 0:
        return binary('+', leaf(), leaf());
      case 1:
        return { kind: 'coalesce', args: [leaf(), leaf()], type: INT };
      case 2:
        return { kind: 'case', whens: [{ when: this.predicate(fields, 0), result: leaf() }], otherwise: leaf(), type: INT };
      default:
        return leaf();
    }
  }

  predicate(fields: readonly Field[], depth: number, queries = true): PlanExpr {
    const compare = (): PlanExpr => binary(this.pick(2) === 0 ? '=' : '<', this.value(fields, 0), this.value(fields, 0));
    if (depth === 0) return compare();
    const inner = (): PlanExpr => this.predicate(fields, depth - 1, queries);
    switch (this.pick(10)) {
      case 8:
        return queries && this.#nested < 2 ? this.subquery(fields) : compare();
      case 0:
        return { kind: 'or', args: [inner(), inner()] };
      case 1:
        return { kind: 'not', arg: inner() };
      case 2:
        return { kind: 'is_null', arg: this.value(fields, 0), negated: this.pick(2) === 0 };
      case 3:
        return bool([true, false, null][this.pick(3)] ?? null);
      case 4:
      case 5:
        return { kind: 'and', args: [inner(), inner()] };
      case 6:
        return {
          kind: 'is_bool',
          arg: inner(),
          test: (['true', 'false', 'unknown'] as const)[this.pick(3)] ?? 'true',
          negated: this.pick(2) === 0,
        };
      default:
        return compare();
    }
  }
}
