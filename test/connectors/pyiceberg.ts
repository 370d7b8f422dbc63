import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pinnedPython } from '../support/python.js';

const run = promisify(execFile);
const PACKAGES = ['pyiceberg[sql-sqlite,pyarrow,pyiceberg-core]==0.12.0'];

/**
 * The Python interpreter of an environment with pyiceberg, made once in a cache folder outside of the checkout. Undefined
 * where that can't be made (no python3, no pip, no network): tests then count as skipped.
 */
export async function pyicebergPython(): Promise<string | undefined> {
  const cache = process.env['TIMELINE_TEST_CACHE'] ?? join(tmpdir(), 'timeline-test-cache');
  return pinnedPython(join(cache, 'pyiceberg-core-0.12.0'), PACKAGES);
}

/** Runs a script whose last line of output is JSON. */
export async function runPython(python: string, script: string, args: readonly string[]): Promise<unknown> {
  const { stdout } = await run(python, ['-c', script, ...args], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}
