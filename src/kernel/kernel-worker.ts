import { join } from 'node:path';
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { internal, TimelineError } from '../../sql/errors.js';
import { createInstance, type EngineInstance } from './duckdb-instance.js';
import { kernelError } from './kernel-error.js';
import type { KernelRequest, KernelResponse, KernelThreadOptions } from './kernel-message.js';
import { executeTask } from './task-execution.js';

/** Entry of a kernel thread: one task at a time, each in a DuckDB instance of its own that was made in advance. */
const port = parentPort;
if (port === null) throw internal('the kernel worker runs in a worker thread only');
const options = workerData as KernelThreadOptions;

const INTERRUPT_EVERY_MS = 10;

let made = 0;
let lastZone = 'UTC';
let closing = false;
let next: Promise<EngineInstance> | undefined;
let current: { readonly id: number; instance: EngineInstance | undefined; aborted: boolean } | undefined;

function makeInstance(): Promise<EngineInstance> {
  const tempFolder = join(options.tempFolder, `kernel-${process.pid}-${threadId}-${made++}`);
  return createInstance({ threads: options.threads, tempFolder, timeZone: lastZone });
}

/** Keeps one instance ahead; a failure to make it shows when a task needs it. */
function warm(): Promise<EngineInstance> {
  if (next === undefined) {
    next = makeInstance();
    next.catch(() => {
      next = undefined;
    });
  }
  return next;
}

function respond(response: KernelResponse): void {
  port?.postMessage(response);
}

function checkpoint(): void {
  if (current?.aborted === true) throw new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'task aborted' });
}

async function run(message: Extract<KernelRequest, { kind: 'run' }>): Promise<void> {
  const task = { id: message.id, instance: undefined as EngineInstance | undefined, aborted: false };
  current = task;
  // An interrupt only hits the statement that runs right now, so it is repeated until the task has ended.
  const interrupter = setInterval(() => {
    if (task.aborted) task.instance?.connection.interrupt();
  }, INTERRUPT_EVERY_MS);
  let response: KernelResponse;
  try {
    const taken = warm();
    next = undefined;
    task.instance = await taken;
    const { request } = message;
    lastZone = request.session.timeZone;
    await task.instance.prepare({
      timeZone: request.session.timeZone,
      memoryLimit: Math.min(options.memoryLimit, request.session.memoryLimit > 0 ? request.session.memoryLimit : Infinity),
      folders: [...request.readableFolders, request.outputFolder],
    });
    checkpoint();
    const output = await executeTask({ connection: task.instance.connection, filling: task.instance.filling, request, checkpoint });
    response = { kind: 'done', id: message.id, output };
  } catch (error) {
    response = { kind: 'failed', id: message.id, error: kernelError(error).toJSON() };
  } finally {
    clearInterval(interrupter);
    current = undefined;
  }
  // The caller need not wait for the clearing up, which takes some milliseconds.
  respond(response);
  await task.instance?.close().catch(() => undefined);
  if (!closing) await warm().catch(() => undefined);
}

async function close(): Promise<void> {
  closing = true;
  const idle = next;
  next = undefined;
  if (idle !== undefined) await idle.then((instance) => instance.close()).catch(() => undefined);
  respond({ kind: 'closed' });
  port?.close();
}

port.on('message', (message: KernelRequest) => {
  switch (message.kind) {
    case 'run':
      void run(message);
      break;
    case 'abort':
      if (current?.id === message.id) {
        current.aborted = true;
        current.instance?.connection.interrupt();
      }
      break;
    case 'close':
      void close();
      break;
  }
});

void warm().catch(() => undefined);
