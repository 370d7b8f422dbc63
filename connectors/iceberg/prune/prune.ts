import { type Datum, decodeBound, isNaNDatum, partitionDatum } from '../format/datum.js';
import type { ManifestFileEntry, ManifestListEntry, PartitionSummary } from '../format/manifest.js';
import type { ManifestStatistics } from '../format/manifest-statistics.js';
import type { IcebergType, PartitionField, PartitionSpec } from '../format/schema.js';
import { resultType } from '../format/transforms.js';
import { type Evidence, mayPass } from './evidence.js';
import { type Condition, type ConditionColumn, mayMatch, type Test } from './predicate.js';
import { projectTest } from './projection.js';

/** May the manifest hold a file with matching rows? From the partition summaries of the manifest list. */
export function manifestMayMatch(condition: Condition, manifest: ManifestListEntry, spec: PartitionSpec | undefined): boolean {
  const { partitions } = manifest;
  if (spec === undefined || partitions === undefined || partitions.length !== spec.fields.length) return true;
  return mayMatch(condition, (column, test) =>
    spec.fields.every((field, index) => {
      const summary = partitions[index];
      return (
        field.sourceId !== column.id ||
        summary === undefined ||
        passes(test, field, column, summaryEvidence(summary, fieldType(field, column)))
      );
    }),
  );
}

/** May a file of this partition hold matching rows? */
export function partitionMayMatch(
  condition: Condition,
  file: Pick<ManifestFileEntry, 'partition'>,
  spec: PartitionSpec | undefined,
): boolean {
  if (spec === undefined) return true;
  return mayMatch(condition, (column, test) =>
    spec.fields.every((field) => {
      if (field.sourceId !== column.id || !file.partition.has(field.fieldId)) return true;
      const value = file.partition.get(field.fieldId) ?? null;
      if (value === null) return passes(test, field, column, NULLS_ONLY);
      return passes(test, field, column, oneValue(partitionDatum(fieldType(field, column), value)));
    }),
  );
}

/** May the file hold matching rows? From its columns' bounds and counts. */
export function statisticsMayMatch(condition: Condition, file: ManifestStatistics): boolean {
  if (file.rows === 0) return false;
  return mayMatch(condition, (column, test) => mayPass(test, columnEvidence(column, file)));
}

function passes(test: Test, field: PartitionField, column: ConditionColumn, evidence: Evidence): boolean {
  const projected = projectedTest(test, field, column);
  return projected === undefined || mayPass(projected, evidence);
}

/** By test and partition field, each of which has one column: the same for every file. */
const projections = new WeakMap<Test, WeakMap<PartitionField, { readonly test: Test | undefined }>>();

function projectedTest(test: Test, field: PartitionField, column: ConditionColumn): Test | undefined {
  let byField = projections.get(test);
  if (byField === undefined) {
    byField = new WeakMap();
    projections.set(test, byField);
  }
  let known = byField.get(field);
  if (known === undefined) {
    known = { test: projectTest(test, field.transform, column.type) };
    byField.set(field, known);
  }
  return known.test;
}

function fieldType(field: PartitionField, column: ConditionColumn): IcebergType {
  return resultType(field.transform, column.type);
}

const NULLS_ONLY: Evidence = { lower: undefined, upper: undefined, mayHaveNull: true, mayHaveValue: false, mayHaveNaN: false };

function oneValue(value: Datum | undefined): Evidence {
  return { lower: value, upper: value, mayHaveNull: false, mayHaveValue: true, mayHaveNaN: value === undefined || isNaNDatum(value) };
}

function summaryEvidence(summary: PartitionSummary, type: IcebergType): Evidence {
  const { lower, upper } = usableBounds(type, summary.lower, summary.upper);
  return {
    lower,
    upper,
    mayHaveNull: summary.containsNull,
    mayHaveNaN: isFloating(type) && summary.containsNaN !== false,
    // No bounds: only NULL and NaN, or a writer that gives none.
    mayHaveValue: true,
  };
}

/** What the manifest says of one column of a file. */
export function columnEvidence(column: ConditionColumn, file: ManifestStatistics): Evidence {
  const nulls = file.nullCounts.get(column.id);
  const values = file.valueCounts.get(column.id) ?? file.rows;
  const { lower, upper } = usableBounds(column.type, file.lower.get(column.id), file.upper.get(column.id));
  return {
    lower,
    upper,
    mayHaveNull: nulls !== 0,
    mayHaveValue: nulls === undefined || nulls < values,
    mayHaveNaN: isFloating(column.type) && file.nanCounts.get(column.id) !== 0,
  };
}

function usableBounds(
  type: IcebergType,
  lower: Uint8Array | undefined,
  upper: Uint8Array | undefined,
): { lower: Datum | undefined; upper: Datum | undefined } {
  const low = lower === undefined ? undefined : decodeBound(type, lower);
  const high = upper === undefined ? undefined : decodeBound(type, upper);
  return type.kind === 'primitive' && type.name === 'uuid' ? uuidBounds(low, high) : { lower: low, upper: high };
}

/**
 * Java writers have ordered UUIDs as two signed halves, others and PostgreSQL as bytes. The orders agree on the first half where both
 * bounds have the same sign, so only that half is used.
 */
function uuidBounds(lower: Datum | undefined, upper: Datum | undefined): { lower: Datum | undefined; upper: Datum | undefined } {
  if (!(lower instanceof Uint8Array) || !(upper instanceof Uint8Array)) return { lower: undefined, upper: undefined };
  const [first, last] = [lower[0] ?? 0, upper[0] ?? 0];
  if ((first & 0x80) !== (last & 0x80) || Buffer.compare(lower.subarray(0, 8), upper.subarray(0, 8)) > 0)
    return { lower: undefined, upper: undefined };
  return {
    lower: Buffer.concat([lower.subarray(0, 8), Buffer.alloc(8, 0)]),
    upper: Buffer.concat([upper.subarray(0, 8), Buffer.alloc(8, 0xff)]),
  };
}

function isFloating(type: IcebergType): boolean {
  return type.kind === 'primitive' && (type.name === 'float' || type.name === 'double');
}
