import { duckdbType } from '../../../sql/duckdb-type.js';
import { unsupported } from '../../../sql/errors.js';
import { Oid, typeName } from '../../../sql/types.js';
import type { LogsColumn } from '../encoding.js';
import { globLiteral, quoteName, quoteText } from './sql-text.js';

/** A column to read, and its name in the relation. */
export interface BoundColumn {
  readonly name: string;
  readonly column: LogsColumn;
}

/** Lines may have 4 MiB (the client), and a little more once texts are replaced in them. */
const LINE_BYTES = 32 << 20;

/** DuckDB's relation over a file of JSON lines; undefined: over no rows. */
export function relationOf(columns: readonly BoundColumn[], path: string | undefined): string {
  if (path === undefined) return `(SELECT ${emptyList(columns)} WHERE false)`;
  // read_json with columns would take the text null for NULL, and knows no upper and lower case.
  const source = `read_ndjson_objects(${globLiteral(path)}, maximum_object_size=${LINE_BYTES})`;
  if (columns.length === 0) return `(SELECT true AS "row" FROM ${source})`;
  const values = `json_extract_string(json, [${columns.map(({ column }) => quoteText(pointer(column.field))).join(', ')}]) AS v`;
  const items = columns.map(({ name, column }, index) => `${value(column, `v[${index + 1}]`)} AS ${quoteName(name)}`);
  return `(SELECT ${items.join(', ')} FROM (SELECT ${values} FROM ${source}))`;
}

/** A JSON pointer: paths with $ have wildcards. */
function pointer(field: string): string {
  return `/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** SQL of a column's value, as decodeValue gives it, from that of the document's text. */
function value(column: LogsColumn, text: string): string {
  if (column.encoding === 'time') return `CAST(${text} AS TIMESTAMPTZ)`;
  if (column.encoding === 'foreign' && column.type.oid === Oid.text) return text;
  throw unsupported(`reading a column of type ${typeName(column.type)} from log entries`);
}

function emptyList(columns: readonly BoundColumn[]): string {
  if (columns.length === 0) return 'true AS "row"';
  return columns.map(({ name, column }) => `CAST(NULL AS ${duckdbType(column.type)}) AS ${quoteName(name)}`).join(', ');
}
