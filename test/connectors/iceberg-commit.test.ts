import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'mocha';
import type { CommitResult } from '../../connectors/connector.js';
import type { IcebergCatalog, TableChange } from '../../connectors/iceberg/catalog/catalog.js';
import { FilesystemCatalog } from '../../connectors/iceberg/catalog/filesystem.js';
import type { IcebergConfig } from '../../connectors/iceberg/config.js';
import { readManifestList } from '../../connectors/iceberg/format/manifest.js';
import { parseMetadata } from '../../connectors/iceberg/format/metadata.js';
import { parseFields } from '../../connectors/iceberg/format/schema.js';
import { FileIo } from '../../connectors/iceberg/read/file-io.js';
import { IcebergWriter } from '../../connectors/iceberg/write/iceberg-writer.js';
import { TimelineError } from '../../sql/errors.js';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.js';
import { type RestServer, restCatalogJars, startRestCatalog } from '../support/rest-catalog.js';
import { findVersitygw, type S3Server, startVersitygw } from '../support/versitygw.js';
import { newLake, openLake, readBack, SIGNAL, type TestLake, writeRows } from './iceberg-lake.js';
import { restConfig } from './rest-config.js';

const CHILD = fileURLToPath(new URL('./iceberg-commit-child.js', import.meta.url));
const FIELDS = parseFields([
  { id: 1, name: 'id', type: 'long' },
  { id: 2, name: 'part', type: 'int' },
]);
const TABLE = { schema: 'ns', table: 't' };
const WRITERS = 8;
const BATCHES = 4;
const STEPS = [
  'data file written',
  'data file uploaded',
  'manifest uploaded',
  'merged manifest uploaded',
  'manifest list uploaded',
  'catalog changed',
];

interface Exit {
  readonly results: readonly CommitResult[];
  readonly signal: NodeJS.Signals | null;
}

