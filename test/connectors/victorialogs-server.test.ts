import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type LogsServer, startVictoriaLogs } from '../support/victoria-logs.js';

describe('a real VictoriaLogs for tests', function () {
  this.timeout(60_000);
  let server: LogsServer | undefined;

  before(async function () {
    server = await startVictoriaLogs({ own: true });
    if (server === undefined) this.skip();
  });
  after(() => server?.close());

  it('takes documents, keeps them when it is stopped, and not when it is killed', async () => {
    const { insert, query } = { insert: server!.insert.bind(server), query: server!.query.bind(server) };
    const rows = async () => (await query('* | fields a')).map(({ a }) => a).toSorted();
    await insert([{ _time: '2020-01-01T00:00:00.000000001Z', a: 'x' }]);
    assert.deepEqual(await rows(), ['x']);
    await server!.stop();
    await server!.restart();
    assert.deepEqual(await rows(), ['x']);
    await insert([{ _time: '2020-01-01T00:00:00.000000001Z', a: 'y' }]);
    assert.deepEqual(await rows(), ['x', 'y']);
    await server!.kill();
    await server!.restart();
    assert.deepEqual(await rows(), ['x']);
    await server!.restart({ empty: true });
    assert.deepEqual(await rows(), []);
  });
});
