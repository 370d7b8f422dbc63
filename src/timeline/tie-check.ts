import type { TimelineLeaf } from '../../planner/timeline-spec.js';
import { TimelineError } from '../../sql/errors.js';
import { equality } from '../../sql/functions/state-functions.js';
import type { Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { type Column, type Columns, columnOf } from './leaves.js';

/** `ties => 'error'`: 21000 when two events equal in (key, ts, order_by) give one latest or latest_when different values. */
export class TieCheck {
  readonly #orderBy: readonly { readonly id: number; readonly same: (a: Value, b: Value) => boolean }[];
  readonly #leaves: readonly {
    readonly when: number | undefined;
    readonly value: number;
    readonly same: (a: Value, b: Value) => boolean;
  }[];
  #columns: Columns = new Map<number, Column>();
  #instant: number | undefined;
  #order: readonly (Value | null)[] = [];
  #given: (Value | null)[] = [];

  constructor(orderBy: readonly number[], leaves: readonly TimelineLeaf[], inputType: (id: number) => Type) {
    this.#orderBy = orderBy.map((id) => ({ id, same: equality(inputType(id)) }));
    this.#leaves = leaves.flatMap((leaf) =>
      leaf.op === 'latest' || leaf.op === 'latest_when'
        ? [{ when: leaf.op === 'latest_when' ? leaf.when : undefined, value: leaf.value, same: equality(leaf.type) }]
        : [],
    );
  }

  bind(columns: Columns): void {
    this.#columns = columns;
  }

  newKey(): void {
    this.#instant = undefined;
  }

  see(row: number, instant: number): void {
    const order = this.#orderBy.map(({ id }) => columnOf(this.#columns, id)[row] ?? null);
    const tied = this.#instant === instant && this.#orderBy.every(({ same }, n) => equal(order[n] ?? null, this.#order[n] ?? null, same));
    if (!tied) this.#given = this.#leaves.map(() => null);
    this.#instant = instant;
    this.#order = order;
    this.#leaves.forEach(({ when, value, same }, n) => {
      if (when !== undefined && columnOf(this.#columns, when)[row] !== true) return;
      const given = columnOf(this.#columns, value)[row] ?? null;
      if (given === null) return;
      const before = this.#given[n] ?? null;
      if (before !== null && !same(before, given)) {
        throw new TimelineError({
          kind: 'data',
          sqlstate: '21000',
          message: 'timeline: two events with equal key, ts and order_by give one operator different values',
          hint: 'Name columns in order_by that tell the events apart.',
        });
      }
      this.#given[n] = given;
    });
  }
}

function equal(a: Value | null, b: Value | null, same: (a: Value, b: Value) => boolean): boolean {
  return a === null || b === null ? a === b : same(a, b);
}
