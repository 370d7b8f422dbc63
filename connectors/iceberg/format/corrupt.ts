import { TimelineError, unsupported } from '../../../sql/errors.js';

/** XX001: a file that is not what the table's metadata or the format says. `file` is relative to the warehouse. */
export function corrupt(file: string, why: string, cause?: unknown): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate: 'XX001', message: `file "${file}" is corrupt: ${why}`, cause });
}

/** 0A000 for a feature of the format that this reader lacks. */
export function unsupportedFeature(feature: string, table: string): TimelineError {
  return unsupported(`${feature} (table ${table})`);
}

const OF_FILES: ReadonlySet<string> = new Set(['XX001', '58P01', '42501', '0A000', '54000']);

/** Errors about files say which table they are of, however deep they come from. */
export async function namingTable<T>(table: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TimelineError) || !OF_FILES.has(error.sqlstate) || error.message.includes(table)) throw error;
    throw new TimelineError({ ...error.toJSON(), message: `${error.message} (table ${table})`, cause: error });
  }
}
