import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { writeDataFile } from '../../connectors/iceberg/write/data-file-writer.js';
import { createNamespace } from '../../connectors/iceberg/write/sql-catalog-writer.js';
import { appendFiles, createTable } from '../../connectors/iceberg/write/table-writer.js';
import type { DataFile, WriterPrimitive, WriterTable } from '../../connectors/iceberg/write/writer-types.js';
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
  const catalog = { file: join(folder, 'catalog.db'), name: 'tpc' };
  await createNamespace(catalog, namespace);
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  try {
    for (const { name, columns, rows } of data.tables) {
      const table: WriterTable = {
        columns: columns.map((column, n) => ({ id: n + 1, name: column.name, type: icebergType(column.type) })),
        partition: [],
        sort: [],
        properties: {},
      };
      const storage = { location: `file://${folder}/${name}`, folder: join(folder, name) };
      const target = { catalog, id: { namespace, table: name }, table, storage };
      await createTable(target);
      const files: DataFile[] = [];
      for (let from = 0; from < rows; from += FILE_ROWS) {
        const relation = `(SELECT * FROM read_parquet('${data.folder}/${name}.parquet') LIMIT ${FILE_ROWS} OFFSET ${from})`;
        files.push(await writeDataFile({ connection, relation, table, storage, partition: [], name: `00000-${from / FILE_ROWS}` }));
      }
      if (files.length > 0) await appendFiles({ ...target, files });
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  const config = {
    catalogs: {
      tpc: {
        type: 'iceberg',
        catalog: { type: 'sql', uri: `sqlite:///${catalog.file}`, name: catalog.name, warehouse: `file://${folder}` },
      },
    },
  };
  await writeFile(join(folder, 'timeline.yaml'), JSON.stringify(config));
  return JSON.stringify(config);
}

function icebergType(type: string): WriterPrimitive {
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
