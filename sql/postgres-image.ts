import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { internal } from './errors.js';
import { imageHeader } from './postgres-image-format.js';
import type { WorkerReply, WorkerTask } from './postgres-worker.js';

/** Makes the embedded Postgres's image (3-5 s, in a thread of its own) and puts it in place at once. The folder is made. */
export async function buildImage(imagePath: string): Promise<void> {
  await mkdir(dirname(imagePath), { recursive: true });
  const worker = new Worker(new URL('./postgres-worker.js', import.meta.url), {
    workerData: { kind: 'build', imagePath } satisfies WorkerTask,
  });
  try {
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (reply: WorkerReply) => {
        if (reply.kind === 'built') resolve();
        else reject(internal(`the embedded Postgres's image cannot be made: ${reply.kind === 'failed' ? reply.message : reply.kind}`));
      });
      worker.on('error', (error) => reject(internal(`the embedded Postgres's image cannot be made: ${error.message}`, error)));
      worker.on('exit', () => reject(internal("the embedded Postgres's image cannot be made: its thread ended")));
    });
  } finally {
    await worker.terminate();
  }
}

/** Is there an image that this version made, of full length? Reads its first line only. */
export async function isImageCurrent(imagePath: string): Promise<boolean> {
  try {
    const file = await open(imagePath, 'r');
    try {
      const head = Buffer.alloc(200);
      const { bytesRead } = await file.read(head, 0, head.length, 0);
      const end = head.subarray(0, bytesRead).indexOf('\n');
      if (end < 0) return false;
      const { size } = await file.stat();
      const expected = imageHeader(size - end - 1);
      return head.subarray(0, end + 1).equals(expected);
    } finally {
      await file.close();
    }
  } catch {
    return false;
  }
}
