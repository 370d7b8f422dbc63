import { TimelineError } from '../../sql/errors.js';
import type { ReplayEnd, ReplaySubmission } from './replay-record.js';
import type { StageFiles } from './stage-files.js';

/** Submitted replays, as the object store knows them: `registry/{id}.submission.json` and `registry/{id}.end.json`. */
export interface ReplayRegistry {
  /** Reading throws UnreadableRecord. False: there is one of this id already. */
  submit(submission: ReplaySubmission): Promise<boolean>;
  submission(id: string): Promise<ReplaySubmission | undefined>;
  /** The first end counts; gives the one that does. */
  end(end: ReplayEnd): Promise<ReplayEnd>;
  ended(id: string): Promise<ReplayEnd | undefined>;
  /** Its submission first: a replay without one is unknown to all who look. */
  remove(id: string): Promise<void>;
  /** From one listing. */
  list(): Promise<readonly { readonly id: string; readonly ended: boolean }[]>;
}

/** A record that somebody has damaged, or that a newer version has written: of its replay nothing can be told, of others all. */
export class UnreadableRecord extends TimelineError {
  constructor(message: string, cause?: unknown) {
    super({ kind: 'internal', sqlstate: 'XX000', message, cause });
  }
}

/** The folder of the registry among those of queries. */
export const REGISTRY = 'registry';

export function createReplayRegistry(files: StageFiles): ReplayRegistry {
  const keyOf = (id: string, part: 'submission' | 'end'): string => `${REGISTRY}/${id}.${part}.json`;

  async function read<T extends { readonly version: 1; readonly id: string }>(
    id: string,
    part: 'submission' | 'end',
  ): Promise<T | undefined> {
    const key = keyOf(id, part);
    const bytes = await files.read(key);
    if (bytes === undefined) return undefined;
    const value = parse(bytes, key);
    const whole = part === 'submission' ? isSubmission(value) : isEnd(value);
    if (value['version'] !== 1 || value['id'] !== id || !whole)
      throw new UnreadableRecord(`the record ${key} is malformed, or of a newer version`);
    return value as unknown as T;
  }

  return {
    submit: (submission) => files.putIfAbsent(keyOf(submission.id, 'submission'), encode(submission)),
    submission: (id) => read<ReplaySubmission>(id, 'submission'),
    async end(end) {
      if (await files.putIfAbsent(keyOf(end.id, 'end'), encode(end))) return end;
      return (await read<ReplayEnd>(end.id, 'end')) ?? end;
    },
    ended: (id) => read<ReplayEnd>(id, 'end'),
    async remove(id) {
      await files.remove(keyOf(id, 'submission'));
      await files.remove(keyOf(id, 'end'));
    },
    async list() {
      const found = new Map<string, boolean>();
      for await (const { key } of files.list(REGISTRY)) {
        const match = /^[^/]+\/(.+)\.(submission|end)\.json$/.exec(key);
        const id = match?.[1];
        if (id !== undefined) found.set(id, found.get(id) === true || match?.[2] === 'end');
      }
      return [...found].map(([id, ended]) => ({ id, ended }));
    },
  };
}

function encode(value: ReplaySubmission | ReplayEnd): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

function parse(bytes: Uint8Array, key: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw new UnreadableRecord(`the record ${key} is not readable JSON`, error);
  }
  throw new UnreadableRecord(`the record ${key} is malformed`);
}

/** What is looked at without asking again. */
function isSubmission({ user, sql, kind, submittedAt, stages, columns, snapshots, result }: Record<string, unknown>): boolean {
  const texts = [user, sql, kind].every((one) => typeof one === 'string');
  return (
    texts &&
    Number.isFinite(submittedAt) &&
    [stages, columns, snapshots].every(Array.isArray) &&
    typeof result === 'object' &&
    result !== null
  );
}

function isEnd({ state, endedAt, rows }: Record<string, unknown>): boolean {
  const known = state === 'completed' || state === 'failed' || state === 'cancelled';
  return known && Number.isFinite(endedAt) && Number.isFinite(rows);
}
