import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { ErrorDetails } from '../../sql/errors.js';
import { TimelineError } from '../../sql/errors.js';
import type { BackfillRequest, ReplayControl, ScheduleRecord } from '../../src/replay/replay-control.js';
import { createStageStore } from '../../src/replay/stage-store.js';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { createReplayControl } from '../../src/replay/temporal/replay-control.js';
import { temporaryFolder } from './support.js';
import { openServer, until } from './temporal-support.js';

const CANCEL: ErrorDetails = { kind: 'cancelled', sqlstate: '57014', message: 'enough' };

function record(extra: Partial<ScheduleRecord> = {}): ScheduleRecord {
  return {
    version: 1,
    name: `s${randomUUID()}`,
    cron: '0 0 * * *',
    timeZone: 'UTC',
    user: 'ann',
    sql: 'SELECT 1\nFROM t',
    settings: { TimeZone: 'UTC' },
    result: 'inline',
    overlap: 'skip',
    catchUp: 60_000,
    createdAt: 1,
    ...extra,
  };
}

const micros = (time: string): string => String(BigInt(Date.parse(time)) * 1000n);

function backfill(schedule: ScheduleRecord, from: string, until: string, extra: Partial<BackfillRequest> = {}): BackfillRequest {
  return {
    id: `backfill-${randomUUID()}`,
    schedule,
    from: micros(from),
    until: micros(until),
    chunk: 'interval',
    missingOnly: false,
    parallel: 4,
    ...extra,
  };
}

