import { asTimelineError, TimelineError } from '../sql/errors.js';
import type { EngineContext } from './engine-context.js';
import type { ReplayControl } from './replay/replay-control.js';
import type { ReplayRequest } from './replay/replay-planner.js';
import type { SessionScope } from './session-context.js';
import type { Notice } from './statement.js';

/** Who acts. */
export interface ActionContext extends SessionScope {
  readonly engine: EngineContext;
  /** The transaction is: nothing that writes is started. */
  readonly readOnly: boolean;
  readonly signal: AbortSignal;
  /** With the statement's answer. */
  readonly notice: (notice: Notice) => void;
  /** At once; absent: the session does not want to see progress. */
  readonly onProgress: ((message: string) => void) | undefined;
}

export type Answer = string | boolean | null;
export type Texts = readonly (string | null)[];

/** Of names, and of what a message repeats of a text. */
export const MOST_NAME = 200;

/** Throws 55000 while there is no Temporal to ask. */
export function requireControl({ drivers }: EngineContext): ReplayControl {
  if (drivers.control !== undefined) return drivers.control;
  throw new TimelineError({
    kind: 'connector',
    sqlstate: '55000',
    message: `there is no durable engine for replays: ${drivers.temporalState}`,
    hint: 'Wait until it is up, or set TEMPORAL_ADDRESS to a running Temporal.',
  });
}

export function semantic(sqlstate: string, message: string, hint?: string): TimelineError {
  return new TimelineError({
    kind: sqlstate === '54000' ? 'limit' : 'semantic',
    sqlstate,
    message,
    ...(hint === undefined ? {} : { hint }),
  });
}

export function notice(message: string, hint?: string): Notice {
  return { severity: 'NOTICE', sqlstate: '00000', message, ...(hint === undefined ? {} : { hint }) };
}

/** A call that nobody answered may have started it all the same: without a plan its tasks fail, and nothing is left. */
export async function endUnstarted(id: string, thrown: unknown, { store, registry }: EngineContext): Promise<void> {
  const error = asTimelineError(thrown).toJSON();
  await store.remove(id).catch(() => undefined);
  await registry.end({ version: 1, id, state: 'failed', endedAt: Date.now(), rows: 0, error }).catch(() => undefined);
}

export function requestOf(
  { user, database, settings }: SessionScope,
  sql: string,
  result: string | null,
): Omit<ReplayRequest, 'name' | 'kind'> {
  return { user, sql, settings: { ...settings.forReplays(), database }, result: result ?? 'inline' };
}
