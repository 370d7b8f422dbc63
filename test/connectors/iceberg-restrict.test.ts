import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import type { ColumnDescription, ConnectorSplit, RowRuns, TablePredicate } from '../../connectors/connector.js';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import type { DeleteFile, IcebergSplit } from '../../connectors/iceberg/handle.js';
import { compactRuns } from '../../connectors/iceberg/prune/restricted-splits.js';
import { Oid, type } from '../../sql/types.js';
import { openStore } from '../../src/object-store/open-store.js';
import { Dice } from '../e2e/oracle-dice.js';
import { cases } from '../support/cases.js';
import { findVersitygw, type S3Server, startVersitygw } from '../support/versitygw.js';
import { parseFilter } from './filters.js';
import { expectedTables, FIXTURES, OLD_PREFIX, openConnector, sparkConfig, sqlConfig, temporaryFolder } from './iceberg-fixtures.js';
import { METER, newLake, SIGNAL, type TestLake, writeRows } from './iceberg-lake.js';
import { runDuck } from './relation-rows.js';

const PLACE: readonly ColumnDescription[] = [
  { name: '_file', type: type(Oid.text), nullable: false, comment: undefined },
  { name: '_pos', type: type(Oid.int8), nullable: false, comment: undefined },
];

interface Row {
  readonly file: string;
  readonly pos: number;
  readonly text: string;
}

/** Rows of splits of a handle of `t$rows`. */
async function rowsOf(
  connector: IcebergConnector,
  handle: unknown,
  splits: readonly unknown[],
  columns: readonly ColumnDescription[],
  skipping = {},
): Promise<readonly Row[]> {
  const wanted = [...PLACE, ...columns];
  const opened = await connector.read(handle, JSON.parse(JSON.stringify(splits)) as unknown[], {
    columns: wanted,
    meter: METER,
    signal: SIGNAL,
    skipping,
  });
  if (opened.kind !== 'sql') throw new Error('rows');
  try {
    const rows = await runDuck(`SELECT ${wanted.map(({ name }) => `CAST("${name}" AS VARCHAR)`).join(', ')} FROM ${opened.relation} AS r`);
    return rows.map(([file, pos, ...rest]) => ({ file: file ?? '', pos: Number(pos), text: JSON.stringify(rest) }));
  } finally {
    await opened.release();
  }
}

function texts(rows: readonly Row[]): readonly string[] {
  return rows.map(({ file, pos, text }) => `${file}:${pos} ${text}`).sort();
}

/** Each row by chance, in runs of a length that goes with it; perhaps none, perhaps all. */
function randomRuns(dice: Dice, rows: number): RowRuns {
  if (dice.chance(0.1)) return [];
  if (dice.chance(0.1)) return [[0, rows]];
  const [chance, longest] = [dice.pick([0.001, 0.02, 0.3, 0.9]), dice.pick([1, 3, 400])];
  const runs: [number, number][] = [];
  for (let at = 0; at < rows; at++) {
    if (!dice.chance(chance)) continue;
    const length = Math.min(rows - at, dice.whole(1, longest));
    runs.push([at, length]);
    at += length + 1;
  }
  return runs;
}

function isIn(only: ReadonlyMap<string, RowRuns>, { file, pos }: Row): boolean {
  return only.get(file)?.some(([first, rows]) => pos >= first && pos < first + rows) ?? true;
}

/** Rows of restricted splits are those of the table at the places named: read at once, and split by split. */
async function checkRestricted(
  dice: Dice,
  { connector, handle, splits, columns, rounds }: Readonly<Checked>,
): Promise<{ readonly rows: number; readonly tried: number }> {
  const all = await rowsOf(
    connector,
    handle,
    splits.map(({ data }) => data),
    columns,
  );
  const { dataFiles } = connector;
  const files = dataFiles.files(splits.map(({ data }) => data));
  let rows = 0;
  for (let round = 0; round < rounds; round++) {
    const only = new Map(files.filter(() => dice.chance(0.7)).map((file) => [file.path, randomRuns(dice, file.rows)]));
    const before = JSON.stringify(splits);
    const restricted = dataFiles.restrict(splits, only);
    assert.equal(JSON.stringify(splits), before);
    const wanted = texts(all.filter((row) => isIn(only, row)));
    const skipping = dice.pick([{}, { pageIndex: 'on', bloomFilters: 'on' }, { pageIndex: 'off' }]);
    const read = await rowsOf(
      connector,
      handle,
      restricted.map(({ data }) => data),
      columns,
      skipping,
    );
    // Rows beside the named ones may come where runs were joined, none twice and none that is not there.
    const named = read.filter((row) => isIn(only, row));
    assert.deepEqual(texts(named), wanted);
    const known = new Set(texts(all));
    assert.ok(texts(read).every((row, n, sorted) => known.has(row) && row !== sorted[n - 1]));
    if ([...only.values()].every((runs) => runs.length <= 1024)) assert.equal(read.length, named.length);
    const alone = await Promise.all(restricted.map(({ data }) => rowsOf(connector, handle, [data], columns, skipping)));
    assert.deepEqual(texts(alone.flat()), texts(read));
    for (const [index, split] of restricted.entries()) {
      assert.ok(split.bytes <= Math.max(...splits.map(({ bytes }) => bytes)) && split.rows >= 0, `${index}`);
    }
    rows += wanted.length;
  }
  return { rows, tried: rounds };
}

