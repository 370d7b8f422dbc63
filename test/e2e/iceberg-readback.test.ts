import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parseExactJson } from '../../connectors/iceberg/format/exact-json.js';
import { pyicebergPython } from '../connectors/pyiceberg.js';
import { type TableWriter, tableWriters } from '../connectors/random-tables.js';
import { type Read, type ReadTable, type TableReader, tableReaders } from '../connectors/table-readers.js';
import { checkWrittenMetrics } from '../connectors/written-metrics.js';
import { cases } from '../support/cases.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { type Asked, openAsked } from './asked.js';
import { columnsSql, optionsSql, randomFilter, type TestedFilter } from './iceberg-readback.js';
import { canonical, type JsonField, literal, nearbyValues, randomValue, shownValue, type Value } from './iceberg-values.js';
import { Dice } from './oracle-dice.js';

/** READBACK_SEED repeats a run; READBACK_TABLES makes it longer. */
const SEED = Number(process.env['READBACK_SEED'] ?? 1);
const TABLES = cases('READBACK_TABLES', { usual: 8, full: 20 });
const FOREIGN = Math.ceil(TABLES / 4);
const FILTERS = 12;

/** A table that we wrote to, and what must be in it. */
interface WrittenTable {
  readonly name: string;
  readonly metadata: string;
  readonly operations: readonly string[];
  /** Rows of snapshots that we made, by id. */
  readonly expected: ReadonlyMap<string, readonly string[]>;
  readonly filters: readonly TestedFilter[];
  /** Rows that each filter lets through, by ourselves. */
  readonly counts: readonly number[];
  /** All of its files are ours. */
  readonly own: boolean;
}

interface Metadata {
  readonly 'current-snapshot-id'?: string;
  readonly 'current-schema-id': number;
  readonly schemas: readonly { readonly 'schema-id': number; readonly fields: readonly JsonField[] }[];
  readonly snapshots?: readonly { readonly 'snapshot-id': string; readonly 'schema-id'?: number }[];
}

