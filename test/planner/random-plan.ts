import { type Field, fieldsOf, type Operator, type PlanExpr } from '../../planner/physical-plan.js';
import type { Planning } from '../../planner/planning.js';
import type { Tables } from './mini-engine.js';
import { binary, bool, column, filter, INT, int, type TestTable, testPlanning } from './support.js';

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
        const tables = Array.from({ length: 2 + this.pick(3) }, () => this.operator(this.pick(2) * Math.min(1, depth - 1)));
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
        const type = (['inner', 'left', 'right', 'full', 'cross', 'semi', 'anti'] as const)[this.pick(7)] ?? 'cross';
        const join = { kind: 'join', type, left, right, condition: undefined } as const;
        return type === 'cross' ? join : { ...join, condition: this.predicate([...fieldsOf(left), ...fieldsOf(right)], 1) };
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
        // sorted by every column, so that LIMIT has one right answer
        const input = this.operator(depth - 1);
        const keys = fieldsOf(input).map((field) => ({
          expr: column(field),
          descending: this.pick(2) === 0,
          nullsFirst: this.pick(2) === 0,
        }));
        const sort: Operator = { kind: 'sort', input, keys };
        if (this.pick(2) === 0) return sort;
        return { kind: 'limit', input: sort, limit: this.pick(5), ...(this.pick(2) === 0 ? {} : { offset: this.pick(3) }) };
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

  predicate(fields: readonly Field[], depth: number): PlanExpr {
    const compare = (): PlanExpr => binary(this.pick(2) === 0 ? '=' : '<', this.value(fields, 0), this.value(fields, 0));
    if (depth === 0) return compare();
    const inner = (): PlanExpr => this.predicate(fields, depth - 1);
    switch (this.pick(8)) {
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
