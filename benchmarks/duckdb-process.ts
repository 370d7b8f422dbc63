import { DuckDBInstance } from '@duckdb/node-api';

// DuckDB in a process of its own, so that it is measured exactly as the server is: questions come by IPC.
const instance = await DuckDBInstance.create(':memory:');
const connection = await instance.connect();
await connection.run("SET TimeZone = 'UTC'");

process.on('message', (sql: string) => {
  void answer(sql).then((reply) => process.send?.(reply));
});

async function answer(sql: string): Promise<unknown> {
  try {
    const result = await connection.runAndReadAll(sql);
    return { columns: result.columnNames(), rows: result.getRowsJson() };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
process.send?.({ columns: [], rows: [] });
