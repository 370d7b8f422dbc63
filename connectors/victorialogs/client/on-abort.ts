import { setMaxListeners } from 'node:events';

/** Calls when the signal is aborted; what it gives back ends that. Many requests of one query wait for one signal, which is no leak. */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  setMaxListeners(0, signal);
  signal.addEventListener('abort', call, { once: true });
  return () => signal.removeEventListener('abort', call);
}
