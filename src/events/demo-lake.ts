import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { parseFields } from '../../connectors/iceberg/format/schema.js';
import { makeTable } from '../../connectors/iceberg/write/made-table.js';
import { internal } from '../../sql/errors.js';
import { isAlive } from '../process-folder.js';
import { dayEvents } from './day-events.js';
import { DEMO_RELATION, loadDay, openDemoTable } from './demo-table.js';

export interface DemoLakeOptions {
  /** Absolute; made if missing. A finished lake of the same options is used again, anything else in it is replaced. */
  readonly folder: string;
  /** At least so many events; default 200,000. */
  readonly rows?: number;
  readonly seed?: number;
  /** Days from 2025-03-01 on, one partition each; default 31. */
  readonly days?: number;
  readonly onProgress?: (progress: { readonly day: number; readonly days: number; readonly rows: number }) => void;
}

export interface DemoLake {
  /** `sqlite:///…`, as pyiceberg writes it. */
  readonly catalogUri: string;
  /** The catalog's own name in its rows. */
  readonly catalogName: string;
  /** `file:///…`: where the lake lies now. */
  readonly warehouse: string;
  /** For the catalog's `locations`: set when the folder was moved since the lake was made, else empty. */
  readonly locations: Readonly<Record<string, string>>;
  readonly rows: number;
  readonly sessions: number;
}

/** What `lake.json` says: the lake is whole, and which one it is. */
interface LakeMark {
  readonly version: number;
  readonly rowsWanted: number;
  readonly seed: number;
  readonly days: number;
  /** Folder when it was made: the prefix of all locations in it. */
  readonly madeAt: string;
  readonly rows: number;
  readonly sessions: number;
}

/** Raised when the generator or the layout changes: older lakes are then made again. */
const LAKE_VERSION = 1;
/** 2025-03-01 in days since 1970-01-01. */
const FIRST_DAY = 20148;
const CATALOG_NAME = 'lake';
const MARK_FILE = 'lake.json';

export const DEMO_FIELDS = parseFields([
  { id: 1, name: 'event_id', type: 'uuid' },
  { id: 2, name: 'ts', type: 'timestamptz' },
  { id: 3, name: 'session_id', type: 'string' },
  { id: 4, name: 'user_id', type: 'string' },
  { id: 5, name: 'device_os', type: 'string' },
  { id: 6, name: 'cdn', type: 'string' },
  { id: 7, name: 'event_type', type: 'string' },
  { id: 8, name: 'buffer_duration_ms', type: 'long' },
  { id: 9, name: 'bitrate_kbps', type: 'int' },
  { id: 10, name: 'country', type: 'string' },
  { id: 11, name: 'attributes', type: { type: 'map', 'key-id': 12, key: 'string', 'value-id': 13, value: 'string' } },
]);

const DEMO_OPTIONS = {
  partitioning: 'day(ts)',
  sorted_by: 'ts, event_id',
  'timeline.key': 'session_id',
  'timeline.ts': 'ts',
  'timeline.order_by': 'event_id',
  'timeline.stream': 'session_id',
  'timeline.event_id': 'event_id',
  'timeline.event_type': 'event_type',
  'timeline.time': 'ts',
  // A file holds one day, a few thousand rows: pages of it are not worth an index, and DuckDB's files are half the size.
  'timeline.page-index': 'false',
  'write.parquet.compression-codec': 'zstd',
  'write.metadata.metrics.default': 'truncate(16)',
};

/**
 * Makes the demo lake, or finds it made: Iceberg table `lake.events` of March 2025 in a SQLite catalog.
 *
 * It is built in a folder beside and moved into place when whole, so that a half-made lake is never seen; two processes that
 * make it at once both end with one whole lake.
 */
