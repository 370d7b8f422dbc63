import assert from 'node:assert/strict';
import { join } from 'node:path';
import type pg from 'pg';
import { openLogsClient } from '../../connectors/victorialogs/client/http-client.js';
import { VictoriaLogsConnector } from '../../connectors/victorialogs/connector.js';
import { createFolderFiles } from '../../src/replay/stage-files.js';
import { pyicebergPython, runPython } from '../connectors/pyiceberg.js';
import { projectRoot } from '../support/project-root.js';
import { runProgram } from '../support/run-program.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline } from '../support/timeline-server.js';
import { type LogsServer, startVictoriaLogs } from '../support/victoria-logs.js';
import { openEngine, type TestEngine } from '../write/engine.js';

const TYPES = { getTypeParser: () => (value: string | Buffer) => String(value) } as unknown as pg.CustomTypesConfig;

/** A hundred events of a hundred users. */
const EVENTS = `SELECT timestamptz '2025-03-01 00:00:00+00' + n * interval '1 minute' AS ts, 'user-' || n AS user_id,
  CASE WHEN n % 10 = 0 THEN NULL ELSE 'kind ' || n % 3 END AS kind, n AS number FROM generate_series(1, 100) n`;

const MAKE = `
import sys
from pyiceberg.catalog import load_catalog
load_catalog('lake', type='sql', uri=f'sqlite:///{sys.argv[1]}', warehouse=sys.argv[2]).create_namespace('lake')
print('null')
`;

/** Runs statements of Python over the table. */
const PYTHON = `
import sys, json
import pyarrow as pa
from pyiceberg.catalog import load_catalog
from pyiceberg.types import StringType, LongType
catalog = load_catalog('lake', type='sql', uri=f'sqlite:///{sys.argv[1]}', warehouse=sys.argv[2])
table = catalog.load_table(('lake', sys.argv[3]))
exec(sys.argv[4])
print(json.dumps(None))
`;

