import { Oid, type Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { equalIsSame, equalityKey, exactKey } from './value-identity.js';

/** So many values of one type get ids; others are held as they are. */
const MOST_VALUES = 65_536;
const LONGEST_TEXT = 1024;

/** The id of a value that has none. */
export const BOXED = -1;
export const FALSE_ID = 1;
export const TRUE_ID = 2;

/**
 * Values of one type as small numbers: 0 is NULL. Values that show differently have different ids, though they may be equal (1.0, 1.00).
 * A value has always the same id, or never one: so two ids, or an id and a value without one, never stand for the same value.
 */
export class Interner {
  readonly values: (Value | null)[] = [null];
  /** By id: the lowest id of an equal value; undefined: equal values are the same. */
  readonly #classes: number[] | undefined;
  readonly #byValue = new Map<string, number>();
  readonly #byKey = new Map<string | number, number>();
  readonly #key: (value: Value) => string | number;

  constructor(readonly type: Type) {
    this.#key = equalityKey(type);
    if (!equalIsSame(type)) this.#classes = [0];
    if (type.oid === Oid.bool) this.values.push(false, true);
  }

  id(value: Value | null): number {
    if (value === null) return 0;
    if (typeof value === 'boolean') return value ? TRUE_ID : FALSE_ID;
    if (typeof value === 'string' && value.length > LONGEST_TEXT) return BOXED;
    const text = typeof value === 'string' ? value : exactKey(value);
    const known = this.#byValue.get(text);
    if (known !== undefined) return known;
    const id = this.values.length;
    if (id > MOST_VALUES || text.length > LONGEST_TEXT) return BOXED;
    this.#byValue.set(text, id);
    this.values.push(value);
    if (this.#classes !== undefined) {
      const key = this.#key(value);
      const equal = this.#byKey.get(key) ?? id;
      if (equal === id) this.#byKey.set(key, id);
      this.#classes.push(equal);
    }
    return id;
  }

  /** Do two ids (not BOXED) stand for equal values? NULL equals NULL. */
  equal(a: number, b: number): boolean {
    return a === b || (this.#classes !== undefined && this.#classes[a] === this.#classes[b]);
  }
}

/** One interner a type. */
export class Interners {
  readonly #byType = new Map<number, Interner>();

  of(type: Type): Interner {
    let interner = this.#byType.get(type.oid);
    if (interner === undefined) {
      interner = new Interner(type);
      this.#byType.set(type.oid, interner);
    }
    return interner;
  }
}
