import { setTimeout as sleep } from 'node:timers/promises';
import { startTemporalWorker, type TemporalWorker, type TemporalWorkerOptions } from './replay/temporal/worker.js';

export interface RunWorkerOptions extends Omit<TemporalWorkerOptions, 'handleSignals'> {
  /** The worker takes tasks now. */
  readonly onReady?: () => void;
  /** It takes no more; `running` batches have some seconds to end, then others take them over. */
  readonly onDrain?: (running: number) => void;
  /** Stops the worker as SIGTERM does. */
  readonly signal?: AbortSignal;
  /** Once it is aborted the worker goes on until nothing has run for a while. */
  readonly lastWork?: AbortSignal;
}

/** How long nothing may have run, milliseconds. */
const IDLE_MOST = 15_000;

/**
 * One worker process: takes batches of tasks from Temporal until SIGINT, SIGTERM or the signal, then drains. Connectors and
 * kernel stay the caller's. Rejects with 08001 when Temporal is not there.
 */
export async function runWorker(options: RunWorkerOptions): Promise<void> {
  const stopping = new AbortController();
  const onSignal = (): void => stopping.abort();
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    const worker = await startTemporalWorker({ ...options, handleSignals: false });
    options.onReady?.();
    await untilStopped(worker, options, AbortSignal.any([stopping.signal, ...(options.signal === undefined ? [] : [options.signal])]));
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

async function untilStopped(worker: TemporalWorker, options: RunWorkerOptions, signal: AbortSignal): Promise<void> {
  let over = false;
  const stop = (): void => {
    if (over) return;
    options.onDrain?.(worker.running());
    worker.shutdown().catch(() => undefined);
  };
  const onLastWork = (): void => {
    void idle(worker, () => over || signal.aborted).then(stop);
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  if (options.lastWork?.aborted) onLastWork();
  else options.lastWork?.addEventListener('abort', onLastWork, { once: true });
  try {
    await worker.stopped;
  } finally {
    over = true;
    signal.removeEventListener('abort', stop);
    options.lastWork?.removeEventListener('abort', onLastWork);
  }
}

async function idle(worker: TemporalWorker, over: () => boolean): Promise<void> {
  for (let since = Date.now(); Date.now() - since < IDLE_MOST && !over(); ) {
    if (worker.running() > 0) since = Date.now();
    await sleep(500, undefined, { ref: false });
  }
}
