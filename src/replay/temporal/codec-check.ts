import { TimelineError } from '../../../sql/errors.js';
import { REGISTRY } from '../replay-registry.js';
import type { StageFiles } from '../stage-files.js';
import type { TemporalAddress } from './access.js';
import { checkSample, codecSample } from './payload-codec.js';

/**
 * Gateways and workers of one task queue must read each other's payloads. The first with a codec leaves a sample in the stage store, which they
 * share; whoever cannot read it does not start (F0000). Without this a worker lacking the key would fail workflows' tasks again and again.
 */
export async function checkCodec(options: {
  readonly files: Pick<StageFiles, 'read' | 'putIfAbsent'>;
  readonly access: TemporalAddress;
  readonly taskQueue: string;
  /** False: only looks. */
  readonly record?: boolean;
}): Promise<void> {
  const { files, access, taskQueue } = options;
  const key = codecKey(access.namespace, taskQueue);
  const { codec } = access;
  let sample = await files.read(key);
  if (sample === undefined && codec !== undefined && options.record !== false) {
    const own = Buffer.from(await codecSample(codec), 'utf8');
    sample = (await files.putIfAbsent(key, own)) ? own : await files.read(key);
  }
  if (sample === undefined) return;
  if (codec === undefined) {
    throw new TimelineError({
      kind: 'semantic',
      sqlstate: 'F0000',
      message: `what task queue "${taskQueue}" keeps in Temporal is encoded, and no payload codec is configured here`,
      hint: `Set temporal.codec as the other gateways and workers have it; or, when nothing encoded is left, delete ${key} in the stage store.`,
    });
  }
  await checkSample(Buffer.from(sample).toString('utf8'), codec);
}

export function codecKey(namespace: string, taskQueue: string): string {
  const word = (text: string): string => text.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 100);
  return `${REGISTRY}/codec-${word(namespace)}-${word(taskQueue)}.json`;
}
