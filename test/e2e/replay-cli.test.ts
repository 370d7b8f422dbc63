import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findTemporal } from '../../src/replay/temporal/dev-server.js';
import { durable } from '../support/durable.js';
import { projectRoot } from '../support/project-root.js';
import { type ProgramResult, runProgram } from '../support/run-program.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { fixtureConfig } from './fixtures.js';

const PROGRAM = join(projectRoot(), 'bin', 'timeline.js');

describe('replays from the command line', function () {
  this.timeout(180_000);
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer | undefined;
  let url = '';

  before(async function () {
    folder = await tempFolder('replay-cli');
    if ((await findTemporal(join(projectRoot(), '.timeline', 'tools'))) === undefined) return this.skip();
    server = await startTimeline({ home: folder.path, config: fixtureConfig(), temporal: 'dev' });
    await durable(server);
    url = `postgres://analyst@${server.host}:${server.port}/timeline`;
  });
  after(async () => {
    await server?.stop();
    await folder.remove();
  });

  const timeline = (...args: string[]): Promise<ProgramResult> =>
    runProgram(process.execPath, [PROGRAM, ...args], { env: { TIMELINE_URL: url } });

  async function fine(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await timeline(...args);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  async function refused(...args: string[]): Promise<string> {
    const { code, stderr } = await timeline(...args);
    assert.equal(code, 1, args.join(' '));
    return stderr;
  }

  it('submits, waits, lists, shows and prints', async () => {
    const id = (
      await fine('replay', 'submit', 'SELECT n, n * n AS square FROM generate_series(1, 3) AS n', '--name', 'squares', '--wait')
    ).trim();
    assert.match(id, /^replay-/);
    assert.equal(await fine('replay', 'wait', 'squares'), '');
    const list = await fine('replay', 'list', '--format', 'csv');
    assert.match(list, new RegExp(`^id,name,kind,state,.*\n${id},squares,replay,completed,`));
    for (const name of [id, 'squares', id.slice(0, -3), id.slice('replay-'.length, -3)])
      assert.match(await fine('replay', 'show', name), new RegExp(`^id +${id}\n`), name);
    assert.equal(await fine('replay', 'result', 'squares', '--format', 'csv'), 'n,square\n1,1\n2,4\n3,9\n');
    assert.equal(await fine('replay', 'result', 'squares'), ' n | square\n---+--------\n 1 | 1\n 2 | 4\n 3 | 9\n(3 rows)\n');
    const file = join(folder.path, 'squares.json');
    await fine('replay', 'result', 'squares', '--format', 'json', '-o', file);
    assert.match(await readFile(file, 'utf8'), /^\{"n":"1","square":"1"\}\n/);
    assert.match(await refused('replay', 'result', 'squares', '-o', file), /already exists/);
    assert.equal(
      (await fine('replay', 'submit', 'SELECT n, n * n AS square FROM generate_series(1, 3) AS n', '--name', 'squares')).trim(),
      id,
    );
  });

  it('prints results of many rows, by a cursor', async () => {
    await fine('replay', 'submit', 'SELECT n FROM generate_series(1, 12345) AS n', '--name', 'many', '--wait');
    const lines = (await fine('replay', 'result', 'many', '--format', 'csv')).trim().split('\n');
    assert.equal(lines.length, 12_346);
    assert.equal(new Set(lines).size, 12_346);
  });

  it('says what is wrong', async () => {
    assert.match(await refused('replay', 'submit', 'SELECT nope FROM generate_series(1, 3) AS n'), /column "nope" does not exist/);
    assert.match(await refused('replay', 'show', 'nobody'), /replay "nobody" does not exist\n.*replay list/);
    assert.match(await refused('replay', 'show', 'replay-'), /"replay-" is the beginning of \d+ ids/);
    assert.match(await refused('replay', 'cancel', 'squares'), /is not running/);
    assert.match(await refused('schedule', 'remove', 'nobody'), /schedule "nobody" does not exist/);
    assert.match(await refused('backfill', 'nobody', '2025-03-01', '2025-03-02'), /schedule "nobody" does not exist/);
    const id = (await fine('replay', 'submit', 'SELECT 1 / (n - 2) FROM generate_series(1, 3) AS n')).trim();
    assert.match(await refused('replay', 'wait', id), /failed: division by zero/);
  });

  it('schedules, backfills, and leaves a backfill running on Ctrl-C', async () => {
    const sql = 'SELECT $1::timestamptz AS hour, $2::timestamptz - $1 AS length';
    assert.equal(await fine('schedule', 'add', 'hourly', '@hourly', sql, '--overlap', 'queue', '--time-zone', 'Europe/Berlin'), 'hourly\n');
    assert.match(await fine('schedule', 'list', '--format', 'csv'), /\nhourly,@hourly,Europe\/Berlin,f,/);
    await fine('schedule', 'pause', 'hourly');
    assert.match(await fine('schedule', 'list', '--format', 'csv'), /\nhourly,@hourly,Europe\/Berlin,t,/);
    await fine('schedule', 'resume', 'hourly');

    const few = (await fine('backfill', 'hourly', '2025-03-01 00:00Z', '2025-03-01 03:00Z', '--wait')).trim();
    assert.match(await fine('replay', 'show', few), /state +completed\n[\s\S]*tasks +3\n/);
    assert.match(await fine('replay', 'list', '--all', '--format', 'csv'), /,interval,completed,/);
    assert.doesNotMatch(await fine('replay', 'list', '--format', 'csv'), /,interval,/);

    const long = (await fine('backfill', 'hourly', '2025-03-02 00:00Z', '2025-03-12 00:00Z', '--parallel', '1')).trim();
    const { code, stderr } = await interrupted('replay', 'watch', long);
    assert.equal(code, 130);
    assert.match(stderr, new RegExp(`replay ${long} goes on`));
    assert.match(await fine('replay', 'show', long), /state +running\n/);
    await fine('replay', 'pause', long);
    assert.match(await fine('replay', 'show', long), /state +paused\n/);
    await fine('replay', 'resume', long);
    await fine('replay', 'cancel', long, '--reason', 'enough of it');
    assert.match(await refused('replay', 'wait', long), /cancelled: enough of it/);
    await fine('schedule', 'remove', 'hourly');
  });

  /** Presses Ctrl-C as soon as there is a line of progress. */
  function interrupted(...args: string[]): Promise<{ readonly code: number | null; readonly stderr: string }> {
    return new Promise((resolve) => {
      const child = spawn(process.execPath, [PROGRAM, ...args], {
        env: { ...process.env, TIMELINE_URL: url },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let stderr = '';
      let pressed = false;
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
        if (pressed || !/\d+ of 240 intervals/.test(stderr)) return;
        pressed = true;
        child.kill('SIGINT');
      });
      child.once('exit', (code) => resolve({ code, stderr }));
    });
  }
});
