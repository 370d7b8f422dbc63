import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { parseFields } from '../../connectors/iceberg/format/schema.js';
import { makeTable } from '../../connectors/iceberg/write/made-table.js';
import type { EmbeddedPostgres } from '../support/embedded-postgres.js';
import { Dice } from './oracle-dice.js';

export interface OracleColumn {
  readonly name: string;
  /** As Iceberg's metadata spells it. */
  readonly iceberg: unknown;
  /** PostgreSQL's name of the type. */
  readonly postgres: string;
}

/** Rows as texts in PostgreSQL's input form, which DuckDB reads too. */
export interface OracleTable {
  readonly name: string;
  readonly columns: readonly OracleColumn[];
  readonly rows: readonly (readonly (string | null)[])[];
  /** Data files that the rows are dealt over. */
  readonly files: number;
}

const POSTGRES: Readonly<Record<string, string>> = {
  boolean: 'bool',
  int: 'int4',
  long: 'int8',
  float: 'float4',
  double: 'float8',
  date: 'date',
  time: 'time',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
  string: 'text',
  uuid: 'uuid',
  binary: 'bytea',
};

function columns(spec: string): OracleColumn[] {
  return spec.split(/\s*;\s*/).map((part, at) => {
    const [name = '', type = ''] = part.split(' ');
    if (type === 'map') {
      return {
        name,
        iceberg: { type: 'map', 'key-id': 100 + at, key: 'string', 'value-id': 200 + at, value: 'string' },
        postgres: 'jsonb',
      };
    }
    return { name, iceberg: type.replace(',', ', '), postgres: POSTGRES[type] ?? type.replace('decimal', 'numeric') };
  });
}

const TEXTS = [
  '',
  ' ',
  'a',
  'A',
  'abc',
  'abd',
  'ABC',
  'äöü',
  'Äpfel',
  'straße',
  '日本語',
  'naïve',
  '😀',
  '😀 smile',
  'x%y',
  'x_y',
  'back\\slash',
  "o'clock",
  'tab\there',
  'line\nbreak',
  ' padded ',
  'zz',
  'z',
  '10',
  '9',
  '-3',
  '1.5',
  'NULL',
  'null',
  'true',
  'play',
  'pause',
  'rebuffer',
  'seek',
  'é',
  'e\u0301',
  'a b c',
  'a,b,c',
  '{}',
];
const I4 = ['0', '1', '-1', '2', '3', '5', '7', '10', '42', '100', '-7', '1000', '2147483647', '-2147483648', '65536'];
const I8 = [
  '0',
  '1',
  '-1',
  '2',
  '10',
  '100',
  '-100',
  '9007199254740993',
  '-9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  '4294967296',
];
const X8 = [
  'NaN',
  'Infinity',
  '-Infinity',
  '-0',
  '0',
  '1e308',
  '-1e308',
  '5e-324',
  '1e-300',
  '0.1',
  '0.30000000000000004',
  '1e15',
  '1e16',
  '123456789.125',
  '-2.5',
  '1.5',
  '0.5',
];
const D2 = [
  '0.00',
  '0.01',
  '-0.01',
  '1.00',
  '1.10',
  '2.50',
  '-2.50',
  '3.50',
  '9999999999.99',
  '-9999999999.99',
  '100.00',
  '12.34',
  '0.10',
  '0.99',
];
const D10 = [
  '0',
  '1',
  '-1',
  '0.0000000001',
  '-0.0000000001',
  '3.1415926535',
  '2.7182818284',
  '999999999999999999.9999999999',
  '-123456789.0123456789',
  '0.5',
  '1.5',
  '2.5',
];
const DATES = [
  '2024-02-29',
  '2023-12-31',
  '2024-01-01',
  '2024-03-31',
  '2024-10-27',
  '2024-12-30',
  '1970-01-01',
  '1969-12-31',
  '1999-12-31',
  '2000-01-01',
  '2000-02-29',
  '1900-03-01',
  '2099-12-31',
  '0044-03-15',
  '2024-11-03',
  '2024-03-10',
];
const STAMPS = [
  '2024-03-31 01:59:59.999999',
  '2024-03-31 02:00:00',
  '2024-03-31 02:30:00',
  '2024-03-31 03:00:00',
  '2024-10-27 01:59:59',
  '2024-10-27 02:30:00',
  '2024-10-27 03:00:00',
  '2024-03-10 02:30:00',
  '2024-11-03 01:30:00',
  '2024-02-29 23:59:59.999999',
  '2024-03-01 00:00:00',
  '2023-12-31 23:59:59.5',
  '1970-01-01 00:00:00',
  '1969-12-31 23:59:59.999999',
  '2024-12-31 12:00:00.123456',
  '2000-01-01 00:00:00',
  '1850-06-01 10:20:30',
  '2024-05-05 05:05:05.005',
  '2024-01-31 10:00:00',
  '2262-04-11 23:47:16',
  '0099-01-01 00:00:00',
];
const INSTANTS = STAMPS.map((text) => `${text}+00`).concat([
  '2024-03-31 00:59:59.999999+00',
  '2024-03-31 01:00:00+00',
  '2024-10-27 00:30:00+00',
  '2024-10-27 01:30:00+00',
  '2024-03-10 07:00:00+00',
  '2024-11-03 05:30:00+00',
  '2024-11-03 06:30:00+00',
]);

