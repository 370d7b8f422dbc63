import assert from 'node:assert/strict';
import type pg from 'pg';
import { findTemporal } from '../../src/replay/temporal/dev-server.js';
import { hasPsql, runPsql } from '../support/psql.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { assertRows, conformanceCases, inlined } from './cases.js';

/** The cases as a client sees them: text results of a real server, on both drivers. */
describe('conformance cases through the server', () => {
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;
  let temporal: boolean;

  before(async function () {
    this.timeout(120_000);
    home = await tempFolder('conformance');
    temporal = (await findTemporal(home.path)) !== undefined;
    server = await startTimeline({ home: home.path, config: JSON.stringify({ catalogs: {} }), temporal: temporal ? 'dev' : 'off' });
    client = await server.connect();
    await client.query("SET TimeZone = 'UTC'");
  });
  after(async function () {
    this.timeout(60_000);
    await client?.end();
    await server?.stop();
    await home?.remove();
  });

  for (const driver of ['local', 'temporal'] as const) {
    describe(driver, () => {
      before(async function () {
        if (driver === 'temporal' && !temporal) return this.skip();
        await client.query(`SET timeline.driver = ${driver}`);
      });
      for (const example of conformanceCases()) {
        it(`${example.id}: ${example.title}`, async () => {
          const query = client.query({
            text: inlined(example),
            rowMode: 'array',
            types: { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig,
          });
          const { expect, expect_error: error } = example;
          if (expect === undefined) return assert.rejects(query, (thrown: { code?: string }) => thrown.code === error?.sqlstate);
          const { fields, rows } = await query;
          assert.deepEqual(
            fields.map((field) => field.name),
            expect.columns,
          );
          assertRows(rows as (string | null)[][], expect.rows);
        });
      }
    });
  }

  it('all of them in one psql session', async function () {
    if (!(await hasPsql())) return this.skip();
    const cases = conformanceCases();
    const script = [
      "SET TimeZone = 'UTC';",
      'SET timeline.driver = local;',
      ...cases.map((example) => `\\echo '### ${example.id}'\n${inlined(example)};\n\\echo '=== ' :SQLSTATE`),
    ];
    const { stdout } = await runPsql(server, script.join('\n'), ['-At', '-F', '\x1f', '-P', 'null=\x1d', '-q']);
    for (const { id, expect, expect_error: error } of cases) {
      const answer = stdout.split(`### ${id}\n`)[1]?.split('=== ') ?? [];
      assert.equal(answer[1]?.trim().split('\n')[0]?.trim(), error?.sqlstate ?? '00000', id);
      if (expect === undefined) continue;
      const rows = (answer[0] ?? '')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split('\x1f').map((text) => (text === '\x1d' ? null : text)));
      assertRows(rows, expect.rows);
    }
  });
});
