import { createHash } from 'node:crypto';
import type { Batch, ResultColumn } from '../../sql/result.js';
import { Oid } from '../../sql/types.js';
import type { Interval, Value } from '../../sql/value.js';
import { formatValue, isInterval, parseValue } from '../../sql/value-text.js';

/** A value as a picture needs it; what is neither a number, a truth value nor a time is text already. */
export type Cell = boolean | number | bigint | string | Interval | null;

/** Rows of a result, as many as a picture takes. */
export interface PictureRows {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly Cell[])[];
  /** False: there were more rows. */
  readonly complete: boolean;
}

export const MOST_ROWS = 100_000;
const MOST_CELLS = 1_000_000;
/** Longer text is cut when it is read, in UTF-16 units. */
const MOST_TEXT = 200;

/**
 * Reads rows until a picture is full; the rest is given up. `timeZone` is the session's, which times inside of arrays and
 * records are written in.
 */
export async function readPictureRows(options: {
  readonly columns: readonly ResultColumn[];
  readonly batches: AsyncIterable<Batch>;
  readonly timeZone: string;
  readonly mostRows?: number;
}): Promise<PictureRows> {
  const { columns, batches, timeZone } = options;
  const most = Math.min(options.mostRows ?? MOST_ROWS, Math.floor(MOST_CELLS / Math.max(columns.length, 1)));
  const rows: (readonly Cell[])[] = [];
  for await (const batch of batches) {
    const count = batch.kind === 'text' ? batch.rows.length : batch.rowCount;
    const taken = Math.min(count, most - rows.length);
    for (let row = 0; row < taken; row++) {
      rows.push(
        columns.map((column, at) => {
          if (batch.kind === 'columns') return cell(column, batch.columns[at]?.[row] ?? null, timeZone);
          const text = batch.rows[row]?.[at] ?? null;
          return cell(column, text === null ? null : parseValue(column.type, text, { timeZone }), timeZone);
        }),
      );
    }
    if (taken < count) return { columns, rows, complete: false };
  }
  return { columns, rows, complete: true };
}

/** How a value is written in a picture. */
export function cellText({ type }: ResultColumn, value: Cell, timeZone: string): string {
  if (value === null) return 'NULL';
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE';
  return typeof value === 'string' ? value : formatValue(type, value, { timeZone });
}

function cell(column: ResultColumn, value: Value | null, timeZone: string): Cell {
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return value;
  if (typeof value === 'number') return column.type.oid === Oid.date ? formatValue(column.type, value, { timeZone }) : value;
  if (typeof value === 'string') return cut(value);
  if (!Array.isArray(value) && !(value instanceof Uint8Array) && isInterval(value)) return value;
  return cut(formatValue(column.type, value, { timeZone }));
}

/** Texts that differ stay different: what was cut off is told by its length and a checksum. */
function cut(text: string): string {
  if (text.length <= MOST_TEXT) return text;
  const checksum = createHash('sha256').update(text).digest('hex').slice(0, 8);
  // By way of bytes, since a slice would keep the whole text in memory.
  const head = Buffer.from(text.slice(0, MOST_TEXT)).toString();
  return `${head}… (${text.length} characters, ${checksum})`;
}
