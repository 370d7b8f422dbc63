import type { OpenedFile, RowRun } from '../opened-file.js';
import { globLiteral, quoteName, quoteText } from '../sql-text.js';

/** Rows of a data file that are deleted by their numbers. */
export type DeletedRows =
  | { readonly kind: 'runs'; readonly runs: readonly RowRun[] }
  /** All rows of a Parquet file's column `pos`. */
  | { readonly kind: 'file'; readonly path: string }
  /** Rows of a position delete file, which may name many data files: those that name this one. `place` and `pos` are its columns' names. */
  | { readonly kind: 'named'; readonly path: string; readonly place: string; readonly pos: string; readonly spellings: readonly string[] };

/** Rows of this many are listed at once in memory; longer runs are counted through. */
const LISTED_ROWS = 10_000;
/** Rows of a VALUES list, which DuckDB binds one by one. */
const MOST_VALUES = 20_000;

/**
 * One relation (file, pos) of the deleted rows of all files, by their places in the list: every delete file is scanned once, and all together.
 * Undefined: none.
 */
export function deletedRows(files: readonly OpenedFile[]): string | undefined {
  const listed: string[] = [];
  const counted: string[] = [];
  const own: { readonly path: string; readonly file: number }[] = [];
  const named = new Map<string, NamedFiles>();
  for (const [file, { deletes }] of files.entries()) {
    for (const rows of deletes?.positions ?? []) {
      if (rows.kind === 'file') own.push({ path: rows.path, file });
      else if (rows.kind === 'named') addNamed(named, rows, file);
      else
        for (const { start, rows: length } of rows.runs) {
          if (length <= LISTED_ROWS) listed.push(`(${file}, ${start}, ${start + length})`);
          else counted.push(`SELECT ${file}, range FROM range(${start}, ${start + length})`);
        }
    }
  }
  const parts = [
    ...slices(listed).map((some) => `SELECT file, unnest(range(start, finish)) FROM (VALUES ${some.join(', ')}) AS v(file, start, finish)`),
    ...counted,
    ...(own.length === 0 ? [] : [ownRows(own)]),
    ...[...named.values()].flatMap(namedRows),
  ];
  if (parts.length === 0) return undefined;
  const [first, ...rest] = parts;
  return `(SELECT CAST(file AS BIGINT) AS file, CAST(pos AS BIGINT) AS pos FROM (${[first, ...rest].join(' UNION ALL ')}) AS u(file, pos))`;
}

interface NamedFiles {
  readonly place: string;
  readonly pos: string;
  /** Position delete files, each with its place. */
  readonly paths: Map<string, number>;
  /** (place of the delete file, place of the data file, how the delete file may spell it). */
  readonly pairs: string[];
}

/** Files are read together where their columns have the same names. */
function addNamed(into: Map<string, NamedFiles>, rows: Extract<DeletedRows, { readonly kind: 'named' }>, file: number): void {
  const { place, pos, path, spellings } = rows;
  const key = JSON.stringify([place, pos]);
  const group = into.get(key) ?? { place, pos, paths: new Map<string, number>(), pairs: [] };
  into.set(key, group);
  const at = group.paths.get(path) ?? group.paths.size;
  group.paths.set(path, at);
  for (const text of spellings) group.pairs.push(`(${at}, ${file}, ${quoteText(text)})`);
}

function namedRows({ place, pos, paths, pairs }: NamedFiles): readonly string[] {
  const source = `(SELECT file_index AS list, ${quoteName(place)} AS place, ${quoteName(pos)} AS pos FROM ${scan([...paths.keys()])}) AS r`;
  return slices(pairs).map(
    (some) =>
      `SELECT v.file, r.pos FROM ${source} JOIN (VALUES ${some.join(', ')}) AS v(list, file, place) ON r.place = v.place AND r.list = v.list`,
  );
}

function ownRows(own: readonly { readonly path: string; readonly file: number }[]): string {
  return `SELECT ${byFile(
    'file_index',
    own.map(({ file }) => String(file)),
  )}, pos FROM ${scan(own.map(({ path }) => path))}`;
}

/** What each file of a scan has, by the SQL of its place from 0. */
export function byFile(place: string, values: readonly string[]): string {
  return values.every((value) => value === values[0])
    ? (values[0] ?? 'NULL')
    : `list_extract([${values.join(', ')}], ${place}::BIGINT + 1)`;
}

function scan(paths: readonly string[]): string {
  return `read_parquet([${paths.map((path) => quoteText(globLiteral(path))).join(', ')}], hive_partitioning = false, union_by_name = false)`;
}

function slices(values: readonly string[]): readonly (readonly string[])[] {
  return Array.from({ length: Math.ceil(values.length / MOST_VALUES) }, (_, index) =>
    values.slice(index * MOST_VALUES, (index + 1) * MOST_VALUES),
  );
}
