import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import type { Side } from './measure.js';

export interface TimelineSide extends Side {
  readonly host: string;
  readonly port: number;
  readonly started: { readonly driver: string; readonly milliseconds: number };
  /** Throws when the driver can't be had. */
  use(driver: 'local' | 'temporal'): Promise<void>;
}

const START_MS = 120_000;
const STOP_MS = 20_000;

/** Starts the product as a user would, on any free ports, over a lake; all of its state goes into `folder`. */
export async function startTimeline(options: {
  readonly root: string;
  readonly folder: string;
  /** As in timeline.yaml, by name. */
  readonly catalogs: unknown;
  readonly temporal: boolean;
}): Promise<TimelineSide> {
  const { root, folder, catalogs } = options;
  const config = join(folder, 'timeline.yaml');
  // JSON is YAML.
  writeFileSync(config, JSON.stringify({ home: join(folder, 'home'), catalogs }));
  const before = performance.now();
  const child = spawn(process.execPath, [join(root, 'bin', 'timeline.js'), 'serve'], {
    cwd: folder,
    env: {
      ...process.env,
      TIMELINE_CONFIG: config,
      TIMELINE_PG_PORT: '0',
      TIMELINE_HTTP_PORT: '0',
      ...(options.temporal ? {} : { TIMELINE_TEMPORAL: 'off' }),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const ready = await readyLine(child);
    const milliseconds = performance.now() - before;
    const client = new pg.Client({
      host: ready.host,
      port: ready.port,
      user: 'bench',
      database: 'timeline',
      types: { getTypeParser: () => (value: unknown) => value },
    });
    await client.connect();
    await client.query("SET TimeZone = 'UTC'");
    return {
      name: 'Timeline',
      host: ready.host,
      port: ready.port,
      pid: child.pid ?? -1,
      // The Temporal server is a service of its own, as an object store would be.
      except: ['temporal'],
      started: { driver: ready.driver, milliseconds },
      ask: async (sql) => {
        const result = await client.query({ text: sql, rowMode: 'array' });
        return { columns: result.fields.map((field) => field.name), rows: result.rows as (string | null)[][] };
      },
      use: async (driver) => {
        await client.query(`SET timeline.driver = '${driver}'`);
      },
      close: async () => {
        await client.end();
        await stop(child);
      },
    };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

async function readyLine(child: ChildProcess): Promise<{ readonly host: string; readonly port: number; readonly driver: string }> {
  if (!child.stdout) throw new Error('no output to read');
  const lines = createInterface({ input: child.stdout });
  const found = new Promise<{ host: string; port: number; driver: string }>((resolve) => {
    lines.on('line', (line) => {
      const match = /^timeline ready pg=(\S+):(\d+) http=\S+ driver=(\S+)/.exec(line);
      if (match) resolve({ host: match[1] ?? '', port: Number(match[2]), driver: match[3] ?? '' });
    });
  });
  const ended = once(child, 'exit').then(([code]) =>
    Promise.reject(new Error(`the server ended with exit code ${String(code)} before it was ready`)),
  );
  ended.catch(() => undefined);
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`the server was not ready after ${START_MS / 1000} s`)), START_MS).unref();
  });
  return Promise.race([found, ended, late]);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}