function child(job: unknown): Promise<Exit> {
  return new Promise((resolve, reject) => {
    const started = spawn(process.execPath, [CHILD, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, errors] = ['', ''];
    started.stdout.on('data', (data) => (out += String(data)));
    started.stderr.on('data', (data) => (errors += String(data)));
    started.on('exit', (code, signal) => {
      if (code === 0) resolve({ results: JSON.parse(out) as CommitResult[], signal });
      else if (signal === 'SIGKILL') resolve({ results: [], signal });
      else reject(new Error(`exit ${code}: ${errors}`));
    });
  });
}

/** An empty table that merges its manifests early. */
async function makeEmpty(writer: IcebergWriter, options: Record<string, string> = {}): Promise<void> {
  await writer.createNamespace(TABLE.schema, SIGNAL);
  const { handle } = await writer.beginTable(
    {
      table: TABLE,
      fields: FIELDS,
      options: { partitioning: 'part', 'commit.manifest.min-count-to-merge': '5', ...options },
    },
    SIGNAL,
  );
  await writer.commit(handle, { written: [], batch: 'made', summary: {}, signal: SIGNAL });
}

const KINDS = ['sql', 'filesystem', 's3', 'rest', 'postgres'] as const;
const TITLES = {
  sql: 'SQLite catalog',
  filesystem: 'filesystem catalog',
  s3: 'filesystem catalog on S3',
  rest: "Iceberg's REST server",
  postgres: 'PostgreSQL catalog',
};

for (const kind of KINDS) {
  describe(`Iceberg commits, ${TITLES[kind]}`, function () {
    this.timeout(180_000);
    let lake: TestLake;
    let s3: S3Server | undefined;
    let config: IcebergConfig;
    let rest: RestServer | undefined;
    let postgres: PostgresServer | undefined;
    let shared = '';

    before(async function () {
      this.timeout(600_000);
      shared = mkdtempSync(join(tmpdir(), 'timeline-commit-'));
      if (kind === 'rest') {
        const jars = await restCatalogJars();
        if (jars === undefined) return this.skip();
        const jdbc = { uri: `jdbc:sqlite:${shared}/catalog.db`, 'jdbc.schema-version': 'V1' };
        rest = await startRestCatalog(jars, { ...jdbc, warehouse: `file://${shared}/warehouse` });
      }
      if (kind === 'postgres') {
        postgres = await startPostgresServer(shared);
        if (postgres === undefined) return this.skip();
      }
      if (kind === 's3') {
        const program = findVersitygw();
        if (program === undefined) return this.skip();
        s3 = await startVersitygw(program);
      }
    });

    const catalogConfig = (of: typeof kind, folder: string, warehouse: string): IcebergConfig['catalog'] => {
      if (of === 'sql') return { type: 'sql', uri: `sqlite:///${folder}/catalog.db`, name: 'c', warehouse };
      if (of === 'rest') return restConfig(rest?.uri ?? '');
      const name = `c${folder.slice(-6)}`;
      if (of === 'postgres') return { type: 'sql', uri: `postgresql://postgres@/postgres?host=${shared}`, name, warehouse };
      return { type: 'filesystem', warehouse };
    };

    beforeEach(async () => {
      const probe = await newLake('filesystem');
      const warehouse = s3 === undefined ? `file://${probe.folder}/warehouse` : `s3://${s3.bucket}/w${Math.random().toString(36).slice(2)}`;
      config = {
        catalog: catalogConfig(kind, probe.folder, warehouse),
        locations: {},
        write: { schemas: '*' },
        ...(s3 === undefined ? {} : { s3: s3.options }),
      };
      await probe.connector.close();
      const connector = await openLake(config);
      lake = { ...probe, connector, writer: connector.writer! };
    });

    afterEach(async () => {
      // A REST server's tables outlive a test.
      if (rest !== undefined) await lake.writer.dropTable(TABLE, { purge: true, signal: SIGNAL }).catch(() => undefined);
      await lake.close();
    });
    after(async () => {
      await s3?.close();
      await rest?.stop();
      await postgres?.stop();
      rmSync(shared, { recursive: true, force: true });
    });

    const ids = async (): Promise<number[]> => (await readBack(lake, 'ns', 't', ['id'])).map(([id]) => Number(id)).sort((a, b) => a - b);
    const run = (batches: readonly (readonly [string, number])[], dieAt?: string) =>
      child({ config, folder: lake.folder, table: TABLE, batches, dieAt });
    const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);

    it(`${WRITERS} processes append ${BATCHES} batches each: every row once, totals right, lists short`, async () => {
      await makeEmpty(lake.writer);
      const jobs = Array.from({ length: WRITERS }, (_, w) =>
        run(Array.from({ length: BATCHES }, (_, b) => [`w${w}-b${b}`, (w * BATCHES + b) * 10] as const)),
      );
      const exits = await Promise.all(jobs);
      assert.ok(exits.every((exit) => exit.results.every((result) => !result.repeated && result.rows === 10)));
      assert.deepEqual(await ids(), range(0, WRITERS * BATCHES * 10));
      const description = await lake.connector.describe(TABLE);
      assert.equal(description?.rowEstimate, WRITERS * BATCHES * 10);
      assert.equal(description?.properties['timeline.recent-batches']?.split(' ').length, WRITERS * BATCHES + 1);
    });

    it('kill -9 at every step, then the batch once more: nothing lost, nothing doubled', async () => {
      await makeEmpty(lake.writer, { 'commit.manifest.min-count-to-merge': '2' });
      await run([['before', 0]]);
      let next = 10;
      for (const step of STEPS) {
        const batch = [`killed at ${step}`, next] as const;
        const died = await run([batch], step);
        assert.equal(died.signal, 'SIGKILL', step);
        const seen = (await ids()).includes(next);
        assert.equal(seen, step === 'catalog changed', `${step}: a killed commit is seen only once it is whole`);
        const [again] = (await run([batch])).results;
        assert.equal(again?.repeated, step === 'catalog changed', step);
        assert.equal(again?.rows, 10);
        next += 10;
      }
      assert.deepEqual(await ids(), range(0, next));
    });
  });
}

