import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { asTimelineError } from '../sql/errors.js';
import type { Config } from './config.js';
import type { TimelineEngine } from './engine.js';
import { projectRoot } from './paths.js';
import { checkCodec } from './replay/temporal/codec-check.js';
import { findTemporal, installTemporal, startDevServer } from './replay/temporal/dev-server.js';
import { createTemporalDriver } from './replay/temporal/temporal-driver.js';
import { log } from './telemetry/log.js';
import { openTemporalAccess } from './temporal-access.js';

export interface DurableEngine {
  ready(): boolean;
  /** Resolves when it is up, off, or known to need a long installation first. */
  readonly settled: Promise<void>;
  close(): Promise<void>;
}

/**
 * Brings Temporal up beside the gateway: a development server (found or installed) or the configured address, then one
 * worker process. Until it is ready queries run in this process. A worker that dies is started again.
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
    await checkCodec({ files: engine.stageFiles, access, taskQueue: config.temporal.taskQueue });
    const worker = superviseWorker(config, address);
    closers.push(() => worker.close());
    const driver = await createTemporalDriver({
      ...access,
      taskQueue: config.temporal.taskQueue,
      store: engine.stageStore,
    });
    await worker.ready;
    if (closed) return;
    engine.setTemporal(driver, 'ready');
    up = true;
    log('info', `durable engine ready: Temporal at ${address}, worker process ${worker.pid() ?? '?'}`);
  };

  const started =
    config.temporal.mode === 'off'
      ? Promise.resolve()
      : bring().catch((thrown: unknown) => {
          const error = asTimelineError(thrown);
          engine.setTemporal(undefined, error.message);
          if (!closed)
            log(
              'warn',
              `durable engine is not available, queries run in this process: ${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}`,
            );
        });
  started.finally(() => settle()).catch(() => undefined);
  return {
    ready: () => up,
    settled,
    close: async () => {
      closed = true;
      for (const close of closers.reverse())
        await close().catch((error: unknown) => log('warn', `while stopping the durable engine: ${String(error)}`));
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
  const folder = join(config.home, 'temporal');
  await mkdir(folder, { recursive: true });
  const server = await startDevServer({ executable, dbFile: join(folder, 'temporal.db'), log: (line) => log('info', `temporal: ${line}`) });
  closers.push(() => server.close());
  return server.address;
}

/** One worker child process, started again (with a pause) whenever it ends by itself. */
function superviseWorker(
  config: Config,
  address: string,
): { readonly ready: Promise<void>; pid(): number | undefined; close(): Promise<void> } {
  let child: ChildProcess | undefined;
  let closed = false;
  let markReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    markReady = resolve;
  });
  const start = (): void => {
    child = spawn(process.execPath, [join(projectRoot(), 'bin', 'timeline.js'), 'worker'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...process.env,
        TEMPORAL_ADDRESS: address,
        TIMELINE_HOME: config.home,
        TIMELINE_TEMPORAL: '',
        // The development server has neither, whatever the shell's variables are for.
        ...(config.temporal.mode === 'dev' ? { TEMPORAL_TLS: 'false', TEMPORAL_API_KEY: '' } : {}),
      },
    });
    child.stdout?.on('data', (data: Buffer) => {
      if (data.toString().includes('worker ready')) markReady();
    });
    child.once('exit', (code, signal) => {
      if (closed) return;
      log('warn', `worker process ended (${signal ?? `code ${code}`}); starting another`);
      setTimeout(() => {
        if (!closed) start();
      }, 500);
    });
  };
  start();
  return {
    ready,
    pid: () => child?.pid,
    close: () =>
      new Promise((resolve) => {
        closed = true;
        if (child === undefined || child.exitCode !== null || child.signalCode !== null) return resolve();
        const force = setTimeout(() => child?.kill('SIGKILL'), 5000);
        child.once('exit', () => {
          clearTimeout(force);
          resolve();
        });
        child.kill('SIGTERM');
      }),
  };
}
