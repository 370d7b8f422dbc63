import type { ColumnVector } from '../../../sql/column-vector.js';
import type { Type } from '../../../sql/types.js';
import type { Value } from '../../../sql/value.js';
import { equalityKey } from '../../timeline/value-identity.js';
import { valueReader } from './vectors.js';

/** What a Map finds equal keys by: of one column a value, of several a text. Undefined: a NULL is among them. */
export type RowKey = string | number | undefined;

/** Gives the key of a row of a batch. */
export function rowKeys(
  columns: ReadonlyMap<number, ColumnVector>,
  keys: readonly number[],
  types: ReadonlyMap<number, Type>,
): (row: number) => RowKey {
  const parts = keys.map((id) => columnKeys(columns.get(id) as ColumnVector, types.get(id) as Type));
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  return (row) => {
    let text = '';
    for (const part of parts) {
      const key = part(row);
      if (key === undefined) return undefined;
      const own = String(key);
      text += `${own.length}:${own}`;
    }
    return text;
  };
}

function columnKeys(vector: ColumnVector, type: Type): (row: number) => RowKey {
  const key = equalityKey(type);
  if (vector.kind === 'codes') {
    const { codes, dictionary, valid } = vector;
    const known: RowKey[] = new Array(dictionary.length).fill(undefined);
    return (row) => {
      if (valid !== undefined && valid[row] === 0) return undefined;
      const code = codes[row] as number;
      known[code] ??= keyOf(dictionary[code] ?? null, key);
      return known[code];
    };
  }
  if (vector.kind === 'numbers') {
    const { values, valid } = vector;
    return (row) => {
      if (valid !== undefined && valid[row] === 0) return undefined;
      const value = values[row] as number;
      // a Map takes -0 for 0, a text does not
      return value === 0 ? 0 : value;
    };
  }
  const read = valueReader(vector, type);
  return (row) => keyOf(read(row), key);
}

function keyOf(value: Value | null, key: (value: Value) => string | number): RowKey {
  return value === null ? undefined : key(value);
}
