// Everything a fresh clone needs before it can run: dependencies, the build, and what is built once (the embedded
// Postgres's image, the workflow bundle). Does nothing when nothing changed, so that a second start is quick.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = ['sql', 'planner', 'connectors', 'src', 'test', 'benchmarks', 'tsconfig.json', 'package-lock.json'];

/** Installs, compiles and makes assets as far as needed; progress goes to standard error. */
export function setUp() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) fail(`Node 20 or newer is needed; this is ${process.versions.node}`);
  install();
  build();
}

function install() {
  const lock = join(root, 'package-lock.json');
  const stamp = join(root, 'node_modules', '.timeline-installed');
  const wanted = createHash('sha256').update(readFileSync(lock)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('installing dependencies');
  // Not `npm ci`: it refuses the lock file of a registry that has not every platform's optional binaries.
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund']);
  writeFileSync(stamp, wanted);
}

function build() {
  const dist = join(root, 'dist');
  const stamp = join(dist, '.built');
  const wanted = fingerprint();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('building');
  // A file removed from the sources must not live on in the build (a stale test would still run).
  for (const folder of ['sql', 'planner', 'connectors', 'src', 'test', 'benchmarks'])
    rmSync(join(dist, folder), { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', root]);
  run(process.execPath, [join(dist, 'src', 'build-assets.js')]);
  writeFileSync(stamp, wanted);
}

/** Names, sizes and times of all sources: cheap, and any edit changes it. */
function fingerprint() {
  const hash = createHash('sha256');
  const visit = (path) => {
    const stat = statSync(join(root, path));
    if (stat.isDirectory()) for (const entry of readdirSync(join(root, path)).sort()) visit(join(path, entry));
    else hash.update(`${path} ${stat.size} ${stat.mtimeMs}\n`);
  };
  for (const source of SOURCES) if (existsSync(join(root, source))) visit(source);
  return hash.digest('hex');
}

export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (result.error) fail(`${command}: ${result.error.message}`);
  if (result.status !== 0) fail(`${command} ${args[0] ?? ''} ended with ${result.signal ?? `code ${result.status}`}`);
}

function say(text) {
  process.stderr.write(`timeline: ${text}\n`);
}

function fail(message) {
  process.stderr.write(`timeline: ${message}\n`);
  process.exit(1);
}
