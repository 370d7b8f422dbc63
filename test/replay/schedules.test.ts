import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { ErrorDetails } from '../../sql/errors.js';
import { intervalReplayId } from '../../src/replay/interval-id.js';
import type { BackfillRequest, ReplayControl, ScheduleRecord } from '../../src/replay/replay-control.js';
import type { ReplayEnd } from '../../src/replay/replay-record.js';
import { createStageStore } from '../../src/replay/stage-store.js';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { createReplayControl } from '../../src/replay/temporal/replay-control.js';
import { startTemporalWorker, type TemporalWorker } from '../../src/replay/temporal/worker.js';
import { createIntervalPlanner, type IntervalWish } from './interval-planner.js';
import { connectors, createTestConnector, createTestKernel, registryIn, temporaryFolder } from './support.js';
import { freshBundle, openServer, readLog, startWorker, until } from './temporal-support.js';

const CANCEL: ErrorDetails = { kind: 'cancelled', sqlstate: '57014', message: 'enough of it' };
const DAY = 86_400_000;

const micros = (time: string | number): string => String(BigInt(typeof time === 'string' ? Date.parse(time) : time) * 1000n);

describe('replay/schedules and backfills', function () {
  this.timeout(120_000);
  let server: DevServer | undefined;
  let worker: TemporalWorker | undefined;
  let control: ReplayControl & { close(): Promise<void> };
  let client: Client;
  let connection: Connection;
  const folder = temporaryFolder();
  const store = createStageStore({ folder: join(folder, 'stages') });
  const registry = registryIn(join(folder, 'stages'));
  const planned: string[] = [];
  let reads: string[] = [];
  let repaired = false;

  before(async function () {
    const bundlePath = await freshBundle();
    server = await openServer();
    if (server === undefined) {
      this.skip();
      return;
    }
    const base = { address: server.address, namespace: 'default', store };
    worker = await startTemporalWorker({
      ...base,
      taskQueue: 'own',
      bulkActivities: 8,
      registry,
      bundlePath,
      planner: createIntervalPlanner({
        registry,
        store,
        log: ({ interval }) => planned.push(interval?.from ?? ''),
        repaired: () => repaired,
      }),
      connectors: connectors(createTestConnector({ log: (split) => void reads.push(String(split.rows[0])) })),
      kernel: createTestKernel(),
      scratchFolder: join(folder, 'scratch'),
      handleSignals: false,
    });
    control = createReplayControl({ ...base, taskQueue: 'own' });
    connection = await Connection.connect({ address: server.address });
    client = new Client({ connection });
  });

  after(async () => {
    await control?.close();
    await connection?.close();
    await worker?.shutdown();
    await server?.close();
  });

  beforeEach(() => {
    reads = [];
    repaired = false;
    planned.length = 0;
  });

  function recordOf(wish: IntervalWish, extra: Partial<ScheduleRecord> = {}): ScheduleRecord {
    return {
      version: 1,
      name: `s${randomUUID()}`,
      cron: '0 0 * * *',
      timeZone: 'UTC',
      user: 'ann',
      sql: JSON.stringify(wish),
      settings: {},
      result: 'inline',
      overlap: 'queue',
      catchUp: 60_000,
      createdAt: 1,
      ...extra,
    };
  }

  async function schedule(wish: IntervalWish = {}, extra: Partial<ScheduleRecord> = {}): Promise<ScheduleRecord> {
    const record = recordOf(wish, extra);
    await control.createSchedule(record);
    return record;
  }

  async function backfill(record: ScheduleRecord, extra: Partial<BackfillRequest> = {}): Promise<BackfillRequest> {
    const request: BackfillRequest = {
      id: `backfill-${randomUUID()}`,
      schedule: record,
      from: micros('2026-03-01T00:00:00Z'),
      until: micros('2026-04-01T00:00:00Z'),
      chunk: 'interval',
      missingOnly: false,
      parallel: 4,
      ...extra,
    };
    await control.startBackfill(request);
    return request;
  }

  async function ended(id: string): Promise<ReplayEnd> {
    let end: ReplayEnd | undefined;
    await until(`end of ${id}`, async () => {
      end = await registry.ended(id);
      return end !== undefined;
    });
    await until(`end of workflow ${id}`, async () => (await control.state(id))?.endedAt !== undefined);
    assert.ok(end);
    return end;
  }

  /** Waits for an end for as long as there is progress to it. */
  async function progress(seen: () => number, over: () => Promise<boolean>): Promise<void> {
    let done = false;
    while (!done) {
      const before = seen();
      await until('progress, or the end', async () => {
        done = await over();
        return done || seen() > before;
      });
    }
  }

  /** Ends of a backfill's intervals, by their begins. */
  async function children(parent: string): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const { id } of await registry.list()) {
      const submission = await registry.submission(id);
      if (submission?.parent !== parent || submission.interval === undefined) continue;
      found.set(new Date(Number(BigInt(submission.interval.from) / 1000n)).toISOString(), (await registry.ended(id))?.state ?? 'running');
    }
    return found;
  }

  const marchDays = Array.from({ length: 31 }, (_, n) => new Date(Date.parse('2026-03-01T00:00:00Z') + n * DAY).toISOString());

  it('runs the last whole interval when it is triggered, and none twice', async () => {
    const record = await schedule();
    const handle = client.schedule.getHandle(`timeline-schedule-${record.name}`);
    const midnight = Math.floor(Date.now() / DAY) * DAY;
    const interval = { schedule: record.name, from: micros(midnight - DAY), until: micros(midnight) };
    const id = intervalReplayId(interval);
    await handle.trigger();
    const end = await ended(id);
    assert.deepEqual([end.state, end.rows], ['completed', 1]);
    assert.deepEqual((await registry.submission(id))?.interval, interval);
    await until('the end of the action', async () => (await control.schedule(record.name))?.running === 0);
    assert.ok((await control.schedule(record.name))?.last !== undefined);
    await handle.trigger();
    await until('a second plan', () => planned.length === 2);
    await until('the end of the action', async () => (await control.schedule(record.name))?.running === 0);
    assert.equal(reads.length, 1);
    await until('two runs in the list', async () => {
      const runs: string[] = [];
      for await (const { status } of client.workflow.list({ query: `TemporalScheduledById = '${handle.scheduleId}'` }))
        runs.push(status.name);
      return runs.join() === 'COMPLETED,COMPLETED';
    });
  });

  it('runs intervals as they come due, one after the other, late ones too', async () => {
    const record = await schedule({ delay: 3000 }, { cron: '@every 2s' });
    await until('three intervals', () => new Set(reads).size >= 3);
    await control.pauseSchedule(record.name, true);
    await until('an end of what runs', async () => (await control.schedule(record.name))?.running === 0);
    const begins = planned.map((from) => Number(BigInt(from) / 1_000_000n));
    assert.equal(new Set(begins).size, begins.length);
    for (const [n, begin] of begins.entries()) assert.ok(n === 0 || begin === (begins[n - 1] ?? 0) + 2, `${begins}`);
    const end = await registry.ended(
      intervalReplayId({ schedule: record.name, from: micros((begins[0] ?? 0) * 1000), until: micros(((begins[0] ?? 0) + 2) * 1000) }),
    );
    assert.equal(end?.state, 'completed');
    assert.equal(await control.deleteSchedule(record.name), true);
  });

  it('waits for a catalog that is away, and tells of a query that cannot be planned', async () => {
    const midnight = Math.floor(Date.now() / DAY) * DAY;
    const yesterday = new Date(midnight - DAY).toISOString();
    const patient = await schedule({ outage: [yesterday] });
    const broken = await schedule({ wrong: [yesterday] }, { overlap: 'parallel' });
    for (const { name } of [patient, broken]) await client.schedule.getHandle(`timeline-schedule-${name}`).trigger();
    const idOf = ({ name }: ScheduleRecord): string =>
      intervalReplayId({ schedule: name, from: micros(midnight - DAY), until: micros(midnight) });
    assert.equal((await ended(idOf(patient))).state, 'completed');
    assert.equal(planned.length, 3, 'one plan was tried again, and one not');
    let id = '';
    await until('the failed end', async () => {
      id = (await registry.list()).find((one) => one.ended && one.id.startsWith(`${idOf(broken)}-f`))?.id ?? '';
      return id !== '';
    });
    const end = await registry.ended(id);
    assert.deepEqual(
      [end?.state, end?.error?.sqlstate, end?.error?.message],
      ['failed', '42P01', `relation "t" does not exist at ${yesterday}`],
    );
    assert.equal((await registry.submission(id))?.kind, 'interval', 'it can be seen');
    await until('no running ones', async () => (await control.schedule(broken.name))?.running === 0);
    await until('the failed workflow', async () => {
      for await (const { status } of client.workflow.list({ query: `TemporalScheduledById = 'timeline-schedule-${broken.name}'` }))
        if (status.name === 'FAILED') return true;
      return false;
    });
  });

  it('leaves out, or runs at once, what comes due while the last one runs', async () => {
    const skipping = await schedule({ delay: 5000 }, { cron: '@every 2s', overlap: 'skip' });
    const parallel = await schedule({ delay: 5000 }, { cron: '@every 2s', overlap: 'parallel' });
    let most = 0;
    await until('two at once', async () => {
      most = Math.max(most, (await control.schedule(skipping.name))?.running ?? 0);
      return ((await control.schedule(parallel.name))?.running ?? 0) >= 2;
    });
    await until('a skipped one', async () => {
      const { info } = await client.schedule.getHandle(`timeline-schedule-${skipping.name}`).describe();
      return info.numActionsSkippedOverlap > 0;
    });
    assert.equal(most, 1);
    for (const { name } of [skipping, parallel]) await control.deleteSchedule(name);
    await until('an end of what runs', async () => {
      for await (const { status } of client.workflow.list({ query: `WorkflowType = 'intervalReplayV1'` }))
        if (status.name === 'RUNNING') return false;
      return true;
    });
  });

  it('backfills 31 days, four at a time', async () => {
    const record = await schedule();
    const request = await backfill(record, { intervals: 31 });
    const end = await ended(request.id);
    assert.deepEqual([end.state, end.rows, end.error], ['completed', 31, undefined]);
    assert.deepEqual(
      [...reads].sort(),
      marchDays.map((day) => `${day} 0`),
    );
    const done = await children(request.id);
    assert.deepEqual([...done.keys()].sort(), marchDays);
    assert.ok([...done.values()].every((state) => state === 'completed'));
    assert.equal((await control.state(request.id))?.state, 'completed');
    const { typedSearchAttributes } = await client.workflow.getHandle(request.id).describe();
    const rows = typedSearchAttributes.getAll().find(({ key }) => key.name === 'TimelineRows');
    assert.equal(rows?.value, 31);
  });

  it('backfills in order, and stops at the first failure', async () => {
    const ordered = await backfill(await schedule(), { parallel: 1 });
    assert.equal((await ended(ordered.id)).state, 'completed');
    assert.deepEqual(
      reads,
      marchDays.map((day) => `${day} 0`),
    );
    reads = [];
    const stopped = await backfill(await schedule({ wrong: [marchDays[4] ?? ''] }), { parallel: 1 });
    const end = await ended(stopped.id);
    assert.deepEqual([end.state, end.rows, end.error?.sqlstate], ['failed', 4, '42P01']);
    assert.equal(end.error?.message, '1 of 5 intervals failed: relation "t" does not exist at 2026-03-05T00:00:00.000Z');
    assert.deepEqual(
      reads,
      marchDays.slice(0, 4).map((day) => `${day} 0`),
    );
    assert.equal((await control.state(stopped.id))?.state, 'failed');
  });

  it('goes on past failures when they run in parallel, and fills in what is missing', async () => {
    const wrong = [marchDays[3], marchDays[20], marchDays[30]].map(String);
    const record = await schedule({ wrong });
    const request = await backfill(record);
    const end = await ended(request.id);
    assert.deepEqual([end.state, end.rows], ['failed', 28]);
    assert.match(end.error?.message ?? '', /^3 of 31 intervals failed: relation "t" does not exist at 2026-03-04/);
    assert.equal(end.error?.detail?.split('\n').length, 3);
    const failed = [...(await children(request.id))].filter(([, state]) => state === 'failed').map(([begin]) => begin);
    assert.deepEqual(failed.sort(), wrong);
    // The table is there now: only those three run.
    reads = [];
    repaired = true;
    const again = await backfill(record, { missingOnly: true });
    const second = await ended(again.id);
    assert.deepEqual([second.state, second.rows], ['completed', 3]);
    assert.deepEqual(
      [...reads].sort(),
      wrong.map((day) => `${day} 0`),
    );
    reads = [];
    const full = await backfill(record);
    assert.equal((await ended(full.id)).rows, 31, 'unless only missing ones are asked for, all run again');
    assert.equal(reads.length, 31);
    const none = await backfill(record, { missingOnly: true });
    const nothing = await ended(none.id);
    assert.deepEqual([nothing.state, nothing.rows], ['completed', 0]);
    // Another query under the same name has not been run at all.
    const other = await backfill({ ...record, sql: '{"tasks":2}' }, { missingOnly: true, until: micros('2026-03-06T00:00:00Z') });
    assert.equal((await ended(other.id)).rows, 10);
  });

  it('cancels a backfill in the middle, and what runs of it', async () => {
    const request = await backfill(await schedule({ delay: 1500 }), { parallel: 3 });
    await until('some intervals', () => reads.length >= 4);
    assert.equal(await control.cancel(request.id, CANCEL), true);
    const end = await ended(request.id);
    assert.deepEqual([end.state, end.error?.message], ['cancelled', 'enough of it']);
    assert.equal((await control.state(request.id))?.state, 'cancelled');
    const states = [...(await children(request.id)).values()];
    assert.ok(states.includes('cancelled') && states.includes('completed') && !states.includes('running'), states.join());
    assert.ok(states.length < 15);
    const seen = reads.length;
    assert.equal(await control.cancel(request.id, CANCEL), false);
    assert.equal(reads.length, seen);
  });

  it('pauses and resumes a backfill', async () => {
    const request = await backfill(await schedule({ delay: 100 }), { parallel: 2 });
    await until('some intervals', () => reads.length >= 4);
    assert.equal(await control.pause(request.id), true);
    await until('the pause', async () => (await control.state(request.id))?.state === 'paused');
    await until('an end of what runs', async () => ![...(await children(request.id)).values()].includes('running'));
    const seen = reads.length;
    assert.ok(seen < 31);
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.equal(reads.length, seen, 'nothing starts');
    assert.equal(await control.resume(request.id), true);
    assert.equal((await ended(request.id)).rows, 31);
    assert.equal(reads.length, 31);
  });

  it('cuts a day of 25 hours, and one of 23', async () => {
    const record = await schedule({}, { timeZone: 'Europe/Berlin' });
    const days = await backfill(record, { from: micros('2026-03-27T00:00:00Z'), until: micros('2026-03-31T00:00:00Z') });
    assert.equal((await ended(days.id)).rows, 3);
    assert.deepEqual([...reads].sort(), ['2026-03-27T23:00:00.000Z 0', '2026-03-28T23:00:00.000Z 0', '2026-03-29T22:00:00.000Z 0']);
    reads = [];
    const hours = await backfill(record, { chunk: 'hour', from: micros('2026-10-24T22:00:00Z'), until: micros('2026-10-25T23:00:00Z') });
    assert.equal((await ended(hours.id)).rows, 25);
    assert.equal(new Set(reads).size, 25);
    reads = [];
    const chunks = await backfill(record, { chunk: 'day', from: micros('2026-10-24T12:00:00Z'), until: micros('2026-10-26T12:00:00Z') });
    assert.equal((await ended(chunks.id)).rows, 3);
    assert.deepEqual([...reads].sort(), ['2026-10-24T12:00:00.000Z 0', '2026-10-24T22:00:00.000Z 0', '2026-10-25T23:00:00.000Z 0']);
  });

  it('fails a backfill whose schedule was made anew with other times', async () => {
    const record = await schedule();
    await control.deleteSchedule(record.name);
    await control.createSchedule({ ...record, cron: '0 * * * *' });
    const end = await ended((await backfill(record)).id);
    assert.deepEqual([end.state, end.error?.sqlstate], ['failed', '55000']);
    assert.deepEqual(reads, []);
  });

  it('waits for an interval that another workflow runs, and records the end of one that was terminated', async () => {
    const record = await schedule({ delay: 4000 }, { overlap: 'parallel' });
    const handle = client.schedule.getHandle(`timeline-schedule-${record.name}`);
    const midnight = Math.floor(Date.now() / DAY) * DAY;
    const id = intervalReplayId({ schedule: record.name, from: micros(midnight - DAY), until: micros(midnight) });
    await handle.trigger();
    await until('the replay', async () => (await control.state(id)) !== undefined);
    // The server names workflows by the second.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await handle.trigger();
    await until('a second plan', () => planned.length === 2);
    assert.equal((await ended(id)).state, 'completed');
    await until('the end of both', async () => (await control.schedule(record.name))?.running === 0);
    assert.equal(reads.length, 1);

    const other = await schedule({ delay: 1000 });
    const lost = intervalReplayId({ schedule: other.name, from: micros(midnight - DAY), until: micros(midnight) });
    await client.schedule.getHandle(`timeline-schedule-${other.name}`).trigger();
    await until('the replay', async () => (await control.state(lost)) !== undefined);
    await client.workflow.getHandle(lost).terminate('by hand');
    const end = await ended(lost);
    assert.deepEqual([end.state, end.error?.message], ['cancelled', `replay ${lost} was terminated in Temporal`]);
  });

  it('survives a worker that is killed in the middle', async () => {
    const own = temporaryFolder();
    const records = registryIn(join(own, 'stages'));
    const local = createReplayControl({
      address: String(server?.address),
      namespace: 'default',
      taskQueue: 'killed',
      store: createStageStore({ folder: join(own, 'stages') }),
    });
    const options = { address: String(server?.address), taskQueue: 'killed', folder: own, activities: 4 };
    let child = await startWorker(options);
    try {
      const record = await schedule({ delay: 100 });
      const request = { ...(await backfillRequest(record)), parallel: 4 };
      await local.startBackfill(request);
      await until('some intervals', () => readLog(own).length >= 8);
      await child.kill('SIGKILL');
      const before = readLog(own).length;
      assert.ok(before < 31, `it was killed after ${before} reads`);
      assert.equal((await local.state(request.id))?.state, 'running');
      child = await startWorker(options);
      await until('the end', async () => (await records.ended(request.id)) !== undefined);
      const end = await records.ended(request.id);
      assert.deepEqual([end?.state, end?.rows], ['completed', 31]);
      const rows = readLog(own).map((one) => one.row);
      assert.equal(new Set(rows).size, 31);
      assert.ok(rows.length <= 31 + 4, `${rows.length} reads: only tasks that ran are run again`);
    } finally {
      await child.kill('SIGKILL');
      await local.close();
    }
  });

  it('cancels what no worker runs as soon as one is back', async () => {
    const own = temporaryFolder();
    const stages = createStageStore({ folder: join(own, 'stages') });
    const local = createReplayControl({ address: String(server?.address), namespace: 'default', taskQueue: 'away', store: stages });
    const options = { address: String(server?.address), taskQueue: 'away', folder: own };
    let child = await startWorker(options);
    try {
      const request = await backfillRequest(await schedule({ delay: 1000 }));
      await local.startBackfill(request);
      await until('some intervals', () => readLog(own).length >= 2);
      await child.kill('SIGKILL');
      assert.equal(await local.cancel(request.id, CANCEL), true);
      const seen = readLog(own).length;
      child = await startWorker(options);
      const records = registryIn(join(own, 'stages'));
      await until('the end', async () => (await records.ended(request.id)) !== undefined);
      const end = await records.ended(request.id);
      assert.deepEqual([end?.state, end?.error?.message], ['cancelled', 'enough of it']);
      await until("the workflow's end", async () => (await local.state(request.id))?.state === 'cancelled');
      assert.ok(readLog(own).length <= seen + 4, 'no other intervals were begun');
    } finally {
      await child.kill('SIGKILL');
      await local.close();
    }
  });

  it('goes on when Temporal is back, with its schedules', async () => {
    const own = temporaryFolder();
    const dbFile = join(own, 'temporal.db');
    let temporal = await openServer({ dbFile });
    assert.ok(temporal);
    const { address } = temporal;
    const local = createReplayControl({
      address,
      namespace: 'default',
      taskQueue: 'restarted',
      store: createStageStore({ folder: join(own, 'stages') }),
    });
    const child = await startWorker({ address, taskQueue: 'restarted', folder: own });
    const records = registryIn(join(own, 'stages'));
    try {
      const request = await backfillRequest(recordOf({ delay: 50 }));
      await local.createSchedule(request.schedule);
      await local.startBackfill(request);
      await until('some intervals', () => readLog(own).length >= 6);
      process.kill(temporal.pid, 'SIGKILL');
      await temporal.exited;
      assert.ok(readLog(own).length < 31, 'it was killed in the middle');
      await assert.rejects(local.pause(request.id), { sqlstate: '08001' });
      temporal = await openServer({ dbFile, port: Number(address.split(':')[1]) });
      await progress(
        () => readLog(own).length,
        async () => (await records.ended(request.id)) !== undefined,
      );
      assert.deepEqual([(await records.ended(request.id))?.state, (await records.ended(request.id))?.rows], ['completed', 31]);
      await until('the schedule', async () =>
        local.schedule(request.schedule.name).then(
          (found) => found?.record.name === request.schedule.name,
          () => false,
        ),
      );
      const rows = readLog(own).map((one) => one.row);
      assert.equal(new Set(rows).size, 31);
    } finally {
      await child.kill('SIGKILL');
      await local.close();
      await temporal?.close();
    }
  });

  async function backfillRequest(record: ScheduleRecord): Promise<BackfillRequest> {
    return {
      id: `backfill-${randomUUID()}`,
      schedule: record,
      from: micros('2026-03-01T00:00:00Z'),
      until: micros('2026-04-01T00:00:00Z'),
      chunk: 'interval',
      missingOnly: false,
      parallel: 4,
    };
  }

  it('continues 450 intervals as new, and runs each once', async () => {
    const record = await schedule({}, { cron: '0 * * * *' });
    const begun = Date.now();
    const request = await backfill(record, { until: micros(Date.parse('2026-03-01T00:00:00Z') + 450 * 3_600_000), parallel: 8 });
    await progress(
      () => reads.length,
      async () => (await registry.ended(request.id)) !== undefined,
    );
    const end = await ended(request.id);
    assert.deepEqual([end.state, end.rows], ['completed', 450]);
    assert.equal(reads.length, 450);
    assert.equal(new Set(reads).size, 450);
    const { raw } = await client.workflow.getHandle(request.id).describe();
    const startedAt = (await control.state(request.id))?.startedAt ?? 0;
    assert.ok(startedAt >= begun - 1000 && startedAt < begun + 5000, 'when the first of its runs did');
    assert.notEqual(raw.workflowExecutionInfo?.firstRunId, raw.workflowExecutionInfo?.execution?.runId);
  });
});
