import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of one's own; `remove()` when done. */
export async function tempFolder(name: string): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), `timeline-${name}-`));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
