import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js';

/** What a Parquet footer says of a column chunk's values, as bytes of the column's own type: hyparquet turns decimals into floats. */
export interface RawStatistics {
  /** In the order of the column's type (min_value, max_value); they may be cut, and are bounds all the same. */
  readonly lower: Uint8Array | undefined;
  readonly upper: Uint8Array | undefined;
  /** In signed order (the deprecated min, max). */
  readonly signedLower: Uint8Array | undefined;
  readonly signedUpper: Uint8Array | undefined;
  readonly nulls: number | undefined;
}

export interface FooterStatistics {
  /** Of each leaf column: is the order of its bounds the one that its type has? */
  readonly typedOrder: readonly boolean[];
  /** By row group, then leaf column. */
  readonly groups: readonly (readonly (RawStatistics | undefined)[])[];
}

type Thrift = Readonly<Record<string, unknown>>;

/** From the bytes of the footer alone. Throws plain errors. */
export function footerStatistics(footer: Uint8Array): FooterStatistics {
  const metadata = thriftStruct(footer);
  const orders = list(metadata['field_7']);
  return {
    typedOrder: orders.map((order) => (order as Thrift)['field_1'] !== undefined),
    groups: list(metadata['field_4']).map((group) =>
      list((group as Thrift)['field_1']).map((chunk) => {
        const statistics = ((chunk as Thrift)['field_3'] as Thrift | undefined)?.['field_12'] as Thrift | undefined;
        return statistics === undefined ? undefined : rawStatistics(statistics);
      }),
    ),
  };
}

function rawStatistics(statistics: Thrift): RawStatistics {
  const nulls = statistics['field_3'];
  return {
    lower: binary(statistics['field_6']),
    upper: binary(statistics['field_5']),
    signedLower: binary(statistics['field_2']),
    signedUpper: binary(statistics['field_1']),
    nulls: typeof nulls === 'bigint' || typeof nulls === 'number' ? Number(nulls) : undefined,
  };
}

/** A struct in Thrift's compact protocol, by `field_<id>`. */
export function thriftStruct(bytes: Uint8Array): Thrift {
  return deserializeTCompactProtocol({ view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 });
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function binary(value: unknown): Uint8Array | undefined {
  return value instanceof Uint8Array ? value : undefined;
}