export async function makeDemoLake(options: DemoLakeOptions): Promise<DemoLake> {
  const folder = resolve(options.folder);
  const wanted = { version: LAKE_VERSION, rowsWanted: options.rows ?? 200_000, seed: options.seed ?? 7, days: options.days ?? 31 };
  const found = await readMark(folder);
  if (found && isSame(found, wanted)) return describeLake(folder, found);
  await sweepLeftovers(folder);
  const building = `${folder}.making-${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    const made = await buildLake({ ...wanted, building, folder, onProgress: options.onProgress });
    return describeLake(folder, await moveIntoPlace(building, folder, made));
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

async function buildLake(options: {
  readonly building: string;
  readonly folder: string;
  readonly version: number;
  readonly rowsWanted: number;
  readonly seed: number;
  readonly days: number;
  readonly onProgress: DemoLakeOptions['onProgress'];
}): Promise<LakeMark> {
  const { building, folder, version, rowsWanted, seed, days, onProgress } = options;
  await mkdir(building, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  // Written beside, under the names that it will have in its place.
  const connector = await IcebergConnector.open({
    name: CATALOG_NAME,
    config: {
      catalog: { type: 'sql', uri: `sqlite:///${join(building, 'catalog.db')}`, name: CATALOG_NAME },
      locations: { [`file://${folder}`]: `file://${building}` },
      write: { schemas: ['lake'] },
    },
    cacheFolder: join(building, 'cache'),
    cacheBytes: 0,
  });
  let sessions = 0;
  let rows = 0;
  async function* dayRelations(): AsyncIterable<string> {
    for (const day of dayEvents({ seed, rows: rowsWanted, days, firstDay: FIRST_DAY })) {
      await loadDay(connection, day);
      if (day.count > 0) yield DEMO_RELATION;
      sessions += day.sessions.length;
      rows += day.count;
      onProgress?.({ day: day.day - FIRST_DAY + 1, days, rows });
    }
  }
  try {
    if (connector.writer === undefined) throw internal('the demo lake is not written');
    await connection.run("SET TimeZone = 'UTC'");
    await openDemoTable(connection);
    await makeTable({
      writer: connector.writer,
      table: { schema: 'lake', table: 'events' },
      fields: DEMO_FIELDS,
      options: { ...DEMO_OPTIONS, location: `file://${folder}/warehouse/lake/events` },
      connection,
      relations: dayRelations(),
      batch: 'demo-lake',
      summary: { 'timeline.demo-seed': String(seed) },
    });
  } finally {
    await connector.close();
    connection.closeSync();
    instance.closeSync();
  }
  await rm(join(building, 'cache'), { recursive: true, force: true });
  const mark: LakeMark = { version, rowsWanted, seed, days, madeAt: folder, rows, sessions };
  await writeFile(join(building, MARK_FILE), `${JSON.stringify(mark, undefined, 2)}\n`);
  return mark;
}

/** A rename is all or nothing, and fails on a folder that is not empty: then another process was first, or a broken lake is in the way. */
async function moveIntoPlace(building: string, folder: string, made: LakeMark): Promise<LakeMark> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await rename(building, folder);
      return made;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    }
    const other = await readMark(folder);
    if (other && isSame(other, made)) return other;
    await removeLake(folder);
  }
  throw internal(`cannot put the demo lake into ${folder}: it is not empty`);
}

/** Removes what a lake consists of, and nothing else that somebody may have put there. */
async function removeLake(folder: string): Promise<void> {
  for (const name of [MARK_FILE, 'catalog.db', 'catalog.db-journal', 'catalog.db.lock', 'warehouse']) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Folders of processes that died while they made a lake. */
async function sweepLeftovers(folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  for (const name of await readdir(dirname(folder))) {
    const pid = name.startsWith(`${basename(folder)}.making-`) ? Number(/making-(\d+)-/.exec(name)?.[1]) : Number.NaN;
    if (Number.isInteger(pid) && !isAlive(pid)) await rm(join(dirname(folder), name), { recursive: true, force: true });
  }
}

async function readMark(folder: string): Promise<LakeMark | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, MARK_FILE), 'utf8')) as LakeMark;
  } catch {
    return undefined;
  }
}

function isSame(mark: LakeMark, wanted: Pick<LakeMark, 'version' | 'rowsWanted' | 'seed' | 'days'>): boolean {
  return mark.version === wanted.version && mark.rowsWanted === wanted.rowsWanted && mark.seed === wanted.seed && mark.days === wanted.days;
}

function describeLake(folder: string, mark: LakeMark): DemoLake {
  return {
    catalogUri: `sqlite:///${join(folder, 'catalog.db')}`,
    catalogName: CATALOG_NAME,
    warehouse: `file://${join(folder, 'warehouse')}`,
    locations: mark.madeAt === folder ? {} : { [`file://${mark.madeAt}`]: `file://${folder}` },
    rows: mark.rows,
    sessions: mark.sessions,
  };
}
