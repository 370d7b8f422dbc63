import { duckdbType } from '../../../sql/duckdb-type.js';
import type { LogsColumn } from '../encoding.js';
import { fromDocument, fromPostgres } from './column-value.js';
import { globLiteral, quoteName, quoteText } from './sql-text.js';

/** A column to read, and its name in the relation. */
export interface BoundColumn {
  readonly name: string;
  readonly column: LogsColumn;
}

/** How the lines of a file have the values: as the documents, by field; or in PostgreSQL's text form, as `c0`, `c1` … in the order of the columns. */
export type LineForm = 'documents' | 'decoded';

/** Lines may have 4 MiB (the client), and more once texts are replaced in them. */
const LINE_BYTES = 32 << 20;

/** DuckDB's relation over a file of JSON lines; undefined: over no rows. */
export function relationOf(columns: readonly BoundColumn[], file: { readonly path: string; readonly form: LineForm } | undefined): string {
  if (file === undefined) return `(SELECT ${emptyList(columns)} WHERE false)`;
  // read_json with columns would take the text null for NULL, and knows no upper and lower case.
  const source = `read_ndjson_objects(${globLiteral(file.path)}, maximum_object_size=${LINE_BYTES})`;
  if (columns.length === 0) return `(SELECT true AS "row" FROM ${source})`;
  const paths = columns.map(({ column }, index) => (file.form === 'decoded' ? `/c${index}` : pointer(column.field)));
  const items = columns.map(({ name, column }, index) => {
    const text = `v[${index + 1}]`;
    const value = file.form === 'decoded' ? fromPostgres(column.type, text) : fromDocument(column, text);
    return `${value} AS ${quoteName(name)}`;
  });
  return `(SELECT ${items.join(', ')} FROM (SELECT json_extract_string(json, [${paths.map(quoteText).join(', ')}]) AS v FROM ${source}))`;
}

/** A JSON pointer: paths with $ have wildcards. */
function pointer(field: string): string {
  return `/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

function emptyList(columns: readonly BoundColumn[]): string {
  if (columns.length === 0) return 'true AS "row"';
  return columns.map(({ name, column }) => `CAST(NULL AS ${duckdbType(column.type)}) AS ${quoteName(name)}`).join(', ');
}
