import type { AvroValue } from './avro-reader.js';

export interface ByColumn<V> {
  /** By column id. */
  get(column: number): V | undefined;
}

/** What a manifest says of the columns of one file. */
export interface ManifestStatistics {
  readonly rows: number;
  readonly valueCounts: ByColumn<number>;
  readonly nullCounts: ByColumn<number>;
  readonly nanCounts: ByColumn<number>;
  readonly lower: ByColumn<Uint8Array>;
  readonly upper: ByColumn<Uint8Array>;
}

/** The statistics of one entry after the other, each map decoded when it is first asked for. */
export class EntryStatistics implements ManifestStatistics {
  rows = 0;
  readonly valueCounts: Items<number>;
  readonly nullCounts: Items<number>;
  readonly nanCounts: Items<number>;
  readonly lower: Items<Uint8Array>;
  readonly upper: Items<Uint8Array>;

  /** `value`: the present entry's value of a field of data_file. */
  constructor(value: (id: number) => AvroValue) {
    this.valueCounts = new Items(() => value(109), Number);
    this.nullCounts = new Items(() => value(110), Number);
    this.nanCounts = new Items(() => value(137), Number);
    this.lower = new Items(() => value(125), bytes);
    this.upper = new Items(() => value(128), bytes);
  }

  begin(rows: number): void {
    this.rows = rows;
    for (const items of [this.valueCounts, this.nullCounts, this.nanCounts, this.lower, this.upper]) items.forget();
  }
}

class Items<V> implements ByColumn<V> {
  readonly #load: () => AvroValue;
  readonly #convert: (value: AvroValue) => V | undefined;
  #items: readonly AvroValue[] | undefined;

  constructor(load: () => AvroValue, convert: (value: AvroValue) => V | undefined) {
    this.#load = load;
    this.#convert = convert;
  }

  forget(): void {
    this.#items = undefined;
  }

  get(column: number): V | undefined {
    if (this.#items === undefined) {
      const value = this.#load();
      this.#items = Array.isArray(value) ? value : [];
    }
    // Of a key that comes twice the last counts, as in a map. There are few: only columns that are asked for.
    for (let at = this.#items.length - 1; at >= 0; at--) {
      const item = this.#items[at] as { readonly key: AvroValue; readonly value: AvroValue } | undefined;
      if (item !== undefined && Number(item.key) === column) return this.#convert(item.value);
    }
    return undefined;
  }
}

function bytes(value: AvroValue): Uint8Array | undefined {
  return value instanceof Uint8Array ? value : undefined;
}
