import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { parseFields } from '../../connectors/iceberg/format/schema.js';
import { makeTable } from '../../connectors/iceberg/write/made-table.js';
import { pythonWith } from './python.js';
import { runProgram } from './run-program.js';

export type Benchmark = 'tpch' | 'tpcds';

export interface TpcColumn {
  readonly name: string;
  /** DuckDB's name: BIGINT, DECIMAL(15,2), … PostgreSQL reads the same names. */
  readonly type: string;
}

export interface TpcData {
  readonly folder: string;
  readonly tables: readonly { readonly name: string; readonly columns: readonly TpcColumn[]; readonly rows: number }[];
  /** By number from 1, as the package has them. */
  readonly queries: readonly string[];
}

/** The last release whose wheel has both generators and the texts of the queries in it. */
const PACKAGE = 'duckdb==1.1.3';

const GENERATE = `
import json, os, sys
import duckdb
benchmark, scale, folder = sys.argv[1:]
c = duckdb.connect()
c.execute("PRAGMA threads=2")
c.execute(f"CALL {'dbgen' if benchmark == 'tpch' else 'dsdgen'}(sf={float(scale)})")
tables = []
for (name,) in c.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall():
    columns = c.execute("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [name]).fetchall()
    rows = c.execute(f'SELECT count(*) FROM {name}').fetchone()[0]
    tables.append({"name": name, "columns": [{"name": n, "type": t} for n, t in columns], "rows": rows})
    c.execute(f"COPY {name} TO '{folder}/{name}.parquet' (FORMAT parquet)")
    c.execute(f"COPY {name} TO '{folder}/{name}.csv' (FORMAT csv, HEADER false)")
queries = [q for (_, q) in c.execute(f"SELECT query_nr, query FROM {benchmark}_queries() ORDER BY 1").fetchall()]
json.dump({"tables": tables, "queries": queries}, open(os.path.join(folder, "tpc.json"), "w"))
`;

/** Data and queries by DuckDB's generators; undefined where Python or that package cannot be had. */
export async function generateTpc(benchmark: Benchmark, scale: number, folder: string): Promise<TpcData | undefined> {
  const python = await pythonWith(PACKAGE, 'duckdb');
  if (python === undefined) return undefined;
  await mkdir(folder, { recursive: true });
  const result = await runProgram(python, ['-c', GENERATE, benchmark, String(scale), folder], { timeoutMs: 600_000 });
  if (result.code !== 0) throw new Error(`the generator failed: ${result.stderr}`);
  return { folder, ...(JSON.parse(await readFile(join(folder, 'tpc.json'), 'utf8')) as Omit<TpcData, 'folder'>) };
}

/** Rows of one data file: several files of the big tables at greater scales, so that they have splits to prune and to share. */
const FILE_ROWS = 1_000_000;

/** Writes the tables as an Iceberg catalog of this project's writer; gives the configuration's text. */
export async function writeTpcLake(data: TpcData, namespace: string, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const catalog = { type: 'sql', uri: `sqlite:///${join(folder, 'catalog.db')}`, name: 'tpc', warehouse: `file://${folder}` } as const;
  const connector = await IcebergConnector.open({
    name: 'tpc',
    config: { catalog, locations: {}, write: { schemas: '*' } },
    cacheFolder: join(folder, 'cache'),
    cacheBytes: 0,
  });
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  try {
    for (const { name, columns, rows } of data.tables) {
      const relations = Array.from(
        { length: Math.ceil(rows / FILE_ROWS) },
        (_, n) => `(SELECT * FROM read_parquet('${data.folder}/${name}.parquet') LIMIT ${FILE_ROWS} OFFSET ${n * FILE_ROWS})`,
      );
      const fields = parseFields(columns.map((column, n) => ({ id: n + 1, name: column.name, type: icebergType(column.type) })));
      if (connector.writer === undefined) throw new Error('not writable');
      await makeTable({
        writer: connector.writer,
        table: { schema: namespace, table: name },
        fields,
        options: {},
        connection,
        relations,
        batch: name,
      });
    }
  } finally {
    await connector.close();
    connection.closeSync();
    instance.closeSync();
  }
  const config = {
    catalogs: {
      tpc: { type: 'iceberg', catalog },
    },
  };
  await writeFile(join(folder, 'timeline.yaml'), JSON.stringify(config));
  return JSON.stringify(config);
}

function icebergType(type: string): string {
  const decimal = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(type);
  if (decimal !== null) return `decimal(${Number(decimal[1])}, ${Number(decimal[2])})`;
  switch (type) {
    case 'BIGINT':
      return 'long';
    case 'INTEGER':
      return 'int';
    case 'DATE':
      return 'date';
    case 'VARCHAR':
      return 'string';
    default:
      throw new Error(`no type for ${type}`);
  }
}

/** CREATE TABLE for PostgreSQL. */
export function tableDefinition({ name, columns }: TpcData['tables'][number]): string {
  return `CREATE TABLE ${name} (${columns.map((column) => `${column.name} ${column.type === 'VARCHAR' ? 'text' : column.type}`).join(', ')})`;
}
