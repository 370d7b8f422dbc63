import type { Batch, ResultColumn } from '../sql/result.js';
import { Oid, type } from '../sql/types.js';
import type { Execution, Notice } from './statement.js';

/** A statement that returns no rows. */
export function commandExecution(tag: string, notices: readonly Notice[] = []): Execution {
  return { columns: undefined, batches: batchesOf([]), tag: () => tag, notices };
}

const LEVELS = ['debug5', 'debug4', 'debug3', 'debug2', 'debug1', 'log', 'notice', 'warning', 'error'];

/** Without the notices that client_min_messages keeps back; INFO always comes. */
export function quieter(execution: Execution, least: string): Execution {
  const shown = ({ severity }: Notice): boolean =>
    severity === 'INFO' || LEVELS.indexOf(severity.toLowerCase()) >= LEVELS.indexOf(least.toLowerCase());
  return {
    ...execution,
    // More may come while rows are read.
    get notices() {
      return execution.notices.filter(shown);
    },
  };
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
