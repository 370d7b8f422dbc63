import { unsupported } from '../../../sql/errors.js';
import type { ColumnDescription } from '../../connector.js';
import type { LogsClient } from '../client/logs-client.js';
import { isWellFormed } from '../logsql/print.js';
import type { LogsFilter } from '../logsql/syntax.js';
import { freshDocuments, type RecentSource } from './writers.js';

/** Names tried by one query. */
const TOGETHER = 500;

/**
 * 0A000 where fresh rows have values of columns that the table has not, or has no more under that name: a renamed column would read as NULL. The
 * server's list of names is that of whole blocks, and so only says what has to be tried.
 */
export async function requireKnownColumns(
  source: RecentSource & { readonly client: Pick<LogsClient, 'query' | 'fieldNames'> },
  columns: readonly Pick<ColumnDescription, 'name'>[],
): Promise<void> {
  const { client, signal } = source;
  const fresh = freshDocuments(source);
  const known = new Set(columns.map(({ name }) => name));
  const others = (await client.fieldNames(fresh, { signal }))
    .map(({ name }) => name)
    .filter((name) => !known.has(name) && !name.startsWith('_') && name !== '' && !name.endsWith('*') && isWellFormed(name));
  for (let at = 0; at < others.length; at += TOGETHER) {
    const some = others.slice(at, at + TOGETHER);
    const filter: LogsFilter = {
      kind: 'and',
      args: [fresh, { kind: 'or', args: some.map((field): LogsFilter => ({ kind: 'present', field })) }],
    };
    const pipes = [{ kind: 'limit', rows: 1 }] as const;
    for await (const rows of client.query({ filter, pipes }, { signal })) {
      const name = some.find((one) => (rows[0]?.[one] ?? '') !== '');
      if (name === undefined) continue;
      const { schema, table } = source.table;
      const shown = name.length > 100 ? `${name.slice(0, 100)}…` : name;
      throw unsupported(`timeline.include_recent for ${schema}.${table}, of which fresh rows have a column "${shown}" that it has not,`);
    }
  }
}
