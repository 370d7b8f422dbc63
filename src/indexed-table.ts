import type { ConnectorSplit, DataFileAccess, Handle, IndexedTable } from '../connectors/connector.js';
import { unsupported } from '../sql/errors.js';
import type { CatalogEntry } from './catalog.js';

/** A table's current snapshot as indexes see it, and what reading its files takes. */
export interface IndexedSnapshot {
  readonly table: IndexedTable;
  readonly handle: Handle;
  readonly splits: readonly ConnectorSplit[];
  readonly access: DataFileAccess;
}

/** Throws 0A000 for a table whose rows are not in data files that an index could name. */
export async function indexedSnapshot({ connector, source, description }: CatalogEntry, signal: AbortSignal): Promise<IndexedSnapshot> {
  const { schema, table } = description;
  const access = connector.dataFiles;
  if (access === undefined) throw unsupported(`an index of ${schema}.${table}, whose rows are not in data files,`);
  const { handle } = await connector.pin(source, undefined, signal);
  const identity = await access.identity(handle, signal);
  if (identity === undefined) throw unsupported(`an index of ${schema}.${table}, whose rows have no lasting names,`);
  // Not what the catalogue had some time ago: the snapshot may have other columns.
  const now = (await connector.describe(source, signal)) ?? description;
  const { splits } = await connector.splits(handle, signal);
  const files = access.files(splits.map(({ data }) => data));
  return {
    table: { table: { schema, table }, identity, columns: now.columns, properties: now.properties, files, signal },
    handle,
    splits,
    access,
  };
}
