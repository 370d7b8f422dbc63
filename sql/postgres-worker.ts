import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { watchFaults } from './postgres-faults.js';
import { IMAGE_DATABASE, IMAGE_DDL, imageHeader, readImage } from './postgres-image-format.js';

/** What the worker is started with. */
export type WorkerTask = { readonly kind: 'build' | 'serve'; readonly imagePath: string };

export interface WorkerRequest {
  readonly id: number;
  /** Frontend messages, each group ending in Query or Sync. */
  readonly bytes: Uint8Array;
}

export type WorkerReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'built' }
  | { readonly kind: 'answer'; readonly id: number; readonly bytes: Uint8Array; readonly memory: number }
  | { readonly kind: 'exhausted'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number | undefined; readonly message: string };

/** Half of PostgreSQL's own least; the mirror holds no rows. */
const SMALL = ['shared_buffers=1MB', 'max_wal_size=2MB', 'min_wal_size=2MB', 'fsync=off', 'autovacuum=off'];

async function buildImage(imagePath: string): Promise<void> {
  const fresh = await PGlite.create({ initDbStartParams: ['--wal-segsize=1'], postgresqlconf: SMALL });
  await fresh.exec(IMAGE_DDL);
  const tar = new Uint8Array(await (await fresh.dumpDataDir('none')).arrayBuffer());
  await fresh.close();
  const temporary = `${imagePath}.${process.pid}-${Date.now()}.tmp`;
  try {
    await writeFile(temporary, [imageHeader(tar.length), tar]);
    await rename(temporary, imagePath);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** A pipe: bytes of the protocol in, bytes out. Everything that knows SQL is on the other side. */
async function serve(imagePath: string, port: NonNullable<typeof parentPort>): Promise<void> {
  const tar = readImage(await readFile(imagePath));
  if (tar === undefined) throw new Error('the image does not fit this version');
  const postgres = await PGlite.create({ loadDataDir: new Blob([tar]), database: IMAGE_DATABASE });
  const takeFault = watchFaults(postgres);
  port.on('message', (request: WorkerRequest) => {
    try {
      const bytes = postgres.execProtocolRawSync(request.bytes);
      const fault = takeFault();
      if (fault instanceof RangeError) return port.postMessage({ kind: 'exhausted', id: request.id } satisfies WorkerReply);
      if (fault !== undefined) throw fault;
      const memory = postgres.Module.HEAPU8.byteLength;
      port.postMessage({ kind: 'answer', id: request.id, bytes, memory } satisfies WorkerReply, [bytes.buffer as ArrayBuffer]);
    } catch (error) {
      port.postMessage({ kind: 'failed', id: request.id, message: String(error) } satisfies WorkerReply);
    }
  });
  port.postMessage({ kind: 'ready' } satisfies WorkerReply);
}

async function main(): Promise<void> {
  if (parentPort === null) return;
  const task = workerData as WorkerTask;
  try {
    if (task.kind === 'build') {
      await buildImage(task.imagePath);
      parentPort.postMessage({ kind: 'built' } satisfies WorkerReply);
      parentPort.close();
    } else {
      await serve(task.imagePath, parentPort);
    }
  } catch (error) {
    parentPort.postMessage({
      kind: 'failed',
      id: undefined,
      message: error instanceof Error ? error.message : String(error),
    } satisfies WorkerReply);
    parentPort.close();
  }
}

await main();
