import type { Batch } from '../sql/result.js';

export function batchRows(batch: Batch): number {
  return batch.kind === 'columns' ? batch.rowCount : batch.rows.length;
}

/** Rows `from` up to `to` (exclusive); `reverse`: last first. */
export function sliceBatch(batch: Batch, from: number, to: number, reverse = false): Batch {
  if (!reverse && from === 0 && to === batchRows(batch)) return batch;
  const cut = <T>(values: readonly T[]): readonly T[] => (reverse ? values.slice(from, to).reverse() : values.slice(from, to));
  if (batch.kind === 'text') return { kind: 'text', rows: cut(batch.rows) };
  return { kind: 'columns', rowCount: to - from, columns: batch.columns.map(cut) };
}
