import type { Socket } from 'node:net';
import { MessageWriter } from './message-writer.js';
import { ConnectionLost } from './protocol-error.js';

/** After so many bytes other work gets its turn, even when the client reads as fast as we write. */
const YIELD_BYTES = 1_048_576;

/** Rows that come one after the other within this time share a write(). */
const SOON_MS = 2;

/** The way to one client: messages collect in `writer` until they are flushed. */
export class Output {
  readonly writer = new MessageWriter();
  readonly #socket: Socket;
  #sinceYield = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Sends what has collected and waits until the client takes more. Throws 08006 when it is gone. */
  async flush(): Promise<void> {
    if (this.writer.length === 0) return;
    if (!this.#socket.writable) throw new ConnectionLost();
    const chunk = this.writer.take();
    this.#sinceYield += chunk.length;
    if (!this.#socket.write(chunk)) await this.#drained();
    if (this.#sinceYield >= YIELD_BYTES) {
      this.#sinceYield = 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Sends without waiting: for notices that come on their own, and last words. */
  push(): void {
    if (this.writer.length === 0) return;
    const chunk = this.writer.take();
    if (this.#socket.writable) this.#socket.write(chunk);
  }

  /** Sends what has collected if `pending` takes long: rows that are here wait neither for a full chunk nor for those that are not. */
  async sendMeanwhile<T>(pending: Promise<T>): Promise<T> {
    if (this.writer.length === 0) return await pending;
    // Not to a client that is behind: then they collect, and flush() waits for it.
    const timer = setTimeout(() => {
      if (!this.#socket.writableNeedDrain) this.push();
    }, SOON_MS);
    try {
      return await pending;
    } finally {
      clearTimeout(timer);
    }
  }

  #drained(): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        socket.off('drain', settle);
        socket.off('close', settle);
        if (socket.destroyed) reject(new ConnectionLost());
        else resolve();
      };
      socket.on('drain', settle);
      socket.on('close', settle);
      if (socket.destroyed) settle();
    });
  }
}
