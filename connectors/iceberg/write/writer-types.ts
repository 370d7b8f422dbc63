/** What the writer can put into a table: the shapes that the writer's modules share. */

/** A primitive by Iceberg's name, or a map of two primitives. */
export type WriterType = WriterPrimitive | WriterMap;
export type WriterPrimitive =
  | 'boolean'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'string'
  | 'uuid'
  | 'binary'
  | `decimal(${number}, ${number})`;
export interface WriterMap {
  readonly kind: 'map';
  readonly keyId: number;
  readonly key: WriterPrimitive;
  readonly valueId: number;
  readonly value: WriterPrimitive;
}

/** An optional column: DuckDB writes no REQUIRED ones. */
export interface WriterColumn {
  readonly id: number;
  readonly name: string;
  readonly type: WriterType;
  readonly doc?: string;
}

/** Days (of a date or timestamp column) are what the writer partitions by. */
export interface WriterPartitionField {
  readonly sourceId: number;
  readonly fieldId: number;
  readonly name: string;
  readonly transform: 'day';
}

export interface WriterTable {
  readonly columns: readonly WriterColumn[];
  readonly partition: readonly WriterPartitionField[];
  /** Ids of the columns that every file is sorted by, ascending, NULLs first. */
  readonly sort: readonly number[];
  readonly properties: Readonly<Record<string, string>>;
}

/** One Parquet file as its manifest entry tells of it; the maps go by field id. */
export interface DataFile {
  /** Location URI. */
  readonly path: string;
  /** One value per partition field: days since 1970-01-01, or null. */
  readonly partition: readonly (number | null)[];
  readonly records: number;
  readonly bytes: number;
  readonly columnSizes: ReadonlyMap<number, number>;
  readonly valueCounts: ReadonlyMap<number, number>;
  readonly nullCounts: ReadonlyMap<number, number>;
  /** Iceberg's single-value serialization; a column without an entry has no bound. */
  readonly lowerBounds: ReadonlyMap<number, Uint8Array>;
  readonly upperBounds: ReadonlyMap<number, Uint8Array>;
  /** Byte offsets of the row groups. */
  readonly splitOffsets: readonly number[];
}
