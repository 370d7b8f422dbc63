import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NativeConnection } from '@temporalio/worker';
import { asTimelineError, type TimelineError } from '../sql/errors.js';
import { superviseWorker } from './child-worker.js';
import type { Config } from './config.js';
import { keepDevServer } from './dev-temporal.js';
import type { TimelineEngine } from './engine.js';
import { startGatewayWorker } from './gateway-worker.js';
import { connectTemporal, type TemporalAddress } from './replay/temporal/client.js';
import { checkCodec } from './replay/temporal/codec-check.js';
import { createCommitBus } from './replay/temporal/commit-bus.js';
import { findTemporal, installTemporal } from './replay/temporal/dev-server.js';
import { keepOpenRuns } from './replay/temporal/open-runs.js';
import { endOrphans } from './replay/temporal/orphans.js';
import { createReplayControl } from './replay/temporal/replay-control.js';
import { createTemporalDriver } from './replay/temporal/temporal-driver.js';
import { connectNative, installRuntime } from './replay/temporal/worker.js';
import { queueOf } from './task-queue.js';
import { log } from './telemetry/log.js';
import { openTemporalAccess } from './temporal-access.js';

/** Between attempts to reach a server that is away, milliseconds. */
const CONNECT_PAUSE = 2000;
const ORPHANS_PAUSE = 60_000;

export interface DurableEngine {
  ready(): boolean;
  /** Resolves when it is up, off, or known to need a long installation first. */
  readonly settled: Promise<void>;
  close(): Promise<void>;
}

/**
 * Brings Temporal up beside the gateway: a development server (found or installed) or the configured address, then one
 * worker process, and a worker in this one for small plans. Until it is ready queries run in this process. What dies is started again.
 */
export function startDurableEngine(options: { readonly config: Config; readonly engine: TimelineEngine }): DurableEngine {
  const { config, engine } = options;
  const closers: (() => Promise<void>)[] = [];
  let closed = false;
  let up = false;
  let settle: () => void = () => undefined;
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });

  const bring = async (): Promise<void> => {
    const address = await serverAddress(config, engine, closers, () => settle());
    if (closed) return;
    const access = await openTemporalAccess(config.temporal, address);
    const taskQueue = await queueOf(config, engine.stageFiles);
    const control = createReplayControl({ ...access, taskQueue, store: engine.stageStore });
    closers.push(() => control.close());
    engine.setControl(control);
    const connection = await connectToTemporal(access);
    if (connection === undefined) return;
    closers.push(() => connection.close());
    await checkCodec({ files: engine.stageFiles, access, taskQueue });
    const worker = superviseWorker(config, address);
    closers.push(() => worker.close());
    const bus = createCommitBus();
    const gateway = await startGatewayWorker({ access, connection, taskQueue, tasks: engine.tasks, bus });
    closers.push(() => gateway.close());
    const folder = join(config.home, 'open');
    const openRuns = await keepOpenRuns(folder);
    closers.push(() => openRuns.close());
    const driver = createTemporalDriver({ ...access, taskQueue, store: engine.stageStore, connection, bus, openRuns });
    closers.push(() => driver.close());
    closers.push(
      watchOrphans(async () =>
        endOrphans({ folder, temporal: await connectTemporal({ ...access, connection }), store: engine.stageStore }),
      ),
    );
    await worker.ready;
    if (closed) return;
    engine.setTemporal(driver, 'ready');
    up = true;
    log('info', `durable engine ready: Temporal at ${address}, task queue ${taskQueue}, worker process ${worker.pid() ?? '?'}`);
  };

  /** Waits for a server that is away; undefined: the gateway was closed meanwhile. */
  const connectToTemporal = async (access: TemporalAddress): Promise<NativeConnection | undefined> => {
    installRuntime({ handleSignals: false });
    for (let told = false; !closed; ) {
      try {
        return await connectNative(access);
      } catch (thrown) {
        const error = asTimelineError(thrown);
        if (!error.retryable) throw error;
        engine.setTemporal(undefined, error.message);
        if (!told) log('warn', `durable engine is not available yet, queries run in this process: ${textOf(error)}`);
        told = true;
        settle();
        await sleep(CONNECT_PAUSE, undefined, { ref: false });
      }
    }
    return undefined;
  };

  const closeAll = async (): Promise<void> => {
    for (let close = closers.pop(); close !== undefined; close = closers.pop())
      await close().catch((error: unknown) => log('warn', `while stopping the durable engine: ${String(error)}`));
  };

  const start = async (): Promise<void> => {
    while (!closed) {
      try {
        await bring();
        // What came up while the gateway was being closed.
        if (closed) await closeAll();
        return;
      } catch (thrown) {
        if (closed) return;
        const error = asTimelineError(thrown);
        engine.setTemporal(undefined, error.message);
        log('warn', `durable engine is not available, queries run in this process: ${textOf(error)}`);
        if (!error.retryable) return;
        settle();
        await closeAll();
        await sleep(CONNECT_PAUSE, undefined, { ref: false });
      }
    }
  };
  const started = config.temporal.mode === 'off' ? Promise.resolve() : start();
  started.finally(() => settle()).catch(() => undefined);
  return {
    ready: () => up,
    settled,
    close: async () => {
      closed = true;
      await closeAll();
    },
  };
}

async function serverAddress(
  config: Config,
  engine: TimelineEngine,
  closers: (() => Promise<void>)[],
  giveUpWaiting: () => void,
): Promise<string> {
  if (config.temporal.mode === 'address' && config.temporal.address !== undefined) {
    engine.setTemporal(undefined, `connecting to Temporal at ${config.temporal.address}`);
    return config.temporal.address;
  }
  const tools = join(config.home, 'tools');
  let executable = await findTemporal(tools);
  if (executable === undefined) {
    engine.setTemporal(undefined, 'the Temporal server is being installed');
    log('info', 'installing the Temporal server (a few minutes, once); until then queries run in this process');
    giveUpWaiting();
    executable = await installTemporal(tools);
  }
  engine.setTemporal(undefined, 'the Temporal server is starting');
  const server = await keepDevServer({ executable, folder: join(config.home, 'temporal') });
  closers.push(() => server.close());
  return server.address;
}

/** Runs of gateways that were killed are ended now, and those of other machines as it becomes known. Gives what stops that. */
function watchOrphans(end: () => Promise<number>): () => Promise<void> {
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    try {
      const ended = await end();
      if (ended > 0) log('info', `${ended} ${ended === 1 ? 'query' : 'queries'} of a gateway that was killed cancelled`);
    } catch (error) {
      log('warn', `queries of a gateway that was killed could not be cancelled yet: ${asTimelineError(error).message}`);
    }
    if (!closed) timer = setTimeout(() => void look(), ORPHANS_PAUSE).unref();
  };
  void look();
  return async () => {
    closed = true;
    clearTimeout(timer);
  };
}

function textOf(error: TimelineError): string {
  return `${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}`;
}
