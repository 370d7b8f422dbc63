import { readFile } from 'node:fs/promises';
import { type MessagePort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { watchFaults } from '../../sql/postgres-faults.js';
import { IMAGE_DATABASE, READER_ROLE, readImage } from '../../sql/postgres-image-format.js';

/** What the thread is started with: where answers go, and the word that the asking thread sleeps on. */
export interface FunctionWorkerData {
  readonly imagePath: string;
  readonly port: MessagePort;
  readonly signal: Int32Array;
}

export interface FunctionRequest {
  readonly bytes: Uint8Array;
  /** The statement's start, in milliseconds since 1970: the only time that functions see. */
  readonly now: number;
}

export type FunctionReply =
  | { readonly kind: 'answer'; readonly bytes: Uint8Array; readonly memory: number }
  | { readonly kind: 'exhausted' }
  | { readonly kind: 'failed'; readonly message: string };

/** Session settings by which texts are written and read; the role may call what the image lets everyone call, and sees no table of ours. */
const SETTINGS = [
  `set session authorization ${READER_ROLE}`,
  'set default_transaction_read_only = on',
  "set DateStyle = 'ISO, MDY'",
  "set IntervalStyle = 'postgres'",
  'set extra_float_digits = 1',
  "set bytea_output = 'hex'",
  "set search_path = 'pg_catalog'",
];

const { imagePath, port, signal } = workerData as FunctionWorkerData;

function reply(message: FunctionReply): void {
  port.postMessage(message);
  Atomics.add(signal, 0, 1);
  Atomics.notify(signal, 0);
}

async function main(): Promise<void> {
  const tar = readImage(await readFile(imagePath));
  if (tar === undefined) throw new Error('the image does not fit this version');
  const postgres = await PGlite.create({ loadDataDir: new Blob([tar]), database: IMAGE_DATABASE });
  await postgres.exec(SETTINGS.join('; '));
  const takeFault = watchFaults(postgres);
  // This thread runs nothing but PostgreSQL, whose clock it is.
  let now = Date.now();
  Date.now = () => now;
  port.on('message', (request: FunctionRequest) => {
    now = request.now;
    try {
      const bytes = postgres.execProtocolRawSync(request.bytes);
      const fault = takeFault();
      if (fault instanceof RangeError) return reply({ kind: 'exhausted' });
      if (fault !== undefined) throw fault;
      reply({ kind: 'answer', bytes, memory: postgres.Module.HEAPU8.byteLength });
    } catch (error) {
      reply({ kind: 'failed', message: String(error) });
    }
  });
  reply({ kind: 'answer', bytes: new Uint8Array(), memory: 0 });
}

main().catch((error: unknown) => reply({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }));
