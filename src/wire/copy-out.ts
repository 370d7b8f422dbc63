import { copyLine } from '../../sql/copy-line.js';
import type { CopyFormat } from '../../sql/copy-statement.js';
import { internal } from '../../sql/errors.js';
import type { Batch, ResultColumn } from '../../sql/result.js';
import type { TextSettings, Value } from '../../sql/value.js';
import { encodeBinary } from '../../sql/value-binary.js';
import { formatValue, parseValue } from '../../sql/value-text.js';
import type { CopyOutput } from '../statement.js';
import { CHUNK_BYTES } from './encode.js';
import type { MessageWriter } from './message-writer.js';

/** Writes the frames of COPY TO STDOUT: one CopyData for each row, as PostgreSQL does. */
export interface CopyWriter {
  begin(): void;
  /** Rows `from` up to `to` (exclusive) until a chunk is full; returns the next row. A row that fails leaves nothing behind. */
  rows(batch: Batch, range: { readonly from: number; readonly to: number }): number;
  end(): void;
}

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');

export function copyWriter(writer: MessageWriter, { columns, format }: CopyOutput, settings: TextSettings): CopyWriter {
  const row = format.format === 'binary' ? binaryRows(writer, columns, settings) : textRows(writer, columns, format, settings);
  return {
    begin() {
      const code = format.format === 'binary' ? 1 : 0;
      const start = writer.begin('H');
      writer.byte(code);
      writer.int16(columns.length);
      for (const _ of columns) writer.int16(code);
      writer.end(start);
      row.header();
    },
    rows(batch, { from, to }) {
      let at = from;
      while (at < to && writer.length < CHUNK_BYTES) {
        const start = writer.begin('d');
        try {
          row.write(batch, at);
        } catch (error) {
          writer.rewind(start);
          throw error;
        }
        writer.end(start);
        at += 1;
      }
      return at;
    },
    end() {
      row.trailer();
      writer.end(writer.begin('c'));
    },
  };
}

interface RowEncoder {
  header(): void;
  write(batch: Batch, row: number): void;
  trailer(): void;
}

function binaryRows(writer: MessageWriter, columns: readonly ResultColumn[], settings: TextSettings): RowEncoder {
  let signed = false;
  // The signature shares a message with what comes first: drivers look for it there.
  const sign = (): void => {
    if (!signed) writer.bytes(SIGNATURE);
    signed = true;
  };
  return {
    header: () => undefined,
    write(batch, row) {
      const before = signed;
      try {
        sign();
        writer.int16(columns.length);
        columns.forEach((column, index) => {
          const value = valueAt(batch, row, index, column, settings);
          if (value === null) writer.int32(-1);
          else writer.binaryValue(encodeBinary(column.type, value));
        });
      } catch (error) {
        signed = before;
        throw error;
      }
    },
    trailer() {
      const start = writer.begin('d');
      sign();
      writer.int16(0xffff);
      writer.end(start);
    },
  };
}

function textRows(writer: MessageWriter, columns: readonly ResultColumn[], format: CopyFormat, settings: TextSettings): RowEncoder {
  const line = copyLine(columns, format);
  return {
    header() {
      if (!format.header) return;
      const start = writer.begin('d');
      writer.text(line.header());
      writer.end(start);
    },
    write(batch, row) {
      writer.text(line.row(columns.map((column, index) => textAt(batch, row, index, column, settings))));
    },
    trailer: () => undefined,
  };
}

function textAt(batch: Batch, row: number, index: number, column: ResultColumn, settings: TextSettings): string | null {
  if (batch.kind === 'text') return batch.rows[row]?.[index] ?? null;
  const value = columnOf(batch, index)[row] ?? null;
  return value === null ? null : formatValue(column.type, value, settings);
}

function valueAt(batch: Batch, row: number, index: number, column: ResultColumn, settings: TextSettings): Value | null {
  if (batch.kind === 'columns') return columnOf(batch, index)[row] ?? null;
  const text = batch.rows[row]?.[index] ?? null;
  return text === null ? null : parseValue(column.type, text, settings);
}

function columnOf(batch: Batch & { readonly kind: 'columns' }, index: number): readonly (Value | null)[] {
  const column = batch.columns[index];
  if (column === undefined) throw internal(`a batch has ${batch.columns.length} columns, not ${index + 1}`);
  return column;
}
