import { Worker } from 'node:worker_threads';
import { internal, type TimelineError, tooDeep } from './errors.js';
import type { WorkerReply, WorkerRequest, WorkerTask } from './postgres-worker.js';

/** One life of the worker thread that runs PGlite: bytes of the protocol in, bytes out, one request at a time. */
export class PostgresThread {
  private pending: { readonly resolve: (bytes: Uint8Array) => void; readonly reject: (error: Error) => void } | undefined;
  private nextId = 1;
  private ended = false;
  /** Size of the WASM memory after the last answer; it never shrinks. */
  memory = 0;

  private constructor(private readonly worker: Worker) {}

  /** Starts the worker on an image; about half a second. */
  static async start(imagePath: string): Promise<PostgresThread> {
    const worker = new Worker(new URL('./postgres-worker.js', import.meta.url), {
      workerData: { kind: 'serve', imagePath } satisfies WorkerTask,
      // PostgreSQL recurses in WASM on the thread's own stack.
      resourceLimits: { stackSizeMb: 8 },
    });
    const thread = new PostgresThread(worker);
    try {
      await new Promise<void>((resolve, reject) => {
        thread.pending = { resolve: () => resolve(), reject };
        worker.on('message', (reply: WorkerReply) => thread.receive(reply));
        worker.on('error', (error) => thread.end(internal(`the embedded Postgres failed: ${error.message}`, error)));
        worker.on('exit', () => thread.end(internal('the embedded Postgres ended')));
      });
    } catch (error) {
      await worker.terminate();
      throw error;
    }
    return thread;
  }

  /** One group of messages. Rejects when the thread ends. The caller waits for the answer before the next one. */
  async send(bytes: Uint8Array): Promise<Uint8Array> {
    if (this.ended) throw internal('the embedded Postgres ended');
    if (this.pending !== undefined) throw internal('the embedded Postgres is busy');
    return new Promise((resolve, reject) => {
      this.pending = { resolve, reject };
      this.worker.postMessage({ id: this.nextId++, bytes } satisfies WorkerRequest);
    });
  }

  /** Ends it at once; what is under way is rejected with `reason`. */
  async terminate(reason: TimelineError): Promise<void> {
    this.end(reason);
    await this.worker.terminate();
  }

  private receive(reply: WorkerReply): void {
    const { pending } = this;
    if (pending === undefined) return;
    this.pending = undefined;
    switch (reply.kind) {
      case 'ready':
        pending.resolve(new Uint8Array());
        break;
      case 'answer':
        this.memory = reply.memory;
        pending.resolve(reply.bytes);
        break;
      case 'exhausted':
        this.giveUp();
        pending.reject(tooDeep());
        break;
      case 'failed':
        this.giveUp();
        pending.reject(internal(`the embedded Postgres failed: ${reply.message}`));
        break;
      case 'built':
        pending.reject(internal('the embedded Postgres was asked for an image'));
        break;
    }
  }

  /** What it was in the middle of is lost; the next request gets another thread. */
  private giveUp(): void {
    this.ended = true;
    void this.worker.terminate();
  }

  private end(error: Error): void {
    this.ended = true;
    this.pending?.reject(error);
    this.pending = undefined;
  }

  get isEnded(): boolean {
    return this.ended;
  }
}
