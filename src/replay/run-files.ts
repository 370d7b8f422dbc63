import type { ResultPart } from '../kernel/kernel.js';
import type { Manifest, StageStore } from './stage-store.js';

export interface RunFilesOptions {
  readonly store: Pick<StageStore, 'hold' | 'toLocalFile'>;
  /** Tasks of the last stage. */
  readonly tasks: number;
  /** The manifest of a task of the last stage, when it is there; rejects with the run's error. */
  readonly manifest: (task: number) => Promise<Manifest>;
  /** Settles when the run has ended; rejects with its error. */
  readonly ended: Promise<unknown>;
  readonly signal: AbortSignal;
  /** The reader went away before the end. */
  readonly onClose: () => void;
}

/** A run's results in task order, each as soon as it and its predecessors are committed. Ends at once when the signal is aborted. */
export async function* runFiles(options: RunFilesOptions): AsyncGenerator<ResultPart> {
  const { signal, store } = options;
  let complete = false;
  const release = store.hold();
  try {
    for (let task = 0; task < options.tasks; task++) {
      const manifest = await orAborted(options.manifest(task), signal);
      if (manifest.inline !== undefined) yield manifest.inline;
      for (const file of manifest.files) {
        const path = await orAborted(store.toLocalFile(file.key), signal);
        yield path;
      }
    }
    await orAborted(options.ended, signal);
    complete = true;
  } finally {
    release();
    if (!complete) options.onClose();
  }
}

/** The promise, or the signal's reason as soon as it is aborted. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => undefined);
  signal.throwIfAborted();
  let stop: (() => void) | undefined;
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_resolve, reject) => {
        stop = () => reject(signal.reason);
        signal.addEventListener('abort', stop, { once: true });
      }),
    ]);
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop);
  }
}
