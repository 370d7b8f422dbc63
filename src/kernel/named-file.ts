import type { SinkColumn } from '../../planner/physical-plan.js';
import { duckdbType } from '../../sql/duckdb-type.js';
import { ELEMENT_OF, Oid } from '../../sql/types.js';
import { quote, quoteName } from './literal.js';

const ROW_GROUP_ROWS = 122_880;

export interface NamedCopy {
  readonly select: string;
  readonly columns: readonly SinkColumn[];
  readonly path: string;
  readonly compression: string;
  /** The table's name, for messages. */
  readonly relation: string;
  /** Key-value metadata of the file. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** COPY … TO a Parquet file with the columns' own names, for readers outside of the engine; its result is the number of rows. */
export function namedCopy({ select, columns, path, compression, relation, metadata }: NamedCopy): string {
  const items = columns.map((column) => `${value(column, relation)} AS ${quoteName(column.name)}`);
  // DuckDB's dictionaries hold -0 and 0 as one value.
  const dictionary = columns.some(({ type }) => isFloat(ELEMENT_OF.get(type.oid) ?? type.oid)) ? ', DICTIONARY_SIZE_LIMIT 0' : '';
  const pairs = Object.entries(metadata ?? {}).map(([key, text]) => `${quote(key)}: ${quote(text)}`);
  const told = pairs.length === 0 ? '' : `, KV_METADATA {${pairs.join(', ')}}`;
  return `COPY (SELECT ${items.join(', ')} FROM (${select})) TO ${quote(path)} (FORMAT parquet, COMPRESSION ${compression}, ROW_GROUP_SIZE ${ROW_GROUP_ROWS}${dictionary}${told})`;
}

function value({ id, name, type, required }: SinkColumn, relation: string): string {
  const column = `c${id}`;
  const given =
    required === true
      ? `CASE WHEN ${column} IS NULL THEN error(${quote(`TL23502:null value in column "${name}" of relation "${relation}" violates not-null constraint`)}) ELSE ${column} END`
      : column;
  switch (type.oid) {
    // Parquet's own interval has milliseconds only.
    case Oid.interval:
      return `CAST(${given} AS VARCHAR)`;
    default:
      return `CAST(${given} AS ${duckdbType(type)})`;
  }
}

function isFloat(oid: number): boolean {
  return oid === Oid.float4 || oid === Oid.float8;
}
