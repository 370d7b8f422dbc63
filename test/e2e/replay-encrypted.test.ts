import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import proto from '@temporalio/proto';
import type pg from 'pg';
import { connectTemporal, type TemporalClient } from '../../src/replay/temporal/client.js';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { openServer } from '../replay/temporal-support.js';
import { durable } from '../support/durable.js';
import { projectRoot } from '../support/project-root.js';
import { runProgram } from '../support/run-program.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { fixtureConfig } from './fixtures.js';

/** In the SQL's first line, in what errors say, and in rows. */
const SECRET = 'nobody_may_read_this';

describe('replays with a payload codec', function () {
  this.timeout(180_000);
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let temporal: DevServer | undefined;
  let server: TimelineServer | undefined;
  let client: pg.Client;
  let plain: TemporalClient;
  const env: Record<string, string> = {};

  before(async function () {
    folder = await tempFolder('encrypted');
    temporal = await openServer();
    if (temporal === undefined) return this.skip();
    const keys = join(folder.path, 'codec.key');
    await writeFile(keys, `${randomBytes(32).toString('base64')}\n`);
    Object.assign(env, {
      TEMPORAL_ADDRESS: temporal.address,
      TIMELINE_TEMPORAL: '',
      TIMELINE_TEMPORAL_CODEC: join(projectRoot(), 'examples', 'encryption-codec.mjs'),
      TIMELINE_CODEC_KEY_FILE: keys,
    });
    server = await startTimeline({ home: folder.path, config: fixtureConfig(), env });
    await durable(server);
    client = await server.connect();
    plain = await connectTemporal({ address: temporal.address, namespace: 'default' });
  });
  after(async () => {
    await plain?.close();
    await client?.end();
    await server?.stop();
    await temporal?.close();
    await folder.remove();
  });

  const value = async (sql: string, ...values: string[]): Promise<string> =>
    String(Object.values((await client.query(sql, values)).rows[0] ?? {})[0]);

  it('go their way, and leave nothing in Temporal that can be read', async () => {
    const query = `SELECT '${SECRET}' || n AS told FROM generate_series(1, 3) AS n`;
    const id = await value('SELECT timeline.submit($1)', query);
    assert.equal(await value('SELECT timeline.wait($1)', id), 'completed');
    assert.deepEqual((await client.query(`SELECT told FROM timeline.result('${id}')`)).rows[0], { told: `${SECRET}1` });
    assert.equal(((await client.query(`SET timeline.driver = temporal; ${query}`)) as unknown as { rows: unknown[] }[])[1]?.rows.length, 3);

    const failing = await value('SELECT timeline.submit($1)', `SELECT CAST('${SECRET}' || n AS int) FROM generate_series(1, 3) AS n`);
    assert.equal(await value('SELECT timeline.wait($1)', failing), 'failed');
    assert.match(await value('SELECT error FROM timeline.replays WHERE id = $1', failing), new RegExp(SECRET));

    const scheduled = `SELECT $1::timestamptz AS at, '${SECRET}' AS told`;
    await client.query('SELECT timeline.schedule($1, $2, $3)', ['hourly', '@hourly', scheduled]);
    assert.equal(await value('SELECT sql FROM timeline.schedules'), scheduled);
    const backfill = await value("SELECT timeline.backfill('hourly', '2025-03-01 00:00Z', '2025-03-01 02:00Z')");
    assert.equal(await value('SELECT timeline.wait($1)', backfill), 'completed');

    const seen: string[] = [];
    for await (const { workflowId, runId, raw } of plain.client.workflow.list()) {
      seen.push(workflowId);
      const history = await plain.client.workflow.getHandle(workflowId, runId).fetchHistory();
      for (const [what, bytes] of [
        ['history', proto.temporal.api.history.v1.History.encode(history).finish()],
        ['record', proto.temporal.api.workflow.v1.WorkflowExecutionInfo.encode(raw).finish()],
      ] as const)
        assert.equal(Buffer.from(bytes).includes(SECRET), false, `the ${what} of ${workflowId} can be read`);
    }
    for (const one of [id, failing, backfill]) assert.ok(seen.includes(one), one);
    assert.ok(
      seen.some((one) => one.startsWith('interval-')),
      seen.join(' '),
    );
    const { schedules } = await plain.connection.workflowService.listSchedules({ namespace: 'default' });
    const [scheduleId = ''] = schedules.map((schedule) => schedule.scheduleId ?? '');
    const described = await plain.connection.workflowService.describeSchedule({ namespace: 'default', scheduleId });
    const bytes = proto.temporal.api.workflowservice.v1.DescribeScheduleResponse.encode(described).finish();
    assert.equal(Buffer.from(bytes).includes(SECRET), false, 'the schedule can be read');
    await client.query("SELECT timeline.unschedule('hourly')");
  });

  it('a worker without the codec, or with another key, does not start, and says why', async () => {
    const other = join(folder.path, 'other.key');
    await writeFile(other, `${randomBytes(32).toString('base64')}\n`);
    const base = { ...env, TIMELINE_HOME: folder.path, TIMELINE_CONFIG: join(folder.path, 'timeline.yaml') };
    for (const [extra, message] of [
      [{ TIMELINE_TEMPORAL_CODEC: '' }, /is encoded, and no payload codec is configured here/],
      [{ TIMELINE_CODEC_KEY_FILE: other }, /cannot decode what another process encoded: no key with the id/],
      [{ TIMELINE_CODEC_KEY_FILE: join(folder.path, 'missing') }, /encryption-codec\.mjs cannot be loaded: ENOENT/],
    ] as const) {
      const { code, stderr } = await runProgram(process.execPath, [join(projectRoot(), 'bin', 'timeline.js'), 'worker'], {
        env: { ...base, ...extra },
      });
      assert.equal(code, 1, stderr);
      assert.match(stderr, message);
    }
  });
});
