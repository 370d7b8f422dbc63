import { type ColumnBlock, columnValues } from './column-block.js';
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
 * Some rows of a result. `columns`: columnar values (sql/value.ts), and where they come from a task the same as DuckDB had them
 * (whoever can use `block` saves the making of values). `text`: rows as PostgreSQL already wrote them
 * (catalogue answers), null for NULL.
 */
export type Batch =
  | {
      readonly kind: 'columns';
      readonly rowCount: number;
      readonly columns: readonly (readonly (Value | null)[])[];
      readonly block?: ColumnBlock;
    }
  | { readonly kind: 'text'; readonly rows: readonly (readonly (string | null)[])[] };

/** A block as a batch; its values are made when somebody asks for them. */
export function blockBatch(block: ColumnBlock): Batch {
  let columns: readonly (readonly (Value | null)[])[] | undefined;
  return {
    kind: 'columns',
    rowCount: block.rowCount,
    block,
    get columns() {
      columns ??= block.columns.map((column) => columnValues(column, block.rowCount));
      return columns;
    },
  };
}
