import type { Connector, ReadColumn, TableName, TablePredicate } from '../../connectors/connector.js';
import type { LogsClient } from '../../connectors/victorialogs/client/logs-client.js';
import type { LogsTableConfig, VictoriaLogsConfig } from '../../connectors/victorialogs/config.js';
import { VictoriaLogsConnector } from '../../connectors/victorialogs/connector.js';
import { tempFolder } from '../support/temp-folder.js';
import { relationRows } from './relation-values.js';

export const SIGNAL = new AbortController().signal;
export const LOGS: TableName = { schema: 'vl', table: 'logs' };

export function logsConfig(tables: readonly LogsTableConfig[] = []): VictoriaLogsConfig {
  return {
    type: 'victorialogs',
    url: 'http://127.0.0.1:1',
    auth: { type: 'none' },
    limits: { queries: 2, timeout: 25_000, responseBytes: 2 ** 30, indexTimeout: 250 },
    tables,
    indexes: [],
    recent: [],
  };
}

/** A connector of catalog `vl`; `close` ends it and removes its folder. */
export async function openLogs(
  client: LogsClient,
  config = logsConfig(),
): Promise<{ readonly connector: VictoriaLogsConnector; readonly folder: string; close(): Promise<void> }> {
  const folder = await tempFolder('logs');
  const connector = await VictoriaLogsConnector.open({ name: 'vl', config, scratchFolder: folder.path, client });
  return {
    connector,
    folder: folder.path,
    close: async () => {
      await connector.close();
      await folder.remove();
    },
  };
}

/** Rows of a table with some filters pushed, as DuckDB shows them. */
export async function readTable(
  connector: Connector,
  table: TableName,
  options: { readonly filters?: readonly TablePredicate[]; readonly columns?: readonly string[]; readonly limit?: number } = {},
): Promise<{ readonly rows: readonly (readonly unknown[])[]; readonly answers: readonly string[] }> {
  const { handle: pinned } = await connector.pin(table);
  const description = await connector.describe(table);
  const columns = (options.columns ?? description?.columns.map(({ name }) => name) ?? []).map((name): ReadColumn => {
    const column = description?.columns.find((one) => one.name === name);
    if (column === undefined) throw new Error(`no column ${name}`);
    return column;
  });
  const request = { filters: options.filters ?? [], columns: columns.map(({ name }) => name), limit: options.limit };
  const { handle, answers } = connector.pushdown(pinned, request);
  const { splits } = await connector.splits(handle, SIGNAL);
  const readable = await connector.read(
    handle,
    splits.map(({ data }) => data),
    { columns, meter: { charge: () => undefined }, signal: SIGNAL },
  );
  if (readable.kind !== 'sql') throw new Error('rows');
  try {
    return { rows: await relationRows(readable.relation, columns.length), answers };
  } finally {
    await readable.release();
  }
}