/** What we write is what Iceberg's own implementations read: rows at every snapshot, and filters by our partitions, bounds, statistics and bloom filters. */
describe(`Iceberg tables that we wrote, seed ${SEED}`, function () {
  this.timeout(900_000);
  let readers: readonly TableReader[];
  let home: Awaited<ReturnType<typeof tempFolder>>;

  before(async function () {
    readers = await tableReaders();
    if (readers.length === 0) return this.skip();
    home = await tempFolder('iceberg-readback');
  });
  after(() => home?.remove());

  const check = async (asked: Asked, tables: readonly WrittenTable[], before: ReadonlyMap<string, readonly Read<ReadTable>[]>) => {
    const wrong: string[] = [];
    let [compared, bounds, cut] = [0, 0, 0];
    const tell = (table: WrittenTable, who: string, what: string) =>
      wrong.push(`${table.name} ${who}: ${what}\n  ${table.operations.join('; ')}`);
    for (const reader of readers) {
      const asking = tables.map(({ metadata, filters }) => ({ metadata, filters: filters.map((filter) => filter.expression) }));
      const read = await reader.read(asking, home.path);
      for (const [at, table] of tables.entries()) {
        const seen = read[at];
        const earlier = before.get(reader.name)?.[at];
        // What it could not read before we wrote it cannot read now: Avro files, for one.
        if (earlier !== undefined && ('error' in earlier || 'error' in earlier.current)) continue;
        if (seen === undefined || 'error' in seen) {
          tell(table, reader.name, seen?.error ?? 'nothing');
          continue;
        }
        for (const [id, expected] of table.expected) {
          compared++;
          const rows = seen.snapshots[id];
          const difference =
            rows === undefined
              ? 'no such snapshot'
              : 'error' in rows
                ? rows.error
                : differenceOf(seenBy(reader, rows), seenBy(reader, expected));
          if (difference !== undefined) tell(table, reader.name, `at ${id}: ${difference}`);
        }
        for (const [n, filter] of table.filters.entries()) {
          const count = seen.counts[n];
          if (!asks(filter) || (typeof count === 'object' && refuses(reader.name, count.error))) continue;
          compared++;
          if (count !== table.counts[n]) tell(table, reader.name, `${filter.sql}: ${JSON.stringify(count)}, not ${table.counts[n]}`);
        }
      }
    }
    const asking = tables.map(({ metadata, expected, own }) => ({ metadata, snapshots: [...expected.keys()], exact: own }));
    const metrics = await checkWrittenMetrics(asking, home.path);
    for (const [at, table] of tables.entries()) {
      const checked = metrics?.[at];
      for (const what of checked?.wrong ?? []) tell(table, 'metrics', what);
      bounds += (checked?.lower ?? 0) + (checked?.upper ?? 0);
      cut += checked?.cut ?? 0;
      const metadata = await readMetadata(table.metadata);
      for (const [id, expected] of table.expected) {
        const difference = differenceOf(await ownRows(asked, table.name, metadata, id), expected);
        compared++;
        if (difference !== undefined) tell(table, 'ourselves', `at ${id}: ${difference}`);
      }
    }
    assert.ok(wrong.length === 0, `${wrong.length} of ${compared}\n${wrong.slice(0, 12).join('\n')}`);
    return { compared, bounds, cut };
  };

  it(`${TABLES} of our own making`, async () => {
    const warehouse = join(home.path, 'warehouse');
    const lake = { type: 'iceberg', catalog: { type: 'filesystem', warehouse: `file://${warehouse}` }, write: { schemas: ['results'] } };
    const server = await startTimeline({ home: join(home.path, 'own'), config: JSON.stringify({ catalogs: { lake } }), temporal: 'off' });
    const asked = await openAsked(server);
    try {
      const tables: WrittenTable[] = [];
      for (let n = 0; n < TABLES; n++) {
        const dice = new Dice(SEED * 7_000_003 + n);
        const name = `results.t${n}`;
        const sql = `CREATE TABLE ${name} (id int8${dice.chance(0.3) ? ' NOT NULL' : ''}, ${columnsSql(dice)})`;
        const created = `${sql}${optionsSql(dice, sql)}`;
        await run(asked, created);
        tables.push(
          await filled(asked, dice, { name, folder: join(warehouse, 'results', `t${n}`), operations: [created], maintained: true }),
        );
      }
      const { compared, bounds, cut } = await check(asked, tables, new Map());
      assert.ok(compared > TABLES * 10, `only ${compared} comparisons`);
      if ((await pyicebergPython()) !== undefined)
        assert.ok(bounds > TABLES * 10 && cut > TABLES, `only ${bounds} bounds, ${cut} of cut texts`);
    } finally {
      await asked.close();
      await server.stop();
    }
  });

  for (const name of ['Java', 'pyiceberg']) {
    it(`${FOREIGN} that ${name} made and changed`, async function () {
      const writer = (await tableWriters()).find((one) => one.name === name);
      if (writer === undefined) return this.skip();
      const folder = join(home.path, name);
      await writer.write(folder, SEED + 100, FOREIGN);
      await withServer(folder, writer, async (asked) => {
        const made = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as {
          table: string;
          metadata: string;
          operations: string[];
        }[];
        const before = new Map<string, readonly Read<ReadTable>[]>();
        for (const reader of readers)
          before.set(
            reader.name,
            await reader.read(
              made.map(({ metadata }) => ({ metadata, filters: [] })),
              home.path,
            ),
          );
        const tables: WrittenTable[] = [];
        const refused: string[] = [];
        const earlier = new Map([...before.keys()].map((reader) => [reader, [] as Read<ReadTable>[]]));
        for (const [at, { table, metadata, operations }] of made.entries()) {
          const dice = new Dice(SEED * 9_000_011 + at);
          const rows = readers.flatMap((reader) => {
            const one = before.get(reader.name)?.[at];
            return one === undefined || 'error' in one || 'error' in one.current ? [] : [one.current];
          })[0];
          if (rows === undefined) continue;
          const place = join(metadata.replace(/^file:\/*/, '/'), '..', '..');
          try {
            tables.push(await filled(asked, dice, { name: `db.${table}`, folder: place, operations, maintained: false, rows }));
          } catch (error) {
            if (!/^0A000/.test((error as Error).message)) throw error;
            refused.push(`${table}: ${(error as Error).message}`);
            continue;
          }
          for (const [reader, list] of earlier) {
            const one = before.get(reader)?.[at];
            if (one !== undefined) list.push(one);
          }
        }
        assert.ok(refused.length === 0, `${refused.length} of ${made.length} are not written\n${refused.join('\n')}`);
        await check(asked, tables, earlier);
      });
    });
  }

  async function withServer(folder: string, writer: TableWriter, use: (asked: Asked) => Promise<void>): Promise<void> {
    const lake = { type: 'iceberg', catalog: writer.catalog(folder), write: { schemas: ['db'] } };
    const server: TimelineServer = await startTimeline({
      home: join(folder, 'home'),
      config: JSON.stringify({ catalogs: { lake } }),
      temporal: 'off',
    });
    const asked = await openAsked(server);
    try {
      await use(asked);
    } finally {
      await asked.close();
      await server.stop();
    }
  }

  /** Inserts random rows, and maintains the table. */
  async function filled(
    asked: Asked,
    dice: Dice,
    options: { name: string; folder: string; operations: readonly string[]; maintained: boolean; rows?: readonly string[] },
  ): Promise<WrittenTable> {
    const { name, folder } = options;
    const { fields } = currentSchema(await readMetadata(await newestMetadata(folder)));
    const operations = [...options.operations];
    const columns = fields.map((field) => `"${field.name.replaceAll('"', '""')}"`);
    let rows = [...(options.rows ?? [])];
    const inserts: Value[][][] = [];
    const expected = new Map<string, readonly string[]>();
    const keep = async (): Promise<void> => {
      const id = (await readMetadata(await newestMetadata(folder)))['current-snapshot-id'];
      if (id !== undefined) expected.set(id, rows);
    };
    for (let insert = dice.whole(1, 5); insert > 0; insert--) {
      // Extremes widen the bounds of a file to where they prune nothing: other files have values that lie close together.
      const near = dice.chance(0.6) ? fields.map((field) => nearbyValues(dice, field.type)) : [];
      const some = Array.from({ length: dice.whole(1, dice.chance(0.3) ? 3 : 40) }, () =>
        fields.map(
          (field, at) => (field.required || dice.chance(0.9) ? near[at]?.() : null) ?? randomValue(dice, field.type, field.required),
        ),
      );
      const copies = dice.chance(0.12) ? 300 : 1;
      const tuples = some.map((row) => `(${row.map((value, at) => literal(fields[at]?.type ?? 'long', value)).join(', ')})`);
      // Every column has its type, also where the first row is NULL.
      const typed = `(${fields
        .map(
          (field) =>
            `NULL::${literal(field.type, randomValue(dice, field.type, true))
              .split('::')
              .at(-1)}`,
        )
        .join(', ')})`;
      const source = `(VALUES ${[typed, ...tuples].map((tuple, at) => tuple.replace(/^\(/, `(${at}, `)).join(', ')}) v(n, ${columns.join(', ')})`;
      await run(
        asked,
        `INSERT INTO ${name} (${columns.join(', ')}) SELECT ${columns.join(', ')} FROM ${source}, generate_series(1, ${copies}) WHERE n > 0`,
      );
      const texts = some.map((row) => `[${row.map((value, at) => canonical(fields[at]?.type ?? 'long', value)).join(',')}]`);
      rows = [...rows, ...Array.from({ length: copies }, () => texts).flat()];
      inserts.push(some);
      operations.push(`insert ${some.length} * ${copies}`);
      await keep();
    }
    if (options.maintained && dice.chance(0.4)) {
      const answer = await asked.ask(`CALL timeline.optimize('${name}')`);
      operations.push(`optimize ${answer.kind === 'error' ? answer.message : JSON.stringify(answer.rows)}`);
      if (answer.kind === 'error' && answer.sqlstate !== '0A000') throw new Error(`${name}: ${answer.message}`);
      await keep();
    }
    if (options.maintained && dice.chance(0.3)) {
      await run(asked, `CALL timeline.expire_snapshots('${name}', older_than => now(), retain_last => 2)`);
      operations.push('expire');
      const left = new Set((await readMetadata(await newestMetadata(folder))).snapshots?.map((one) => one['snapshot-id']));
      for (const id of expected.keys()) if (!left.has(id)) expected.delete(id);
    }
    const filters = Array.from({ length: FILTERS }, () =>
      randomFilter(dice, fields, dice.chance(0.75) ? dice.pick(inserts) : inserts.flat()),
    );
    const counts: number[] = [];
    for (const { sql } of filters) {
      const [pushed, whole] = await asked.askAll([
        { sql: `SELECT count(*) FROM ${name} WHERE ${sql}` },
        // Nothing can be pushed out of an aggregate beside another: OFFSET 0 is no fence for us.
        { sql: `SELECT count(*) FILTER (WHERE ${sql}), count(*) FROM ${name}` },
      ]);
      assert.ok(pushed?.kind === 'rows' && whole?.kind === 'rows', `${name}: ${sql}: ${JSON.stringify([pushed, whole])}`);
      assert.equal(pushed.rows[0]?.[0], whole.rows[0]?.[0], `${name}: ${sql}`);
      counts.push(Number(whole.rows[0]?.[0]));
    }
    return { name, metadata: `file://${await newestMetadata(folder)}`, operations, expected, filters, counts, own: options.maintained };
  }
});

/**
 * Filters that a reader cannot do at all, on tables of its own neither: where a partition's value is NULL; and pyiceberg, which filters by Arrow's
 * compute, none that keeps some rows of a file with arrays of uuid (Arrow cannot take rows of an extension type within a list).
 */
function refuses(reader: string, error: string): boolean {
  if (reader === 'Java') return error.includes('NullPointerException');
  return error.includes("'NoneType'") || error.includes('ArrowNotImplementedError: extension');
}

/** pyiceberg takes a NULL list in a struct for an empty one, when it projects. */
function seenBy(reader: TableReader, rows: readonly string[]): readonly string[] {
  return reader.name === 'pyiceberg' ? rows.map((row) => row.replaceAll('[]', 'null')) : rows;
}

/** Java finds no uuid and no fixed value equal to another, pyiceberg compares none. */
function asks(filter: TestedFilter): boolean {
  return !filter.types.some((type) => type === 'uuid' || type.startsWith('fixed'));
}

async function run(asked: Asked, sql: string): Promise<void> {
  const answer = await asked.ask(sql);
  if (answer.kind === 'error') throw new Error(`${answer.sqlstate} ${answer.message}\n${sql.slice(0, 3000)}`);
}

async function ownRows(asked: Asked, table: string, metadata: Metadata, snapshot: string): Promise<string[]> {
  const schemaId = metadata.snapshots?.find((one) => one['snapshot-id'] === snapshot)?.['schema-id'];
  const fields = metadata.schemas.find((one) => one['schema-id'] === schemaId)?.fields ?? currentSchema(metadata).fields;
  await asked.settle({ timezone: 'UTC' });
  const answer = await asked.ask(`SELECT * FROM at_snapshot('${table}', ${snapshot})`);
  if (answer.kind === 'error') throw new Error(`${table} at ${snapshot}: ${answer.message}`);
  return answer.rows.map(
    (row) => `[${row.map((text, at) => canonical(fields[at]?.type ?? 'long', shownValue(fields[at]?.type ?? 'long', text))).join(',')}]`,
  );
}

/** Undefined: the same rows, in any order. */
function differenceOf(rows: readonly string[], expected: readonly string[]): string | undefined {
  const count = (list: readonly string[]): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const row of list) counts.set(row, (counts.get(row) ?? 0) + 1);
    return counts;
  };
  const [here, there] = [count(rows), count(expected)];
  const extra = [...here].filter(([row, times]) => there.get(row) !== times).map(([row]) => row);
  const lost = [...there].filter(([row, times]) => here.get(row) !== times).map(([row]) => row);
  if (extra.length === 0 && lost.length === 0) return undefined;
  return `${rows.length} rows, not ${expected.length}; ${extra.length} are wrong, ${lost.length} are missing\n    ${extra[0]}\n    ${lost[0]}`;
}

function currentSchema(metadata: Metadata): { readonly fields: readonly JsonField[] } {
  const found = metadata.schemas.find((one) => one['schema-id'] === metadata['current-schema-id']);
  if (found === undefined) throw new Error('no current schema');
  return found;
}

/** Names begin with their number: v12.…, 00012-…. */
async function newestMetadata(folder: string): Promise<string> {
  const names = (await readdir(join(folder, 'metadata'))).filter((name) => /^(v\d+|\d+-[^.]*)(\.gz)?\.metadata\.json$/.test(name));
  const number = (name: string): number => Number(/\d+/.exec(name)?.[0]);
  const newest = names.sort((a, b) => number(b) - number(a))[0];
  if (newest === undefined) throw new Error(`${folder} has no metadata`);
  return join(folder, 'metadata', newest);
}

async function readMetadata(location: string): Promise<Metadata> {
  const bytes = await readFile(location.replace(/^file:\/*/, '/'));
  const text = (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString('utf8');
  const json = parseExactJson(text.replace(/("[a-z-]*snapshot-id"\s*:\s*)(\d+)/g, '$1"$2"')) as unknown as Metadata;
  return json;
}
