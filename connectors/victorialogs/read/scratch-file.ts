import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface ScratchFile {
  readonly path: string;
  release(): Promise<void>;
}

/** A file of JSON lines that nobody else has; there is none where `write` fails. A process that dies leaves it: src/home-sweep.ts knows the names. */
export async function scratchFile(
  folder: string,
  kind: 'groups' | 'logs' | 'recent',
  write: (file: FileHandle) => Promise<void>,
): Promise<ScratchFile> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${kind}-${randomBytes(8).toString('hex')}.ndjson`);
  const release = (): Promise<void> => rm(path, { force: true });
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await write(file);
    } finally {
      await file.close();
    }
    return { path, release };
  } catch (error) {
    await release();
    throw error;
  }
}
