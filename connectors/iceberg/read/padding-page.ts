import { type ThriftField, ThriftType, writeThrift } from './thrift-tree.js';

/** Numbers of parquet.thrift. */
const PAGE = { type: 1, uncompressed: 2, compressed: 3, v2: 8 } as const;
const V2 = { values: 1, nulls: 2, rows: 3, encoding: 4, definitionBytes: 5, repetitionBytes: 6, isCompressed: 7 } as const;
const DATA_PAGE_V2 = 3n;
const ENCODING = { plain: 0n, dictionary: 8n } as const;

/** What padding is made of: NULL (or an empty list, where that cannot be NULL), or the first value of the chunk's dictionary. */
export type Padding = 'null' | 'dictionary';

/** A list that repeats has `maxRepetition` above 0. */
export interface PaddedColumn {
  readonly padding: Padding;
  readonly maxRepetition: number;
}

/**
 * A data page of `rows` rows that stands in for pages which nobody asks for. It says of itself that it is not compressed, as pages of the second
 * version may whatever their column's codec is.
 */
export function paddingPage({ padding, maxRepetition }: PaddedColumn, rows: number): Uint8Array {
  // One run of so many times the level, or index, 0; indexes have their width in bits before them.
  const run = [...varint(rows * 2), 0];
  const repetitions = maxRepetition > 0 ? run : [];
  const content = Uint8Array.from([...repetitions, ...(padding === 'null' ? run : [1, ...run])]);
  const definitions = padding === 'null' ? run.length : 0;
  const header = writeThrift({
    fields: [
      int(PAGE.type, DATA_PAGE_V2),
      int(PAGE.uncompressed, BigInt(content.length)),
      int(PAGE.compressed, BigInt(content.length)),
      {
        id: PAGE.v2,
        type: ThriftType.struct,
        value: {
          fields: [
            int(V2.values, BigInt(rows)),
            int(V2.nulls, padding === 'null' ? BigInt(rows) : 0n),
            int(V2.rows, BigInt(rows)),
            int(V2.encoding, ENCODING[padding === 'null' ? 'plain' : 'dictionary']),
            int(V2.definitionBytes, BigInt(definitions)),
            int(V2.repetitionBytes, BigInt(repetitions.length)),
            { id: V2.isCompressed, type: ThriftType.false, value: false },
          ],
        },
      },
    ],
  });
  return Buffer.concat([header, content]);
}

function int(id: number, value: bigint): ThriftField {
  return { id, type: ThriftType.i32, value };
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}
