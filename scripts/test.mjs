// `npm test`: set-up, format and lint and import rules, types, and every suite under coverage.
// Closes with each failed test's name and error, and the plain line `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, setUp } from './setup.mjs';

const LINES = 90;

setUp();
const scratch = mkdtempSync(join(tmpdir(), 'timeline-test-'));
const counts = join(scratch, 'counts.json');
const bin = (name) => join(root, 'node_modules', '.bin', name);
const steps = [
  ['biome', bin('biome'), ['check', '.']],
  [
    'tests',
    bin('c8'),
    [
      '--lines',
      String(LINES),
      '--check-coverage',
      '--reporter',
      'text-summary',
      '--reporter',
      'html',
      '--temp-directory',
      join(scratch, 'v8'),
      '--include',
      'dist/{sql,planner,connectors,src}/**',
      '--include',
      '{sql,planner,connectors,src}/**',
      '--exclude',
      '**/temporal/workflows*.*',
      '--exclude',
      '**/temporal/*-workflow.*',
      process.execPath,
      join(root, 'scripts', 'suites.mjs'),
      ...process.argv.slice(2),
    ],
  ],
];
let failed = 0;
for (const [name, command, args] of steps) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 1, 2], env: { ...process.env, TIMELINE_TEST_COUNTS: counts } });
  if (result.status !== 0) {
    failed += 1;
    process.stdout.write(`\n${name} failed (${result.signal ?? `exit code ${result.status}`})\n`);
  }
}
let totals = { passes: 0, failures: 1, pending: 0, failed: [] };
try {
  totals = JSON.parse(readFileSync(counts, 'utf8'));
} catch {
  process.stdout.write('the test run ended without counts\n');
}
rmSync(scratch, { recursive: true, force: true });
// A step that failed without a failing test (lint, coverage) is a failure all the same.
for (const { title, error } of totals.failed) process.stdout.write(`\nfailed: ${title}\n${error.slice(0, 4000)}\n`);
const failures = Math.max(totals.failures, failed);
process.stdout.write(`\n${totals.passes} passed, ${failures} failed, ${totals.pending} skipped\n`);
process.exit(failures === 0 ? 0 : 1);
