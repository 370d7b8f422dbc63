import type { TableName } from '../connector.js';

/** Rows of a table that pass a user's own filter. */
export interface RawTable {
  readonly table: string;
  readonly filter: string;
}

const PREFIX = 'logsql';

/** The name by which the connector knows them; no table of the configuration has such a one. */
export function rawTableName({ schema, table }: TableName, filter: string): TableName {
  return { schema, table: `${PREFIX}${JSON.stringify([table, filter])}` };
}

/** Undefined: an ordinary name. */
export function rawTableOf(name: string): RawTable | undefined {
  if (!name.startsWith(`${PREFIX}[`)) return undefined;
  try {
    const [table, filter, ...more] = JSON.parse(name.slice(PREFIX.length)) as unknown[];
    return typeof table === 'string' && typeof filter === 'string' && more.length === 0 ? { table, filter } : undefined;
  } catch {
    return undefined;
  }
}
