import { TimelineError, unsupported } from '../../../sql/errors.js';

/** XX001: a file that is not what the table's metadata or the format says. `file` is relative to the warehouse. */
export function corrupt(file: string, why: string, cause?: unknown): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate: 'XX001', message: `file "${file}" is corrupt: ${why}`, cause });
}

/** 0A000 for a feature of the format that this reader lacks. */
export function unsupportedFeature(feature: string, table: string): TimelineError {
  return unsupported(`${feature} (table ${table})`);
}
