import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import { TimelineError } from '../../../sql/errors.js';
import { SEARCH_ATTRIBUTES } from './protocol.js';

const MODULE = 'github.com/temporalio/cli/cmd/temporal@v1.5.1';
/** As the server's command line calls them. */
const ATTRIBUTE_TYPES = { INT: 'Int', KEYWORD: 'Keyword', KEYWORD_LIST: 'KeywordList' } as const;
const START_MOST = 30_000;
const execute = promisify(execFile);

export interface DevServerOptions {
  readonly executable: string;
  readonly dbFile?: string;
  /** Any free one by default. */
  readonly port?: number;
  readonly log?: (line: string) => void;
}

export interface DevServer {
  readonly address: string;
  readonly pid: number;
  /** Resolves when the server has ended, wanted or not. */
  readonly exited: Promise<void>;
  close(): Promise<void>;
}

/**
 * A development server on a free port of 127.0.0.1, tuned: untuned, its one shard hands out a task every 50 ms.
 * Without `dbFile` it forgets everything when it ends.
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    try {
      return await startOn(port, options);
    } catch (error) {
      // Another process may have taken the port in between.
      if (attempt >= 3 || options.port !== undefined || !(error instanceof PortTaken)) throw error;
    }
  }
}

class PortTaken extends Error {}

async function startOn(port: number, options: DevServerOptions): Promise<DevServer> {
  const child = spawn(
    options.executable,
    [
      'server',
      'start-dev',
      '--ip',
      '127.0.0.1',
      '--port',
      String(port),
      '--headless',
      '--log-level',
      'error',
      ...[
        'history.transferProcessorMaxPollRPS=2000',
        'history.timerProcessorMaxPollRPS=2000',
        'history.visibilityProcessorMaxPollRPS=200',
        'matching.useNewMatcher=true',
      ].flatMap((flag) => ['--dynamic-config-value', flag]),
      ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, kind]) => ['--search-attribute', `${name}=${ATTRIBUTE_TYPES[kind]}`]),
      ...(options.dbFile === undefined
        ? []
        : ['--db-filename', options.dbFile, '--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal']),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      if (line.trim() === '') return;
      if (said.length < 50) said.push(line);
      options.log?.(line);
    });
  }
  let failure: Error | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      failure = error;
      resolve();
    });
    child.once('exit', () => resolve());
  });
  const address = `127.0.0.1:${port}`;
  try {
    await answers(address, child, () => failure);
  } catch (error) {
    await stop(child, exited);
    const text = said.join('\n');
    if (/address already in use/i.test(text)) throw new PortTaken(text);
    throw new TimelineError({
      kind: 'connector',
      sqlstate: '08001',
      message: 'the Temporal development server does not start',
      detail: text.slice(-1000) || String(error),
      hint: 'Set TEMPORAL_ADDRESS to a server of your own, or temporal: off.',
      cause: error,
    });
  }
  return { address, pid: child.pid ?? 0, exited, close: () => stop(child, exited) };
}

async function answers(address: string, child: ChildProcess, failure: () => Error | undefined): Promise<void> {
  const deadline = Date.now() + START_MOST;
  for (;;) {
    if (failure() !== undefined) throw failure();
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`it ended with ${child.signalCode ?? `code ${child.exitCode}`}`);
    let connection: Connection | undefined;
    try {
      connection = await Connection.connect({ address, connectTimeout: 1000 });
      const client = connection;
      await client.withDeadline(Date.now() + 2000, () => client.workflowService.describeNamespace({ namespace: 'default' }));
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(50);
    } finally {
      await connection?.close();
    }
  }
}

async function stop(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 5000);
  await exited;
  clearTimeout(force);
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}

/** The `temporal` program: from PATH, our cache folder, or where `go install` puts it. Undefined: not here. */
export async function findTemporal(cacheFolder: string): Promise<string | undefined> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''), cacheFolder];
  const found = await firstExecutable(folders);
  if (found !== undefined) return found;
  const home = process.env['GOBIN'] ?? (process.env['HOME'] === undefined ? undefined : join(process.env['HOME'], 'go', 'bin'));
  return firstExecutable([...(home === undefined ? [] : [home]), ...(await goFolders())]);
}

async function goFolders(): Promise<readonly string[]> {
  try {
    const { stdout } = await execute('go', ['env', 'GOPATH']);
    return stdout
      .trim()
      .split(delimiter)
      .filter((folder) => folder !== '')
      .map((folder) => join(folder, 'bin'));
  } catch {
    return [];
  }
}

async function firstExecutable(folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, 'temporal');
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Next folder.
    }
  }
  return undefined;
}

/** Builds the `temporal` program into the cache folder with the Go toolchain (some minutes); gives its path. */
export async function installTemporal(cacheFolder: string): Promise<string> {
  await mkdir(cacheFolder, { recursive: true });
  try {
    await execute('go', ['install', MODULE], { env: { ...process.env, GOBIN: cacheFolder }, maxBuffer: 16 << 20 });
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const told = error instanceof Error && 'stderr' in error ? String(error.stderr).slice(-1000) : '';
    throw new TimelineError({
      kind: 'connector',
      sqlstate: '58000',
      message: missing
        ? 'the Temporal server is not installed, and there is no Go toolchain to build it with'
        : 'the Temporal server could not be built',
      ...(told === '' ? {} : { detail: told }),
      hint: 'Install "temporal" (Temporal CLI) into PATH, or set TEMPORAL_ADDRESS to a running server.',
      cause: error,
    });
  }
  return join(cacheFolder, 'temporal');
}