describe('An index in VictoriaLogs, by SQL', function () {
  this.timeout(180_000);
  let logs: LogsServer | undefined;
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let engine: TestEngine;
  let client: pg.Client;
  let catalogs: Record<string, object>;
  let python: string | undefined;

  before(async function () {
    logs = await startVictoriaLogs();
    if (logs === undefined) return this.skip();
    home = await tempFolder('e2e-logs-index');
    const indexes = ['events', 'evolving'].map((table) => ({ schema: 'lake', table, streams: [] }));
    const connector = await VictoriaLogsConnector.open({
      name: 'vl',
      config: logs.config({ indexes }),
      scratchFolder: home.path,
      client: await openLogsClient({ name: 'vl', config: logs.config() }),
      records: createFolderFiles(join(home.path, 'records')),
      settle: 20,
    });
    python = await pyicebergPython();
    const warehouse = `file://${home.path}/warehouse`;
    if (python !== undefined) await runPython(python, MAKE, [join(home.path, 'catalog.db'), warehouse]);
    catalogs = {
      lake: {
        type: 'iceberg',
        catalog:
          python === undefined
            ? { type: 'filesystem', warehouse }
            : { type: 'sql', uri: `sqlite:///${home.path}/catalog.db`, name: 'lake', warehouse },
        write: { schemas: ['lake'] },
      },
    };
    engine = await openEngine({ folder: home.path, connector, config: { catalogs } });
    client = await engine.connect({ types: TYPES });
    await client.query(`CREATE TABLE lake.events WITH ("timeline.ts" = 'ts', "timeline.key" = 'user_id') AS ${EVENTS}`);
  });

  after(async () => {
    await engine?.close();
    await home?.remove();
    await logs?.close();
  });

  async function rows(sql: string): Promise<readonly (readonly (string | null)[])[]> {
    return ((await client.query({ text: sql, rowMode: 'array' })) as unknown as { rows: (string | null)[][] }).rows;
  }

  async function explained(sql: string): Promise<string> {
    return (await rows(`EXPLAIN ${sql}`)).map(([line]) => line).join('\n');
  }

  /** With the index and without: the same rows. Gives them. */
  async function both(sql: string): Promise<readonly (readonly (string | null)[])[]> {
    await client.query('SET timeline.use_index = off');
    const without = await rows(sql);
    await client.query('SET timeline.use_index = on');
    const found = await rows(sql);
    assert.deepEqual(found, without, sql);
    return found;
  }

  it('one of a hundred users: one row, with the index and without', async () => {
    const question = "SELECT user_id, number FROM lake.events WHERE user_id = 'user-42'";
    await client.query('SET timeline.use_index = on');
    assert.match(await explained(question), /not used: 1 of 1 files: not indexed yet/);
    const [result] = await rows("CALL timeline.build_index('lake.events')");
    assert.deepEqual(result?.slice(0, 5), ['1', '0', '1', '0', '100']);
    assert.match(await explained(question), /1 candidate row in 1 file by .*"~user-42"/);
    assert.deepEqual(await both(question), [['user-42', '42']]);
    assert.deepEqual(await both("SELECT count(*) FROM lake.events WHERE user_id = 'nobody'"), [['0']]);
    assert.deepEqual(await both('SELECT user_id FROM lake.events WHERE kind IS NULL AND number = 50'), [['user-50']]);
    await client.query('SET timeline.use_index = off');
    assert.match(await explained(question), /not used: timeline.use_index is off/);
    const coverage = await rows('SELECT table_schema, table_name, catalog, rows, covered, reason, columns FROM timeline.index_coverage');
    assert.deepEqual(coverage[0], ['lake', 'events', 'vl', '100', 't', null, '{ts,user_id,kind,number}']);
  });

  it('files that come later, compaction, and what was before', async () => {
    await client.query('SET timeline.use_index = on');
    await client.query("INSERT INTO lake.events VALUES ('2025-03-02 00:00:00+00', 'user-42', 'late', 1000)");
    const question = "SELECT number FROM lake.events WHERE user_id = 'user-42' ORDER BY number";
    assert.deepEqual(await both(question), [['42'], ['1000']]);
    assert.match(await explained(question), /1 of 2 files covered \(1 of 2 files: not indexed yet\)/);
    await client.query("CALL timeline.build_index('lake.events')");
    assert.match(await explained(question), /2 of 2 files covered/);
    assert.deepEqual(await both(question), [['42'], ['1000']]);
    await client.query("CALL timeline.optimize('lake.events', min_input_files => 2)");
    assert.match(await explained(question), /not used: 1 of 1 files: not indexed yet/);
    assert.deepEqual(await both(question), [['42'], ['1000']]);
    await client.query("CALL timeline.build_index('lake.events')");
    assert.match(await explained(question), /1 of 1 file covered|1 of 1 files covered/);
    assert.deepEqual(await both(question), [['42'], ['1000']]);
  });

  it('columns are added, renamed, dropped and made anew under a name that was there', async function () {
    if (python === undefined) return this.skip();
    const interpreter = python;
    const change = async (code: string): Promise<void> => {
      await runPython(interpreter, PYTHON, [join(home.path, 'catalog.db'), `file://${home.path}/warehouse`, 'evolving', code]);
      await engine.engine.context.refreshCatalog();
    };
    const build = async (): Promise<void> => void (await client.query("CALL timeline.build_index('lake.evolving')"));
    await client.query(`CREATE TABLE lake.evolving WITH ("timeline.ts" = 'ts') AS ${EVENTS}`);
    await build();
    const questions = [
      "SELECT ts FROM lake.evolving WHERE user_id = 'user-7' ORDER BY ts",
      "SELECT ts FROM lake.evolving WHERE user_id <> 'user-7' ORDER BY ts",
      'SELECT ts FROM lake.evolving WHERE user_id IS NULL ORDER BY ts',
      'SELECT ts FROM lake.evolving WHERE number = 7 ORDER BY ts',
      'SELECT ts FROM lake.evolving WHERE number > 90 ORDER BY ts',
    ];
    const answers = async (): Promise<readonly number[]> => {
      const counts: number[] = [];
      for (const question of questions) counts.push((await both(question)).length);
      return counts;
    };
    assert.deepEqual(await answers(), [1, 99, 0, 1, 10]);
    await change("table.update_schema().update_column('number', LongType()).commit()");
    assert.deepEqual(await answers(), [1, 99, 0, 1, 10]);
    assert.match(await explained(questions[3]!), /1 candidate row/);
    await change("table.update_schema().rename_column('user_id', 'person').commit()");
    const [byPerson = ''] = questions.map((question) => question.replace('user_id', 'person'));
    assert.equal((await both(byPerson)).length, 1);
    assert.match(await explained(byPerson), /1 candidate row/);
    // Another column with the name: in the files of before it is NULL.
    await change("table.update_schema().add_column('user_id', StringType()).commit()");
    assert.deepEqual(await answers(), [0, 0, 100, 1, 10]);
    assert.match(await explained(questions[0]!), /no filter on what is indexed/);
    await client.query(
      "INSERT INTO lake.evolving (ts, person, kind, number, user_id) VALUES ('2025-03-03 00:00:00+00', 'user-7', NULL, 7, 'user-7')",
    );
    assert.deepEqual(await answers(), [1, 0, 100, 2, 10]);
    assert.equal((await both(byPerson)).length, 2);
    await build();
    assert.match(await explained(questions[0]!), /2 of 2 files covered/);
    assert.deepEqual(await answers(), [1, 0, 100, 2, 10]);
    assert.equal((await both(byPerson)).length, 2);
    await change("table.update_schema().delete_column('person').commit()");
    assert.deepEqual(await answers(), [1, 0, 100, 2, 10]);
    // Rows go, and can be seen as of before.
    const [[before] = []] = await rows('SELECT snapshot_id FROM lake."evolving$snapshots" ORDER BY committed_at DESC LIMIT 1');
    await change("table.delete('number = 7')");
    assert.equal((await both(questions[3]!)).length, 0);
    const past = `SELECT ts FROM at_snapshot('lake.evolving', '${before}') WHERE number = 7 ORDER BY ts`;
    assert.equal((await both(past)).length, 2);
    assert.match(await explained(past), /2 candidate rows/);
  });

  it('a table that is in no index_for, and one that is not there', async () => {
    await client.query('CREATE TABLE lake.plain AS SELECT 1 AS one');
    await assert.rejects(client.query("CALL timeline.build_index('lake.plain')"), (error: pg.DatabaseError) => {
      assert.equal(error.code, '55000');
      assert.match(error.hint ?? '', /index_for/);
      return true;
    });
    await assert.rejects(client.query("CALL timeline.build_index('lake.nothing')"), { code: '42P01' });
  });

  it('timeline index, against a gateway', async () => {
    const url = new URL(logs?.url ?? '');
    const folder = join(home.path, 'gateway');
    const config = {
      catalogs: { ...catalogs, vl: { type: 'victorialogs', url: String(url), tenant: logs?.tenant, index_for: ['lake.events'] } },
    };
    const server = await startTimeline({ home: folder, config: JSON.stringify(config) });
    try {
      const program = (args: readonly string[]) =>
        runProgram(process.execPath, [
          join(projectRoot(), 'bin', 'timeline.js'),
          'index',
          ...args,
          '--url',
          `postgres://${server.host}:${server.port}/timeline`,
        ]);
      const built = await program(['build', 'lake.events', '--format', 'csv']);
      assert.equal(built.code, 0, built.stderr);
      assert.match(built.stdout, /^files,covered_before,indexed,uncovered,rows_written,bytes_written\n1,0,1,0,0,0\n/);
      const status = await program(['status', 'lake.events', '--format', 'csv']);
      assert.match(status.stdout, /,t,/);
      const summary = await program(['status', '--summary', '--format', 'csv']);
      assert.match(summary.stdout, /^lake,events,vl,1,1,101,/m);
      const wrong = await program(['build', 'lake.plain']);
      assert.equal(wrong.code, 1);
      assert.match(wrong.stderr, /there is no index of lake\.plain/);
      assert.equal((await program(['rebuild', 'lake.events'])).code, 2);
    } finally {
      await server.stop();
    }
  });
});
