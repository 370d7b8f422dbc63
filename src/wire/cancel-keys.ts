import { randomInt } from 'node:crypto';

export interface CancelKey {
  readonly processId: number;
  readonly secret: number;
}

/** The keys by which CancelRequest names a connection. */
export class CancelKeys {
  readonly #byProcess = new Map<number, { readonly secret: number; readonly cancel: () => void }>();

  register(cancel: () => void): CancelKey {
    let processId: number;
    do processId = randomInt(1, 0x7fffffff);
    while (this.#byProcess.has(processId));
    const secret = randomInt(-0x80000000, 0x80000000);
    this.#byProcess.set(processId, { secret, cancel });
    return { processId, secret };
  }

  forget(key: CancelKey): void {
    this.#byProcess.delete(key.processId);
  }

  /** A wrong key does nothing: the sender is told nothing either way. */
  cancel(key: CancelKey): void {
    const entry = this.#byProcess.get(key.processId);
    if (entry !== undefined && entry.secret === key.secret) entry.cancel();
  }
}
