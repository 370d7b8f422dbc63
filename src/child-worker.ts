import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Config } from './config.js';
import { projectRoot } from './paths.js';
import { log } from './telemetry/log.js';

/** Set in the environment of a gateway's own worker: its standard input ends with the gateway. */
export const PARENT = 'TIMELINE_WORKER_OF_GATEWAY';

const RESTART_FIRST = 500;
const RESTART_MOST = 30_000;
/** A worker that ran so long was well: what ended it is news. */
const WELL_AFTER = 60_000;
/** Longer than a worker takes to drain. */
const STOP_MOST = 20_000;

export interface ChildWorker {
  /** The first one takes tasks, or was closed before it did. */
  readonly ready: Promise<void>;
  pid(): number | undefined;
  close(): Promise<void>;
}

/** One worker process beside a gateway, started again (with a pause) whenever it ends by itself. */
export function superviseWorker(config: Config, address: string): ChildWorker {
  let child: ChildProcess | undefined;
  let closed = false;
  let pause = RESTART_FIRST;
  let timer: NodeJS.Timeout | undefined;
  let markReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    markReady = resolve;
  });

  function start(): void {
    const begun = Date.now();
    const own = spawn(process.execPath, [join(projectRoot(), 'bin', 'timeline.js'), 'worker'], {
      // Its standard input ends with this process, however that goes.
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...process.env,
        TEMPORAL_ADDRESS: address,
        TIMELINE_HOME: config.home,
        TIMELINE_TEMPORAL: '',
        [PARENT]: '1',
        // The development server has neither, whatever the shell's variables are for.
        ...(config.temporal.mode === 'dev' ? { TEMPORAL_TLS: 'false', TEMPORAL_API_KEY: '' } : {}),
      },
    });
    child = own;
    own.stdin.on('error', () => undefined);
    createInterface({ input: own.stdout }).on('line', (line) => {
      if (line === 'worker ready') markReady();
    });
    let over = false;
    const ended = (why: string): void => {
      if (over || closed) return;
      over = true;
      pause = Date.now() - begun > WELL_AFTER ? RESTART_FIRST : Math.min(2 * pause, RESTART_MOST);
      log('warn', `worker process ended (${why}); another starts in ${pause / 1000} s`);
      timer = setTimeout(start, pause);
    };
    own.once('error', (error) => ended(error.message));
    own.once('exit', (code, signal) => ended(signal ?? `code ${code}`));
  }

  start();
  return {
    ready,
    pid: () => child?.pid,
    close: () =>
      new Promise((resolve) => {
        closed = true;
        clearTimeout(timer);
        // Whoever waits for it sees for himself that it is over.
        markReady();
        const own = child;
        if (own === undefined || own.pid === undefined || own.exitCode !== null || own.signalCode !== null) return resolve();
        const force = setTimeout(() => own.kill('SIGKILL'), STOP_MOST);
        own.once('exit', () => {
          clearTimeout(force);
          resolve();
        });
        own.kill('SIGTERM');
      }),
  };
}
