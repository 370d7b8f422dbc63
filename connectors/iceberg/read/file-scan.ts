import { duckdbType } from '../../../sql/duckdb-type.js';
import type { SchemaField } from '../format/schema.js';
import { postgresType } from '../format/types.js';
import type { FoundField } from './file-layout.js';
import type { ParquetFooter } from './parquet-footer.js';
import { globLiteral, quoteName, quoteText } from './sql-text.js';

/** A scan of Parquet files by DuckDB. What `value` was asked for is what `print` scans. */
export interface FileScan {
  /** Values come in the kernel's types: DuckDB casts while it scans. */
  readonly casts: boolean;
  /** A field's value, as the file has it or cast. */
  value(field: SchemaField, found: FoundField): string;
  print(paths: readonly string[]): string;
}

// Files of other writers leave NaN out of their minima and maxima. DuckDB, where NaN is above all numbers, would drop row groups by them.
const OPTIONS = 'hive_partitioning = false, union_by_name = false, can_have_nan = true';

/** Columns by their field ids, in files that may hold different ones: for scalars at the top. */
export function scanById(): FileScan {
  const scanned = new Map<number, string>();
  return {
    casts: true,
    value(field, found) {
      if (found.layout.kind === 'absent' && found.layout.value.kind !== 'null') return 'NULL';
      // Named by id in the scan: names of the table may differ in case only, which DuckDB does not tell apart.
      scanned.set(field.id, duckdbType(postgresType(field.type)));
      return `f${field.id}`;
    },
    print(paths) {
      if (scanned.size === 0) return `read_parquet(${list(paths)}, ${OPTIONS})`;
      const map = [...scanned].map(([id, type]) => `${id}: {name: 'f${id}', type: ${quoteText(type)}, default_value: NULL}`);
      return `read_parquet(${list(paths)}, schema = MAP {${map.join(', ')}}, ${OPTIONS})`;
    },
  };
}

/** Columns by their positions, in files that hold all columns alike. Names count for nothing. */
export function scanByPosition(footer: ParquetFooter): FileScan {
  const columns = footer.columns.map((_, index) => quoteName(`c${index}`)).join(', ');
  return {
    casts: false,
    value(_field, { path }) {
      const [column, ...members] = path;
      if (column === undefined) return 'NULL';
      return members.reduce((value, at) => `struct_extract_at(${value}, ${at})`, `c${column}`);
    },
    print(paths) {
      return `read_parquet(${list(paths)}, ${OPTIONS}) AS t(${columns})`;
    },
  };
}

function list(paths: readonly string[]): string {
  return `[${paths.map((path) => quoteText(globLiteral(path))).join(', ')}]`;
}
