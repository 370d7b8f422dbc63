import type { Batch, ResultColumn } from '../sql/result.js';
import { Oid, type } from '../sql/types.js';
import type { Execution, Notice } from './statement.js';

/** A statement that returns no rows. */
export function commandExecution(tag: string, notices: readonly Notice[] = []): Execution {
  return { columns: undefined, batches: batchesOf([]), tag: () => tag, notices };
}

/** Rows that are already there, as text. */
export function textExecution(options: {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly (string | null)[])[];
  readonly tag?: (rows: number) => string;
  readonly notices?: readonly Notice[];
}): Execution {
  const { columns, rows } = options;
  const batches = batchesOf(rows.length === 0 ? [] : [{ kind: 'text', rows }]);
  return { columns, batches, tag: options.tag ?? ((count) => `SELECT ${count}`), notices: options.notices ?? [] };
}

export function textColumn(name: string): ResultColumn {
  return { name, type: type(Oid.text), tableOid: 0, columnNumber: 0 };
}

async function* batchesOf(batches: readonly Batch[]): AsyncIterable<Batch> {
  yield* batches;
}
