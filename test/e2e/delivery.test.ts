import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { query, startup } from '../wire/raw-client.js';
import { fixtureConfig } from './fixtures.js';

/** 180 events to the third: 5.8 million rows, of which a reader that stops takes only the first. */
const HUGE = 'SELECT a.*, b.* FROM py.events_day AS a CROSS JOIN py.events_day AS b CROSS JOIN py.events_day AS c';
/** Minutes of work without a row. */
const ENDLESS =
  'SELECT count(*) FROM py.events_day AS a CROSS JOIN py.events_day AS b CROSS JOIN py.events_day AS c CROSS JOIN py.events_day AS d ' +
  'WHERE md5(a.event_id::text || b.event_id::text || c.event_id::text || d.event_id::text) = $$never$$';

describe('delivery of rows', () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  before(async () => {
    folder = await tempFolder('delivery');
    server = await startTimeline({ home: folder.path, config: fixtureConfig() });
  });
  after(async () => {
    await server.stop();
    await folder.remove();
  });

  const resident = (): number => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) * 1024;
  const ticks = (): number =>
    (/^\d+ \(.*\) \S (.*)$/s.exec(readFileSync(`/proc/${server.pid}/stat`, 'utf8'))?.[1] ?? '')
      .split(' ')
      .slice(10, 12)
      .reduce((sum, one) => sum + Number(one), 0);
  /** A CancelRequest, on a connection of its own. */
  function cancel(client: object): void {
    const { processID, secretKey } = client as { processID: number; secretKey: number };
    const packet = Buffer.alloc(16);
    [16, 80_877_102, processID, secretKey].forEach((word, n) => void packet.writeInt32BE(word, n * 4));
    connect(server.port, server.host).end(packet);
  }
  const stages = (): string[] => readdirSync(join(folder.path, 'stages'), { recursive: true }).map(String);

  /** Waits until something holds; the test's own limit is the only clock. */
  async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  it('stops the work of a query that is cancelled, though it has no row yet, and of one with rows under way', async () => {
    const [client, other] = [await server.connect(), await server.connect()];
    try {
      for (const sql of [ENDLESS, HUGE]) {
        const running = client.query(sql);
        running.catch(() => undefined);
        await until(
          async () => (await other.query("SELECT count(*)::int AS n FROM timeline.replays WHERE state = 'running'")).rows[0]?.n === 1,
        );
        cancel(client);
        await assert.rejects(running, { code: '57014' });
        await until(
          async () => (await other.query("SELECT count(*)::int AS n FROM timeline.replays WHERE state = 'running'")).rows[0]?.n === 0,
        );
        // No CPU any more, beyond what an idle server uses.
        await until(async () => {
          const before = ticks();
          await new Promise((resolve) => setTimeout(resolve, 500));
          return ticks() - before < 15;
        });
        await until(() => stages().length === 0);
      }
    } finally {
      await client.end();
      await other.end();
    }
  });

  it('waits for a client that does not read, with memory that stays, and gives up its files when it goes', async () => {
    const sql =
      'SELECT a.*, b.* FROM py.events_day AS a CROSS JOIN py.events_day AS b CROSS JOIN (SELECT 1 FROM py.events_day LIMIT 20) AS c';
    const socket: Socket = connect(server.port, server.host);
    socket.write(startup({ user: 'slow', database: 'timeline' }));
    socket.write(query(sql));
    let got = 0;
    socket.on('data', (data) => {
      got += data.length;
      if (got > 100_000) socket.pause();
    });
    await until(() => got > 100_000);
    // All of the result is there by now, on disk; what the server holds of it is a few buffers.
    await until(async () => {
      const client = await server.connect();
      const { rows } = await client.query("SELECT count(*)::int AS n FROM timeline.replays WHERE state = 'running' AND tasks_done = tasks");
      await client.end();
      return rows[0]?.n === 1;
    });
    const files = stages().filter((name) => name.endsWith('.rows'));
    assert.equal(files.length, 1);
    const before = resident();
    for (let n = 0; n < 20; n++) {
      socket.resume();
      await until(() => socket.isPaused());
    }
    assert.ok(resident() - before < 64 << 20, `${before} bytes, then ${resident()}`);
    socket.destroy();
    await until(() => stages().length === 0);
  });
});
