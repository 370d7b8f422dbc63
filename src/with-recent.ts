import type { PinnedTable, RecentRows, TableName } from '../connectors/connector.js';
import type { PinnedVersion } from '../planner/planning.js';
import { unsupported } from '../sql/errors.js';
import type { CatalogEntry } from './catalog.js';

/** A table's version, and what is on its way into it just after that: what is flushed in between is seen once, in the log store. */
export async function withRecent(
  version: Promise<PinnedTable>,
  request: { readonly recent: RecentRows; readonly entry: CatalogEntry; readonly table: TableName; readonly signal: AbortSignal },
): Promise<PinnedVersion> {
  const { recent, entry, table, signal } = request;
  const pinned = await version;
  const identity = await entry.connector.dataFiles?.identity(pinned.handle, signal);
  if (identity === undefined || pinned.flushed === undefined)
    throw unsupported(`timeline.include_recent for ${table.schema}.${table.table}, which does not tell what was put into it,`);
  const { columns } = entry.description;
  const found = await recent.pin({ table, identity: identity.table, columns, flushed: pinned.flushed, signal });
  if (found.rows === 0) return pinned;
  return { ...pinned, recent: { connector: recent.reader, handle: found.handle, notices: found.notices } };
}
