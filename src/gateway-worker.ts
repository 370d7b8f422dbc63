import type { NativeConnection } from '@temporalio/worker';
import { asTimelineError } from '../sql/errors.js';
import type { TemporalAddress } from './replay/temporal/access.js';
import type { CommitBus } from './replay/temporal/commit-bus.js';
import { startTemporalWorker, type TemporalWorker } from './replay/temporal/worker.js';
import type { TaskParts } from './task-parts.js';
import { log } from './telemetry/log.js';

const RESTART_FIRST = 1000;
const RESTART_MOST = 30_000;

export interface GatewayWorker {
  close(): Promise<void>;
}

/**
 * The worker in a gateway's own process: it decides for workflows that start eagerly, and runs small plans whole. All other tasks are for
 * worker processes. It shares the driver's connection, and is started again when it cannot go on.
 */
export async function startGatewayWorker(options: {
  readonly access: TemporalAddress;
  readonly connection: NativeConnection;
  readonly taskQueue: string;
  readonly tasks: TaskParts;
  readonly bus: CommitBus;
}): Promise<GatewayWorker> {
  const { access, connection, taskQueue, tasks, bus } = options;
  let worker: TemporalWorker | undefined;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let pause = RESTART_FIRST;

  async function start(): Promise<void> {
    const own = await startTemporalWorker({ ...access, ...tasks, connection, taskQueue, bus, localOnly: true, handleSignals: false });
    worker = own;
    const begun = Date.now();
    own.stopped.then(
      () => again(begun, 'it was stopped'),
      (error: unknown) => again(begun, asTimelineError(error).message),
    );
    if (closed) await own.shutdown();
  }

  function again(begun: number, why: string): void {
    if (closed) return;
    pause = Date.now() - begun > RESTART_MOST ? RESTART_FIRST : Math.min(2 * pause, RESTART_MOST);
    log('warn', `the gateway's own worker ended and starts again in ${pause / 1000} s: ${why}`);
    timer = setTimeout(() => {
      if (!closed) start().catch((error: unknown) => again(Date.now(), asTimelineError(error).message));
    }, pause);
  }

  await start();
  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      await worker?.shutdown().catch((error: unknown) => log('warn', `the gateway's own worker: ${asTimelineError(error).message}`));
    },
  };
}
