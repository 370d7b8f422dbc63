import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BUNDLE_PATH, buildWorkflowBundle } from '../../src/replay/temporal/bundle.js';
import { type DevServer, findTemporal, startDevServer } from '../../src/replay/temporal/dev-server.js';

/** Undefined: there is no `temporal` program here. */
export async function openServer(options: { readonly dbFile?: string; readonly port?: number } = {}): Promise<DevServer | undefined> {
  const executable = await findTemporal(join(projectRoot(), '.timeline', 'tools'));
  return executable === undefined ? undefined : startDevServer({ executable, ...options });
}

export function projectRoot(): string {
  let folder = fileURLToPath(new URL('.', import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = join(folder, '..');
  return folder;
}

let bundle: Promise<string> | undefined;

/** The bundle of the workflows as they are compiled now. */
export function freshBundle(): Promise<string> {
  bundle ??= buildWorkflowBundle();
  return bundle.then(() => BUNDLE_PATH);
}

export interface WorkerChild {
  readonly process: ChildProcess;
  /** Ends it and waits for that. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** A worker process with the test kernel and connector; every read is a line `{pid} {first row}` in `{folder}/reads.log`. */
export async function startWorker(options: {
  readonly address: string;
  readonly taskQueue: string;
  readonly folder: string;
  readonly activities?: number;
}): Promise<WorkerChild> {
  const bundlePath = await freshBundle();
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./worker-child.js', import.meta.url)), JSON.stringify({ ...options, bundlePath })],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await Promise.race([
    new Promise<void>((resolve) =>
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line === 'ready') resolve();
      }),
    ),
    ended.then(() => {
      throw new Error('the worker ended before it was ready');
    }),
  ]);
  return {
    process: child,
    async kill(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}

export function readLog(folder: string): readonly { readonly pid: number; readonly row: string }[] {
  const path = join(folder, 'reads.log');
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [pid, row] = line.split(' ');
      return { pid: Number(pid), row: String(row) };
    });
}

/** Waits for something that another process brings about. */
export async function until(what: string, test: () => boolean | Promise<boolean>): Promise<void> {
  for (let n = 0; n < 1500; n++) {
    if (await test()) return;
    await sleep(20);
  }
  throw new Error(`in 30 s there was no ${what}`);
}
