import { numericKey, readNumeric } from '../../sql/functions/numeric.js';
import { intervalSpan } from '../../sql/functions/state-functions.js';
import { Oid, type Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { type Column, type Columns, columnOf } from './leaves.js';

/** `dedupe`: the first event of a key with given values counts, later ones do not exist. A NULL is never a duplicate. */
export class Deduplicator {
  readonly #ids: readonly { readonly id: number; readonly text: (value: Value) => string }[];
  #columns: readonly Column[] = [];
  readonly #seen = new Set<string>();

  constructor(ids: readonly number[], inputType: (id: number) => Type) {
    this.#ids = ids.map((id) => ({ id, text: textOf(inputType(id)) }));
  }

  bind(columns: Columns): void {
    this.#columns = this.#ids.map(({ id }) => columnOf(columns, id));
  }

  newKey(): void {
    this.#seen.clear();
  }

  /** Is this event the first of its kind? */
  isFirst(row: number): boolean {
    let key = '';
    for (let n = 0; n < this.#ids.length; n++) {
      const value = this.#columns[n]?.[row] ?? null;
      if (value === null) return true;
      const text = this.#ids[n]?.text(value) ?? '';
      key += this.#ids.length === 1 ? text : `${text.length}:${text}`;
    }
    const before = this.#seen.size;
    this.#seen.add(key);
    return this.#seen.size > before;
  }
}

function textOf(type: Type): (value: Value) => string {
  switch (type.oid) {
    case Oid.numeric:
      return (value) => numericKey(readNumeric(value as string));
    case Oid.interval:
      return (value) => String(intervalSpan(value));
    case Oid.bpchar:
      return (value) => (value as string).replace(/ +$/, '');
    case Oid.bytea:
      return (value) => Buffer.from(value as Uint8Array).toString('latin1');
    case Oid.float4:
    case Oid.float8:
      return (value) => String(value === 0 ? 0 : value);
    default:
      return (value) =>
        typeof value === 'object'
          ? JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item))
          : String(value);
  }
}
