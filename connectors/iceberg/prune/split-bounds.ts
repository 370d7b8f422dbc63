import { internal } from '../../../sql/errors.js';
import type { ConnectorSplit, NarrowedSplits, TablePredicate } from '../../connector.js';
import type { ManifestFileEntry } from '../format/manifest.js';
import type { ManifestStatistics } from '../format/manifest-statistics.js';
import type { Schema } from '../format/schema.js';
import { asSplit, type IcebergSplit, rowsOf, type SplitFile } from '../handle.js';
import { columnLookup } from '../pushdown.js';
import { conditionOf } from './filter-condition.js';
import { allOf, type Condition } from './predicate.js';
import { statisticsMayMatch } from './prune.js';

/** What a manifest says of some columns of a file, as JSON: by column id, the bounds in base64, and 1 if all values are NULL, 2 if none is. */
export type FileBounds = Readonly<Record<string, readonly [lower: string | null, upper: string | null, nulls: 0 | 1 | 2]>>;

/** One for each of the split's files. */
export type SplitBounds = readonly FileBounds[];

/** Bounds may be of any length, and plans are kept and sent: longer ones are left out. */
const MOST_BOUND_BYTES = 64;

export function boundsOf(file: ManifestFileEntry, columns: readonly number[]): FileBounds {
  const bounds: Record<string, FileBounds[string]> = {};
  for (const id of columns) {
    const [lower, upper] = [file.lower.get(id), file.upper.get(id)].map((bytes) =>
      bytes === undefined || bytes.length > MOST_BOUND_BYTES ? null : Buffer.from(bytes).toString('base64'),
    );
    const count = file.nullCounts.get(id);
    const nulls = count === 0 ? 2 : count === (file.valueCounts.get(id) ?? file.rows) ? 1 : 0;
    if (lower != null || upper != null || nulls !== 0) bounds[id] = [lower ?? null, upper ?? null, nulls];
  }
  return bounds;
}

export function columnIds(schema: Schema, names: readonly string[]): readonly number[] {
  const lookup = columnLookup(schema);
  return names.flatMap((name) => lookup(name)?.id ?? []);
}

/** Files of the splits that may hold rows which pass all filters. A file without bounds may hold any. */
export function narrowSplits(
  schema: Schema,
  splits: readonly Pick<ConnectorSplit, 'data' | 'bounds'>[],
  filters: readonly TablePredicate[],
): NarrowedSplits {
  const lookup = columnLookup(schema);
  const condition = allOf(filters.map((filter) => conditionOf(filter, lookup)));
  const narrowed: IcebergSplit[] = [];
  let [files, rows] = [0, 0];
  for (const split of splits) {
    const all = asSplit(split.data).files;
    const bounds = asBounds(split.bounds, all.length);
    const kept = all.filter((file, n) => mayMatch(condition, file, bounds?.[n]));
    const left = new Set(kept);
    for (const file of all) {
      if (left.has(file)) continue;
      // A file in parts counts once: all of them go, since they share its bounds.
      if (file.part === undefined || file.part[0] === 0) files++;
      rows += rowsOf(file);
    }
    if (kept.length > 0) narrowed.push({ files: kept });
  }
  return { splits: narrowed, skipped: { files, rows } };
}

function mayMatch(condition: Condition, file: SplitFile, bounds: FileBounds | undefined): boolean {
  if (condition.kind === 'never') return false;
  return bounds === undefined || statisticsMayMatch(condition, statisticsOf(file, bounds));
}

export function statisticsOf(file: SplitFile, bounds: FileBounds): ManifestStatistics {
  const [lower, upper] = [new Map<number, Uint8Array>(), new Map<number, Uint8Array>()];
  const nullCounts = new Map<number, number>();
  for (const [id, [low, high, nulls]] of Object.entries(bounds)) {
    if (low !== null) lower.set(Number(id), Buffer.from(low, 'base64'));
    if (high !== null) upper.set(Number(id), Buffer.from(high, 'base64'));
    if (nulls !== 0) nullCounts.set(Number(id), nulls === 1 ? file.rows : 0);
  }
  return { rows: file.rows, lower, upper, nullCounts, valueCounts: new Map(), nanCounts: new Map() };
}

export function asBounds(bounds: unknown, files: number): SplitBounds | undefined {
  if (bounds === undefined) return undefined;
  if (!Array.isArray(bounds) || bounds.length !== files) throw internal('bounds that are not of the split');
  return bounds as SplitBounds;
}
