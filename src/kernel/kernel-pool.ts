import { Worker } from 'node:worker_threads';
import type { Readable } from '../../connectors/connector.js';
import { TimelineError } from '../../sql/errors.js';
import type { Kernel, TaskOutput, TaskRequest } from './kernel.js';
import type { KernelRequest, KernelResponse, KernelThreadOptions } from './kernel-message.js';
import { createResultReader } from './result-reader.js';
import type { FeedChoice } from './timeline/event-feed.js';

export interface KernelOptions {
  /** DuckDB threads of one task. */
  readonly threads: number;
  /** Bytes of memory of one task at most; a plan may ask for less. */
  readonly memoryLimit: number;
  /** Where sorts and joins spill; a folder of its own for each task is made in it and removed. */
  readonly tempFolder: string;
  /** Bytes that a task may spill; undefined: as the disk allows. */
  readonly tempBytes?: number | undefined;
  /** Rows that are handed to DuckDB and to the kernel of TIMELINE at once, at most 2048 (the default). */
  readonly batchRows?: number;
  /** How events reach TIMELINE where the plan leaves a choice; for tests. Default `auto`. */
  readonly feed?: FeedChoice;
  /** The embedded Postgres's image, for functions that PostgreSQL computes. */
  readonly imagePath: string;
  /** Tasks at a time; more wait. Default 2. */
  readonly workers?: number;
  /** How long a thread may be at a task that was given up before another thread takes its place. Default 5000. */
  readonly hangsAfterMs?: number;
}

interface Job {
  readonly id: number;
  readonly request: TaskRequest;
  readonly signal: AbortSignal;
  readonly resolve: (output: TaskOutput) => void;
  readonly reject: (reason: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  /** One word, shared with the thread: the id of the last job that was given up. */
  readonly aborted: Int32Array;
  /** The job that the thread is at, though its caller may have gone (abort). */
  job: Job | undefined;
}

/** DuckDB's vectors hold so many. */
const MOST_BATCH_ROWS = 2048;
const DEFAULT_WORKERS = 2;
const HANGS_AFTER_MS = 1000;
/** Threads that hang and have been replaced; one more is waited for. */
const MOST_LEFT = 4;

/** Tasks run in worker threads, so that neither JavaScript of the kernel nor a crash of it stops the caller's loop. */
export function createKernel(options: KernelOptions): Kernel {
  return new KernelPool(options);
}

class KernelPool implements Kernel {
  readonly #options: Omit<KernelThreadOptions, 'aborted'>;
  readonly #size: number;
  readonly #hangsAfterMs: number;
  readonly #threads = new Set<Thread>();
  readonly #left = new Set<Thread>();
  readonly #queue: Job[] = [];
  readonly #reader = createResultReader();
  #ids = 0;
  #closed = false;

  constructor(options: KernelOptions) {
    this.#options = {
      threads: options.threads,
      memoryLimit: options.memoryLimit,
      tempFolder: options.tempFolder,
      tempBytes: options.tempBytes,
      imagePath: options.imagePath,
      batchRows: options.batchRows ?? MOST_BATCH_ROWS,
      feed: options.feed ?? 'auto',
    };
    this.#size = options.workers ?? DEFAULT_WORKERS;
    this.#hangsAfterMs = options.hangsAfterMs ?? HANGS_AFTER_MS;
  }