/** Three tables: o.facts (every type, NULLs, extremes), o.dims (keys with duplicates, gaps, NULLs), o.links (between them). */
export function oracleTables(seed: number): readonly OracleTable[] {
  const dice = new Dice(seed);
  const some = (pool: readonly string[], nulls = 0.12): string | null => (dice.chance(nulls) ? null : dice.pick(pool));
  const small = (nulls = 0.1): string | null => (dice.chance(nulls) ? null : String(dice.whole(-20, 60) / 4));
  const facts: (string | null)[][] = [];
  for (let id = 1; id <= 360; id++) {
    const map = dice.chance(0.2)
      ? null
      : JSON.stringify(Object.fromEntries(['k', 'ключ', 'n', 'a b'].filter(() => dice.chance(0.5)).map((key) => [key, dice.pick(TEXTS)])));
    facts.push([
      String(id),
      dice.chance(0.1) ? null : String(dice.whole(0, 12)),
      some(I4),
      some(I8),
      small(),
      some(X8),
      some(['1.5', '-0.25', '3', '1e10', 'NaN', '0', '0.1']),
      some(D2),
      some(D10),
      some(TEXTS),
      some(['play', 'pause', 'rebuffer', 'seek', 'end'], 0.05),
      dice.chance(0.15) ? null : String(dice.chance(0.5)),
      some(DATES),
      some(STAMPS),
      some(INSTANTS),
      some(['00:00:00', '23:59:59.999999', '12:30:00', '01:02:03.004']),
      dice.chance(0.1) ? null : `00000000-0000-4000-8000-${String(dice.whole(0, 40)).padStart(12, '0')}`,
      map,
    ]);
  }
  const dims: (string | null)[][] = [];
  for (let n = 0; n < 24; n++)
    dims.push([dice.chance(0.15) ? null : String(dice.whole(0, 16)), some(TEXTS), small(), some(DATES), some(D2)]);
  const links: (string | null)[][] = [];
  for (let n = 0; n < 90; n++)
    links.push([String(dice.whole(1, 400)), dice.chance(0.1) ? null : String(dice.whole(0, 16)), some(TEXTS), some(INSTANTS)]);
  return [
    {
      name: 'facts',
      columns: columns(
        'id long; k int; i4 int; i8 long; f8 double; x8 double; f4 float; d2 decimal(12,2); d10 decimal(38,10); s string; e string; b boolean; day date; ts timestamp; tz timestamptz; tm time; u uuid; m map',
      ),
      rows: facts,
      files: 3,
    },
    { name: 'dims', columns: columns('k int; name string; w double; since date; price decimal(12,2)'), rows: dims, files: 1 },
    { name: 'links', columns: columns('a long; b int; note string; at timestamptz'), rows: links, files: 2 },
    { name: 'none', columns: columns('id long; k int; s string; f8 double; d2 decimal(12,2); tz timestamptz'), rows: [], files: 0 },
  ];
}

function quoted(text: string | null): string {
  return text === null ? 'NULL' : `'${text.replaceAll("'", "''")}'`;
}

/** Writes the tables as Iceberg namespace `o` into a new lake; the answer is timeline.yaml for it. */
export async function writeLake(folder: string, tables: readonly OracleTable[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  const catalog = { type: 'sql', uri: `sqlite:///${join(folder, 'catalog.db')}`, name: 'oracle' } as const;
  const config = { catalog: { ...catalog, warehouse: `file://${folder}/warehouse` }, locations: {}, write: { schemas: '*' } } as const;
  const connector = await IcebergConnector.open({ name: 'oracle', config, cacheFolder: join(folder, 'cache'), cacheBytes: 0 });
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    for (const table of tables) {
      const relations = Array.from({ length: table.files }, (_, file) => {
        const rows = table.rows.filter((_, n) => n % table.files === file);
        return `(SELECT ${table.columns.map((c, n) => `${duckdbValue(c, `column${n}`)} AS "${c.name}"`).join(', ')} FROM (VALUES ${rows.map((row) => `(${row.map(quoted).join(', ')})`).join(', ')}) AS v(${table.columns.map((_, n) => `column${n}`).join(', ')}))`;
      });
      const fields = parseFields(table.columns.map((column, at) => ({ id: at + 1, name: column.name, type: column.iceberg })));
      const options = { sorted_by: `"${table.columns[0]?.name}"` };
      if (connector.writer === undefined) throw new Error('not writable');
      await makeTable({
        writer: connector.writer,
        table: { schema: 'o', table: table.name },
        fields,
        options,
        connection,
        relations,
        batch: table.name,
      });
    }
  } finally {
    await connector.close();
    connection.closeSync();
    instance.closeSync();
  }
  return JSON.stringify({
    catalogs: { oracle: { type: 'iceberg', catalog } },
  });
}

function duckdbValue(column: OracleColumn, name: string): string {
  return typeof column.iceberg === 'string' ? name : `CAST(CAST(${name} AS JSON) AS MAP(VARCHAR, VARCHAR))`;
}

export async function loadPostgres(postgres: EmbeddedPostgres, tables: readonly OracleTable[]): Promise<void> {
  await postgres.run("SET TimeZone = 'UTC'; CREATE SCHEMA o");
  for (const table of tables) {
    await postgres.run(`CREATE TABLE o.${table.name} (${table.columns.map((c) => `"${c.name}" ${c.postgres}`).join(', ')})`);
    if (table.rows.length > 0) {
      const rows = table.rows.map((row) => `(${row.map(quoted).join(', ')})`);
      await postgres.run(`INSERT INTO o.${table.name} VALUES ${rows.join(', ')}`);
    }
  }
}
