// Runs the test files named by the arguments; without any, all of them in three processes at once (many tests wait for others' processes): what
// has to do with Iceberg's files, with durable replays, and the rest, which is shown at once; the output of the others comes when they have
// ended. Counts and what failed go to TIMELINE_TEST_COUNTS, added up.
import { spawn } from 'node:child_process';
import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { root } from './setup.mjs';

const ICEBERG = ['dist/test/connectors/**/*.test.js', 'dist/test/write/**/*.test.js', 'dist/test/e2e/iceberg*.test.js'];
const DURABLE = [
  'dist/test/replay/**/*.test.js',
  'dist/test/chaos/**/*.test.js',
  'dist/test/e2e/{replay-*,gateways,submitted-*,shared-bucket,temporal-*}.test.js',
];
const named = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), 'timeline-suites-'));

/** Mocha's exit code is the number of failures; `output` is a file, undefined: it is shown at once. */
function mocha(args, counts, output) {
  const reporter = ['--reporter', join(root, 'scripts', 'mocha-reporter.cjs')];
  const child = spawn(process.execPath, [join(root, 'node_modules', 'mocha', 'bin', 'mocha.js'), ...reporter, ...args], {
    cwd: root,
    stdio: ['ignore', output === undefined ? 'inherit' : 'pipe', output === undefined ? 'inherit' : 'pipe'],
    env: { ...process.env, TIMELINE_TEST_COUNTS: counts },
  });
  if (output !== undefined) {
    const file = createWriteStream(output);
    child.stdout.pipe(file, { end: false });
    child.stderr.pipe(file, { end: false });
    child.once('close', () => file.end());
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal === null ? (code ?? 1) : 1));
  });
}

const others = [...ICEBERG, ...DURABLE].flatMap((files) => ['--ignore', files]);
const runs = named.length > 0 ? [named] : [['dist/test/**/*.test.js', ...others], ICEBERG, DURABLE];
const counts = runs.map((_, n) => join(scratch, `counts-${n}.json`));
const outputs = runs.map((_, n) => (n === 0 ? undefined : join(scratch, `output-${n}`)));
const codes = await Promise.all(runs.map((args, n) => mocha(args, counts[n], outputs[n])));
for (const output of outputs) if (output !== undefined) await pipeline(createReadStream(output), process.stdout, { end: false });
const totals = { passes: 0, failures: 0, pending: 0, failed: [] };
for (const file of counts) {
  let own = { passes: 0, failures: 1, pending: 0, failed: [] };
  try {
    own = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    process.stdout.write('a test run ended without counts\n');
  }
  for (const key of ['passes', 'failures', 'pending']) totals[key] += own[key];
  totals.failed.push(...own.failed);
}
rmSync(scratch, { recursive: true, force: true });
const path = process.env.TIMELINE_TEST_COUNTS;
if (path) writeFileSync(path, JSON.stringify(totals));
process.exit(codes.every((code) => code === 0) ? 0 : 1);
