import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasProgram, runProgram } from './run-program.js';

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
