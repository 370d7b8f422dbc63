import { internal, TimelineError } from '../../../sql/errors.js';
import type { LogsClient, QueryOptions } from '../client/logs-client.js';
import type { LogsFilter } from '../logsql/syntax.js';
import { postgresText } from '../read/line-texts.js';
import { type ScratchFile, scratchFile } from '../read/scratch-file.js';
import { FIELD, recentKey, writerText } from './layout.js';
import type { RecentHandle } from './recent-handle.js';
import { ofWriter } from './writers.js';

/** The rows of a handle as lines of a file, each once. 08006 where some of them have gone since the handle was made. */
export function writeRecentLines(request: {
  readonly client: Pick<LogsClient, 'lines'>;
  readonly folder: string;
  readonly handle: RecentHandle;
  readonly fields: readonly string[];
  readonly options: QueryOptions;
}): Promise<ScratchFile> {
  const { client, folder, handle, fields, options } = request;
  return scratchFile(folder, 'recent', async (file) => {
    const numbers = new Map(handle.writers.map(({ writer }) => [writerText(writer), new Set<string>()]));
    const query = {
      filter: filterOf(handle),
      pipes: [{ kind: 'fields', fields: [...new Set([FIELD.writer, FIELD.number, ...fields])] }],
    } as const;
    for await (const lines of client.lines(query, options)) await file.appendFile(onceEach(postgresText(lines), numbers));
    for (const { writer, rows } of handle.writers) if ((numbers.get(writerText(writer))?.size ?? 0) < rows) throw gone(handle, writer);
  });
}

function filterOf({ identity, writers }: RecentHandle): LogsFilter {
  const compare = (op: '>' | '<=', value: string): LogsFilter => ({ kind: 'compare', field: FIELD.number, op, value });
  const parts = writers.map(
    ({ writer, after, upTo }): LogsFilter => ({
      kind: 'and',
      args: [ofWriter(writer), ...(after === undefined ? [] : [compare('>', after)]), compare('<=', upTo)],
    }),
  );
  return {
    kind: 'and',
    args: [
      { kind: 'equals', field: FIELD.table, value: recentKey(identity) },
      parts.length === 0 ? { kind: 'nothing' } : { kind: 'or', args: parts },
    ],
  };
}

/** A row may have been written more than once: its first line is kept. */
function onceEach(lines: Uint8Array, numbers: ReadonlyMap<string, Set<string>>): string {
  const text = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength).toString('utf8');
  let kept = '';
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const document = JSON.parse(line) as Readonly<Record<string, string>>;
    const seen = numbers.get(document[FIELD.writer] ?? '');
    const number = document[FIELD.number];
    // Another spelling of a number would be another row.
    if (number === undefined || !/^(?:0|[1-9]\d*)$/.test(number)) throw internal('a fresh row has no number');
    if (seen === undefined || seen.has(number)) continue;
    seen.add(number);
    kept += `${line}\n`;
  }
  return kept;
}

function gone({ schema, table }: RecentHandle, writer: string): TimelineError {
  return new TimelineError({
    kind: 'connector',
    sqlstate: '08006',
    message: `fresh rows of ${schema}.${table} by writer "${writer}" have gone since the query was planned`,
    retryable: true,
  });
}
