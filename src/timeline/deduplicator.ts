import type { Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { BatchColumns } from './batch-columns.js';
import { damagedState } from './state-error.js';
import { equalityKey } from './value-identity.js';

/** A Set holds at most 2^24. */
const MOST_IN_SET = 2 ** 23;

/** `dedupe`: the first event of a key with given values counts, later ones do not exist. A NULL is never a duplicate. */
export class Deduplicator {
  readonly #ids: readonly { readonly id: number; readonly key: (value: Value) => string | number }[];
  #readers: readonly ((row: number) => Value | null)[] = [];
  #seen: Set<string>[] = [new Set()];

  constructor(ids: readonly number[], inputType: (id: number) => Type) {
    this.#ids = ids.map((id) => ({ id, key: equalityKey(inputType(id)) }));
  }

  bind(columns: BatchColumns): void {
    this.#readers = this.#ids.map(({ id }) => columns.reader(id));
  }

  clear(): void {
    if ((this.#seen[0]?.size ?? 0) > 0) this.#seen = [new Set()];
  }

  /** Is this event the first of its kind? */
  isFirst(slot: number, row: number): boolean {
    let key = String(slot);
    for (let n = 0; n < this.#ids.length; n++) {
      const value = this.#readers[n]?.(row) ?? null;
      if (value === null) return true;
      const text = String(this.#ids[n]?.key(value));
      key += ` ${text.length}:${text}`;
    }
    for (const seen of this.#seen) if (seen.has(key)) return false;
    if ((this.#seen.at(-1) as Set<string>).size >= MOST_IN_SET) this.#seen.push(new Set());
    this.#seen.at(-1)?.add(key);
    return true;
  }

  save(): unknown {
    return this.#seen.flatMap((seen) => [...seen]);
  }

  load(saved: unknown): void {
    if (!Array.isArray(saved)) throw damagedState();
    this.#seen = [new Set()];
    for (const key of saved) {
      if (typeof key !== 'string') throw damagedState();
      if ((this.#seen.at(-1) as Set<string>).size >= MOST_IN_SET) this.#seen.push(new Set());
      this.#seen.at(-1)?.add(key);
    }
  }
}
