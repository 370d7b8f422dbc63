import type { Connector, TableName } from '../../connectors/connector.js';
import { kernelError } from '../../src/kernel/kernel-error.js';
import { runDuck } from './relation-rows.js';

const METER = { charge: () => undefined };

/** All rows of a table as texts, ordered by all columns: by default, all. Rejects as a task does. */
export async function rowsOf(connector: Connector, table: TableName, names?: readonly string[]): Promise<(string | null)[][]> {
  const { signal } = new AbortController();
  const description = await connector.describe(table);
  if (description === undefined) throw new Error(`no table ${table.schema}.${table.table}`);
  const columns = description.columns.filter(({ name }) => names?.includes(name) ?? true);
  const { handle } = await connector.pin(table);
  const { splits } = await connector.splits(handle, signal);
  const readable = await connector.read(
    handle,
    splits.map((split) => split.data),
    { columns, meter: METER, signal },
  );
  if (readable.kind !== 'sql') throw new Error('not a relation');
  try {
    const texts = columns.map((column) => `CAST("${column.name}" AS VARCHAR)`).join(', ');
    return await runDuck(`SELECT ${texts} FROM ${readable.relation} AS r ORDER BY ALL`);
  } catch (thrown) {
    const error = kernelError(thrown);
    throw (await readable.explain?.(error)) ?? error;
  } finally {
    await readable.release();
  }
}
