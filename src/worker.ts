import { startTemporalWorker, type TemporalWorkerOptions } from './replay/temporal/worker.js';

export interface RunWorkerOptions extends TemporalWorkerOptions {
  /** The worker takes tasks now. */
  readonly onReady?: () => void;
  /** Stops the worker as SIGTERM does. */
  readonly signal?: AbortSignal;
}

/**
 * One worker process: takes batches of tasks from Temporal until SIGINT, SIGTERM or the signal, then drains. Connectors and
 * kernel stay the caller's. Rejects with 08001 when Temporal is not there.
 */
export async function runWorker(options: RunWorkerOptions): Promise<void> {
  const worker = await startTemporalWorker(options);
  options.onReady?.();
  const stop = (): void => void worker.shutdown().catch(() => undefined);
  if (options.signal?.aborted) stop();
  options.signal?.addEventListener('abort', stop, { once: true });
  try {
    await worker.stopped;
  } finally {
    options.signal?.removeEventListener('abort', stop);
  }
}
