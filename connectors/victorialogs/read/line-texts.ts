import { isUtf8 } from 'node:buffer';
import { internal, TimelineError } from '../../../sql/errors.js';
import { MARK_FIELD } from '../discover/logs-table.js';
import { decoder } from '../encoding.js';
import { isPlain } from './column-value.js';
import type { BoundColumn, LineForm } from './relation.js';

/** What becomes of the server's lines before they are read. */
export interface LineTexts {
  readonly form: LineForm;
  /** Whole lines. */
  convert(lines: Uint8Array): Uint8Array;
}

/** Lines of a table whose columns are these. `complete`: rows whose values could not all be written are refused (own encoding). */
export function lineTexts(columns: readonly BoundColumn[], options: { readonly complete: boolean }): LineTexts {
  const plain = columns.every(({ column }) => isPlain(column));
  const decode = plain ? undefined : decodedLines(columns);
  return {
    form: plain ? 'documents' : 'decoded',
    convert: (lines) => {
      const text = postgresText(lines);
      if (options.complete && Buffer.from(text.buffer, text.byteOffset, text.byteLength).includes(MARK)) throw incompleteRow();
      return decode === undefined ? text : decode(text);
    },
  };
}

/** No text of a value has this, as quotes in texts come after backslashes. */
const MARK = `"${MARK_FIELD}":"`;

export function incompleteRow(): TimelineError {
  return new TimelineError({
    kind: 'unsupported',
    sqlstate: '0A000',
    message: 'the table has rows with values that the log store cannot hold (NaN, infinities, very long ones)',
    hint: 'Such rows are whole in the table that they were written for.',
  });
}

const NUL = '\\u0000';

/**
 * What PostgreSQL's texts cannot hold becomes U+FFFD: bytes that are no UTF-8, which the server hands on as they are, and NUL.
 */
export function postgresText(lines: Uint8Array): Uint8Array {
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength);
  if (isUtf8(bytes) && !bytes.includes(NUL)) return bytes;
  // After a backslash that is itself escaped the same six characters are only text.
  return Buffer.from(bytes.toString('utf8').replace(/\\(?:u0000|[\s\S])/g, (found) => (found === NUL ? '\\ufffd' : found)));
}

function decodedLines(columns: readonly BoundColumn[]): (lines: Uint8Array) => Uint8Array {
  const readers = columns.map(({ column }) => ({ field: column.field, decode: decoder(column) }));
  return (lines) => {
    const texts = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength).toString('utf8').split('\n');
    const decoded = texts.map((line) => {
      if (line === '') return '';
      const document: unknown = JSON.parse(line);
      if (!isTexts(document)) throw internal('a line of VictoriaLogs is no object of texts');
      const values = readers.map(({ field, decode }, index) => {
        const value = decode(Object.hasOwn(document, field) ? document[field] : undefined);
        return value === null ? undefined : `"c${index}":${JSON.stringify(value)}`;
      });
      return `{${values.filter((value) => value !== undefined).join(',')}}`;
    });
    return Buffer.from(decoded.join('\n'));
  };
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === 'object' && value !== null && Object.values(value).every((text) => typeof text === 'string');
}
