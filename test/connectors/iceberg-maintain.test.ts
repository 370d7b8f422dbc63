import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SqlCatalog } from '../../connectors/iceberg/catalog/sql.js';
import type { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { parseMetadata, type Snapshot, type SnapshotRef, type TableMetadata } from '../../connectors/iceberg/format/metadata.js';
import type { MaintainHost, MaintainStep } from '../../connectors/iceberg/maintain/maintain-host.js';
import { maintainTables } from '../../connectors/iceberg/maintain/maintain-table.js';
import { retainedSnapshots } from '../../connectors/iceberg/maintain/retained-snapshots.js';
import { manifestCache } from '../../connectors/iceberg/prune/manifest-source.js';
import { FileIo } from '../../connectors/iceberg/read/file-io.js';
import { expectedTables, FIXTURES, OLD_PREFIX, openConnector, readTable, temporaryFolder } from './iceberg-fixtures.js';
import { pyicebergPython, runPython } from './pyiceberg.js';
import { digest } from './relation-rows.js';
import { rowsOf } from './table-rows.js';

const TABLE = { schema: 'm', table: 't' };
const SIGNAL = new AbortController().signal;

/** Four appends, two deletes that rewrite files, a tag on the second snapshot. */
const MAKE = `
import json, sys
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField, LongType, StringType
folder = sys.argv[1]
catalog = SqlCatalog('c', uri='sqlite:///' + folder + '/catalog.db', warehouse='file://' + folder + '/lake')
catalog.create_namespace('m')
table = catalog.create_table('m.t', Schema(NestedField(1, 'id', LongType()), NestedField(2, 'v', StringType())))
for n in range(4):
  table.append(pa.table({'id': pa.array([n * 10 + i for i in range(10)], pa.int64()), 'v': pa.array(['x'] * 10)}))
table.manage_snapshots().create_tag(table.snapshots()[1].snapshot_id, 'kept').commit()
table.delete('id < 15')
table.delete('id >= 35')
print(json.dumps([str(s.snapshot_id) for s in table.snapshots()]))
`;

/** Rows of the table now, and at its tag; a row more when asked for. */
const READ = `
import json, sys
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
folder = sys.argv[1]
table = SqlCatalog('c', uri='sqlite:///' + folder + '/catalog.db', warehouse='file://' + folder + '/lake').load_table('m.t')
if len(sys.argv) > 2 and sys.argv[2] == 'delete': table.delete('id = 20')
elif len(sys.argv) > 2: table.append(pa.table({'id': pa.array([int(sys.argv[2])], pa.int64()), 'v': pa.array(['late'])}))
ids = lambda **k: sorted(table.scan(**k).to_arrow()['id'].to_pylist())
tag = table.refs().get('kept')
print(json.dumps({'now': ids(), 'tag': ids(snapshot_id=tag.snapshot_id) if tag else None, 'snapshots': [str(s.snapshot_id) for s in table.snapshots()]}))
`;

describe('Iceberg maintenance', () => {
  let folder: string;
  let python: string;
  let io: FileIo;
  let connector: IcebergConnector;

  before(async function () {
    const found = await pyicebergPython();
    if (found === undefined) return this.skip();
    python = found;
  });
  beforeEach(async () => {
    folder = temporaryFolder();
    await runPython(python, MAKE, [folder]);
    const cache = { folder: join(folder, 'cache'), maxBytes: 1 << 30 };
    const config = {
      catalog: { type: 'sql', uri: `sqlite:///${folder}/catalog.db`, name: 'c', warehouse: `file://${folder}/lake` },
      locations: {},
      write: { schemas: ['m'] },
    } as const;
    connector = await openConnector(config, join(folder, 'cache'));
    io = new FileIo({ locations: {}, warehouse: `file://${folder}/lake`, s3: undefined, cache });
  });
  afterEach(async () => {
    await connector?.close();
    await io?.close();
    await rm(folder, { recursive: true, force: true });
  });

  function host(onStep: (step: MaintainStep) => void = () => undefined): MaintainHost {
    const catalog = new SqlCatalog({ uri: `sqlite:///${folder}/catalog.db`, name: 'c', io });
    assert.ok(catalog.writer);
    return {
      io,
      writer: catalog.writer,
      manifests: manifestCache(),
      reader: connector,
      onStep,
      async load(table) {
        const loaded = await catalog.load(table);
        if (loaded === undefined) return undefined;
        const location = loaded.metadataLocation;
        return { metadata: parseMetadata(await io.read(location, { maxBytes: 1 << 24 }), location), location };
      },
    };
  }

  const run = async (procedure: string, args: Record<string, string | null>, using = host()) =>
    (await maintainTables(using)(procedure, TABLE, args, SIGNAL)).rows;
  const read = async (...args: string[]) =>
    (await runPython(python, READ, [folder, ...args])) as { now: number[]; tag: number[] | null; snapshots: string[] };
  const dataFiles = (): string[] => readdirSync(join(folder, 'lake', 'm', 't', 'data'));
  const future = '2100-01-01 00:00:00+00';

  it('expires snapshots that no branch or tag needs, and deletes what only they had', async () => {
    const before = await read();
    const files = dataFiles();
    const [row] = await run('expire_snapshots', { older_than: future });
    const after = await read();
    assert.deepEqual([after.now, after.tag], [before.now, before.tag]);
    assert.equal(after.snapshots.length, 2);
    assert.equal(row?.[0], String(before.snapshots.length - 2));
    assert.ok(Number(row?.[1]) > 0 && Number(row?.[2]) > 0);
    // The file of the fourth append is the only one that neither the table nor the tag needs.
    assert.equal(dataFiles().length, files.length - 1);
    assert.deepEqual(await run('expire_snapshots', { older_than: future }), [['0', '0', '0']]);
    const lists = readdirSync(join(folder, 'lake', 'm', 't', 'metadata')).filter((name) => name.startsWith('snap-'));
    assert.equal(lists.length, 2);
  });

  it('keeps the last ones that are asked for, and all that are young', async () => {
    assert.deepEqual(await run('expire_snapshots', {}), [['0', '0', '0']]);
    const before = await read();
    await run('expire_snapshots', { older_than: future, retain_last: '3' });
    const after = await read();
    assert.deepEqual(after.snapshots.slice(-3), before.snapshots.slice(-3));
    assert.deepEqual(after.now, before.now);
    await assert.rejects(run('expire_snapshots', { retain_last: '0' }), /"retain_last" must be at least 1/);
  });

  it('a death in the middle leaves a whole table, and orphans that are found', async () => {
    const before = await read();
    const dying = host((step) => {
      if (step === 'snapshots expired') throw new Error('died');
    });
    await assert.rejects(run('expire_snapshots', { older_than: future }, dying), /died/);
    const after = await read();
    assert.deepEqual([after.now, after.tag, after.snapshots.length], [before.now, before.tag, 2]);
    const force = { older_than: future, force: 'true' };
    const told = await run('remove_orphan_files', { ...force, dry_run: 'true' });
    assert.ok(told.length > 0);
    assert.deepEqual(await run('remove_orphan_files', force), told);
    assert.deepEqual(await run('remove_orphan_files', force), []);
    const last = await read();
    assert.deepEqual([last.now, last.tag], [before.now, before.tag]);
  });

  it('a commit of others in between is not lost, nor are its files', async () => {
    const plain = host();
    let raced = false;
    const racing: MaintainHost = {
      ...plain,
      async load(table, signal) {
        const loaded = await plain.load(table, signal);
        if (!raced) {
          raced = true;
          await read('777');
        }
        return loaded;
      },
    };
    await run('expire_snapshots', { older_than: future }, racing);
    const after = await read();
    assert.ok(after.now.includes(777));
    assert.equal(after.tag?.length, 20);
  });

  it('a tag that others make meanwhile on what would go keeps it', async () => {
    const plain = host();
    const [first] = (await plain.load(TABLE, SIGNAL))?.metadata.snapshots ?? [];
    const before = await read();
    let raced = false;
    const racing: MaintainHost = {
      ...plain,
      async load(table, signal) {
        const loaded = await plain.load(table, signal);
        if (!raced) {
          raced = true;
          const updates = [{ action: 'set-snapshot-ref', 'ref-name': 'late', type: 'tag', 'snapshot-id': BigInt(first?.id ?? 0) }];
          assert.equal((await plain.writer.commit(TABLE, { requirements: [], updates }, SIGNAL)).kind, 'committed');
        }
        return loaded;
      },
    };
    await run('expire_snapshots', { older_than: future }, racing);
    const { metadata } = (await plain.load(TABLE, SIGNAL)) ?? {};
    assert.equal(metadata?.refs.get('late')?.snapshotId, first?.id);
    assert.ok(metadata?.snapshots.some((one) => one.id === first?.id));
    assert.equal((await read()).snapshots.length, 3);
    assert.deepEqual((await read()).now, before.now);
  });

  it('a death at any deleted file leaves a whole table; the next call and orphan removal do the rest', async () => {
    const before = await read();
    for (let died = 1; ; died++) {
      let left = died;
      const dying = host((step) => {
        if (step === 'file deleted' && --left === 0) throw new Error('died');
      });
      const done = await run(
        died === 1 ? 'expire_snapshots' : 'remove_orphan_files',
        { older_than: future, ...(died === 1 ? {} : { force: 'true' }) },
        dying,
      ).catch((error: Error) => assert.equal(error.message, 'died'));
      const after = await read();
      assert.deepEqual([after.now, after.tag], [before.now, before.tag]);
      if (done !== undefined) break;
      assert.ok(died < 50);
    }
    assert.deepEqual(await run('remove_orphan_files', { older_than: future, force: 'true' }), []);
  });

  it('removes old files that nothing refers to, and only those', async () => {
    const before = await read();
    const stray = join(folder, 'lake', 'm', 't', 'data', 'stray.parquet');
    const young = join(folder, 'lake', 'm', 't', 'data', 'young.parquet');
    const hidden = join(folder, 'lake', 'm', 't', 'data', '_temporary');
    for (const file of [stray, young, hidden]) writeFileSync(file, 'x'.repeat(10));
    const old = new Date(Date.now() - 4 * 86_400_000);
    for (const name of dataFiles().filter((one) => one !== 'young.parquet'))
      utimesSync(join(folder, 'lake', 'm', 't', 'data', name), old, old);
    const rows = await run('remove_orphan_files', {});
    assert.equal(rows.length, 1);
    assert.match(rows[0]?.[0] ?? '', /stray\.parquet$/);
    assert.equal(rows[0]?.[1], '10');
    assert.deepEqual([existsSync(stray), existsSync(young), existsSync(hidden)], [false, true, true]);
    assert.ok(statSync(young).size > 0);
    const after = await read();
    assert.deepEqual([after.now, after.tag], [before.now, before.tag]);
    await assert.rejects(run('remove_orphan_files', { older_than: new Date().toISOString() }), /at least 24 hours ago/);
  });

  it('puts small files together once; pyiceberg reads the same', async () => {
    const before = await read();
    const { rows: [row] = [] } = (await connector.writer?.maintain('optimize', TABLE, {}, SIGNAL)) ?? {};
    assert.deepEqual(row?.slice(0, 2), ['3', '1']);
    assert.equal(row?.[4], String(before.now.length));
    const after = await read();
    assert.deepEqual([after.now, after.tag], [before.now, before.tag]);
    assert.equal(after.snapshots.at(-1), row?.[5]);
    const again = (await connector.writer?.maintain('optimize', TABLE, {}, SIGNAL))?.rows;
    assert.deepEqual(again, [['0', '0', '0', '0', '0', after.snapshots.at(-1)]]);
    await assert.rejects(async () => connector.writer?.maintain('optimize', { schema: 'other', table: 't' }, {}, SIGNAL), {
      sqlstate: '42501',
    });
    await assert.rejects(async () => connector.writer?.maintain('optimize', TABLE, { target_file_bytes: '0' }, SIGNAL), {
      sqlstate: '22023',
    });
  });

  it('leaves partitions of fewer files than asked for', async () => {
    assert.equal((await run('optimize', { min_input_files: '4' }))[0]?.[0], '0');
    await assert.rejects(run('optimize', { min_input_files: '0' }), { sqlstate: '22023' });
    assert.equal((await run('optimize', { min_input_files: '3' }))[0]?.[0], '3');
  });

  it('puts small manifests together once; pyiceberg reads the same, whatever others commit meanwhile', async () => {
    const before = await read();
    let once = false;
    const racing = host();
    const [row] = await run(
      'rewrite_manifests',
      {},
      {
        ...racing,
        async onStep(step) {
          if (step !== 'files written' || once) return;
          once = true;
          await read('777');
        },
      },
    );
    // Of the appends, and of what the deletes wrote; pyiceberg's append came in between.
    assert.ok(Number(row?.[0]) >= 3, String(row));
    assert.equal(row?.[1], '1');
    const after = await read();
    assert.deepEqual([after.now, after.tag], [[...before.now, 777], before.tag]);
    assert.equal(after.snapshots.at(-1), row?.[2]);
    assert.deepEqual(await run('rewrite_manifests', {}), [['0', '0', after.snapshots.at(-1)]]);
    // What the first attempt wrote is gone.
    const merged = readdirSync(join(folder, 'lake', 'm', 't', 'metadata')).filter((name) => name.includes('-merged-'));
    assert.equal(merged.length, 1);
    await run('remove_orphan_files', { older_than: future, force: 'true' });
    assert.deepEqual(
      (await read('delete')).now,
      after.now.filter((id) => id !== 20),
    );
  });

  for (const [what, change, ids] of [
    ['an append', '777', [777]],
    ['a delete', 'delete', []],
  ] as const) {
    it(`compaction and ${what} of another process at once: both are there`, async () => {
      const before = await read();
      let once = false;
      const plain = host();
      const racing: MaintainHost = {
        ...plain,
        async onStep(step) {
          if (step !== 'files written' || once) return;
          once = true;
          await read(change);
        },
      };
      const [row] = await run('optimize', {}, racing);
      assert.ok(Number(row?.[0]) > 1);
      const after = await read();
      const kept = change === 'delete' ? before.now.filter((id) => id !== 20) : before.now;
      assert.deepEqual(after.now, [...kept, ...ids]);
      assert.deepEqual(after.tag, before.tag);
    });
  }

  it('a compaction that dies before its commit changes nothing', async () => {
    const before = await read();
    const dying = host((step) => {
      if (step === 'files written') throw new Error('died');
    });
    await assert.rejects(run('optimize', {}, dying), /died/);
    assert.deepEqual(await read(), before);
  });

  it('refuses tables whose files belong to others, and procedures that it does not know', async () => {
    const plain = host();
    const guarded: MaintainHost = {
      ...plain,
      async load(table, signal) {
        const loaded = await plain.load(table, signal);
        if (loaded === undefined) return undefined;
        return { ...loaded, metadata: { ...loaded.metadata, properties: { ...loaded.metadata.properties, 'gc.enabled': 'false' } } };
      },
    };
    await assert.rejects(run('expire_snapshots', {}, guarded), { sqlstate: '55000' });
    await assert.rejects(run('remove_orphan_files', {}, guarded), { sqlstate: '55000' });
    const newer: MaintainHost = {
      ...plain,
      async load(table, signal) {
        const loaded = await plain.load(table, signal);
        return loaded === undefined ? undefined : { ...loaded, metadata: { ...loaded.metadata, formatVersion: 4 } };
      },
    };
    for (const procedure of ['optimize', 'expire_snapshots', 'remove_orphan_files'])
      await assert.rejects(run(procedure, {}, newer), { sqlstate: '0A000' }, procedure);
    await assert.rejects(run('remove_orphan_files', { dry_run: 'TRUE' }), { sqlstate: '22023' });
    await assert.rejects(run('vacuum', {}), { sqlstate: '0A000' });
  });
});

describe('Iceberg compaction', () => {
  for (const name of ['v2_posdel', 'v2_eqdel', 'v3_dv']) {
    it(`of ${name}, by Spark, applies its deletes and keeps every row and version`, async function () {
      this.timeout(60_000);
      const expected = expectedTables()[name];
      assert.ok(expected);
      const folder = temporaryFolder();
      await cp(join(FIXTURES, 'spark'), join(folder, 'spark'), { recursive: true });
      const config = {
        catalog: { type: 'filesystem', warehouse: `${folder}/spark` },
        locations: { [OLD_PREFIX]: folder },
        write: { schemas: ['db'] },
      } as const;
      const connector = await openConnector(config, join(folder, 'cache'));
      try {
        const table = { schema: 'db', table: name };
        const lineage = async (): Promise<string[]> =>
          (await rowsOf(connector, { schema: 'db', table: `${name}$rows` }, ['_row_id', '_last_updated_sequence_number', 'event_id'])).map(
            String,
          );
        const lineageBefore = await lineage();
        const [row] = (await connector.writer?.maintain('optimize', table, {}, SIGNAL))?.rows ?? [];
        assert.ok(Number(row?.[0]) > Number(row?.[1]), String(row));
        const now = await readTable({ connector, schema: 'db', expected });
        assert.equal(digest(now.rows), expected.current.sha256);
        for (const { id, sha256 } of expected.snapshots)
          assert.equal(digest((await readTable({ connector, schema: 'db', expected, asOf: id })).rows), sha256, id);
        const { handle } = await connector.pin(table);
        const { splits } = await connector.splits(handle, SIGNAL);
        const files = splits.flatMap(({ data }) => (data as { files: { deletes?: unknown }[] }).files);
        assert.ok(files.every((file) => file.deletes === undefined));
        assert.deepEqual(await lineage(), lineageBefore);
        assert.equal((await connector.writer?.maintain('optimize', table, {}, SIGNAL))?.rows[0]?.[0], '0');
      } finally {
        await connector.close();
        await rm(folder, { recursive: true, force: true });
      }
    });
  }
});

describe('snapshots that stay', () => {
  const snapshot = (id: number, parent: number | null, timestampMs: number): Snapshot => ({
    id: String(id),
    parentId: parent === null ? null : String(parent),
    timestampMs,
    schemaId: 0,
    sequenceNumber: id,
    manifestList: `list-${id}`,
    manifests: [],
    summary: {},
  });
  // 1 <- 2 <- 3 (main), 2 <- 4 (branch), 5 (nobody's)
  const snapshots = [snapshot(1, null, 100), snapshot(2, 1, 200), snapshot(3, 2, 300), snapshot(4, 2, 400), snapshot(5, 2, 250)];
  const metadata = (refs: TableMetadata['refs']): TableMetadata =>
    ({ snapshots, refs, currentSnapshotId: '3' }) as Partial<TableMetadata> as TableMetadata;
  const rules = { nowMs: 1000, olderThanMs: 1000, retainLast: 1, maxRefAgeMs: undefined };
  const main: [string, SnapshotRef] = ['main', { snapshotId: '3', type: 'branch' }];
  const kept = (refs: TableMetadata['refs'], over: Partial<typeof rules> = {}): string[] =>
    [...retainedSnapshots(metadata(refs), { ...rules, ...over }).snapshots].sort();

  it('are heads of branches and tags, so many before them, and young ones', () => {
    assert.deepEqual(kept(new Map([main])), ['3']);
    assert.deepEqual(kept(new Map()), ['3']);
    assert.deepEqual(kept(new Map([main]), { retainLast: 2 }), ['2', '3']);
    assert.deepEqual(kept(new Map([main]), { olderThanMs: 200 }), ['2', '3', '4', '5']);
    assert.deepEqual(kept(new Map([main, ['t', { snapshotId: '1', type: 'tag' }]])), ['1', '3']);
    assert.deepEqual(kept(new Map([main, ['b', { snapshotId: '4', type: 'branch', minSnapshotsToKeep: 3 }]])), ['1', '2', '3', '4']);
    assert.deepEqual(kept(new Map([main, ['b', { snapshotId: '4', type: 'branch', maxSnapshotAgeMs: 800 }]])), ['2', '3', '4']);
  });

  it('are not those of branches and tags that are too old; main stays', () => {
    const refs: TableMetadata['refs'] = new Map([
      ['main', { snapshotId: '3', type: 'branch', maxRefAgeMs: 1 }],
      ['t', { snapshotId: '1', type: 'tag', maxRefAgeMs: 899 }],
      ['u', { snapshotId: '2', type: 'tag', maxRefAgeMs: 800 }],
    ]);
    assert.deepEqual(kept(refs), ['2', '3']);
    assert.deepEqual(retainedSnapshots(metadata(refs), rules).expiredRefs, ['t']);
    assert.deepEqual(retainedSnapshots(metadata(refs), { ...rules, maxRefAgeMs: 1 }).expiredRefs, ['t']);
  });
});
