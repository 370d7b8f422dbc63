import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pinnedPython } from '../test/support/python.js';
import type { Answer, Side } from './measure.js';

export const PEER_VERSIONS = { polars: '2.1.0', chdb: '4.4.0' } as const;
export type PeerName = keyof typeof PEER_VERSIONS;
const TITLES: Readonly<Record<PeerName, string>> = { polars: 'Polars', chdb: 'ClickHouse (chDB)' };

/** The Python of an environment with the peers, made once in the cache folder. Undefined where it cannot be made. */
export async function peerPython(cache: string): Promise<string | undefined> {
  const packages = Object.entries(PEER_VERSIONS).map(([name, version]) => `${name}==${version}`);
  return pinnedPython(join(cache, `peers-${packages.join('-')}`), packages);
}

/** A peer in a process of its own, which is asked by lines of JSON. Throws what it says when it does not start. */
export async function startPeer(name: PeerName, options: { readonly python: string; readonly root: string }): Promise<Side> {
  const child = spawn(options.python, [join(options.root, 'benchmarks', 'peer-process.py'), name], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TZ: 'UTC' },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const reply = async (): Promise<Answer> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`${TITLES[name]} ended`);
    const answer = JSON.parse(line.value) as Answer & { readonly error?: string };
    if (answer.error !== undefined) throw new Error(`${TITLES[name]}: ${answer.error}`);
    return answer;
  };
  await reply();
  return {
    name: TITLES[name],
    pid: child.pid ?? -1,
    except: [],
    ask: (text) => {
      child.stdin.write(`${JSON.stringify({ text })}\n`);
      return reply();
    },
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.stdin.end();
      child.kill();
      await ended;
    },
  };
}
