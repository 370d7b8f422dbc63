import { setTimeout as sleep } from 'node:timers/promises';
import type { TimelineServer } from './timeline-server.js';

const MOST = 90_000;

/** Waits until a gateway takes queries through Temporal: on a busy machine that comes after its ready line. */
export async function durable(server: TimelineServer): Promise<void> {
  const until = Date.now() + MOST;
  while (!server.output().includes('durable engine ready')) {
    if (Date.now() > until) throw new Error(`the durable engine is not up:\n${server.output()}`);
    await sleep(50);
  }
}
