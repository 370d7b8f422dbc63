import { join, sep } from 'node:path';
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { internal, TimelineError } from '../../sql/errors.js';
import type { TaskConnections } from './duckdb-instance.js';
import { createInstanceCache, type HeldInstance } from './instance-cache.js';
import type { TaskRequest } from './kernel.js';
import { kernelError } from './kernel-error.js';
import type { KernelRequest, KernelResponse, KernelThreadOptions } from './kernel-message.js';
import { PostgresFunctions } from './postgres-functions.js';
import { executeTask } from './task-execution.js';

/** Entry of a kernel thread: one task at a time, on connections of its own to a DuckDB instance that tasks with equal settings share. */
const port = parentPort;
if (port === null) throw internal('the kernel worker runs in a worker thread only');
const options = workerData as KernelThreadOptions;

const INTERRUPT_EVERY_MS = 10;

/** What the pool last gave up is a shared word: this thread may be asleep in a call of PostgreSQL's, and hear no message. */
const postgres = new PostgresFunctions({
  imagePath: options.imagePath,
  aborted: () => current !== undefined && Atomics.load(options.aborted, 0) === current.id,
});
const instances = createInstanceCache({
  threads: options.threads,
  tempFolder: join(options.tempFolder, `kernel-${process.pid}-${threadId}`),
  tempBytes: options.tempBytes,
  postgres,
});

let working: Promise<void> = Promise.resolve();
let current: { readonly id: number; connections: TaskConnections | undefined; aborted: boolean } | undefined;
let interrupt: () => void = () => undefined;
/** Tasks that were aborted while the one before them was cleared up. */
const early = new Set<number>();

function respond(response: KernelResponse): void {
  const inline = response.kind === 'done' ? response.output.inline : undefined;
  port?.postMessage(response, inline === undefined ? [] : [inline.buffer as ArrayBuffer]);
}

function checkpoint(): void {
  if (current?.aborted === true) throw new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'task aborted' });
}

/** The output folder is different for each task, but lies in a readable one where the caller keeps to what TaskRequest asks for. */
function foldersOf({ readableFolders, outputFolder }: TaskRequest): readonly string[] {
  const inside = readableFolders.some((folder) => outputFolder.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`));
  return inside ? readableFolders : [...readableFolders, outputFolder];
}

async function run({ id, request }: Extract<KernelRequest, { kind: 'run' }>): Promise<void> {
  const task = { id, connections: undefined as TaskConnections | undefined, aborted: early.has(id) };
  early.clear();
  current = task;
  // An interrupt only hits the statement that runs right now, so it is repeated until the task has ended.
  let interrupter: NodeJS.Timeout | undefined;
  interrupt = () => {
    task.connections?.connection.interrupt();
    task.connections?.filling.interrupt();
    interrupter ??= setInterval(() => task.connections?.connection.interrupt(), INTERRUPT_EVERY_MS);
  };
  let held: HeldInstance | undefined;
  let response: KernelResponse;
  try {
    checkpoint();
    const memoryLimit = Math.min(options.memoryLimit, request.session.memoryLimit > 0 ? request.session.memoryLimit : Infinity);
    held = await instances.take({
      timeZone: request.session.timeZone,
      memoryLimit,
      folders: foldersOf(request),
    });
    task.connections = await held.instance.connect();
    checkpoint();
    const { connection, filling } = task.connections;
    postgres.begin(request.session.now);
    const output = await executeTask({
      connection,
      filling,
      postgres,
      request,
      checkpoint,
      batchRows: options.batchRows,
      feed: options.feed,
      memoryBytes: memoryLimit,
    });
    response = { kind: 'done', id, output };
  } catch (error) {
    response = { kind: 'failed', id, error: kernelError(error).toJSON() };
  } finally {
    clearInterval(interrupter);
    interrupt = () => undefined;
    current = undefined;
  }
  // The caller need not wait for the clearing up, which takes some milliseconds; the next task does.
  respond(response);
  postgres.end();
  task.connections?.close();
  if (response.kind === 'done' && !task.aborted) await held?.giveBack();
  else await held?.throwAway();
  await instances.warm();
}

port.on('message', (message: KernelRequest) => {
  switch (message.kind) {
    case 'run':
      working = working.then(() => run(message));
      break;
    case 'abort':
      if (current?.id === message.id) {
        current.aborted = true;
        interrupt();
      } else {
        early.add(message.id);
      }
      break;
    case 'close':
      void working
        .then(() => instances.close())
        .then(() => {
          postgres.close();
          respond({ kind: 'closed' });
          port.close();
        });
      break;
  }
});

working = instances.warm();
