import { RAW_DATE_INFINITY, type RawColumn } from '../../sql/column-block.js';
import { Oid } from '../../sql/types.js';
import type { CellWriter } from './encode-block.js';

/** 2000-01-01, where PostgreSQL counts from. */
const EPOCH_DAYS = 10_957;
const EPOCH_MICROS = 946_684_800_000_000n;
/** The ends of int64 stand for infinity, and what lies near them cannot be moved. */
const LEAST = -9_000_000_000_000_000_000n;
const MOST = 9_000_000_000_000_000_000n;

/** Binary fields of fixed size; undefined: the type has none here. */
export function binaryCell({ type, data }: RawColumn): CellWriter | undefined {
  switch (type.oid) {
    case Oid.bool:
      return { room: 1, write: (buffer, at, row) => reversed(buffer, at, data, row, 1) };
    case Oid.int2:
      return { room: 2, write: (buffer, at, row) => reversed(buffer, at, data, row * 2, 2) };
    case Oid.float4:
    case Oid.float8:
      return floatCell(data, type.oid === Oid.float4 ? 4 : 8);
    case Oid.int4:
    case Oid.oid:
      return { room: 4, write: (buffer, at, row) => reversed(buffer, at, data, row * 4, 4) };
    case Oid.int8:
    case Oid.time:
      return { room: 8, write: (buffer, at, row) => reversed(buffer, at, data, row * 8, 8) };
    case Oid.uuid:
      return {
        room: 16,
        write: (buffer, at, row) => {
          reversed(buffer, at, data, row * 16, 16);
          buffer[at] = (buffer[at] as number) ^ 0x80;
          return at + 16;
        },
      };
    case Oid.date: {
      const view = viewOf(data);
      return {
        room: 4,
        write: (buffer, at, row) => {
          const days = view.getInt32(row * 4, true);
          if (days >= RAW_DATE_INFINITY - EPOCH_DAYS || days <= EPOCH_DAYS - RAW_DATE_INFINITY) return -1;
          viewOf(buffer).setInt32(at, days - EPOCH_DAYS);
          return at + 4;
        },
      };
    }
    case Oid.timestamp:
    case Oid.timestamptz: {
      const view = viewOf(data);
      let known: { readonly buffer: Uint8Array; readonly view: DataView } | undefined;
      return {
        room: 8,
        write: (buffer, at, row) => {
          const micros = view.getBigInt64(row * 8, true);
          if (micros < LEAST || micros > MOST) return -1;
          if (known?.buffer !== buffer) known = { buffer, view: viewOf(buffer) };
          known.view.setBigInt64(at, micros - EPOCH_MICROS);
          return at + 8;
        },
      };
    }
    case Oid.interval:
      // Months, days, microseconds in memory; microseconds, days, months on the wire: the whole turned round.
      return { room: 16, write: (buffer, at, row) => reversed(buffer, at, data, row * 16, 16) };
    default:
      return undefined;
  }
}

/** NaNs differ in bits that mean nothing; PostgreSQL's is always the same. */
function floatCell(data: Uint8Array, width: 4 | 8): CellWriter {
  const view = viewOf(data);
  return {
    room: width,
    write: (buffer, at, row) => {
      const value = width === 4 ? view.getFloat32(row * 4, true) : view.getFloat64(row * 8, true);
      return Number.isNaN(value) ? -1 : reversed(buffer, at, data, row * width, width);
    },
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Little-endian there, big-endian here. */
function reversed(buffer: Uint8Array, at: number, data: Uint8Array, from: number, width: number): number {
  for (let n = 0; n < width; n++) buffer[at + n] = data[from + width - 1 - n] as number;
  return at + width;
}