  run(request: TaskRequest, signal: AbortSignal): Promise<TaskOutput> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      if (this.#closed) return reject(closedError());
      const onAbort = (): void => this.#abort(job);
      // One signal serves many tasks: what a finished task hung on it must go.
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          signal.removeEventListener('abort', onAbort);
          settle(value);
        };
      const job: Job = { id: this.#ids++, request: transferable(request), signal, resolve: settled(resolve), reject: settled(reject) };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(job);
      this.#dispatch();
    });
  }

  read: Kernel['read'] = (parts, fields, signal) => this.#reader.read(parts, fields, signal);

  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#queue.splice(0)) job.reject(closedError());
    await Promise.all([...this.#threads].map((thread) => this.#closeThread(thread)));
    this.#reader.close();
  }

  /** The caller hears of it now; the thread stops within milliseconds and then takes its next job. */
  #abort(job: Job): void {
    job.reject(job.signal.reason);
    const waiting = this.#queue.indexOf(job);
    if (waiting >= 0) this.#queue.splice(waiting, 1);
    for (const thread of this.#threads) {
      if (thread.job === job) this.#stop(thread, job);
    }
  }

  /**
   * A thread that is still at the job some seconds later hangs (DuckDB plans a monster, say, which nothing interrupts): another one takes
   * its place, and it ends when it comes back. It cannot be ended before: a thread that goes while DuckDB is at work for it takes the
   * process with it.
   */
  #stop(thread: Thread, job: Job): void {
    Atomics.store(thread.aborted, 0, job.id);
    send(thread, { kind: 'abort', id: job.id });
    setTimeout(() => {
      if (thread.job !== job || this.#left.size >= MOST_LEFT || !this.#threads.delete(thread)) return;
      this.#left.add(thread);
      thread.worker.once('exit', () => this.#left.delete(thread));
      thread.worker.unref();
      send(thread, { kind: 'close' });
      this.#dispatch();
    }, this.#hangsAfterMs).unref();
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const thread =
        [...this.#threads].find((candidate) => candidate.job === undefined) ??
        (this.#threads.size < this.#size ? this.#start() : undefined);
      if (thread === undefined) return;
      const job = this.#queue.shift() as Job;
      thread.job = job;
      thread.worker.ref();
      send(thread, { kind: 'run', id: job.id, request: job.request });
    }
  }

  #start(): Thread {
    const aborted = new Int32Array(new SharedArrayBuffer(4)).fill(-1);
    const worker = new Worker(new URL('./kernel-worker.js', import.meta.url), {
      workerData: { ...this.#options, aborted } satisfies KernelThreadOptions,
    });
    const thread: Thread = { worker, aborted, job: undefined };
    this.#threads.add(thread);
    worker.on('message', (response: KernelResponse) => this.#receive(thread, response));
    worker.on('error', (error) => this.#lost(thread, error));
    worker.on('exit', () => this.#lost(thread, undefined));
    return thread;
  }

  #receive(thread: Thread, response: KernelResponse): void {
    const job = thread.job;
    if (response.kind === 'closed' || job === undefined || response.id !== job.id) return;
    thread.job = undefined;
    thread.worker.unref();
    if (response.kind === 'done') job.resolve(response.output);
    else job.reject(job.signal.aborted ? job.signal.reason : TimelineError.fromJSON(response.error));
    this.#dispatch();
  }

  /** A thread that died takes its job with it; the next job gets a new thread. */
  #lost(thread: Thread, cause: unknown): void {
    if (!this.#threads.delete(thread)) return;
    thread.job?.reject(
      new TimelineError({
        kind: 'internal',
        sqlstate: '57P02',
        message: `a kernel thread ended in the middle of a task${cause instanceof Error ? `: ${cause.message}` : ''}`,
        retryable: true,
        cause,
      }),
    );
    if (!this.#closed) this.#dispatch();
  }

  #closeThread(thread: Thread): Promise<void> {
    return new Promise((resolve) => {
      const hanging = setTimeout(() => {
        thread.worker.unref();
        resolve();
      }, this.#hangsAfterMs);
      thread.worker.once('exit', () => {
        clearTimeout(hanging);
        resolve();
      });
      if (thread.job !== undefined) {
        thread.job.reject(closedError());
        this.#stop(thread, thread.job);
      }
      this.#threads.delete(thread);
      thread.worker.ref();
      send(thread, { kind: 'close' });
    });
  }
}

function send(thread: Thread, message: KernelRequest): void {
  thread.worker.postMessage(message);
}

function closedError(): TimelineError {
  return new TimelineError({ kind: 'cancelled', sqlstate: '57P01', message: 'the kernel is closed' });
}

/** A Readable's release function stays with its owner; threads take plain data. */
function transferable(request: TaskRequest): TaskRequest {
  const scans = Object.entries(request.scans).map(([scan, readable]): [string, Readable] => [
    scan,
    readable.kind === 'sql'
      ? ({
          kind: 'sql',
          relation: readable.relation,
          ...(readable.parquet === undefined ? {} : { parquet: readable.parquet }),
        } as Readable)
      : { kind: 'rows', rows: readable.rows },
  ]);
  return { ...request, scans: Object.fromEntries(scans) };
}
