import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { buildConfig } from '../../src/config-file.js';
import { endReplay, type ReplayOutcome } from '../../src/replay/replay-end.js';
import type { ReplayEnd } from '../../src/replay/replay-record.js';
import { createReplayRegistry } from '../../src/replay/replay-registry.js';
import { createStageStore } from '../../src/replay/stage-store.js';
import type { TaskParts } from '../../src/task-parts.js';
import { fixtureConfig } from '../e2e/fixtures.js';
import { openEngine, type TestEngine } from '../write/engine.js';
import { ListedResults, openSubmittedRuns, type SubmittedRuns } from './submitted-runs.js';

const SQL = 'SELECT entity_id AS id, count(*) AS n, count(*) AS n FROM py.events_day GROUP BY 1 ORDER BY 1';
/** Tables have no two columns of one name. */
const TABLE_SQL = SQL.replace('AS n FROM', 'AS m FROM');
const signal = new AbortController().signal;

/** A context whose operations on the store die: the n-th, before it has done anything or after. */
function dying(parts: TaskParts, at: number, when: 'before' | 'after'): { readonly context: TaskParts; readonly count: () => number } {
  let count = 0;
  const wrapped = <T extends object>(of: T, names: readonly string[]): T =>
    new Proxy(of, {
      get(target, name, receiver) {
        const value: unknown = Reflect.get(target, name, receiver);
        if (typeof value !== 'function' || !names.includes(String(name))) return value;
        return async (...given: unknown[]): Promise<unknown> => {
          const n = count++;
          if (n === at && when === 'before') throw new Error('died');
          const answer: unknown = await Reflect.apply(value, target, given);
          if (n === at) throw new Error('died');
          return answer;
        };
      },
    });
  const files = wrapped(parts.files, ['moveIn', 'putIfAbsent', 'read', 'remove', 'removeFolder', 'toLocalFile']);
  const results = wrapped(parts.results, ['publish', 'size']);
  const context = { ...parts, files, results, store: createStageStore({ files, name: 'dying' }), registry: createReplayRegistry(files) };
  return { context, count: () => count };
}

