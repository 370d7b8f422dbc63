import { duckdbType } from '../../sql/duckdb-type.js';
import { Oid, type Type } from '../../sql/types.js';
import { quote, quoteName } from '../kernel/literal.js';
import { decodedColumn } from '../kernel/stage-file.js';

/** A column of a result that is read. */
export interface ResultColumn {
  readonly name: string;
  readonly type: Type;
  /** Id of the plan's field: its column of stage files is `c{field}`. */
  readonly field: number;
  /** Its place among the columns of the result's file. */
  readonly position: number;
}

/** DuckDB's relation over stage files, in their order, with the columns as connectors give them. No files: no rows. */
export function stageRelation(columns: readonly ResultColumn[], paths: readonly string[]): string {
  if (paths.length === 0) return `(SELECT ${list(columns, ({ type }) => `CAST(NULL AS ${duckdbType(type)})`)} WHERE false)`;
  const items = list(columns, ({ name, type, field }) => as(decodedColumn({ id: field, name, type }), type));
  return `(SELECT ${items} FROM read_parquet([${paths.map(quote).join(', ')}]))`;
}

/** The same over a Parquet file that was made for readers outside (kernel/named-file.ts), by position: names of files know no upper and lower case. */
export function fileRelation(columns: readonly ResultColumn[], path: string, width: number): string {
  const names = Array.from({ length: width }, (_, n) => `p${n}`).join(', ');
  return `(SELECT ${list(columns, ({ type, position }) => (type.oid === Oid.interval ? interval(`p${position}`) : as(`p${position}`, type)))} FROM read_parquet([${quote(path)}]) AS result(${names}))`;
}

function as(sql: string, type: Type): string {
  const wanted = duckdbType(type);
  return wanted.startsWith('DECIMAL') ? `CAST(${sql} AS ${wanted})` : sql;
}

/** Of an interval's text as DuckDB writes it (`-1 years 2 days -04:05:06.7`), which it does not read itself at the far ends. */
function interval(sql: string): string {
  const number = (pattern: string, group: number): string =>
    `coalesce(TRY_CAST(regexp_extract(${sql}, ${quote(pattern)}, ${group}) AS HUGEINT), 0)`;
  const time = '(-?)(\\d+):(\\d\\d):(\\d\\d)(?:\\.(\\d+))?$';
  const fraction = `CAST(rpad(regexp_extract(${sql}, ${quote(time)}, 5), 6, '0') AS HUGEINT)`;
  const months = `CAST(${number('(-?\\d+) year', 1)} * 12 + ${number('(-?\\d+) mon', 1)} AS INTEGER)`;
  const days = `CAST(${number('(-?\\d+) day', 1)} AS INTEGER)`;
  const micros = `${number(time, 2)} * 3600000000 + ${number(time, 3)} * 60000000 + ${number(time, 4)} * 1000000 + ${fraction}`;
  const sign = `CASE WHEN regexp_extract(${sql}, ${quote(time)}, 1) = '-' THEN -1 ELSE 1 END`;
  return `CASE WHEN ${sql} IS NOT NULL THEN to_months(${months}) + to_days(${days}) + to_microseconds(CAST((${sign}) * (${micros}) AS BIGINT)) END`;
}

/** Rows without columns are rows nevertheless. */
function list(columns: readonly ResultColumn[], sql: (column: ResultColumn) => string): string {
  return columns.length === 0 ? 'true AS "row"' : columns.map((column) => `${sql(column)} AS ${quoteName(column.name)}`).join(', ');
}
