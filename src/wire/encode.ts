import type { ColumnBlock } from '../../sql/column-block.js';
import { internal } from '../../sql/errors.js';
import type { Batch, ResultColumn } from '../../sql/result.js';
import { Oid, type Type } from '../../sql/types.js';
import type { TextSettings, Value } from '../../sql/value.js';
import { encodeBinary } from '../../sql/value-binary.js';
import { formatValue, parseValue } from '../../sql/value-text.js';
import { blockField } from './encode-block.js';
import type { MessageWriter } from './message-writer.js';

/** Encoded output that is worth a write() of its own. */
export const CHUNK_BYTES = 65_536;

/** pg_type.typlen of the fixed-size types; all others vary (-1). */
const TYPE_SIZE: ReadonlyMap<number, number> = new Map([
  [Oid.bool, 1],
  [Oid.char, 1],
  [Oid.name, 64],
  [Oid.int2, 2],
  [Oid.int4, 4],
  [Oid.int8, 8],
  [Oid.oid, 4],
  [Oid.regproc, 4],
  [Oid.regclass, 4],
  [Oid.regtype, 4],
  [Oid.float4, 4],
  [Oid.float8, 8],
  [Oid.date, 4],
  [Oid.time, 8],
  [Oid.timestamp, 8],
  [Oid.timestamptz, 8],
  [Oid.timetz, 12],
  [Oid.interval, 16],
  [Oid.uuid, 16],
  [Oid.void, 4],
  [Oid.unknown, -2],
  [28, 4],
  [29, 4],
  [27, 6],
]);

/** Format code of column `index`, from the codes of Bind: none = text, one = for all, else one a column. */
export function formatOf(formats: readonly number[], index: number): number {
  return formats.length === 1 ? (formats[0] ?? 0) : (formats[index] ?? 0);
}

export function writeRowDescription(writer: MessageWriter, columns: readonly ResultColumn[], formats: readonly number[]): void {
  const start = writer.begin('T');
  writer.int16(columns.length);
  columns.forEach((column, index) => {
    writer.cstring(column.name);
    writer.int32(column.tableOid);
    writer.int16(column.columnNumber);
    writer.int32(column.type.oid);
    writer.int16(TYPE_SIZE.get(column.type.oid) ?? -1);
    writer.int32(column.type.typmod);
    writer.int16(formatOf(formats, index));
  });
  writer.end(start);
}

export interface RowEncoding {
  readonly columns: readonly ResultColumn[];
  readonly formats: readonly number[];
  readonly settings: TextSettings;
}

/** Rows `from` up to `to` (exclusive) as DataRows, until a chunk is full; returns the next row. A row that fails leaves nothing behind. */
export function writeRows(writer: MessageWriter, batch: Batch, range: { from: number; to: number }, encoding: RowEncoding): number {
  const write = rowWriter(batch, encoding);
  let row = range.from;
  while (row < range.to && writer.length < CHUNK_BYTES) {
    const start = writer.begin('D');
    try {
      writer.int16(encoding.columns.length);
      write(writer, row);
    } catch (error) {
      writer.rewind(start);
      throw error;
    }
    writer.end(start);
    row += 1;
  }
  return row;
}

export function rowCount(batch: Batch): number {
  return batch.kind === 'columns' ? batch.rowCount : batch.rows.length;
}

type RowWriter = (writer: MessageWriter, row: number) => void;

function rowWriter(batch: Batch, encoding: RowEncoding): RowWriter {
  if (batch.kind === 'text') return textRow(batch.rows, encoding);
  return batch.block === undefined ? columnsRow(batch.columns, encoding) : blockRow(batch.block, encoding);
}

function blockRow({ columns }: ColumnBlock, { columns: described, formats, settings }: RowEncoding): RowWriter {
  if (columns.length !== described.length) throw internal(`a batch has ${columns.length} columns, its description ${described.length}`);
  const fields = columns.map((column, index) => {
    const type = described[index]?.type ?? column.type;
    return blockField(column, { type, binary: formatOf(formats, index) === 1, settings });
  });
  return (writer, row) => {
    for (const write of fields) write(writer, row);
  };
}

function columnsRow(columns: readonly (readonly (Value | null)[])[], { columns: described, formats, settings }: RowEncoding): RowWriter {
  if (columns.length !== described.length) throw internal(`a batch has ${columns.length} columns, its description ${described.length}`);
  const parts = described.map((column, index) => ({
    type: column.type,
    binary: formatOf(formats, index) === 1,
    values: columns[index] ?? [],
  }));
  return (writer, row) => {
    for (const { type, binary, values } of parts) {
      const value = values[row];
      if (value === null || value === undefined) writer.int32(-1);
      else if (binary) writer.binaryValue(encodeBinary(type, value));
      else writer.textValue(formatValue(type, value, settings));
    }
  };
}

function textRow(rows: readonly (readonly (string | null)[])[], { columns: described, formats, settings }: RowEncoding): RowWriter {
  const binary = described.map((_, index) => formatOf(formats, index) === 1);
  return (writer, row) => {
    const values = rows[row] ?? [];
    if (values.length !== described.length) throw internal(`a row has ${values.length} values, its description ${described.length}`);
    described.forEach((column, index) => {
      const text = values[index] ?? null;
      if (text === null) writer.int32(-1);
      else if (binary[index] === true) writer.binaryValue(binaryOfText(column.type, text, settings));
      else writer.textValue(text);
    });
  };
}

function binaryOfText(type: Type, text: string, settings: TextSettings): Uint8Array {
  return encodeBinary(type, parseValue(type, text, settings));
}
