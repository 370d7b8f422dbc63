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

/**
 * A generator that is closed before anybody read from it runs none of its code, not even `finally`: then `unread` is called.
 */
export function closable<T>(generator: AsyncGenerator<T>, unread: () => Promise<void>): AsyncIterable<T> {
  let begun = false;
  const iterator: AsyncIterator<T> = {
    next: () => {
      begun = true;
      return generator.next();
    },
    return: async () => {
      if (!begun) await unread();
      begun = true;
      return generator.return(undefined);
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

/** Gives up an execution that nobody will read. */
export async function abandon(execution: Execution): Promise<void> {
  await execution.batches[Symbol.asyncIterator]().return?.();
}

async function* batchesOf(batches: readonly Batch[]): AsyncIterable<Batch> {
  yield* batches;
}
