import { DuckDBInstance } from '@duckdb/node-api';

/** Rows of a relation as DuckDB's texts, in its order. */
export async function relationRows(relation: string, width: number): Promise<readonly (readonly (string | null)[])[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    const names = Array.from({ length: width }, (_, n) => `c${n}`).join(', ');
    const list = Array.from({ length: width }, (_, n) => `CAST(c${n} AS VARCHAR)`).join(', ');
    const sql = width === 0 ? `SELECT * FROM ${relation}` : `SELECT ${list} FROM ${relation} AS r(${names})`;
    const reader = await connection.runAndReadAll(sql);
    return reader.getRows().map((row) => row.map((value) => (value === null ? null : String(value))));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
