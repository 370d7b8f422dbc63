import type { ColumnVector } from '../../../sql/column-vector.js';
import type { Type } from '../../../sql/types.js';
import { GatheredColumn } from './gathered-column.js';
import { TupleColumns } from './tuple-columns.js';
import { gatherVector, type Rows } from './vectors.js';

/** Columns put together from parts: those of few values as one. */
export class GatheredColumns {
  readonly #tuples: TupleColumns;
  readonly #single: ReadonlyMap<number, GatheredColumn>;

  /** `first`: the first part's; `capacity`: rows at most. */
  constructor(first: ReadonlyMap<number, ColumnVector>, types: ReadonlyMap<number, Type>, capacity: number) {
    this.#tuples = TupleColumns.of(first, types, capacity);
    const single = [...first.keys()].filter((id) => !this.#tuples.ids.includes(id));
    this.#single = new Map(single.map((id) => [id, new GatheredColumn(types.get(id) as Type, capacity)]));
  }

  get bytes(): number {
    return [...this.#single.values()].reduce((sum, column) => sum + column.bytes, this.#tuples.bytes);
  }

  append(columns: ReadonlyMap<number, ColumnVector>, count: number): void {
    this.#tuples.append(columns, count);
    for (const [id, column] of this.#single) column.append(columns.get(id) as ColumnVector);
  }

  /** All rows. */
  vectors(): readonly (readonly [number, ColumnVector])[] {
    return [...this.#packed(this.#tuples.codes), ...[...this.#single].map(([id, column]): [number, ColumnVector] => [id, column.vector])];
  }

  gather(rows: Rows): readonly (readonly [number, ColumnVector])[] {
    const all = this.#tuples.codes;
    const codes = all instanceof Uint16Array ? new Uint16Array(rows.length) : new Uint32Array(rows.length);
    for (let n = 0; n < rows.length; n++) codes[n] = all[rows[n] as number] as number;
    return [
      ...this.#packed(codes),
      ...[...this.#single].map(([id, column]): [number, ColumnVector] => [id, gatherVector(column.vector, rows)]),
    ];
  }

  #packed(codes: Uint16Array | Uint32Array): readonly (readonly [number, ColumnVector])[] {
    const { ids } = this.#tuples;
    return ids.map((id, n) => [id, { kind: 'codes', codes, dictionary: this.#tuples.dictionary(n), valid: undefined }]);
  }
}
