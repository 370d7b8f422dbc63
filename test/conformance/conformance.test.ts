import assert from 'node:assert/strict';
import type pg from 'pg';
import { findTemporal } from '../../src/replay/temporal/dev-server.js';
import { hasPsql, runPsql } from '../support/psql.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { assertRows, type ConformanceCase, conformanceCases, inlined, inlineTable } from './cases.js';

const DRIVERS = ['local', 'temporal'] as const;

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
    const lake = {
      type: 'iceberg',
      catalog: { type: 'filesystem', warehouse: `file://${home.path}/warehouse` },
      write: { schemas: conformanceCases().map(schemaOf) },
    };
    server = await startTimeline({
      home: home.path,
      config: JSON.stringify({ catalogs: { lake } }),
      temporal: temporal ? 'dev' : 'off',
    });
    client = await server.connect();
    await client.query("SET TimeZone = 'UTC'");
  });
  after(async function () {
    this.timeout(60_000);
    await client?.end();
    await server?.stop();
    await home?.remove();
  });

  for (const driver of DRIVERS) {
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

  // the first session over stored tables makes them
  let made = false;
  for (const driver of DRIVERS) {
    for (const source of ['VALUES', 'Iceberg tables'] as const) {
      it(`all of them in one psql session, driver ${driver}, over ${source}`, async function () {
        this.timeout(300_000);
        if (!(await hasPsql()) || (driver === 'temporal' && !temporal)) return this.skip();
        const cases = conformanceCases();
        const script = [
          "SET TimeZone = 'UTC';",
          `SET timeline.driver = ${driver};`,
          ...cases.flatMap((example) => [
            `SET search_path = ${schemaOf(example)};`,
            ...(source === 'VALUES' || made ? [] : stored(example)),
            `\\echo '### ${example.id}'`,
            `${source === 'VALUES' ? inlined(example) : example.sql};`,
            "\\echo '=== ' :SQLSTATE",
          ]),
        ];
        const flags = ['-A', '-P', 'footer=off', '-F', '\x1f', '-P', 'null=\x1d', '-q'];
        // 91 tables are made before they are asked: under load that takes more than a minute
        const { stdout, stderr } = await runPsql(server, script.join('\n'), flags, { timeoutMs: 280_000 });
        made ||= source !== 'VALUES';
        for (const { id, expect, expect_error: error } of cases) {
          const answer = stdout.split(`### ${id}\n`)[1]?.split('=== ') ?? [];
          assert.equal(
            answer[1]?.trim().split('\n')[0]?.trim(),
            error?.sqlstate ?? '00000',
            `${id}\n${stderr.replace(/^NOTICE.*\n/gm, '')}`,
          );
          if (expect === undefined) continue;
          const [names, ...rows] = (answer[0] ?? '')
            .replace(/\n$/, '')
            .split('\n')
            .map((line) => line.split('\x1f').map((text) => (text === '\x1d' ? null : text)));
          assert.deepEqual(names, expect.columns, id);
          assertRows(rows, expect.rows);
        }
        assert.equal(cases.length, 91);
      });
    }
  }
});

function schemaOf({ id }: ConformanceCase): string {
  return `c${id.replaceAll('-', '_')}`;
}

/** Statements that make the case's tables. */
function stored({ tables }: ConformanceCase): readonly string[] {
  return Object.entries(tables).flatMap(([name, table]) => [
    `CREATE TABLE ${name} (${table.columns.map(([column, type]) => `${column} ${type}`).join(', ')});`,
    ...(table.rows.length === 0 ? [] : [`INSERT INTO ${name} SELECT * FROM ${inlineTable(table)} v;`]),
  ]);
}
