import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lanesOf } from '../console/picture-support.js';
import { fixtureConfig } from '../e2e/fixtures.js';
import { projectRoot } from '../support/project-root.js';
import { runProgram } from '../support/run-program.js';
import { tempFolder } from '../support/temp-folder.js';
import { parseXml } from '../support/xml.js';

const SPANS = `SELECT k AS session_id, f AS started_at, t AS ended_at, v AS state FROM (VALUES
  ('a', timestamptz '2025-03-04 10:00Z', timestamptz '2025-03-04 10:05Z', 'play'), ('b', '2025-03-04 10:05Z', '2025-03-04 10:10Z', 'end')) AS s(k, f, t, v)`;

describe('timeline render', function () {
  this.timeout(120_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;

  before(async () => {
    home = await tempFolder('render-command');
    await writeFile(join(home.path, 'timeline.yaml'), fixtureConfig());
  });
  after(() => home.remove());

  function render(...args: string[]) {
    const env = {
      TIMELINE_HOME: home.path,
      TIMELINE_CONFIG: join(home.path, 'timeline.yaml'),
      TIMELINE_TEMPORAL: 'off',
      TEMPORAL_ADDRESS: '',
    };
    return runProgram(process.execPath, [join(projectRoot(), 'bin', 'timeline.js'), 'render', ...args], { env });
  }

  it('writes SVG to standard output, and a page to a file', async () => {
    const { code, stdout, stderr } = await render(SPANS, '--width', '700', '--timezone', 'Asia/Tokyo');
    assert.equal(code, 0, stderr);
    assert.equal(lanesOf(parseXml(stdout)).length, 2);
    assert.match(stdout, /2025-03-04 19:00:00\+09/);
    const file = join(home.path, 'one.html');
    const page = await render(SPANS, '-o', file, '--key', 'b');
    assert.deepEqual([page.code, page.stdout], [0, '']);
    const html = await readFile(file, 'utf8');
    assert.match(html, /^<!DOCTYPE html>/);
    assert.equal(lanesOf(parseXml(html.slice(html.indexOf('<svg'), html.indexOf('</svg>') + 6))).length, 1);
  });

  it('has a help of its own', async () => {
    const { code, stdout } = await render('--help');
    assert.equal(code, 0);
    assert.match(stdout, /started_at, ended_at/);
    assert.match(stdout, /--width PIXELS/);
  });

  it('says what is wrong', async () => {
    for (const [args, message, exit] of [
      [[], /render takes one SQL text/, 2],
      [[SPANS, '--width', 'wide'], /320 to 8000 pixels, not "wide"/, 1],
      [[SPANS, '--format', 'png'], /unknown format "png"/, 1],
      [['SELECT 1 AS a'], /started_at and ended_at \(spans\), evaluated_at \(points\) or event_time \(events\); the query gives a/, 1],
      [[SPANS, '-o', join(home.path, 'missing', 'x.svg')], /cannot write .*x\.svg: ENOENT/, 1],
    ] as const) {
      const { code, stderr, stdout } = await render(...args);
      assert.equal(code, exit, args.join(' '));
      assert.equal(stdout, '');
      assert.match(stderr, message);
    }
  });
});
