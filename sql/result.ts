import type { Type } from './types.js';
import type { Value } from './value.js';

/** A result column as RowDescription needs it. */
export interface ResultColumn {
  readonly name: string;
  readonly type: Type;
  /** 0 where the column is not a plain table column. */
  readonly tableOid: number;
  readonly columnNumber: number;
}

/**
 * Some rows of a result. `columns`: columnar values (sql/value.ts). `text`: rows as PostgreSQL already wrote them
 * (catalogue answers), null for NULL.
 */
export type Batch =
  | { readonly kind: 'columns'; readonly rowCount: number; readonly columns: readonly (readonly (Value | null)[])[] }
  | { readonly kind: 'text'; readonly rows: readonly (readonly (string | null)[])[] };
