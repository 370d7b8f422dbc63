import type { S3Options } from '../src/object-store/object-store.js';
import { openStore } from '../src/object-store/open-store.js';
import { runPython } from '../test/connectors/pyiceberg.js';
import type { FaultProxy } from '../test/support/fault-proxy.js';
import { pythonWith } from './q7.js';

const SCRIPT = `
import json, sys, time, duckdb, duckdb_extension_httpfs, glob, os
given = json.loads(sys.argv[1])
con = duckdb.connect()
[extension] = glob.glob(os.path.dirname(duckdb_extension_httpfs.__file__) + '/extensions/*/httpfs.duckdb_extension')
con.execute(f"LOAD '{extension}'")
con.execute(f"""CREATE SECRET (TYPE s3, KEY_ID '{given['key']}', SECRET '{given['secret']}', REGION 'us-east-1', URL_STYLE 'path',
  USE_SSL false, ENDPOINT '{given['endpoint'].replace('http://', '')}')""")
start = time.perf_counter()
rows = con.execute("SELECT event_id, ts::VARCHAR, event_type, buffer_duration_ms FROM read_parquet(?) WHERE user_id = ? ORDER BY 2, 1", [given['files'], given['user']]).fetchall()
print(json.dumps({'wall': (time.perf_counter() - start) * 1000, 'rows': len(rows)}))
`;

/** DuckDB's first answer in a process, from the same storage. */
export async function duckdbNeedle(what: {
  readonly cache: string;
  readonly proxy: FaultProxy;
  readonly latency: number;
  readonly s3: S3Options;
  readonly warehouse: string;
  readonly user: string;
}): Promise<
  { readonly wall: number; readonly requests: number; readonly bytes: number; readonly rows: number } | { readonly error: string }
> {
  const { cache, proxy, latency, s3, warehouse, user } = what;
  try {
    const python = await pythonWith(cache);
    const files: string[] = [];
    const store = openStore(warehouse, { s3 });
    for await (const { path } of store.list(''))
      if (path.endsWith('.parquet') && path.includes('shuffled/')) files.push(`${warehouse}/${path}`);
    store.close();
    proxy.delay(latency);
    proxy.seen();
    const given = { endpoint: proxy.endpoint, key: s3.accessKeyId, secret: s3.secretAccessKey, files, user };
    const { wall, rows } = (await runPython(python, SCRIPT, [JSON.stringify(given)])) as { wall: number; rows: number };
    const seen = proxy.seen();
    return { wall, rows, requests: seen.length, bytes: seen.reduce((sum, one) => sum + one.bytes, 0) };
  } catch (error) {
    // The command line, with keys, is the message's beginning.
    return { error: (error instanceof Error ? error.message : String(error)).trim().split('\n').at(-1) ?? '' };
  } finally {
    proxy.delay(0);
  }
}
