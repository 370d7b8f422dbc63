import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot } from './project-root.js';
import { hasProgram, runProgram } from './run-program.js';

const VERSION = '1.11.0';
const SOURCES = 'test/connectors/rest-catalog';
const RESOLVE_MS = 300_000;
const START_MS = 60_000;

export interface RestServer {
  readonly uri: string;
  stop(): Promise<void>;
}

/** Folder with Iceberg's own REST catalog server and what it needs, fetched by Maven once; undefined: no Java or no Maven here. */
export async function restCatalogJars(): Promise<string | undefined> {
  if (!(await hasProgram('javac', ['-version']))) return undefined;
  const cache = process.env['TIMELINE_TEST_CACHE'] ?? join(process.env['HOME'] ?? tmpdir(), '.cache', 'timeline-test');
  const folder = join(cache, `iceberg-rest-${VERSION}`);
  if (existsSync(folder) && readdirSync(folder).some((name) => name.startsWith('iceberg-core'))) return folder;
  if (!(await hasProgram('mvn'))) return undefined;
  mkdirSync(cache, { recursive: true });
  const making = `${folder}.${process.pid}`;
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
  const args = ['-q', '-B', '-f', join(projectRoot(), SOURCES, 'pom.xml'), goal, `-DoutputDirectory=${making}`];
  const result = await runProgram('mvn', args, { timeoutMs: RESOLVE_MS });
  if (result.code !== 0) {
    rmSync(making, { recursive: true, force: true });
    return undefined;
  }
  renameSync(making, folder);
  return folder;
}

/** Iceberg's REST catalog over its JdbcCatalog, with the catalog's properties given (`uri`, `warehouse`, `include-credentials`, …). */
export async function startRestCatalog(jars: string, properties: Readonly<Record<string, string>>): Promise<RestServer> {
  const pairs = Object.entries(properties).map(([key, value]) => `${key}=${value}`);
  const args = ['-Xmx400m', '-XX:+UseSerialGC', '-cp', `${jars}/*`, join(projectRoot(), SOURCES, 'RestCatalog.java'), ...pairs];
  const child = spawn('java', args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, AWS_REGION: 'us-east-1' } });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4000);
  });
  const port = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no REST catalog within ${START_MS} ms: ${errors}`)), START_MS);
    child.once('exit', (code) => reject(new Error(`the REST catalog ended with ${code}: ${errors}`)));
    createInterface(child.stdout).on('line', (line) => {
      const match = /^ready (\d+)$/.exec(line);
      if (match?.[1] === undefined) return;
      clearTimeout(timer);
      resolve(match[1]);
    });
  });
  return { uri: `http://127.0.0.1:${port}`, stop: () => stop(child) };
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.removeAllListeners('exit');
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}
