import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { TimelineError } from '../../sql/errors.js';
import { equality } from '../../sql/functions/state-functions.js';
import type { Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { BatchColumns } from './batch-columns.js';

/** `ties => 'error'`: 21000 when two events equal in (key, ts, order_by) give one latest or latest_when different values. */
export class TieCheck {
  readonly #orderBy: readonly { readonly id: number; readonly same: (a: Value, b: Value) => boolean }[];
  readonly #leaves: readonly {
    readonly when: number | undefined;
    readonly value: number;
    readonly same: (a: Value, b: Value) => boolean;
  }[];
  readonly #deferred: boolean;
  readonly #failed = new Set<number>();
  #readOrder: readonly ((row: number) => Value | null)[] = [];
  #readLeaves: readonly { readonly matches: Uint8Array | undefined; readonly value: (row: number) => Value | null }[] = [];
  #instant = Number.NaN;
  /** Of the keys with events at this instant. */
  readonly #tied = new Map<number, { order: readonly (Value | null)[]; given: (Value | null)[] }>();

  constructor({ orderBy, leaves, probe }: TimelineSpec, inputType: (id: number) => Type) {
    this.#deferred = probe !== undefined;
    this.#orderBy = orderBy.map((id) => ({ id, same: equality(inputType(id)) }));
    this.#leaves = leaves.flatMap((leaf) =>
      leaf.op === 'latest' || leaf.op === 'latest_when'
        ? [{ when: leaf.op === 'latest_when' ? leaf.when : undefined, value: leaf.value, same: equality(leaf.type) }]
        : [],
    );
  }

  bind(columns: BatchColumns): void {
    this.#readOrder = this.#orderBy.map(({ id }) => columns.reader(id));
    this.#readLeaves = this.#leaves.map(({ when, value }) => ({
      matches: when === undefined ? undefined : columns.flags(when),
      value: columns.reader(value),
    }));
  }

  /** Events of another key come under the same slot. */
  newKey(): void {
    this.#tied.clear();
    this.#failed.clear();
  }

  /** Throws if a deferred check failed: only what a probe sees is an error. */
  check(slot: number): void {
    if (this.#failed.has(slot)) throw tieError();
  }

  see(slot: number, row: number, instant: number): void {
    if (this.#instant !== instant) this.#tied.clear();
    this.#instant = instant;
    const order = this.#readOrder.map((read) => read(row));
    let tied = this.#tied.get(slot);
    if (tied === undefined || !this.#orderBy.every(({ same }, n) => equal(order[n] ?? null, tied?.order[n] ?? null, same))) {
      tied = { order, given: this.#leaves.map(() => null) };
      this.#tied.set(slot, tied);
    }
    const { given: before } = tied;
    this.#leaves.forEach(({ same }, n) => {
      const { matches, value } = this.#readLeaves[n] ?? {};
      if (matches !== undefined && matches[row] !== 1) return;
      const given = value?.(row) ?? null;
      if (given === null) return;
      const held = before[n] ?? null;
      if (held !== null && !same(held, given)) {
        if (!this.#deferred) throw tieError();
        this.#failed.add(slot);
      }
      before[n] = given;
    });
  }
}

function tieError(): TimelineError {
  return new TimelineError({
    kind: 'data',
    sqlstate: '21000',
    message: 'timeline: two events with equal key, ts and order_by give one operator different values',
    hint: 'Name columns in order_by that tell the events apart.',
  });
}

function equal(a: Value | null, b: Value | null, same: (a: Value, b: Value) => boolean): boolean {
  return a === null || b === null ? a === b : same(a, b);
}
