import { internal } from '../../sql/errors.js';
import type { Type } from '../../sql/types.js';

/** How a column's values stand in documents. */
export interface LogsColumn {
  /** The field's name in documents. */
  readonly field: string;
  readonly type: Type;
  /** `own`: as `encodeValue` writes them; NULL is absent. `foreign`: as anybody wrote them; NULL and '' are one. `time`: `_time`. */
  readonly encoding: 'own' | 'foreign' | 'time';
}

/** A value (PostgreSQL's text form) as a document has it; null: left out, as NULL is. Undefined: it cannot be written (NaN, infinities, too long): the row is marked. */
export function encodeValue(_type: Type, _value: string | null): string | null | undefined {
  throw internal('not written yet');
}

/** A document's text as a value in PostgreSQL's text form. Throws 22P02 for a text that is none of the type. */
export function decodeValue(_column: LogsColumn, _text: string | undefined): string | null {
  throw internal('not written yet');
}
