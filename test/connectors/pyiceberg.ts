import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PACKAGES = ['pyiceberg[sql-sqlite,pyarrow,pyiceberg-core]==0.12.0'];

/**
 * The Python interpreter of an environment with pyiceberg, made once in a cache folder outside of the checkout. Undefined
 * where that can't be made (no python3, no pip, no network): tests then count as skipped.
 */
export async function pyicebergPython(): Promise<string | undefined> {
  const cache = process.env['TIMELINE_TEST_CACHE'] ?? join(tmpdir(), 'timeline-test-cache');
  const environment = join(cache, 'pyiceberg-core-0.12.0');
  const python = join(environment, 'bin', 'python');
  if (existsSync(python)) return python;
  const building = `${environment}.${process.pid}`;
  try {
    await mkdir(cache, { recursive: true });
    // An environment can't be moved with its scripts, but its interpreter and packages can, and we call nothing else.
    await run('python3', ['-m', 'venv', building]);
    await run(join(building, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES]);
    await rename(building, environment);
    return python;
  } catch {
    await rm(building, { recursive: true, force: true });
    return existsSync(python) ? python : undefined;
  }
}

/** Runs a script whose last line of output is JSON. */
export async function runPython(python: string, script: string, args: readonly string[]): Promise<unknown> {
  const { stdout } = await run(python, ['-c', script, ...args], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}