/** No worker in any of these tests: none of the calls may need one. */
describe('replay/schedules and replays without a worker', function () {
  this.timeout(60_000);
  let server: DevServer | undefined;
  let control: ReplayControl & { close(): Promise<void> };
  let client: Client;
  let connection: Connection;
  const folder = temporaryFolder();
  const store = createStageStore({ folder: join(folder, 'stages') });

  before(async function () {
    server = await openServer();
    if (server === undefined) {
      this.skip();
      return;
    }
    control = createReplayControl({ address: server.address, namespace: 'default', taskQueue: 'nobody', store });
    connection = await Connection.connect({ address: server.address });
    client = new Client({ connection });
  });

  after(async () => {
    await control?.close();
    await connection?.close();
    await server?.close();
  });

  it('creates, shows, pauses and deletes a schedule', async () => {
    const own = record({ timeZone: 'Europe/Berlin', overlap: 'queue' });
    await control.createSchedule(own);
    const state = await control.schedule(own.name);
    assert.deepEqual(state?.record, own);
    assert.equal(state?.paused, false);
    assert.equal(state?.last, undefined);
    assert.equal(state?.running, 0);
    const next = new Date(state?.next ?? 0);
    assert.match(next.toISOString(), /T2[23]:00:00.000Z$/, 'midnight in Berlin');
    assert.ok(next.getTime() > Date.now());
    assert.equal(await control.pauseSchedule(own.name, true), true);
    assert.deepEqual(await control.schedule(own.name), { ...state, paused: true, next: undefined });
    assert.equal(await control.pauseSchedule(own.name, false), true);
    assert.equal((await control.schedule(own.name))?.next, state?.next);
    assert.equal(await control.deleteSchedule(own.name), true);
    assert.equal(await control.deleteSchedule(own.name), false);
    assert.equal(await control.pauseSchedule(own.name, true), false);
    assert.equal(await control.schedule(own.name), undefined);
  });

  it('refuses a name twice, and what is no schedule', async () => {
    const own = record();
    await control.createSchedule(own);
    await assert.rejects(
      control.createSchedule(own),
      (error: TimelineError) => error.sqlstate === '42710' && error.message.includes(own.name),
    );
    for (const [extra, message] of [
      [{ cron: 'whenever' }, 'invalid cron expression "whenever"'],
      [{ cron: '61 * * * *' }, 'invalid cron expression "61 * * * *"'],
      [{ cron: '0 0 31 2 *' }, 'cron expression "0 0 31 2 *" matches no time'],
      [{ cron: 'CRON_TZ=UTC 0 0 * * *' }, 'invalid cron expression "CRON_TZ=UTC 0 0 * * *"'],
      [{ cron: '* * * * * * *' }, 'invalid cron expression "* * * * * * *"'],
      [{ timeZone: 'Mars/Olympus' }, 'invalid time zone "Mars/Olympus"'],
      [{ timeZone: '' }, 'invalid time zone ""'],
      [{ name: 'a b' }, 'invalid schedule name "a b"'],
    ] as const) {
      const wrong = record(extra);
      await assert.rejects(control.createSchedule(wrong), (error: unknown) => {
        assert.ok(error instanceof TimelineError, String(error));
        assert.deepEqual([error.sqlstate, error.message], ['22023', message]);
        return true;
      });
      assert.equal(await control.schedule(wrong.name), undefined);
    }
    await assert.rejects(control.createSchedule(record({ sql: 'x'.repeat(200_000) })), { sqlstate: '54000' });
    for (const cron of ['@hourly', '@every 90m', '*/5 8-18 * * MON-FRI']) await control.createSchedule(record({ cron }));
  });

  it('lists them at once, and none that is not ours', async () => {
    const own = [record({ name: `b${randomUUID()}` }), record({ name: `a${randomUUID()}`, overlap: 'parallel' })];
    for (const one of own) await control.createSchedule(one);
    const foreign = { type: 'startWorkflow', workflowType: 'other', taskQueue: 'q', args: [{ schedule: own[0] }] } as const;
    for (const scheduleId of [`x${randomUUID()}`, `timeline-schedule-x${randomUUID()}`])
      await client.schedule.create({ scheduleId, spec: { cronExpressions: ['0 0 * * *'] }, action: foreign });
    const listed = (await control.schedules()).map((one) => one.record.name);
    for (const one of own) assert.ok(listed.includes(one.name));
    assert.deepEqual(listed, [...listed].sort());
    await until('foreign schedules in the list', async () => {
      let others = 0;
      for await (const { action } of client.schedule.list()) if (action?.workflowType === 'other') others++;
      return others === 2;
    });
    const names = (await control.schedules()).map((one) => one.record.name);
    assert.equal(names.filter((name) => name.startsWith('x')).length, 0);
    await control.deleteSchedule(own[0]?.name ?? '');
    assert.equal(
      (await control.schedules()).some((one) => one.record.name === own[0]?.name),
      false,
    );
  });

  it('counts intervals of cron schedules and of chunks', async () => {
    const own = record({ timeZone: 'Europe/Berlin' });
    await control.createSchedule(own);
    const count = (from: string, until: string, extra: Partial<BackfillRequest> = {}): Promise<number> =>
      control.countIntervals(backfill(own, from, until, extra));
    // Midnights in Berlin: the first and the last day are not whole ones.
    assert.equal(await count('2026-03-01T00:00:00Z', '2026-04-01T00:00:00Z'), 30);
    assert.equal(await count('2026-02-28T23:00:00Z', '2026-03-31T22:00:00Z'), 31);
    assert.equal(await count('2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z', { chunk: 'hour' }), 23);
    assert.equal(await count('2026-03-01T00:00:00Z', '2026-04-01T00:00:00Z', { chunk: 'month' }), 2);
    await assert.rejects(count('2026-03-01T00:00:00Z', '2026-03-01T05:00:00Z'), { sqlstate: '22023' });
    await assert.rejects(count('2026-03-01T00:00:00Z', '2126-03-01T05:00:00Z'), { sqlstate: '22023' });
    const often = record({ cron: '* * * * *' });
    await control.createSchedule(often);
    assert.equal(await control.countIntervals(backfill(often, '2026-03-01T00:00:00Z', '2026-03-04T00:00:00Z')), 3 * 1440);
    await assert.rejects(control.countIntervals(backfill(often, '2026-01-01T00:00:00Z', '2026-08-01T00:00:00Z')), { sqlstate: '54000' });
    await control.deleteSchedule(own.name);
    await assert.rejects(count('2026-03-01T00:00:00Z', '2026-04-01T00:00:00Z'), { sqlstate: '42704' });
  });

  it('starts, pauses and cancels what no worker runs', async () => {
    const request = backfill(record(), '2026-03-01T00:00:00Z', '2026-04-01T00:00:00Z');
    await control.startBackfill(request);
    await control.startBackfill(request);
    const state = await control.state(request.id);
    assert.equal(state?.state, 'running');
    assert.ok(Math.abs(Date.now() - (state?.startedAt ?? 0)) < 60_000);
    assert.equal(await control.pause(request.id), true);
    assert.equal(await control.resume(request.id), true);
    assert.equal(await control.cancel(request.id, CANCEL), true);
    assert.deepEqual(await store.cancelRequest(request.id), CANCEL, 'tasks that run hear of it without their worker');
    assert.equal((await control.state(request.id))?.state, 'running', 'its worker has to end it');
    await client.workflow.getHandle(request.id).terminate();
    assert.equal((await control.state(request.id))?.state, 'cancelled');
    for (const call of [control.pause, control.resume]) assert.equal(await call(request.id), false);
    assert.equal(await control.cancel(request.id, CANCEL), false);
    await control.startBackfill(request);
    assert.equal((await control.state(request.id))?.state, 'cancelled', 'one that was started once is not started again');
    assert.equal(await control.state('nobody'), undefined);
    for (const call of [control.pause, control.resume]) assert.equal(await call('nobody'), false);
    assert.equal(await control.cancel('nobody', CANCEL), false);
  });

  it('starts a planned replay, with what is to be seen of it', async () => {
    const id = `replay-${randomUUID()}`;
    const replay = {
      id,
      planRef: `${id}/plan.json`,
      planHash: '0'.repeat(64),
      spec: { stages: [{ id: 0, tasks: 1, batch: 1, deps: [] }], window: 1, maxAttempts: 2 },
      sources: ['lake.t'],
      user: 'ann',
      sql: 'SELECT 1\nFROM t',
    };
    await control.start(replay);
    await control.start(replay);
    const { taskQueue, typedSearchAttributes, staticSummary } = await client.workflow.getHandle(id).describe();
    assert.equal(taskQueue, 'nobody-bulk');
    assert.equal(await staticSummary(), 'SELECT 1');
    const seen = typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]);
    for (const pair of [
      ['TimelineKind', 'replay'],
      ['TimelineState', 'running'],
      ['TimelineSource', ['lake.t']],
    ])
      assert.ok(JSON.stringify(seen).includes(JSON.stringify(pair)), JSON.stringify(pair));
    await client.workflow.getHandle(id).terminate();
  });

  it('says 08001 within seconds where Temporal is not', async () => {
    const own = await openServer();
    assert.ok(own);
    const lost = createReplayControl({ address: own.address, namespace: 'default', taskQueue: 'nobody', store });
    assert.deepEqual(await lost.schedules(), []);
    await own.close();
    await Promise.all(
      [lost.schedules(), lost.state('x'), lost.pause('x'), lost.createSchedule(record())].map((call) =>
        assert.rejects(call, { sqlstate: '08001' }),
      ),
    );
    await lost.close();
    const never = createReplayControl({ address: '127.0.0.1:1', namespace: 'default', taskQueue: 'nobody', store });
    await assert.rejects(never.state('x'), { sqlstate: '08001' });
    await never.close();
  });
});
