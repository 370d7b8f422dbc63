import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import type { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { readAvro } from '../../connectors/iceberg/format/avro-reader.js';
import { NO_COUNTS, NOTHING_INHERITED, readManifest } from '../../connectors/iceberg/format/manifest.js';
import { parseMetadata } from '../../connectors/iceberg/format/metadata.js';
import { TimelineError } from '../../sql/errors.js';
import { FIXTURES, NO_METER, openConnector, sqlConfig, temporaryFolder } from './iceberg-fixtures.js';

const TABLE = 'py/py/events_day';
const METADATA = `${TABLE}/metadata/00003-5351c423-e4de-4587-87e1-33b3e4c13860.metadata.json`;

describe('Iceberg tables with damage', () => {
  const folder = temporaryFolder();
  const cache = temporaryFolder();
  let connector: IcebergConnector;
  let list: string;
  let manifest: string;
  let data: string;

  before(() => {
    mkdirSync(join(folder, 'py/py'), { recursive: true });
    cpSync(join(FIXTURES, 'py/catalog.db'), join(folder, 'py/catalog.db'));
    cpSync(join(FIXTURES, TABLE), join(folder, TABLE), { recursive: true });
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) chmodSync(join(entry.parentPath, entry.name), 0o755);
    const current = (
      JSON.parse(readFileSync(join(folder, METADATA), 'utf8').replace(/("[a-z-]*snapshot-id":)(\d+)/g, '$1"$2"')) as {
        snapshots: { 'manifest-list': string }[];
      }
    ).snapshots.at(-1)!;
    list = current['manifest-list'].slice('file:///fixtures/iceberg/'.length);
    manifest = `${TABLE}/metadata/99a49ab3-43af-48c7-8648-f7ad9280e30a-m0.avro`;
    data = `${TABLE}/data/ts_day=2025-03-07/00000-0-99a49ab3-43af-48c7-8648-f7ad9280e30a.parquet`;
  });
  beforeEach(async () => {
    connector = await openConnector(sqlConfig(folder), cache);
  });
  afterEach(() => connector.close());
  after(() => {
    rmSync(folder, { recursive: true });
    rmSync(cache, { recursive: true });
  });

  const read = async (): Promise<void> => {
    const signal = new AbortController().signal;
    const { handle } = await connector.pin({ schema: 'py', table: 'events_day' });
    const { splits } = await connector.splits(handle, signal);
    const { columns } = (await connector.describe({ schema: 'py', table: 'events_day' }))!;
    const readable = await connector.read(
      handle,
      splits.map((split) => split.data),
      { columns, meter: NO_METER, signal },
    );
    if (readable.kind === 'sql') await readable.release();
  };
  const damaged = async (
    path: string,
    change: ((bytes: Buffer) => Buffer) | 'remove',
    wanted: { sqlstate: string; message: RegExp },
  ): Promise<void> => {
    const full = join(folder, path);
    const whole = readFileSync(full);
    if (change === 'remove') renameSync(full, `${full}.away`);
    else writeFileSync(full, change(whole));
    try {
      await assert.rejects(read(), (error: unknown) => {
        assert.ok(error instanceof TimelineError, String(error));
        assert.equal(error.sqlstate, wanted.sqlstate, error.message);
        assert.match(error.message, wanted.message);
        assert.ok(error.message.includes(`"${path}"`), `names the file: ${error.message}`);
        assert.ok(error.message.includes('py.events_day'), `names the table: ${error.message}`);
        assert.ok(!error.message.includes(folder), `no machine path: ${error.message}`);
        return true;
      });
    } finally {
      writeFileSync(full, whole);
    }
  };
  const cut =
    (part: number) =>
    (bytes: Buffer): Buffer =>
      bytes.subarray(0, Math.floor(bytes.length * part));

  it('is whole before', () => read());

  it('names a missing file of every kind', async () => {
    for (const path of [METADATA, list, manifest, data]) {
      await damaged(path, 'remove', { sqlstate: '58P01', message: /does not exist \(table py\.events_day\)$/ });
      await connector.close();
      connector = await openConnector(sqlConfig(folder), cache);
    }
  });

  it('names damaged metadata', async () => {
    for (const change of [
      cut(0.5),
      cut(0),
      () => Buffer.from('null'),
      () => Buffer.from('{"format-version": 2}'),
      () => Buffer.from([0x1f, 0x8b, 1, 2, 3]),
      () => Buffer.from([0xff, 0xfe]),
    ]) {
      await damaged(METADATA, change, { sqlstate: 'XX001', message: /is corrupt/ });
    }
  });

  it('names a damaged manifest list', async () => {
    for (const change of [cut(0.3), cut(0.9), () => Buffer.from('Obj'), () => Buffer.alloc(500)])
      await damaged(list, change, { sqlstate: 'XX001', message: /is corrupt/ });
  });

  it('names a damaged manifest', async () => {
    for (const change of [cut(0.3), cut(0.99), () => Buffer.alloc(0)])
      await damaged(manifest, change, { sqlstate: 'XX001', message: /is corrupt/ });
  });

  it('names a damaged data file', async () => {
    const zeroTail = (bytes: Buffer): Buffer => Buffer.concat([bytes.subarray(0, -200), Buffer.alloc(200)]);
    const wildFooter = (bytes: Buffer): Buffer =>
      Buffer.concat([bytes.subarray(0, -8), Buffer.from([0xff, 0xff, 0xff, 0x7f]), Buffer.from('PAR1')]);
    const garbledFooter = (bytes: Buffer): Buffer => Buffer.concat([bytes.subarray(0, -600), Buffer.alloc(592, 0xab), bytes.subarray(-8)]);
    for (const change of [cut(0.5), zeroTail, wildFooter, garbledFooter])
      await damaged(data, change, { sqlstate: 'XX001', message: /is corrupt/ });
  });

  it('reads again once all is well', () => read());

  const metadataWith = (from: string | RegExp, to: string): ((bytes: Buffer) => Buffer) => {
    return (bytes) => Buffer.from(bytes.toString('utf8').replace(from, to));
  };

  it('takes no metadata that would give fewer rows, or other ones', async () => {
    for (const [from, to, message] of [
      [/"current-snapshot-id":\d+/, '"current-snapshot-id":-1', /branch main is at snapshot/],
      [/"current-snapshot-id":/, '"kurrent-snapshot-id":', /branch main is at snapshot/],
      [/"current-schema-id":/, '"kurrent-schema-id":', /current-schema-id is not an integer/],
      [/"partition-specs":/, '"kartition-specs":', /partition-specs is not a list/],
      [/"manifest-list":/g, '"kanifest-list":', /has no manifest list/],
      [/"spec-id":0,"fields":\[/, '"spec-id":0,"felds":[', /fields of a partition spec is not a list/],
      // Last: it is read, and kept.
      [/"spec-id":0/, '"spec-id":7', /has no partition spec 0/],
    ] as const)
      await damaged(METADATA, metadataWith(from, to), { sqlstate: 'XX001', message });
  });

  it('takes no metadata that is small when packed only', async () => {
    const bomb = gzipSync(Buffer.from(`[${'{"":{}},'.repeat(31 << 20)}1]`), { level: 1 });
    await damaged(METADATA, () => bomb, { sqlstate: 'XX001', message: /more than 8000000 values/ });
    await damaged(METADATA, () => gzipSync(Buffer.alloc(300 << 20), { level: 1 }), { sqlstate: 'XX001', message: /cannot be unpacked/ });
  });

  it('takes no other manifest than the listed one', async () => {
    await damaged(manifest, (bytes) => Buffer.concat([bytes, bytes.subarray(-16)]), {
      sqlstate: 'XX001',
      message: /bytes, its manifest list says/,
    });
    const bytes = readFileSync(join(folder, manifest));
    const files = await readManifest(bytes, 'm.avro');
    const rows = files.reduce((sum, file) => sum + file.rows, 0);
    const said = { ...NO_COUNTS, addedFiles: files.length, existingFiles: 0, addedRows: rows, existingRows: 0 };
    assert.equal((await readManifest(bytes, 'm.avro', { ...NOTHING_INHERITED, counts: said })).length, files.length);
    for (const counts of [
      { ...said, addedFiles: files.length + 1 },
      { ...said, addedFiles: 0, existingFiles: files.length },
      { ...said, existingRows: 1 },
      { ...said, addedRows: rows - 1 },
    ])
      await assert.rejects(readManifest(bytes, 'm.avro', { ...NOTHING_INHERITED, counts }), { sqlstate: 'XX001', message: /list says/ });
  });

  it('stays within the allowed roots', async () => {
    const escaping = readFileSync(join(folder, METADATA), 'utf8').replaceAll(
      'file:///fixtures/iceberg/py/py/events_day/metadata/snap-',
      'file:///etc/snap-',
    );
    const whole = readFileSync(join(folder, METADATA));
    writeFileSync(join(folder, METADATA), escaping);
    try {
      await assert.rejects(read(), { sqlstate: '42501', message: /^location "file:\/\/\/etc\/snap-.*lies outside/ });
    } finally {
      writeFileSync(join(folder, METADATA), whole);
    }
  });

  it('survives any cut and any changed byte', async () => {
    const metadata = readFileSync(join(FIXTURES, METADATA));
    const avro = readFileSync(join(FIXTURES, manifest));
    for (let at = 0; at < avro.length; at += 7) {
      await assert.rejects(readAvro({ bytes: avro.subarray(0, at), file: 'm.avro' }), { sqlstate: 'XX001' }, `cut at ${at}`);
      const changed = Buffer.from(avro);
      changed[at] = (changed[at]! + 0x55) & 0xff;
      await onlyOurErrors(() => readAvro({ bytes: changed, file: 'm.avro' }));
    }
    for (let at = 0; at < metadata.length; at += 97) {
      assert.throws(() => parseMetadata(metadata.subarray(0, at), 'm.json'), { sqlstate: 'XX001' });
      const changed = Buffer.from(metadata);
      changed[at] = 0x35;
      await onlyOurErrors(async () => parseMetadata(changed, 'm.json'));
    }
  });
});

async function onlyOurErrors(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof TimelineError, String(error));
    assert.equal(error.sqlstate, 'XX001');
  }
}
