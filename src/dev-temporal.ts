import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asTimelineError } from '../sql/errors.js';
import { isAlive } from './process-folder.js';
import { type DevServer, startDevServer } from './replay/temporal/dev-server.js';
import { probe } from './replay/temporal/probe.js';
import { log } from './telemetry/log.js';

const RESTART_FIRST = 500;
const RESTART_MOST = 30_000;
const STOP_MOST = 10_000;

interface Running {
  readonly pid: number;
  readonly port: number;
}

/**
 * The development server of a home folder, kept running at one address. One that a killed gateway left behind is taken over: two servers
 * must not share a database.
 */
export async function keepDevServer(options: {
  readonly executable: string;
  /** For its database, and for what is known of the server. */
  readonly folder: string;
}): Promise<{ readonly address: string; close(): Promise<void> }> {
  const { executable, folder } = options;
  const dbFile = join(folder, 'temporal.db');
  const record = join(folder, 'server.json');
  await mkdir(folder, { recursive: true });
  const start = async (port?: number): Promise<DevServer> => {
    const server = await startDevServer({
      executable,
      dbFile,
      ...(port === undefined ? {} : { port }),
      log: (line) => log('info', `temporal: ${line}`),
    });
    await writeFile(`${record}.tmp`, JSON.stringify({ version: 1, pid: server.pid, port: portOf(server.address) }));
    await rename(`${record}.tmp`, record);
    return server;
  };

  const left = await leftBehind(record, dbFile);
  let server = left === undefined ? await start() : await takenOver(left, () => start(left.port));
  const { address } = server;
  let closed = false;
  let starting: Promise<DevServer> | undefined;
  const watch = async (): Promise<void> => {
    for (let pause = RESTART_FIRST; !closed; ) {
      await server.exited;
      if (closed) return;
      log('warn', `the Temporal development server has ended; it starts again at ${address}`);
      try {
        starting = start(portOf(address));
        server = await starting;
        pause = RESTART_FIRST;
      } catch (error) {
        log('warn', `the Temporal development server does not start: ${asTimelineError(error).message}`);
        pause = Math.min(2 * pause, RESTART_MOST);
      }
      await sleep(pause, undefined, { ref: false });
    }
  };
  void watch();
  return {
    address,
    async close() {
      closed = true;
      await starting?.catch(() => undefined);
      await server.close();
    },
  };
}

async function takenOver(running: Running, restart: () => Promise<DevServer>): Promise<DevServer> {
  const address = `127.0.0.1:${running.port}`;
  const server = foreign(running, address);
  try {
    await probe({ address, namespace: 'default' });
    log('info', `the Temporal development server of before still runs at ${address} (process ${running.pid})`);
    return server;
  } catch {
    await server.close();
    return restart();
  }
}

/** A server that is no child of this process. */
function foreign({ pid }: Running, address: string): DevServer {
  const exited = (async () => {
    while (isAlive(pid)) await sleep(500, undefined, { ref: false });
  })();
  return {
    address,
    pid,
    exited,
    async close() {
      if (!isAlive(pid)) return;
      process.kill(pid, 'SIGTERM');
      await Promise.race([exited, sleep(STOP_MOST, undefined, { ref: false })]);
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    },
  };
}

/** Undefined: none, or the process of that number is another one by now. */
async function leftBehind(record: string, dbFile: string): Promise<Running | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(record, 'utf8'));
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('port' in value)) return undefined;
    const { pid, port } = value;
    if (typeof pid !== 'number' || typeof port !== 'number' || !Number.isSafeInteger(pid) || pid <= 1 || !isAlive(pid)) return undefined;
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    return command.includes('start-dev') && command.includes(dbFile) ? { pid, port } : undefined;
  } catch {
    return undefined;
  }
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
