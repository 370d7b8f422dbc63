import { DuckDBBooleanVector, DuckDBUUIDVector, DuckDBVarCharVector, type DuckDBVector } from '@duckdb/node-api';
import { Oid, type Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';

/**
 * Reading of vectors whose items the binding would decode one by one through objects: text, uuid, boolean. The words of 16-byte items
 * are looked at as they are; what was read lately is not decoded again.
 */

/** DuckDB keeps texts up to this length inside the item; longer ones behind a pointer that only the binding may follow. */
const INLINE_BYTES = 12;
const REMEMBERED = 1024;

/** Short texts by content, so that they hold in any vector: four words and the text they stand for. */
const words = new Int32Array(REMEMBERED * 4);
const texts: (string | undefined)[] = new Array(REMEMBERED).fill(undefined);

/** The column's values, or undefined where the vector or type is another one. `valid` undefined: no NULLs. */
export function readPacked(
  vector: DuckDBVector,
  rowCount: number,
  type: Type,
  valid: ((row: number) => boolean) | undefined,
): (Value | null)[] | undefined {
  if (vector instanceof DuckDBVarCharVector && isPlainText(type)) return readTexts(vector, rowCount, valid);
  if (vector instanceof DuckDBUUIDVector && type.oid === Oid.uuid) return readUuids(vector, rowCount, valid);
  if (vector instanceof DuckDBBooleanVector && type.oid === Oid.bool) return readBooleans(vector, rowCount, valid);
  return undefined;
}

function isPlainText(type: Type): boolean {
  return type.oid === Oid.text || type.oid === Oid.varchar || type.oid === Oid.bpchar || type.oid === Oid.name;
}

/** The vector's bytes; the binding keeps them in a private field. */
function dataOf(vector: DuckDBVector, bytes: number): DataView | undefined {
  const data = (vector as unknown as { dataView?: unknown }).dataView;
  return data instanceof DataView && data.byteLength === bytes && data.byteOffset % 4 === 0 ? data : undefined;
}

function readTexts(
  vector: DuckDBVarCharVector,
  rowCount: number,
  valid: ((row: number) => boolean) | undefined,
): (Value | null)[] | undefined {
  const data = dataOf(vector, rowCount * 16);
  if (data === undefined) return undefined;
  const items = new Int32Array(data.buffer, data.byteOffset, rowCount * 4);
  const out: (Value | null)[] = new Array(rowCount);
  for (let row = 0; row < rowCount; row++) {
    if (valid !== undefined && !valid(row)) {
      out[row] = null;
      continue;
    }
    const at = row * 4;
    const length = items[at] as number;
    if (length < 0 || length > INLINE_BYTES) {
      out[row] = vector.getItem(row);
      continue;
    }
    const a = items[at + 1] as number;
    const b = items[at + 2] as number;
    const c = items[at + 3] as number;
    const mixed = Math.imul(a ^ length, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35);
    const slot = (mixed ^ (mixed >>> 15)) & (REMEMBERED - 1);
    const place = slot * 4;
    const known = texts[slot];
    if (known !== undefined && words[place] === length && words[place + 1] === a && words[place + 2] === b && words[place + 3] === c) {
      out[row] = known;
      continue;
    }
    const text = vector.getItem(row);
    out[row] = text;
    if (text === null) continue;
    words[place] = length;
    words[place + 1] = a;
    words[place + 2] = b;
    words[place + 3] = c;
    texts[slot] = text;
  }
  return out;
}

/** Equal neighbours, as in sorted keys, are one string. */
function readUuids(
  vector: DuckDBUUIDVector,
  rowCount: number,
  valid: ((row: number) => boolean) | undefined,
): (Value | null)[] | undefined {
  const data = dataOf(vector, rowCount * 16);
  if (data === undefined) return undefined;
  const items = new Int32Array(data.buffer, data.byteOffset, rowCount * 4);
  const out: (Value | null)[] = new Array(rowCount);
  let [a, b, c, d] = [0, 0, 0, 0];
  let text: string | undefined;
  for (let row = 0; row < rowCount; row++) {
    if (valid !== undefined && !valid(row)) {
      out[row] = null;
      continue;
    }
    const at = row * 4;
    if (text === undefined || items[at] !== a || items[at + 1] !== b || items[at + 2] !== c || items[at + 3] !== d) {
      a = items[at] as number;
      b = items[at + 1] as number;
      c = items[at + 2] as number;
      d = items[at + 3] as number;
      // The first bit is kept turned round, so that the numbers sort as the texts do.
      const high = hex(d ^ 0x80000000);
      const middle = hex(c);
      const low = hex(b);
      text = `${high}-${middle.slice(0, 4)}-${middle.slice(4)}-${low.slice(0, 4)}-${low.slice(4)}${hex(a)}`;
    }
    out[row] = text;
  }
  return out;
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}

function readBooleans(
  vector: DuckDBBooleanVector,
  rowCount: number,
  valid: ((row: number) => boolean) | undefined,
): (Value | null)[] | undefined {
  const data = (vector as unknown as { dataView?: unknown }).dataView;
  if (!(data instanceof DataView) || data.byteLength !== rowCount) return undefined;
  const items = new Uint8Array(data.buffer, data.byteOffset, rowCount);
  const out: (Value | null)[] = new Array(rowCount);
  for (let row = 0; row < rowCount; row++) out[row] = valid === undefined || valid(row) ? items[row] !== 0 : null;
  return out;
}
