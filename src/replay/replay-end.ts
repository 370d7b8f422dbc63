import type { ErrorDetails } from '../../sql/errors.js';
import type { ReplayEnd } from './replay-record.js';
import type { ReplayRegistry } from './replay-registry.js';
import type { RunFigures } from './stage-clock.js';
import type { TaskContext } from './task-runner.js';

export interface ReplayEndContext extends TaskContext {
  readonly registry: ReplayRegistry;
}

/** How a submitted replay's run ended. */
export interface ReplayOutcome {
  readonly query: string;
  readonly state: ReplayEnd['state'];
  /** Of a completed one. */
  readonly figures?: RunFigures;
  readonly error?: ErrorDetails;
}

/** Writes the end record of a submitted replay; gives the one that counts. Runs again after a failure at any point, to the same end. */
export async function endReplay(context: ReplayEndContext, outcome: ReplayOutcome, signal: AbortSignal): Promise<ReplayEnd> {
  signal.throwIfAborted();
  const { query, state, figures, error } = outcome;
  return context.registry.end({
    version: 1,
    id: query,
    state,
    endedAt: Date.now(),
    rows: figures?.rows ?? 0,
    ...(figures === undefined ? {} : { figures }),
    ...(state === 'completed' ? { place: { kind: 'inline', bytes: 0 } as const } : {}),
    ...(error === undefined ? {} : { error }),
  });
}
