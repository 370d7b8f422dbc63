import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixtureConfig } from '../e2e/fixtures.js';
import { projectRoot } from '../support/project-root.js';
import { runProgram } from '../support/run-program.js';
import { tempFolder } from '../support/temp-folder.js';

describe('command line', function () {
  this.timeout(120_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;

  before(async () => {
    home = await tempFolder('cli');
    await writeFile(join(home.path, 'timeline.yaml'), fixtureConfig());
  });
  after(() => home.remove());

  function timeline(...args: string[]) {
    const env = {
      TIMELINE_HOME: home.path,
      TIMELINE_CONFIG: join(home.path, 'timeline.yaml'),
      TIMELINE_TEMPORAL: 'off',
      TEMPORAL_ADDRESS: '',
    };
    return runProgram(process.execPath, [join(projectRoot(), 'bin', 'timeline.js'), ...args], { env });
  }

  it('--help names every command', async () => {
    const { code, stdout } = await timeline('--help');
    assert.equal(code, 0);
    for (const command of [
      'serve',
      'worker',
      'query',
      'replay list',
      'optimize',
      'expire-snapshots',
      'remove-orphans',
      'rewrite-manifests',
    ])
      assert.match(stdout, new RegExp(`timeline ${command}`));
  });

  it('says what is wrong with a command', async () => {
    for (const [args, message] of [
      [['serv'], /unknown command "serv"/],
      [['query'], /query takes one SQL text/],
      [['query', 'SELECT 1', '--format', 'xml'], /unknown format "xml"/],
      [['serve', '--loud'], /--loud/],
      [['replay', 'rewind'], /only "replay list"/],
      [['optimize'], /optimize takes one table/],
      [['expire-snapshots', 'py.refs', '--retain-last', 'x'], /invalid input syntax for type integer: "x"/],
      [['remove-orphans', 'py.refs', '--dry-run'], /permission denied for table refs/],
      [['worker'], /a worker needs a Temporal server/],
    ] as const) {
      const { code, stderr } = await timeline(...args);
      assert.equal(code, 1, args.join(' '));
      assert.match(stderr, message);
    }
  });

  it('query prints a table, CSV and JSON', async () => {
    const sql = 'SELECT id, v, NULL::text AS nothing FROM py.refs ORDER BY id LIMIT 2';
    const table = await timeline('query', sql);
    assert.equal(table.stdout, ' id | v | nothing\n----+---+---------\n 1  | a |\n 2  | b |\n(2 rows)\n', table.stderr);
    assert.equal((await timeline('query', sql, '--format', 'csv')).stdout, 'id,v,nothing\n1,a,\n2,b,\n');
    assert.equal(
      (await timeline('query', sql, '--format', 'json')).stdout,
      '{"id":"1","v":"a","nothing":null}\n{"id":"2","v":"b","nothing":null}\n',
    );
    assert.equal((await timeline('query', "SET TimeZone = 'UTC'")).stdout, 'SET\n');
    const failed = await timeline('query', 'SELECT nope FROM py.refs');
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /column "nope" does not exist/);
    assert.match((await timeline('replay', 'list', '--format', 'csv')).stdout, /completed/);
  });
});
