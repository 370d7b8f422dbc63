import { basename } from 'node:path';
import { TimelineError } from '../../../sql/errors.js';
import { corrupt } from '../format/corrupt.js';
import type { OpenedFile } from './opened-file.js';
import { checkPages } from './page-checksums.js';

/** What DuckDB says of damaged pages, some of it without a file's name: damage, and what it takes for a fault of its own. */
const MAY_BE_DAMAGE: ReadonlySet<string> = new Set(['XX001', 'XX000', '58P01']);

const MOST_NAMED = 10;

/** The error with the data file and the table that it comes from; undefined: none of the files is known to be damaged. */
export async function explainDamage(
  error: TimelineError,
  request: {
    readonly files: readonly OpenedFile[];
    readonly table: string;
    readonly display: (location: string) => string;
    readonly signal: AbortSignal;
  },
): Promise<TimelineError | undefined> {
  const { files, table, display, signal } = request;
  // Who decodes pages without DuckDB names the file.
  const told = files.some(({ location }) => error.message.includes(`file "${display(location)}"`));
  if (told && !error.message.includes(`(table ${table})`))
    return new TimelineError({ ...error.toJSON(), message: `${error.message} (table ${table})`, cause: error });
  if (!MAY_BE_DAMAGE.has(error.sqlstate)) return undefined;
  const why = error.message.replace(/^(?:corrupt Parquet file(?: "[^"]*")?|kernel): /, '');
  const named = files.find(({ path }) => error.message.includes(`"${basename(path)}"`));
  if (named !== undefined) {
    const file = display(named.location);
    if (error.sqlstate !== '58P01') return corrupt(file, `${why} (table ${table})`, error);
    return new TimelineError({ ...error.toJSON(), message: `file "${file}" does not exist (table ${table})`, cause: error });
  }
  for (const { path, footer, location } of files) {
    try {
      await checkPages({ path, metadata: footer.metadata, file: display(location), table, signal });
    } catch (found) {
      if (found instanceof TimelineError) return found;
      throw found;
    }
  }
  if (error.sqlstate !== 'XX001') return undefined;
  const [only, another] = files;
  if (only !== undefined && another === undefined) return corrupt(display(only.location), `${why} (table ${table})`, error);
  const names = files.slice(0, MOST_NAMED).map(({ location }) => `"${display(location)}"`);
  const more = files.length > names.length ? ` and ${files.length - names.length} more` : '';
  const message = `a data or delete file of table ${table} is corrupt: ${why}`;
  return new TimelineError({ ...error.toJSON(), message, detail: `Read together: ${names.join(', ')}${more}.`, cause: error });
}
