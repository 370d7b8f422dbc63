import { DuckDBInstance } from '@duckdb/node-api';
import type { IcebergConfig } from '../../connectors/iceberg/config.js';
import { openLake, SIGNAL, writeRows } from './iceberg-lake.js';

/**
 * A process that appends batches of 10 rows to a table: `{config, folder, table, batches: [name, first id][], dieAt?}` as JSON. With `dieAt` it
 * kills itself (-9) at that step. Prints one JSON line: the results.
 */
interface Job {
  readonly config: IcebergConfig;
  readonly folder: string;
  readonly table: { readonly schema: string; readonly table: string };
  readonly batches: readonly (readonly [name: string, first: number])[];
  readonly dieAt?: string;
}

const job = JSON.parse(process.argv[2] ?? '') as Job;
const connector = await openLake(job.config, (step) => {
  if (step === job.dieAt) process.kill(process.pid, 'SIGKILL');
});
const instance = await DuckDBInstance.create(':memory:');
const connection = await instance.connect();
const { writer } = connector;
if (writer === undefined) throw new Error('not writable');
const results: unknown[] = [];
for (const [batch, first] of job.batches) {
  for (;;) {
    const { handle } = await writer.begin({ table: job.table }, SIGNAL);
    const select = `SELECT range AS id, (range % 4)::INTEGER AS part FROM range(${first}, ${first + 10})`;
    const written = await writeRows({ folder: job.folder, connection }, writer, handle, select);
    try {
      results.push(await writer.commit(handle, { written, batch, summary: {}, signal: SIGNAL }));
      break;
    } catch (error) {
      if ((error as { sqlstate?: string }).sqlstate !== '40001') throw error;
    }
  }
}
connection.closeSync();
instance.closeSync();
await connector.close();
console.log(JSON.stringify(results));
