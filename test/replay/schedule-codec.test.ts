import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { ScheduleRecord } from '../../src/replay/replay-control.js';
import { createStageStore } from '../../src/replay/stage-store.js';
import { connectTemporal } from '../../src/replay/temporal/client.js';
import { createReplayControl } from '../../src/replay/temporal/replay-control.js';
import { startTemporalWorker } from '../../src/replay/temporal/worker.js';
import { createIntervalPlanner } from './interval-planner.js';
import { connectors, createTestConnector, createTestKernel, registryIn, temporaryFolder } from './support.js';
import { freshBundle, openServer, until } from './temporal-support.js';

const SECRET = 'nobody_may_see_this';
const { Payload: PayloadMessage } = proto.temporal.api.common.v1;

/** Not readable, and no secret either. */
const turned: PayloadCodec = {
  encode: async (payloads) =>
    payloads.map((payload) => ({
      metadata: { encoding: Buffer.from('binary/turned') },
      data: turn(PayloadMessage.encode(payload).finish()),
    })),
  decode: async (payloads) =>
    payloads.map((payload): Payload => {
      if (Buffer.from(payload.metadata?.['encoding'] ?? []).toString() !== 'binary/turned') return payload;
      return PayloadMessage.decode(turn(payload.data ?? new Uint8Array())) as Payload;
    }),
};

const turn = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0x5a);

describe('replay/schedules behind a payload codec', function () {
  this.timeout(60_000);

  it('keeps nothing readable of a schedule, its intervals and their errors', async function () {
    const server = await openServer();
    if (server === undefined) return this.skip();
    const folder = temporaryFolder();
    const store = createStageStore({ folder: join(folder, 'stages') });
    const registry = registryIn(join(folder, 'stages'));
    const base = { address: server.address, namespace: 'default', taskQueue: 'codec', store, codec: turned };
    const worker = await startTemporalWorker({
      ...base,
      bundlePath: await freshBundle(),
      registry,
      planner: createIntervalPlanner({ registry, store }),
      connectors: connectors(createTestConnector()),
      kernel: createTestKernel(),
      scratchFolder: join(folder, 'scratch'),
      handleSignals: false,
    });
    const control = createReplayControl(base);
    const plain = await connectTemporal({ address: server.address, namespace: 'default' });
    try {
      const record: ScheduleRecord = {
        version: 1,
        name: 'quiet',
        cron: '0 0 * * *',
        timeZone: 'UTC',
        user: 'ann',
        sql: JSON.stringify({ wrong: ['2026-03-02T00:00:00.000Z'], secret: SECRET }),
        settings: {},
        result: 'inline',
        overlap: 'skip',
        catchUp: 60_000,
        createdAt: 1,
      };
      await control.createSchedule(record);
      assert.deepEqual((await control.schedule('quiet'))?.record, record);
      assert.deepEqual(
        (await control.schedules()).map((one) => one.record),
        [record],
      );
      const id = `backfill-${randomUUID()}`;
      const day = (n: number): string => String(BigInt(Date.parse('2026-03-01T00:00:00Z') + n * 86_400_000) * 1000n);
      await control.startBackfill({
        id,
        schedule: record,
        from: day(0),
        until: day(4),
        chunk: 'interval',
        missingOnly: false,
        parallel: 2,
      });
      await until('the end', async () => (await control.state(id))?.endedAt !== undefined);
      const end = await registry.ended(id);
      assert.deepEqual([end?.state, end?.rows], ['failed', 3]);
      assert.match(end?.error?.message ?? '', /^1 of 4 intervals failed: relation "t" does not exist/);
      // The backfill, four intervals and three plans.
      await until('all workflows in the list', async () => (await plain.client.workflow.count()).count >= 8);
      for await (const { workflowId } of plain.client.workflow.list()) {
        const history = await plain.client.workflow.getHandle(workflowId).fetchHistory();
        const bytes = Buffer.from(proto.temporal.api.history.v1.History.encode(history).finish());
        for (const text of [SECRET, 'does not exist', 'planHash', 'cron']) {
          assert.equal(bytes.includes(text), false, `${text} can be read in ${workflowId}`);
        }
      }
    } finally {
      await plain.close();
      await control.close();
      await worker.shutdown();
      await server.close();
    }
  });
});