interface Checked {
  readonly connector: IcebergConnector;
  readonly handle: unknown;
  readonly splits: readonly ConnectorSplit[];
  readonly columns: readonly ColumnDescription[];
  readonly rounds: number;
}

const ROUNDS = cases('TIMELINE_RESTRICT_ROUNDS', { usual: 2, full: 30 });

async function checkTable(
  dice: Dice,
  connector: IcebergConnector,
  table: { readonly schema: string; readonly table: string },
): Promise<number> {
  const columns = (await connector.describe(table))?.columns ?? [];
  const { handle } = await connector.pin({ schema: table.schema, table: `${table.table}$rows` });
  const { splits } = await connector.splits(handle, SIGNAL, { bytes: dice.pick([1, 4000, 1 << 26]) });
  return (await checkRestricted(dice, { connector, handle, splits, columns, rounds: ROUNDS })).rows;
}

describe('Iceberg splits of which only some rows are wanted', () => {
  const cache = temporaryFolder();
  const lake: { made?: TestLake } = {};
  const open: IcebergConnector[] = [];
  let server: S3Server | undefined;

  before(async function () {
    this.timeout(120_000);
    lake.made = await newLake();
    open.push(await openConnector(sqlConfig(), cache), await openConnector(sparkConfig(), cache));
  });
  after(async () => {
    for (const connector of open) await connector.close();
    await lake.made?.close();
    await server?.close();
    rmSync(cache, { recursive: true, force: true });
  });

  /** Three files of five row groups each, in parts. */
  const bigTable = async (name: string): Promise<{ handle: unknown; splits: readonly ConnectorSplit[] }> => {
    const { made } = lake;
    if (made === undefined) throw new Error('no lake');
    const columns = ['n', 'k'].map((column) => ({ name: column, type: type(Oid.int8), nullable: true, comment: undefined }));
    const create = { columns, options: { 'write.parquet.row-group-limit': '2048' } };
    const { handle } = await made.writer.begin({ table: { schema: 's', table: name }, create }, SIGNAL);
    const written: unknown[] = [];
    for (let file = 0; file < 3; file++) {
      const select = `SELECT range + ${file * 10_000} AS n, range % 7 AS k FROM range(10000)`;
      written.push(...(await writeRows(made, made.writer, handle, select, String(file))));
    }
    await made.writer.commit(handle, { written, batch: name, summary: {}, signal: SIGNAL });
    const pinned = await made.connector.pin({ schema: 's', table: `${name}$rows` });
    const { splits } = await made.connector.splits(pinned.handle, SIGNAL, { bytes: 6_000, bounded: ['n'] });
    return { handle: pinned.handle, splits };
  };
  const COLUMNS = ['n', 'k'].map((name): ColumnDescription => ({ name, type: type(Oid.int8), nullable: true, comment: undefined }));

  it('read just those, of every fixture with its deletes, of Parquet and Avro', async function () {
    this.timeout(300_000);
    const dice = new Dice(20261122);
    let rows = 0;
    for (const { table, metadata } of Object.values(expectedTables())) {
      const [schema, connector] = metadata.startsWith('py') ? (['py', open[0]!] as const) : (['db', open[1]!] as const);
      rows += await checkTable(dice, connector, { schema, table });
    }
    assert.ok(rows > 500, `${rows}`);
  });

  it('read just those of S3, by slices and whole files', async function () {
    this.timeout(300_000);
    const program = findVersitygw();
    if (program === undefined) return this.skip();
    server = await startVersitygw(program);
    const store = openStore(`s3://${server.bucket}/lake`, { s3: server.options });
    const local = openStore(FIXTURES);
    for (const prefix of ['py/', 'spark/']) {
      for await (const { path } of local.list(prefix)) await store.put(path, { file: join(FIXTURES, path) });
    }
    store.close();
    const dice = new Dice(7);
    let rows = 0;
    for (const slices of [true, false]) {
      for (const [schema, catalog] of [
        ['py', { type: 'sql', uri: join(FIXTURES, 'py/catalog.db') }],
        ['db', { type: 'filesystem', warehouse: `s3://${server.bucket}/lake/spark` }],
      ] as const) {
        const config = { catalog, locations: { [OLD_PREFIX]: `s3://${server.bucket}/lake` }, s3: server.options };
        const connector = await IcebergConnector.open({ name: 's3', cacheFolder: cache, cacheBytes: 1 << 24, slices, config });
        open.push(connector);
        for (const { table, metadata } of Object.values(expectedTables())) {
          if (metadata.startsWith('py') === (schema === 'py')) rows += await checkTable(dice, connector, { schema, table });
        }
      }
    }
    assert.ok(rows > 500, `${rows}`);
  });

  it('read just those of parts of files, beside deletes of every kind', async function () {
    this.timeout(300_000);
    const { made } = lake;
    if (made === undefined) throw new Error('no lake');
    const { handle, splits } = await bigTable('parts');
    assert.ok(splits.length > 6, `${splits.length} splits`);
    const dice = new Dice(11);
    const paths = made.connector.dataFiles.files(splits.map(({ data }) => data)).map(({ path }) => path);
    const [positions, equality] = ['positions', 'equality'].map((name) => join(made.folder, 'warehouse', `${name}.parquet`));
    const gone = paths.flatMap((path) => Array.from({ length: 10_000 }, (_, pos) => [path, pos] as const)).filter(() => dice.chance(0.05));
    await made.query(
      `COPY (SELECT * FROM (VALUES ${gone.map(([path, pos]) => `('${path}', ${pos}::BIGINT)`).join(', ')}) AS v(file_path, pos) ORDER BY ALL)
       TO '${positions}' (FORMAT parquet, FIELD_IDS {file_path: 2147483546, pos: 2147483545})`,
    );
    await made.query(`COPY (SELECT 3::BIGINT AS k) TO '${equality}' (FORMAT parquet, FIELD_IDS {k: 2})`);
    const size = (path: string | undefined): number => readFileSync(path ?? '').length;
    const deletes: readonly DeleteFile[] = [
      { kind: 'positions', path: `file://${positions}`, bytes: size(positions), rows: gone.length },
      { kind: 'equality', path: `file://${equality}`, bytes: size(equality), rows: 1, columns: [2] },
    ];
    let rows = 0;
    for (const applied of [[], deletes.slice(0, 1), deletes.slice(1), deletes]) {
      const changed = splits.map((split): ConnectorSplit => {
        const data: IcebergSplit = { files: (split.data as IcebergSplit).files.map((file) => ({ ...file, deletes: applied })) };
        return { ...split, data };
      });
      const checked = { connector: made.connector, handle, splits: changed, columns: COLUMNS, rounds: ROUNDS };
      rows += (await checkRestricted(dice, checked)).rows;
    }
    assert.ok(rows > 1000, `${rows}`);
  });

  it('read just those that a filter leaves by statistics, too', async () => {
    const { made } = lake;
    if (made === undefined) throw new Error('no lake');
    const { handle } = await bigTable('filtered');
    const filter: TablePredicate = parseFilter('n >= 12500 AND n < 17000', new Map([['n', Oid.int8]]));
    const pushed = made.connector.pushdown(handle, { filters: [filter], columns: ['n'], limit: undefined }).handle;
    const { splits } = await made.connector.splits(pushed, SIGNAL);
    const [file] = made.connector.dataFiles.files(splits.map(({ data }) => data));
    const only: RowRuns = [
      [10, 5],
      [2600, 2],
      [6999, 5],
    ];
    const restricted = made.connector.dataFiles.restrict(splits, new Map([[file?.path ?? '', only]]));
    const read = await rowsOf(
      made.connector,
      pushed,
      restricted.map(({ data }) => data),
      COLUMNS,
    );
    const passing = read.map(({ pos }) => pos).filter((pos) => pos >= 2500 && pos < 7000);
    assert.deepEqual(
      passing.sort((a, b) => a - b),
      [2600, 2601, 6999],
    );
    // The row group of the first run has no row that passes.
    assert.ok(!read.some(({ pos }) => pos < 2048));
  });

  it('are known by what is left of them', async () => {
    const { made } = lake;
    if (made === undefined) throw new Error('no lake');
    const { handle, splits } = await bigTable('known');
    const { connector } = made;
    const data = (some: readonly ConnectorSplit[]): readonly unknown[] => some.map((split) => split.data);
    const [first, second, third] = connector.dataFiles.files(data(splits)).map(({ path }) => path);
    if (first === undefined || second === undefined || third === undefined) throw new Error('three files');
    const one = connector.dataFiles.restrict(splits, new Map([[first, [[5, 1]]]]));
    const other = connector.dataFiles.restrict(splits, new Map([[first, [[6, 1]]]]));
    const whole = connector.dataFiles.restrict(splits, new Map([[first, [[0, 10_000]]]]));
    assert.deepEqual(whole, splits);
    const prints = [splits, one, other].map((some) => connector.fingerprint?.(handle, data(some)));
    assert.equal(new Set(prints).size, 3);
    const none = connector.dataFiles.restrict(splits, new Map([first, second, third].map((path) => [path, []])));
    assert.deepEqual(none, []);
    const twice = connector.dataFiles.restrict(
      connector.dataFiles.restrict(splits, new Map([[first, [[5, 10]]]])),
      new Map([[first, [[8, 100]]]]),
    );
    assert.deepEqual(connector.dataFiles.restrict(splits, new Map([[first, [[8, 7]]]])), twice);
    // Bounds go with their files, for whoever narrows by them afterwards.
    const left = connector.dataFiles.restrict(
      splits,
      new Map([
        [first, []],
        [third, [[1, 1]]],
      ]),
    );
    const narrowed = await connector.narrow?.(handle, left, [parseFilter('n < 20000', new Map([['n', Oid.int8]]))], SIGNAL);
    assert.deepEqual(new Set(connector.dataFiles.files(narrowed?.splits ?? []).map(({ path }) => path)), new Set([second]));
    const rows = left.reduce((sum, split) => sum + split.rows, 0);
    assert.ok(rows > 9_900 && rows <= 10_100, `${rows}`);
  });

  it('may have so many runs that the nearest ones are joined', () => {
    const dice = new Dice(5);
    for (let round = 0; round < 50; round++) {
      const runs = randomRuns(dice, 20_000);
      const joined = compactRuns(runs);
      assert.ok(joined.length <= 1024);
      const within = (row: number): boolean => joined.some(([first, rows]) => row >= first && row < first + rows);
      for (const [first, rows] of runs) for (const row of [first, first + rows - 1]) assert.ok(within(row), `${row}`);
      for (const [index, [first, rows]] of joined.entries()) {
        const next = joined[index + 1];
        assert.ok(rows > 0 && (next === undefined || first + rows < next[0]));
      }
      if (runs.length <= 1024) assert.equal(sum(joined), sum(runs));
    }
    assert.deepEqual(
      compactRuns([
        [5, 1],
        [0, 2],
        [1, 3],
        [6, 0],
      ]),
      [
        [0, 4],
        [5, 1],
      ],
    );
    for (const bad of [[[0.5, 1]], [[-1, 2]], [[0, Number.NaN]]]) assert.throws(() => compactRuns(bad as unknown as RowRuns));
  });

  it('are whole again for who keeps an index of the rows: all rows of each file, deleted ones too', async () => {
    for (const name of ['v2_posdel', 'v2_eqdel', 'v3_dv', 'avro_data']) {
      const connector = open[1]!;
      const { handle } = await connector.pin({ schema: 'db', table: name });
      const { splits } = await connector.splits(handle, SIGNAL);
      const files = connector.dataFiles.files(splits.map(({ data }) => data));
      const restricted = connector.dataFiles.restrict(splits, new Map([[files[0]?.path ?? '', [[0, 1]]]]));
      const whole = connector.dataFiles.whole(
        handle,
        restricted.map(({ data }) => data),
      );
      assert.equal(whole.splits.length, files.length);
      for (const [n, file] of files.entries()) {
        const rows = await rowsOf(connector, whole.handle, [whole.splits[n]?.data], []);
        assert.deepEqual(
          rows.map(({ file: path, pos }) => [path, pos]).sort((a, b) => Number(a[1]) - Number(b[1])),
          Array.from({ length: file.rows }, (_, pos) => [file.path, pos]),
        );
      }
      const identity = await connector.dataFiles.identity(handle, SIGNAL);
      assert.ok(identity !== undefined && /^[0-9a-f-]{36}$/.test(identity.table) && identity.columns.size > 1);
      const about = await connector.pin({ schema: 'db', table: `${name}$files` });
      assert.equal(await connector.dataFiles.identity(about.handle, SIGNAL), undefined);
    }
  });
});

function sum(runs: RowRuns): number {
  return runs.reduce((all, [, rows]) => all + rows, 0);
}
