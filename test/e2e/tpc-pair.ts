import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import type pg from 'pg';
import { startPostgresServer } from '../support/postgres-server.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline } from '../support/timeline-server.js';
import { type Benchmark, generateTpc, type TpcData, tableDefinition, writeTpcLake } from '../support/tpc.js';
import { sameRows } from './oracle-pair.js';

type Rows = readonly (readonly (string | null)[])[];

export interface TpcOutcome {
  readonly number: number;
  readonly verdict: 'equal' | 'refused' | 'failed' | 'different' | 'unanswered';
  readonly message: string;
  readonly milliseconds: number;
  /** Of the answer. */
  readonly rows: number;
  /** Are they in PostgreSQL's order too? Rows that ORDER BY does not tell apart need not be. */
  readonly ordered: boolean;
}

/** The engine and a PostgreSQL over one generated data set. */
export interface TpcPair {
  readonly data: TpcData;
  readonly oracle: string;
  /** Answers of both, compared; `unanswered`: PostgreSQL itself did not answer in time. */
  compare(number: number, sql: string): Promise<TpcOutcome>;
  client(): pg.Client;
  close(): Promise<void>;
}

interface Oracle {
  readonly name: string;
  run(sql: string): Promise<unknown>;
  rows(sql: string): Promise<Rows>;
  load(data: TpcData, table: string): Promise<void>;
  close(): Promise<void>;
}

export interface TpcOptions {
  readonly benchmark: Benchmark;
  readonly scale: number;
  /** Primary and foreign keys: without an index PostgreSQL would take minutes for correlated subqueries. */
  readonly indexes: readonly string[];
  readonly oracleTimeout: string;
}

/** Undefined where the generator cannot be had. */
export async function openTpcPair(options: TpcOptions): Promise<TpcPair | undefined> {
  const { benchmark } = options;
  const home = await tempFolder(benchmark);
  const closers: (() => Promise<unknown>)[] = [() => home.remove()];
  const close = async (): Promise<void> => {
    for (const closer of closers.reverse()) await closer();
  };
  try {
    // The PostgreSQL server, another user, reads the files.
    await chmod(home.path, 0o755);
    const data = await generateTpc(benchmark, options.scale, join(home.path, 'data'));
    if (data === undefined) {
      await close();
      return undefined;
    }
    const config = await writeTpcLake(data, benchmark, join(home.path, 'lake'));
    const oracle = (await serverOracle(join(home.path, 'postgres'))) ?? (await embeddedOracle());
    closers.push(() => oracle.close());
    for (const table of data.tables) {
      await oracle.run(tableDefinition(table));
      await oracle.load(data, table.name);
    }
    for (const index of options.indexes) await oracle.run(`CREATE INDEX ON ${index}`);
    await oracle.run('ANALYZE');
    await oracle.run(`SET statement_timeout = '${options.oracleTimeout}'`);
    const server = await startTimeline({ home: join(home.path, 'home'), config });
    closers.push(() => server.stop());
    const client = await server.connect({ types: TEXT });
    closers.push(() => client.end());
    await client.query(`SET search_path = ${benchmark}`);
    return { data, oracle: oracle.name, client: () => client, compare: (number, sql) => compare(number, sql, client, oracle), close };
  } catch (error) {
    await close();
    throw error;
  }
}

const TEXT = { getTypeParser: () => (value: string | Buffer) => String(value) } as unknown as pg.CustomTypesConfig;

async function compare(number: number, sql: string, client: pg.Client, oracle: Oracle): Promise<TpcOutcome> {
  const expected = await oracle.rows(sql).catch((error: Error & { code?: string }) => `${error.code ?? ''} ${error.message}`);
  const start = performance.now();
  const found = await rowsOf(client, sql).catch((error: Error & { code?: string }) => `${error.code ?? ''} ${error.message}`);
  const milliseconds = performance.now() - start;
  const outcome = (verdict: TpcOutcome['verdict'], message = ''): TpcOutcome => ({
    number,
    verdict,
    message,
    milliseconds,
    rows: typeof found === 'string' ? 0 : found.length,
    ordered: typeof found !== 'string' && typeof expected !== 'string' && sameRows(found, expected, true),
  });
  if (typeof found === 'string') return outcome(found.startsWith('0A000') ? 'refused' : 'failed', found);
  if (typeof expected === 'string') return outcome('unanswered', expected);
  if (sameRows(found, expected, false)) return outcome('equal');
  const at = expected.findIndex((row, n) => JSON.stringify(row) !== JSON.stringify(found[n]));
  const differs = `${found.length} rows, PostgreSQL ${expected.length}; first difference in row ${at}: ${JSON.stringify(found[at])} ${JSON.stringify(expected[at])}`;
  return outcome('different', differs);
}

async function rowsOf(client: pg.Client, text: string): Promise<Rows> {
  const { rows } = await client.query({ text, rowMode: 'array' });
  return rows as unknown as Rows;
}

async function serverOracle(folder: string): Promise<Oracle | undefined> {
  const server = await startPostgresServer(folder);
  if (server === undefined) return undefined;
  const client = await server.connect();
  return {
    name: `PostgreSQL ${server.version}`,
    run: (sql) => client.query(sql),
    rows: (sql) => rowsOf(client, sql),
    load: async (data, table) => void (await client.query(`COPY ${table} FROM '${data.folder}/${table}.csv' (FORMAT csv)`)),
    close: async () => {
      await client.end();
      await server.stop();
    },
  };
}

async function embeddedOracle(): Promise<Oracle> {
  const db = new PGlite();
  await db.waitReady;
  // PGlite copies the parsers that it is given: every built-in type has one, that leaves the text as it is.
  const plain = Object.fromEntries(Array.from({ length: 5000 }, (_, oid) => [oid, (value: string) => value]));
  return {
    name: 'PGlite',
    run: (sql) => db.exec(sql),
    rows: async (sql) => (await db.query(sql, [], { rowMode: 'array', parsers: plain })).rows as unknown as Rows,
    load: async (data, table) => {
      const blob = new Blob([await readFile(join(data.folder, `${table}.csv`))]);
      await db.query(`COPY ${table} FROM '/dev/blob' (FORMAT csv)`, [], { blob });
    },
    close: () => db.close(),
  };
}

/** One line a query that is not equal. */
export function listed(outcomes: readonly TpcOutcome[]): string {
  return outcomes
    .filter((one) => one.verdict !== 'equal')
    .map((one) => `${one.number}: ${one.verdict}: ${one.message}`)
    .join('\n');
}
