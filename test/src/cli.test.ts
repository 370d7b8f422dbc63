import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixtureConfig } from '../e2e/fixtures.js';
import { freePort } from '../support/free-port.js';
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
      'doctor',
      'replay submit',
      'schedule add',
      'backfill',
      'optimize',
      'expire-snapshots',
      'remove-orphans',
      'rewrite-manifests',
    ])
      assert.match(stdout, new RegExp(`timeline ${command}`));
  });

  it('says what is wrong with a command', async () => {
    for (const [args, message, exit] of [
      [['serv'], /unknown command "serv"/, 2],
      [['query'], /query takes one SQL text/, 2],
      [['query', 'SELECT 1', '--format', 'xml'], /unknown format "xml"/, 1],
      [['serve', '--loud'], /--loud/, 2],
      [['replay', 'rewind'], /unknown command "replay rewind"/, 2],
      [['replay', 'show'], /timeline replay show takes ID/, 2],
      [['replay', 'submit', 'SELECT 1', '--loud'], /--loud/, 2],
      [['schedule', 'add', 'x'], /timeline schedule add takes NAME "CRON" "SQL"/, 2],
      [['backfill', 'x', 'y'], /timeline backfill takes SCHEDULE FROM UNTIL/, 2],
      [['backfill', 'x', 'y', 'z', '--parallel', 'many'], /--parallel must be a number/, 2],
      [['doctor', '--format', 'xml'], /unknown format "xml"/, 1],
      [['optimize'], /optimize takes one table/, 2],
      [['expire-snapshots', 'py.refs', '--retain-last', 'x'], /invalid input syntax for type integer: "x"/, 1],
      [['remove-orphans', 'py.refs', '--dry-run'], /permission denied for table refs/, 1],
      [['worker'], /a worker needs a Temporal server/, 1],
    ] as const) {
      const { code, stderr } = await timeline(...args);
      assert.match(stderr, message);
      assert.equal(code, exit, args.join(' '));
    }
  });

  it('says that there is no gateway, and how to name one', async () => {
    const url = `postgres://ann:secret@127.0.0.1:${await freePort()}/timeline`;
    for (const args of [
      ['replay', 'list'],
      ['replay', 'submit', 'SELECT 1'],
      ['schedule', 'list'],
      ['backfill', 'x', '2025-01-01', '2025-02-01'],
    ]) {
      const { code, stderr } = await timeline(...args, '--url', url);
      assert.equal(code, 1);
      assert.match(stderr, /no gateway answers at 127\.0\.0\.1:\d+\n.*ECONNREFUSED.*\n.*timeline serve/);
      assert.doesNotMatch(stderr, /secret/);
    }
    assert.match((await timeline('replay', 'list', '--url', 'gateway:7432')).stderr, /the URL of the gateway is not one/);
  });

  it('every group of commands has its help', async () => {
    for (const [name, word] of [
      ['replay', /--wait/],
      ['schedule', /@hourly/],
      ['backfill', /--missing-only/],
      ['worker', /second machine/],
      ['doctor', /conditional create/],
    ] as const) {
      const { code, stdout } = await timeline(name, '--help');
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`^timeline ${name}`));
      assert.match(stdout, word);
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
  });
});