describe('replay/replay-end', function () {
  this.timeout(240_000);
  let folder: string;
  let test: TestEngine;
  let runs: SubmittedRuns;
  let listed: ListedResults;
  let settings: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'timeline-replay-end-'));
    const { catalogs } = JSON.parse(fixtureConfig()) as { catalogs: object };
    const lake = {
      type: 'iceberg',
      catalog: { type: 'filesystem', warehouse: `file://${folder}/warehouse` },
      write: { schemas: ['results'] },
    };
    const document = { catalogs: { ...catalogs, lake }, temporal: 'off', copy: { locations: [join(folder, 'out')] } };
    runs = await openSubmittedRuns(buildConfig({ ...document, home: join(folder, 'home') }, { env: {}, cwd: folder, folder }));
    listed = new ListedResults({ ...runs.parts, files: runs.parts.results, retention: undefined });
    test = await openEngine({ folder, connector: listed, config: document });
    settings = join(folder, 'home');
  });
  after(async () => {
    await test?.close();
    await runs?.close();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  const submitted = async (result: string, sql = SQL): Promise<string> => {
    const request = { name: null, kind: 'replay', user: 'me', sql, settings: {}, result } as const;
    const answer = await test.engine.context.replays.planner.plan(request, signal);
    assert.ok(answer.kind === 'planned');
    return answer.replay.id;
  };
  const rowsOf = async (sql: string): Promise<unknown[][]> => {
    const client = await test.connect();
    try {
      return (await client.query({ text: sql, rowMode: 'array' })).rows as unknown[][];
    } finally {
      await client.end();
    }
  };
  const resultOf = async (id: string): Promise<unknown[][]> => {
    listed.ids.splice(0, listed.ids.length, id);
    await test.engine.context.refreshCatalog();
    return rowsOf(`SELECT * FROM timeline_results."${id}"`);
  };
  const stored = (): string[] =>
    ['stages', 'results']
      .flatMap((part) =>
        existsSync(join(settings, part)) ? readdirSync(join(settings, part), { recursive: true }).map((path) => `${part}/${path}`) : [],
      )
      .filter((path) => /\.\w+$/.test(path))
      .sort();

  const KINDS: Readonly<
    Record<
      string,
      {
        readonly result: string;
        readonly inlineBytes: number;
        readonly place: NonNullable<ReplayEnd['place']>['kind'];
        readonly sql?: string;
      }
    >
  > = {
    'inline rows': { result: 'inline', inlineBytes: 1 << 30, place: 'inline' },
    'inline rows that are many': { result: 'inline', inlineBytes: 0, place: 'file' },
    'a file': { result: 'file', inlineBytes: 0, place: 'file' },
    'a table': { result: 'results.made', inlineBytes: 0, place: 'table', sql: TABLE_SQL },
  };

  for (const [name, { result, inlineBytes, place, sql }] of Object.entries(KINDS)) {
    it(`ends once, wherever an attempt dies: ${name}`, async () => {
      const id = await submitted(result, sql);
      await runs.runPlanned(id);
      const parts = { ...runs.parts, results: { ...runs.parts.results, inlineBytes } };
      const outcome: ReplayOutcome = { query: id, state: 'completed' };
      const backup = join(folder, 'backup');
      rmSync(backup, { recursive: true, force: true });
      cpSync(settings, backup, { recursive: true });
      const restore = (): void => {
        for (const part of ['stages', 'results']) {
          rmSync(join(settings, part), { recursive: true, force: true });
          if (existsSync(join(backup, part))) cpSync(join(backup, part), join(settings, part), { recursive: true });
        }
      };
      const whole = dying(parts, -1, 'before');
      const end = await endReplay(whole.context, outcome, signal);
      assert.equal(end.place?.kind, place);
      const left = stored();
      const wanted = await rowsOf(SQL);
      assert.equal(end.rows, wanted.length);
      assert.ok(whole.count() >= 5);
      let deaths = 0;
      for (let at = 0; at < whole.count(); at++) {
        for (const when of ['before', 'after'] as const) {
          restore();
          let died = false;
          const first = await endReplay(dying(parts, at, when).context, outcome, signal).catch(() => {
            died = true;
          });
          // Only the answer to its record's being written may be lost without harm.
          assert.ok(died || first?.state === 'completed', `${at} ${when}`);
          deaths += died ? 1 : 0;
          const half = await parts.registry.ended(id);
          // Whatever it died at, a record that is there is true.
          if (half !== undefined && place !== 'table') assert.deepEqual(await resultOf(id), wanted);
          const again = await endReplay(parts, outcome, signal);
          const told = ({ endedAt: _at, ...rest }: ReplayEnd): object => rest;
          if (place !== 'file') assert.deepEqual(told(again), told(end), `${at} ${when}`);
          else assert.equal(again.rows, end.rows);
          assert.deepEqual(stored(), left, `${at} ${when}`);
          assert.deepEqual(await endReplay(parts, { query: id, state: 'failed' }, signal), again, 'the first end counts');
        }
      }
      assert.ok(deaths >= 2 * whole.count() - 1, `${deaths} of ${2 * whole.count()}`);
      if (place === 'table') {
        assert.ok(end.place?.kind === 'table' && /^\d+$/.test(end.place.snapshot ?? ''));
        await test.engine.context.refreshCatalog();
        const [[count]] = (await rowsOf('SELECT count(*) FROM results.made')) as [[string]];
        assert.equal(Number(count), wanted.length);
        await assert.rejects(listed.pin({ schema: 'timeline_results', table: id }), {
          sqlstate: '55000',
          hint: new RegExp(`Read results.made, which is its snapshot ${end.place.snapshot}`),
        });
      } else assert.deepEqual(await resultOf(id), wanted);
    });
  }

  it('two attempts at once come to one end', async () => {
    const id = await submitted('inline');
    await runs.runPlanned(id);
    const parts = { ...runs.parts, results: { ...runs.parts.results, inlineBytes: 0 } };
    const ends = await Promise.all(Array.from({ length: 4 }, () => endReplay(parts, { query: id, state: 'completed' }, signal)));
    for (const end of ends) assert.deepEqual(end, ends[0]);
    assert.deepEqual(await resultOf(id), await rowsOf(SQL));
  });

  it('says in the file, and in the table, where the rows come from', async () => {
    const sql = `${SQL} -- it's "so" ${'ü'.repeat(3000)}`;
    const duckdb = await (await DuckDBInstance.create()).connect();
    for (const [result, inlineBytes] of [
      ['file', 0],
      ['inline', 0],
    ] as const) {
      const id = await submitted(result, sql);
      await runs.runPlanned(id);
      const end = await runs.end(id, inlineBytes);
      assert.ok(end.place?.kind === 'file');
      assert.equal(end.place.location, `file://${settings}/results/${id}.parquet`);
      const path = end.place.location.slice('file://'.length);
      const pairs = await duckdb.runAndReadAll(`SELECT decode(key), decode(value) FROM parquet_kv_metadata('${path}')`);
      const told = new Map(pairs.getRows() as [string, string][]);
      assert.equal(told.get('timeline.replay'), id);
      const kept = told.get('timeline.sql') ?? '';
      assert.ok(sql.startsWith(kept) && Buffer.byteLength(kept) <= 4096 && Buffer.byteLength(kept) > 4090 && !kept.includes('\ufffd'));
      const [pinned] = JSON.parse(told.get('timeline.snapshots') ?? '') as { catalog: string; snapshot: string }[];
      assert.equal(pinned?.catalog, 'fx');
      assert.match(pinned.snapshot, /^\d+$/);
      const names = await duckdb.runAndReadAll(`SELECT * FROM '${path}' LIMIT 0`);
      assert.deepEqual(names.columnNames(), ['id', 'n', 'n_2']);
    }
    const id = await submitted('results.told', sql.replaceAll('AS n FROM', 'AS m FROM'));
    await runs.runPlanned(id);
    await runs.end(id);
    await test.engine.context.refreshCatalog();
    const [row] = await rowsOf(
      `SELECT summary->>'timeline.replay', summary->>'timeline.sql', summary->>'timeline.snapshots' FROM results."told$snapshots"`,
    );
    assert.equal(row?.[0], id);
    assert.match(String(row?.[1]), /^SELECT entity_id AS id, count/);
    assert.match(String(row?.[2]), /"catalog":"fx"/);
  });

  for (const [what, lost] of [
    ['its end', false],
    ['the news of its commit', true],
  ] as const) {
    it(`a replay whose rows are in the table has completed, though it was cancelled before ${what}`, async () => {
      const id = await submitted('results.late', TABLE_SQL);
      await runs.runPlanned(id);
      const { store } = runs.parts;
      const rows = Number((await rowsOf('SELECT count(*) FROM py.events_day GROUP BY entity_id')).length);
      if (lost) await store.removeStage(id, (await store.readPlan(`${id}/plan.json`)).stages.at(-1)?.id ?? -1);
      const error = { kind: 'cancelled', sqlstate: '57014', message: 'canceling statement due to user request' } as const;
      const end = await endReplay(runs.parts, { query: id, state: 'cancelled', error }, signal);
      assert.deepEqual([end.state, end.rows, end.error], ['completed', rows, undefined]);
      assert.ok(end.place?.kind === 'table' && end.place.table === 'late' && end.place.snapshot !== null);
    });
  }

  it('a replay that has failed keeps its record, and no rows', async () => {
    const id = await submitted('inline');
    await runs.runPlanned(id);
    const error = { kind: 'data', sqlstate: '22012', message: 'division by zero' } as const;
    const end = await endReplay(runs.parts, { query: id, state: 'failed', error }, signal);
    assert.deepEqual([end.state, end.rows, end.error], ['failed', 0, error]);
    assert.deepEqual(
      stored().filter((path) => path.startsWith(`stages/${id}/`)),
      [`stages/${id}/plan.json`],
    );
    await assert.rejects(listed.describe({ schema: 'timeline_results', table: id }), {
      sqlstate: '55000',
      message: /has failed/,
      detail: '22012: division by zero',
    });
  });

  it('says why there are no rows to read', async () => {
    const table = (id: string) => ({ schema: 'timeline_results', table: id });
    const id = await submitted('inline');
    await assert.rejects(listed.describe(table(id)), { sqlstate: '55000', message: /has not ended yet/, hint: /timeline\.wait\('/ });
    assert.equal(await listed.describe(table('nobody')), undefined);
    for (const unknown of ['nobody', '../x', 'a/b', '', '.']) await assert.rejects(listed.pin(table(unknown)), { sqlstate: '42704' });
    await runs.runPlanned(id);
    await runs.end(id);
    const pinned = await listed.pin(table(id));
    const { splits } = await listed.splits(pinned.handle, signal);
    const old = new ListedResults({ ...runs.parts, files: runs.parts.results, retention: -1 });
    await assert.rejects(old.describe(table(id)), { sqlstate: '55000', message: /no longer kept/ });
    await runs.parts.store.removeStage(id, (await runs.parts.store.readPlan(`${id}/plan.json`)).stages.at(-1)?.id ?? 0);
    await assert.rejects(listed.splits(pinned.handle, signal), { sqlstate: '55000', message: /no longer kept/ });
    const request = { columns: [], meter: { charge: () => undefined }, signal };
    await assert.rejects(
      listed.read(
        pinned.handle,
        splits.map(({ data }) => data),
        request,
      ),
      { sqlstate: '55000', message: /no longer kept/ },
    );
    const file = await submitted('file');
    await runs.runPlanned(file);
    const { place } = await runs.end(file);
    assert.ok(place?.kind === 'file');
    cpSync(join(settings, 'stages', file, 'plan.json'), place.location.slice('file://'.length));
    await assert.rejects(listed.pin(table(file)), { sqlstate: '55000', detail: /another file than the one that it wrote/ });
    rmSync(place.location.slice('file://'.length));
    await assert.rejects(listed.pin(table(file)), { sqlstate: '55000', detail: /is not there any more/ });
    const csv = await submitted(`file://${folder}/out/x.csv`);
    await runs.runPlanned(csv);
    await runs.end(csv);
    await assert.rejects(listed.pin(table(csv)), { sqlstate: '55000', hint: /out\/x\.csv/ });
  });
});
