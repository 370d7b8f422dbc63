import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a report says of where it was made. */
export function machine(root: string): (readonly [string, string])[] {
  const [cpu] = cpus();
  const version = (name: string): string =>
    (JSON.parse(readFileSync(join(root, 'node_modules', ...name.split('/'), 'package.json'), 'utf8')) as { readonly version: string })
      .version;
  return [
    ['date', new Date().toISOString().slice(0, 10)],
    ['commit', execFileSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8' }).trim()],
    ['processor', `${cpu?.model ?? 'unknown'}, ${cpus().length} cores, ${process.arch}`],
    ['memory', `${(totalmem() / 2 ** 30).toFixed(0)} GiB`],
    [
      'versions',
      `Node ${process.versions.node}, @duckdb/node-api ${version('@duckdb/node-api')}, PGlite ${version('@electric-sql/pglite')}, Temporal SDK ${version('@temporalio/worker')}`,
    ],
  ];
}

export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (dirname(folder) !== folder) {
    try {
      readFileSync(join(folder, 'package.json'));
      return folder;
    } catch {
      folder = dirname(folder);
    }
  }
  throw new Error('no package.json above the benchmarks');
}
