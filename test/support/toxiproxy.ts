import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.js';

/** What goes wrong on the way; `stream` says whether to the server (`upstream`) or back. */
export interface Toxic {
  readonly type: 'latency' | 'reset_peer' | 'limit_data' | 'timeout' | 'bandwidth';
  readonly stream: 'upstream' | 'downstream';
  /** Part of the connections that are hit, 0 to 1; 1 by default. */
  readonly toxicity?: number;
  readonly attributes: Readonly<Record<string, number>>;
}

export interface Through {
  /** Both ways. */
  readonly bytes: number;
  readonly connections: number;
  /** Of those, how many have been closed. */
  readonly closed: number;
}

export interface ToxicProxy {
  /** `127.0.0.1:port` */
  readonly address: string;
  add(toxic: Toxic): Promise<void>;
  /** Takes all toxics away. */
  heal(): Promise<void>;
  /** Refuses connections, and cuts those that are open; or no longer. */
  refuse(refused: boolean): Promise<void>;
  /** What has come through so far, as the server's side sees it. */
  through(): Through;
  /** What a client of now meets: an error's code, or undefined where it is let in. */
  probe(): Promise<string | undefined>;
}

export interface Toxiproxy {
  proxy(name: string, upstream: string): Promise<ToxicProxy>;
  close(): Promise<void>;
}

export function findToxiproxy(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, 'toxiproxy-server')).find((path) => existsSync(path));
}

export async function startToxiproxy(program: string): Promise<Toxiproxy> {
  const port = await freePort();
  const child = spawn(program, ['-host', '127.0.0.1', '-port', String(port)], { stdio: 'ignore' });
  const api = `http://127.0.0.1:${port}`;
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const answer = await fetch(`${api}${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`toxiproxy: ${method} ${path}: ${text}`);
    return text.startsWith('{') ? JSON.parse(text) : text;
  };
  for (let n = 0; ; n++) {
    try {
      await ask('GET', '/version');
      break;
    } catch (error) {
      if (n === 100 || child.exitCode !== null) throw error;
      await sleep(50);
    }
  }
  const relays: Server[] = [];
  return {
    async proxy(name, server) {
      const relay = await startRelay(server);
      relays.push(relay.server);
      const { upstream } = relay;
      const { listen } = (await ask('POST', '/proxies', { name, listen: '127.0.0.1:0', upstream, enabled: true })) as { listen: string };
      let toxics = 0;
      return {
        address: listen,
        add: async (toxic) => void (await ask('POST', `/proxies/${name}/toxics`, { name: `t${toxics++}`, toxicity: 1, ...toxic })),
        async heal() {
          const { toxics: all } = (await ask('GET', `/proxies/${name}`)) as { toxics: readonly { name: string }[] };
          for (const toxic of all) await ask('DELETE', `/proxies/${name}/toxics/${toxic.name}`);
        },
        // It would choose another port for an address with port 0.
        refuse: async (refused) => void (await ask('POST', `/proxies/${name}`, { enabled: !refused, listen, upstream })),
        through: relay.through,
        probe: () => probe(listen),
      };
    },
    async close() {
      await ended(child);
      for (const relay of relays) relay.close();
    },
  };
}

/** Between toxiproxy and the server: it counts what toxiproxy counts only when a connection is over. */
async function startRelay(to: string): Promise<{ readonly server: Server; readonly upstream: string; through(): Through }> {
  const [host = '', port = ''] = to.split(':');
  const count = { bytes: 0, connections: 0, closed: 0 };
  const server = createServer((from) => {
    const onward = connect(Number(port), host);
    count.connections++;
    from.once('close', () => count.closed++);
    for (const [one, other] of [
      [from, onward],
      [onward, from],
    ] as const) {
      one.on('data', (data: Buffer) => {
        count.bytes += data.length;
      });
      one.on('error', () => other.destroy());
      one.pipe(other);
      one.once('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return { server, upstream: `127.0.0.1:${(server.address() as AddressInfo).port}`, through: () => ({ ...count }) };
}

function probe(address: string): Promise<string | undefined> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}
