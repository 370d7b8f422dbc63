import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { hasProgram, runProgram } from './run-program.js';

const run = promisify(execFile);

/**
 * A Python with the named package, from a virtual environment that is kept outside of the checkout (TIMELINE_TEST_CACHE, or the
 * temporary folder). Undefined when Python, pip or the package cannot be had here: then a test is skipped.
 */
export async function pythonWith(requirement: string, importName: string): Promise<string | undefined> {
  if (!(await hasProgram('python3'))) return undefined;
  const cache = process.env['TIMELINE_TEST_CACHE'] ?? join(tmpdir(), 'timeline-test-cache');
  const folder = join(cache, `venv-${importName}`);
  const python = join(folder, 'bin', 'python');
  await mkdir(cache, { recursive: true });
  const ready = async (): Promise<boolean> => existsSync(python) && (await hasProgram(python, ['-c', `import ${importName}`]));
  if (await ready()) return python;
  const steps: [string, string[]][] = [
    ['python3', ['-m', 'venv', folder]],
    [python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', requirement]],
  ];
  for (const [command, args] of steps) {
    const result = await runProgram(command, args, { timeoutMs: 240_000 }).catch(() => undefined);
    if (result?.code !== 0) return undefined;
  }
  return (await ready()) ? python : undefined;
}

/**
 * The interpreter of an environment with pinned packages, made once at `environment`; a name that tells the versions. Undefined where it cannot be
 * made (no python3, no pip, no network).
 */
export async function pinnedPython(environment: string, packages: readonly string[]): Promise<string | undefined> {
  const python = join(environment, 'bin', 'python');
  if (existsSync(python)) return python;
  const building = `${environment}.${process.pid}`;
  try {
    await mkdir(dirname(environment), { recursive: true });
    // An environment can't be moved with its scripts, but its interpreter and packages can, and we call nothing else.
    await run('python3', ['-m', 'venv', building]);
    await run(join(building, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]);
    await rename(building, environment);
    return python;
  } catch {
    await rm(building, { recursive: true, force: true });
    return existsSync(python) ? python : undefined;
  }
}
