import type { TimelineSpec } from '../../../planner/timeline-spec.js';
import type { ColumnVector } from '../../../sql/column-vector.js';
import { type Comparator, comparator } from '../../../sql/functions/state-functions.js';
import { Oid, type Type } from '../../../sql/types.js';
import type { Value } from '../../../sql/value.js';
import { exactKey } from '../../timeline/value-identity.js';
import { valueReader } from './vectors.js';

/** Values of the order_by columns, for rows that are asked for. */
export type OrderValues = readonly (Value | null)[];

/**
 * Events of one key at one instant come by `order_by`, then by source position. What it orders by is mostly long and of no other use
 * (ids of events), so it is read only where the order makes a difference.
 */
export class TieOrder {
  readonly #spec: TimelineSpec;
  readonly #types: ReadonlyMap<number, Type>;
  readonly #comparators: readonly (Comparator | undefined)[];

  constructor(spec: TimelineSpec, types: ReadonlyMap<number, Type>) {
    this.#spec = spec;
    this.#types = types;
    this.#comparators = spec.orderBy.map((id) => comparator(types.get(id) as Type));
  }

  /** Can some order of some events make a difference? */
  get matters(): boolean {
    const { orderBy, leaves, dedupe, ties } = this.#spec;
    if (orderBy.length === 0) return false;
    return dedupe.length > 0 || ties === 'error' || leaves.some((leaf) => this.#orders(leaf));
  }

  /** The first column whose values have no order here. */
  get unordered(): number | undefined {
    return this.#spec.orderBy.find((_, n) => this.#comparators[n] === undefined);
  }

  /** Tells of some rows of one key and time whether their order makes a difference. */
  differs(columns: ReadonlyMap<number, ColumnVector>): (rows: readonly number[]) => boolean {
    const { leaves, dedupe, ties } = this.#spec;
    if (dedupe.length > 0 || ties === 'error') return () => true;
    const read = (id: number): ((row: number) => Value | null) => valueReader(columns.get(id) as ColumnVector, this.#types.get(id) as Type);
    const tests = leaves.flatMap((leaf): ((rows: readonly number[]) => boolean)[] => {
      if (!this.#orders(leaf)) return [];
      switch (leaf.op) {
        case 'latest':
        case 'sum_so_far': {
          const value = read(leaf.value);
          return [(rows) => differ(rows.map(value).filter((one) => one !== null))];
        }
        case 'latest_when': {
          const [when, value] = [read(leaf.when), read(leaf.value)];
          return [(rows) => differ(rows.filter((row) => when(row) === true).map(value))];
        }
        default:
          return [];
      }
    });
    return (rows) => tests.some((test) => test(rows));
  }

  /** Before zero: a comes first. */
  compare(a: OrderValues, b: OrderValues): number {
    for (const [n, compare] of this.#comparators.entries()) {
      const x = a[n] ?? null;
      const y = b[n] ?? null;
      if (x === null || y === null) {
        if (x !== y) return x === null ? 1 : -1;
        continue;
      }
      const order = compare?.(x, y) ?? 0;
      if (order !== 0) return order;
    }
    return 0;
  }

  /** Sums of floats depend on the order of additions. */
  #orders(leaf: TimelineSpec['leaves'][number]): boolean {
    if (leaf.op === 'latest' || leaf.op === 'latest_when') return true;
    return leaf.op === 'sum_so_far' && (leaf.type.oid === Oid.float4 || leaf.type.oid === Oid.float8);
  }
}

function differ(values: readonly (Value | null)[]): boolean {
  const [first = null, ...others] = values;
  return others.some((value) => !Object.is(value, first) && exactKey(value) !== exactKey(first));
}
