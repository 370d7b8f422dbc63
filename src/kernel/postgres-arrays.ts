import { readAnswers } from '../../sql/postgres-protocol.js';

const TEXT = 25;
const TEXT_ARRAY = 1009;
const INT8 = 20;
const INT8_ARRAY = 1016;

/** An array in PostgreSQL's binary form: no quoting, and no parsing on the other side. */
export class ArrayParameter {
  private constructor(
    readonly arrayType: number,
    readonly bytes: Buffer,
  ) {}

  static texts(values: readonly (string | null)[], from: number, to: number): ArrayParameter {
    let length = 0;
    for (let row = from; row < to; row++) {
      const value = values[row] ?? null;
      length += value === null ? 0 : Buffer.byteLength(value, 'utf8');
    }
    const { bytes, at: start } = arrayHead(TEXT, to - from, length);
    let at = start;
    for (let row = from; row < to; row++) {
      const value = values[row] ?? null;
      if (value === null) at = bytes.writeInt32BE(-1, at);
      else {
        const written = bytes.write(value, at + 4, 'utf8');
        bytes.writeInt32BE(written, at);
        at += 4 + written;
      }
    }
    return new ArrayParameter(TEXT_ARRAY, bytes);
  }

  static integers(values: readonly number[]): ArrayParameter {
    const { bytes, at: start } = arrayHead(INT8, values.length, values.length * 8);
    let at = start;
    for (const value of values) {
      at = bytes.writeInt32BE(8, at);
      at = bytes.writeBigInt64BE(BigInt(value), at);
    }
    return new ArrayParameter(INT8_ARRAY, bytes);
  }
}

function arrayHead(element: number, count: number, contents: number): { readonly bytes: Buffer; readonly at: number } {
  const dimensions = count === 0 ? 0 : 1;
  const bytes = Buffer.allocUnsafe(12 + 8 * dimensions + 4 * count + contents);
  let at = bytes.writeInt32BE(dimensions, 0);
  at = bytes.writeInt32BE(1, at);
  at = bytes.writeInt32BE(element, at);
  if (dimensions === 1) {
    at = bytes.writeInt32BE(count, at);
    at = bytes.writeInt32BE(1, at);
  }
  return { bytes, at };
}

/** Bind to the unnamed portal: a row count and arrays, all binary; results as text. */
export function bindMessage(statement: string, rowCount: number, parameters: readonly ArrayParameter[]): Buffer {
  const name = Buffer.from(`\0${statement}\0`, 'latin1');
  const length = 4 + name.length + 4 + 2 + 12 + parameters.reduce((sum, { bytes }) => sum + 4 + bytes.length, 0) + 2;
  const out = Buffer.allocUnsafe(1 + length);
  let at = out.writeUInt8(0x42, 0);
  at = out.writeInt32BE(length, at);
  at += name.copy(out, at);
  at = out.writeInt16BE(1, at);
  at = out.writeInt16BE(1, at);
  at = out.writeInt16BE(1 + parameters.length, at);
  at = out.writeInt32BE(8, at);
  at = out.writeBigInt64BE(BigInt(rowCount), at);
  for (const { bytes } of parameters) {
    at = out.writeInt32BE(bytes.length, at);
    at += bytes.copy(out, at);
  }
  out.writeInt16BE(0, at);
  return out;
}

/** The rows of one Execute; throws what PostgreSQL raised. */
export function readTexts(bytes: Uint8Array): (string | null)[][] {
  const [answer] = readAnswers(bytes);
  if (answer?.error !== undefined) throw answer.error;
  return (answer?.rows ?? []) as (string | null)[][];
}
