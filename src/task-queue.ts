import { randomBytes } from 'node:crypto';
import { internal } from '../sql/errors.js';
import type { Config } from './config.js';
import type { StageFiles } from './replay/stage-files.js';

const DEFAULT = 'timeline';
const KEY = 'store.json';

/**
 * The task queue that is used: the default one gets the id of the stage store, which is made with its first use. So gateways and workers that
 * share a stage store share a queue, and those that do not (each with a home of its own) leave each other alone at one Temporal.
 */
export async function queueOf(config: Config, files: StageFiles): Promise<string> {
  const known = await knownQueue(config, files);
  if (known !== undefined) return known;
  const id = randomBytes(4).toString('hex');
  const ours = await files.putIfAbsent(KEY, Buffer.from(JSON.stringify({ version: 1, id })));
  return (ours ? undefined : await knownQueue(config, files)) ?? `${DEFAULT}-${id}`;
}

/** As queueOf, without making an id; undefined: no gateway and no worker has used the stage store yet. */
export async function knownQueue(config: Config, files: Pick<StageFiles, 'read'>): Promise<string | undefined> {
  const { taskQueue } = config.temporal;
  if (taskQueue !== DEFAULT) return taskQueue;
  const known = await files.read(KEY);
  return known === undefined ? undefined : `${DEFAULT}-${idIn(known)}`;
}

function idIn(bytes: Uint8Array): string {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string' && /^[0-9a-f]{8}$/.test(value.id))
      return value.id;
  } catch {
    // Said below.
  }
  throw internal(`${KEY} in the stage store is malformed`);
}