describe('Iceberg commits', function () {
  this.timeout(60_000);
  let lake: TestLake;

  beforeEach(async () => {
    lake = await newLake('filesystem');
  });

  afterEach(() => lake.close());

  /** A writer whose catalog answers commits as told: `lose` commits and loses the answer, `drop` loses the request. */
  function unreliable(answers: ('lose' | 'drop' | 'fine')[]): IcebergWriter {
    const io = new FileIo({
      locations: {},
      warehouse: `file://${lake.folder}/warehouse`,
      s3: undefined,
      cache: { folder: `${lake.folder}/cache`, maxBytes: 0 },
    });
    const inner = catalogOf(io, lake.folder);
    const lost = (): TimelineError => new TimelineError({ kind: 'connector', sqlstate: '08007', message: 'no answer' });
    const { writer } = inner;
    if (writer === undefined) throw new Error('not writable');
    const catalog: IcebergCatalog = {
      tables: (signal) => inner.tables(signal),
      load: (table, signal) => inner.load(table, signal),
      writer: {
        locationOf: (table, signal) => writer.locationOf(table, signal),
        createNamespace: (namespace, signal) => writer.createNamespace(namespace, signal),
        dropTable: (table, signal) => writer.dropTable(table, signal),
        commit: async (table: typeof TABLE, change: TableChange, signal: AbortSignal) => {
          const answer = answers.shift() ?? 'fine';
          if (answer === 'drop') throw lost();
          const result = await writer.commit(table, change, signal);
          if (answer === 'lose') throw lost();
          return result;
        },
      },
    };
    return new IcebergWriter({
      name: 'test',
      io,
      catalog,
      schemas: '*',
      current: async (table) => {
        const loaded = await catalog.load(table);
        return loaded && parseMetadata(await io.read(loaded.metadataLocation, { maxBytes: 1 << 24 }), loaded.metadataLocation);
      },
      maintain: () => Promise.reject(new Error('no')),
    });
  }

  const append = async (writer: IcebergWriter, batch: string, first: number) => {
    const { handle } = await writer.begin({ table: TABLE }, SIGNAL);
    const written = await writeRows(lake, writer, handle, `SELECT range AS id, 0::INTEGER AS part FROM range(${first}, ${first + 10})`);
    return {
      result: await writer.commit(handle, { written, batch, summary: { 'timeline.query': 'q1' }, signal: SIGNAL }),
      handle,
      written,
    };
  };

  it('a lost answer is looked for: the rows are there once', async () => {
    await makeEmpty(lake.writer);
    for (const [at, answers] of ([['lose'], ['drop'], ['drop', 'lose'], ['fine', 'lose']] as const).entries()) {
      const { result } = await append(unreliable([...answers]), `b${at}`, at * 10);
      assert.equal(result.rows, 10);
    }
    assert.equal((await readBack(lake, 'ns', 't', ['id'])).length, 40);
    assert.equal((await lake.connector.describe(TABLE))?.rowEstimate, 40);
  });

  it('an answer that stays lost is said to be unknown, and the same batch can be tried again', async () => {
    await makeEmpty(lake.writer);
    const never = unreliable(Array.from({ length: 100 }, () => 'drop' as const));
    const { handle } = await never.begin({ table: TABLE }, SIGNAL);
    const written = await writeRows(lake, never, handle, `SELECT range AS id, 0::INTEGER AS part FROM range(10)`);
    await assert.rejects(never.commit(handle, { written, batch: 'x', summary: {}, signal: SIGNAL }), { sqlstate: '08007' });
    const result = await lake.writer.commit(handle, { written, batch: 'x', summary: {}, signal: SIGNAL });
    assert.deepEqual([result.rows, result.repeated], [10, false]);
    assert.equal((await readBack(lake, 'ns', 't', ['id'])).length, 10);
  });

  it('a replayed batch does nothing, also when its snapshot is gone, and leaves no files', async () => {
    await makeEmpty(lake.writer);
    const { result, handle, written } = await append(lake.writer, 'once', 0);
    const files = async () => (await readdir(`${lake.folder}/warehouse/ns/t/metadata`)).filter((name) => !name.endsWith('.metadata.json'));
    const before = await files();
    assert.deepEqual(await lake.writer.commit(handle, { written, batch: 'once', summary: {}, signal: SIGNAL }), {
      ...result,
      repeated: true,
    });
    assert.deepEqual(await files(), before);
    await append(lake.writer, 'twice', 10);
    // As expiry does it.
    const { writer } = catalogOf(
      new FileIo({
        locations: {},
        warehouse: `file://${lake.folder}/warehouse`,
        s3: undefined,
        cache: { folder: `${lake.folder}/cache`, maxBytes: 0 },
      }),
      lake.folder,
    );
    const expired = await writer?.commit(
      TABLE,
      { requirements: [], updates: [{ action: 'remove-snapshots', 'snapshot-ids': [BigInt(result.snapshot ?? 0)] }] },
      SIGNAL,
    );
    assert.equal(expired?.kind, 'committed');
    assert.deepEqual(await lake.writer.commit(handle, { written, batch: 'once', summary: {}, signal: SIGNAL }), {
      ...result,
      repeated: true,
    });
    assert.equal((await readBack(lake, 'ns', 't', ['id'])).length, 20);
  });

  it('CREATE TABLE AS: of two at once one makes the table, the other is told', async () => {
    const make = async (rows: number) => {
      const { handle } = await lake.writer.beginTable({ table: TABLE, fields: FIELDS, options: {} }, SIGNAL);
      const written = await writeRows(
        lake,
        lake.writer,
        handle,
        `SELECT range AS id, 0::INTEGER AS part FROM range(${rows})`,
        String(rows),
      );
      return { commit: () => lake.writer.commit(handle, { written, batch: `b${rows}`, summary: {}, signal: SIGNAL }) };
    };
    const both = [await make(5), await make(7)];
    assert.equal(await lake.connector.describe(TABLE), undefined, 'nothing is seen before the commit');
    const outcomes = await Promise.allSettled(both.map((one) => one.commit()));
    const made = outcomes.findIndex((one) => one.status === 'fulfilled');
    const other = outcomes[1 - made];
    assert.ok(other?.status === 'rejected' && (other.reason as TimelineError).sqlstate === '42P07');
    assert.equal((await readBack(lake, 'ns', 't', ['id'])).length, made === 0 ? 5 : 7);
    assert.equal((await both[made]?.commit())?.repeated, true);
  });

  it('a table that changed in between: new spec and columns do not disturb, a new required column and a new table do', async () => {
    await makeEmpty(lake.writer);
    const change = async (updates: TableChange['updates']) => {
      const io = new FileIo({
        locations: {},
        warehouse: `file://${lake.folder}/warehouse`,
        s3: undefined,
        cache: { folder: `${lake.folder}/cache`, maxBytes: 0 },
      });
      assert.equal((await catalogOf(io, lake.folder).writer?.commit(TABLE, { requirements: [], updates }, SIGNAL))?.kind, 'committed');
    };
    const begun = async (first: number) => {
      const { handle } = await lake.writer.begin({ table: TABLE }, SIGNAL);
      const written = await writeRows(
        lake,
        lake.writer,
        handle,
        `SELECT range AS id, 0::INTEGER AS part FROM range(${first}, ${first + 10})`,
      );
      return () => lake.writer.commit(handle, { written, batch: `b${first}`, summary: {}, signal: SIGNAL });
    };
    const first = await begun(0);
    const schema = (required: boolean) => ({
      type: 'struct',
      fields: [
        { id: 1, name: 'id', required: false, type: 'long' },
        { id: 2, name: 'part', required: false, type: 'int' },
        { id: 3, name: 'more', required, type: 'string' },
      ],
    });
    await change([
      { action: 'add-schema', schema: schema(false) },
      { action: 'set-current-schema', 'schema-id': -1 },
      {
        action: 'add-spec',
        spec: { 'spec-id': 1, fields: [{ 'source-id': 1, 'field-id': 1001, name: 'id_bucket', transform: 'bucket[4]' }] },
      },
      { action: 'set-default-spec', 'spec-id': -1 },
    ]);
    await first();
    assert.equal((await readBack(lake, 'ns', 't', ['id'])).length, 10);
    const second = await begun(10).catch((error: unknown) => error);
    assert.ok(second instanceof Error, 'the kernel must give the new column');
    const { handle } = await lake.writer.begin({ table: TABLE }, SIGNAL);
    const written = await writeRows(lake, lake.writer, handle, `SELECT range AS id, 0::INTEGER AS part, 'x' AS more FROM range(10, 20)`);
    await change([
      {
        action: 'add-schema',
        schema: { ...schema(true), fields: [...schema(true).fields, { id: 4, name: 'must', required: true, type: 'int' }] },
      },
      { action: 'set-current-schema', 'schema-id': -1 },
    ]);
    await assert.rejects(lake.writer.commit(handle, { written, batch: 'late', summary: {}, signal: SIGNAL }), { sqlstate: '40001' });
    await lake.writer.dropTable(TABLE, { purge: true, signal: SIGNAL });
    await makeEmpty(lake.writer);
    await assert.rejects(lake.writer.commit(handle, { written, batch: 'late', summary: {}, signal: SIGNAL }), { sqlstate: '40001' });
  });

  for (const version of ['1', '2', '3']) {
    it(`manifests are merged and the files keep their sequence numbers and row ids, format version ${version}`, async () => {
      await makeEmpty(lake.writer, { format_version: version, 'commit.manifest.min-count-to-merge': '3' });
      for (let at = 0; at < 7; at++) await append(lake.writer, `b${at}`, at * 10);
      const loaded = await catalogOf(fileIo(lake.folder), lake.folder).load(TABLE);
      const metadata = parseMetadata(await fileIo(lake.folder).read(loaded?.metadataLocation ?? '', { maxBytes: 1 << 24 }), 'm');
      const current = metadata.snapshots.at(-1);
      const manifests = await readManifestList(await fileIo(lake.folder).read(current?.manifestList ?? '', { maxBytes: 1 << 24 }), 'l');
      assert.ok(manifests.length <= 3, `${manifests.length} manifests`);
      const { readManifest } = await import('../../connectors/iceberg/format/manifest.js');
      const entries = (
        await Promise.all(
          manifests.map(async (one) => readManifest(await fileIo(lake.folder).read(one.path, { maxBytes: 1 << 24 }), one.path, one)),
        )
      ).flat();
      const bySequence = [...entries].sort((a, b) => a.sequence - b.sequence || Number((a.firstRowId ?? 0n) - (b.firstRowId ?? 0n)));
      assert.equal(entries.length, 7);
      assert.equal(new Set(entries.map((entry) => entry.snapshot)).size, 7);
      if (version !== '1')
        assert.deepEqual(
          bySequence.map((entry) => entry.sequence),
          [2, 3, 4, 5, 6, 7, 8],
        );
      if (version === '3') {
        const rows = bySequence.map((entry) => Number(entry.firstRowId));
        assert.equal(new Set(rows).size, 7);
        assert.ok(
          rows.every((row, at) => at === 0 || row >= (rows[at - 1] ?? 0) + 10),
          rows.join(' '),
        );
        assert.ok(Number(metadata.nextRowId) >= (rows.at(-1) ?? 0) + 10);
      }
      for (const entry of entries) assert.equal(entry.lower.get(1)?.length, 8);
      assert.ok(manifests.every((one) => one.partitions?.[0]?.lower !== undefined));
      assert.equal(current?.summary['total-records'], '70');
      assert.equal(current?.summary['total-data-files'], '7');
      assert.equal(current?.summary['timeline.query'], 'q1');
    });
  }
});

function fileIo(folder: string): FileIo {
  return new FileIo({
    locations: {},
    warehouse: `file://${folder}/warehouse`,
    s3: undefined,
    cache: { folder: `${folder}/cache`, maxBytes: 0 },
  });
}

function catalogOf(io: FileIo, folder: string): IcebergCatalog {
  return new FilesystemCatalog({ io, warehouse: `file://${folder}/warehouse` });
}
