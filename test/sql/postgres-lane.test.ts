import assert from 'node:assert/strict';
import { EmbeddedPostgres } from '../../sql/postgres.js';
import { CONTEXT, imagePath } from './embedded.js';

/** It would end after hours. */
const ENDLESS = 'select count(*) from generate_series(1, 1000000000000)';

describe('the embedded Postgres with a thread for values', function () {
  this.timeout(60_000);
  let postgres: EmbeddedPostgres;

  before(async () => {
    postgres = await EmbeddedPostgres.open({ imagePath: await imagePath(), valueThread: true, requestTimeout: 60_000 });
    const column = { name: 'id', type: { oid: 20, typmod: -1 }, nullable: true, comment: undefined };
    await postgres.setMirror([{ schema: 'public', table: 't', columns: [column], comment: undefined, rowEstimate: 1 }]);
  });
  after(() => postgres?.close());

  it('goes on analysing and answering while queries do not end', async () => {
    const controllers = [0, 1, 2].map(() => new AbortController());
    const reason = new Error('enough');
    const endless = controllers.map(({ signal }) => assert.rejects(postgres.query(ENDLESS, [], CONTEXT, { signal }), { cause: reason }));
    assert.deepEqual((await postgres.query('select 1 as one', [], CONTEXT)).rows, [['1']]);
    assert.match(await postgres.analyse('select id from public.t', [], CONTEXT), /TARGETENTRY/);
    assert.deepEqual((await postgres.query("select 'public.t'::regclass::text", [], CONTEXT)).rows, [['t']]);
    for (const controller of controllers) controller.abort(reason);
    await Promise.all(endless);
    assert.deepEqual((await postgres.query('select 2 as two', [], CONTEXT)).rows, [['2']]);
  });

  it('lets go at once who is cancelled while waiting', async () => {
    const running = new AbortController();
    const waiting = new AbortController();
    const endless = assert.rejects(postgres.query(ENDLESS, [], CONTEXT, { signal: running.signal }), { sqlstate: '57014' });
    const behind = assert.rejects(postgres.query('select 1', [], CONTEXT, { signal: waiting.signal }), { sqlstate: '57014' });
    waiting.abort();
    await behind;
    running.abort();
    await endless;
  });

  it('is as good as new after twenty queries that were cancelled', async () => {
    for (let n = 0; n < 20; n += 1) {
      const controller = new AbortController();
      const endless = assert.rejects(postgres.query(ENDLESS, [], CONTEXT, { signal: controller.signal }), { sqlstate: '57014' });
      await new Promise((resolve) => setTimeout(resolve, 20));
      controller.abort();
      await endless;
    }
    assert.deepEqual((await postgres.query('select 3 as three', [], CONTEXT)).rows, [['3']]);
  });
});
