import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { parseFields } from '../../connectors/iceberg/format/schema.js';
import { makeTable } from '../../connectors/iceberg/write/made-table.js';
import { Dice } from './oracle-dice.js';

/** An event as the model of replay functions has it: times in milliseconds. */
export interface ReplayEvent {
  readonly id: number;
  readonly stream: string;
  readonly version: number | null;
  readonly time: number | null;
}

export const START = Date.UTC(2025, 0, 1);
/** The least that DuckDB can write. */
export const GROUP_ROWS = 2048;

/** One stream in order: version n at second n, with gaps and steps of no time. */
export function oneStream(rows: number): readonly ReplayEvent[] {
  return Array.from({ length: rows }, (_, n) => ({ id: n, stream: 'orders-1', version: n * 2, time: START + Math.floor(n / 4) * 1000 }));
}

/** Streams mixed with each other, their clocks wrong, some versions and times missing, in no order. */
export function manyStreams(rows: number, dice: Dice): readonly ReplayEvent[] {
  const names = ['orders-1', 'orders-2', 'orders-12', 'carts-1', 'carts*1', 'x'];
  const versions = new Map<string, number>();
  const events = Array.from({ length: rows }, (_, id): ReplayEvent => {
    const stream = dice.pick(names);
    const version = (versions.get(stream) ?? -1) + dice.pick([1, 1, 1, 2, 7]);
    versions.set(stream, version);
    const skew = dice.chance(0.2) ? dice.whole(-4000, 4000) : 0;
    return {
      id,
      stream,
      version: dice.chance(0.001) ? null : version,
      time: dice.chance(0.002) ? null : START + (Math.floor(id / 4) + skew) * 1000,
    };
  });
  // Pieces change places, so that files and row groups overlap, but not all of them.
  const pieces: ReplayEvent[][] = [];
  for (let at = 0; at < rows; at += 500) pieces.push(events.slice(at, at + 500));
  for (let n = 0; n < pieces.length / 2; n++) {
    const [a, b] = [dice.whole(0, pieces.length - 1), dice.whole(0, pieces.length - 1)];
    [pieces[a], pieces[b]] = [pieces[b] ?? [], pieces[a] ?? []];
  }
  return pieces.flat();
}

const EVENT_FIELDS: readonly (readonly [string, string, string])[] = [
  ['id', 'long', 'BIGINT'],
  ['stream_id', 'string', 'VARCHAR'],
  ['version', 'long', 'BIGINT'],
  ['event_time', 'timestamptz', 'TIMESTAMPTZ'],
  ['payload', 'string', 'VARCHAR'],
];

/** Columns of every type that has an order, with NULLs and what lies at the ends; `n` rises through the table. */
const VALUE_FIELDS: readonly (readonly [string, string, string])[] = [
  ['id', 'long', 'BIGINT'],
  ['n', 'int', 'INTEGER'],
  ['i', 'int', 'INTEGER'],
  ['f', 'double', 'DOUBLE'],
  ['d', 'decimal(12, 2)', 'DECIMAL(12,2)'],
  ['s', 'string', 'VARCHAR'],
  ['day', 'date', 'DATE'],
  ['ts', 'timestamp', 'TIMESTAMP'],
  ['tz', 'timestamptz', 'TIMESTAMPTZ'],
  ['b', 'boolean', 'BOOLEAN'],
  ['u', 'uuid', 'UUID'],
  ['payload', 'string', 'VARCHAR'],
];

function eventLine({ id, stream, version, time }: ReplayEvent): string {
  const at = time === null ? '' : new Date(time).toISOString();
  return `${id},${stream},${version ?? ''},${at},payload of ${(id * 2_654_435_761) % 4_294_967_296} ${(id * 40_503) % 1_000_003}`;
}

/** Each column follows `id` loosely, in its own direction, so that bounds of row groups overlap some of the others. */
function valueLine(id: number, dice: Dice): string {
  const near = id + dice.whole(-600, 600);
  const some = (text: string, nulls = 0.02): string => (dice.chance(nulls) ? '' : text);
  const pad = (n: number, width: number): string => String(Math.abs(n)).padStart(width, '0');
  const instant = new Date(START - near * 60_000).toISOString();
  return [
    id,
    id,
    some(String(-near)),
    some(dice.pick([String(near / 7), String(near / 7), String(near / 7), 'NaN', '-Infinity', 'Infinity'])),
    some((near / 100).toFixed(2)),
    some(`${dice.pick(['a', 'ä', 'Z', '😀'])} long text of more than sixteen ${pad(near, 8)}`),
    some(new Date(START + Math.floor(near / 50) * 86_400_000).toISOString().slice(0, 10)),
    id > 12_000 && id < 15_000 ? '' : some(instant.replace('Z', '')),
    some(instant, 0),
    some(String(near % 2 === 0)),
    some(`${pad(near * 1000, 8)}-0000-4000-8000-${pad(id, 12)}`),
    `p${(id * 2_654_435_761) % 4_294_967_296}-${(id * 40_503) % 1_000_003}`,
  ].join(',');
}

export interface ReplayTables {
  readonly one: readonly ReplayEvent[];
  readonly many: readonly ReplayEvent[];
  readonly values: number;
  readonly seed: number;
}

/** o.one (a file), o.few (the same in three), o.many (five files), o.vals (four files); row groups are small. The answer is timeline.yaml. */
export async function writeReplayLake(folder: string, { one, many, values, seed }: ReplayTables): Promise<string> {
  const catalog = { type: 'sql', uri: `sqlite:///${join(folder, 'catalog.db')}`, name: 'replay' } as const;
  const config = { catalog: { ...catalog, warehouse: `file://${folder}/warehouse` }, locations: {}, write: { schemas: '*' } } as const;
  const connector = await IcebergConnector.open({ name: 'replay', config, cacheFolder: join(folder, 'cache'), cacheBytes: 0 });
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    const dice = new Dice(seed);
    const table = async (
      name: string,
      files: number,
      columns: readonly (readonly [string, string, string])[],
      lines: readonly string[],
    ): Promise<void> => {
      const { writer } = connector;
      if (writer === undefined) throw new Error('not writable');
      const each = Math.ceil(lines.length / files);
      const relations: string[] = [];
      for (let file = 0; file < files; file++) {
        const path = join(folder, `${name}-${file}.csv`);
        await writeFile(path, lines.slice(file * each, (file + 1) * each).join('\n'));
        const types = columns.map(([column, , type]) => `'${column}': '${type}'`).join(', ');
        relations.push(`read_csv('${path}', header = false, columns = {${types}}, nullstr = '')`);
      }
      const fields = parseFields(columns.map(([column, type], at) => ({ id: at + 1, name: column, type })));
      const options = { 'write.parquet.row-group-limit': String(GROUP_ROWS) };
      await makeTable({ writer, table: { schema: 'o', table: name }, fields, options, connection, relations, batch: name });
    };
    await table('one', 1, EVENT_FIELDS, one.map(eventLine));
    await table('few', 3, EVENT_FIELDS, one.map(eventLine));
    await table('many', 5, EVENT_FIELDS, many.map(eventLine));
    await table(
      'vals',
      4,
      VALUE_FIELDS,
      Array.from({ length: values }, (_, id) => valueLine(id, dice)),
    );
  } finally {
    await connector.close();
    connection.closeSync();
    instance.closeSync();
  }
  return JSON.stringify({ catalogs: { replay: { type: 'iceberg', catalog } } });
}
