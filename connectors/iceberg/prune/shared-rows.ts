import { compareData } from '../format/datum.js';
import type { ManifestFileEntry } from '../format/manifest.js';
import type { ManifestStatistics } from '../format/manifest-statistics.js';
import type { Evidence } from './evidence.js';
import type { ColumnTypes } from './partition-values.js';
import { columnEvidence } from './prune.js';

/** May a row of the equality deletes be equal to one of the data file, in all columns that are compared? NULL is equal to NULL, NaN to NaN. */
export function mayShareRow(data: ManifestStatistics, deletes: ManifestFileEntry, types: ColumnTypes): boolean {
  return deletes.equalityIds.every((id) => {
    const type = types(id);
    if (type === undefined) return true;
    return mayBeEqual(columnEvidence({ id, type }, data), columnEvidence({ id, type }, deletes));
  });
}

function mayBeEqual(a: Evidence, b: Evidence): boolean {
  if ((a.mayHaveNull && b.mayHaveNull) || (a.mayHaveNaN && b.mayHaveNaN)) return true;
  return a.mayHaveValue && b.mayHaveValue && !isBelow(a, b) && !isBelow(b, a);
}

/** Is every value of `a` less than every one of `b`? */
function isBelow(a: Evidence, b: Evidence): boolean {
  if (a.upper === undefined || b.lower === undefined || typeof a.upper !== typeof b.lower) return false;
  return compareData(a.upper, b.lower) < 0;
}
