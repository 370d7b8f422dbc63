import type { PhysicalPlan } from '../planner/physical-plan.js';
import type { TimelineError } from '../sql/errors.js';
import type { EngineContext } from './engine-context.js';
import type { Run } from './replay/driver.js';

/** Nobody waits for the removal of files for longer. */
const MOST_MS = 10_000;

/**
 * Deletes what the tasks of a query that failed have written for a table, as far as it is sure that no commit names it: a commit begins when all of
 * them are done, so one must not be. A durable run that was cancelled, or out of sight, may still go on. What stays is for remove_orphan_files.
 */
export async function discardWritten(options: {
  readonly plan: PhysicalPlan;
  readonly run: Run;
  readonly driver: 'local' | 'temporal';
  readonly error: TimelineError;
  readonly engine: Pick<EngineContext, 'store' | 'catalog'>;
}): Promise<void> {
  const { plan, run, driver, error, engine } = options;
  const stage = plan.stages.find(({ sink }) => sink?.kind === 'write');
  if (stage?.sink?.kind !== 'write' || error.sqlstate.startsWith('08')) return;
  if (driver === 'temporal' && error.kind === 'cancelled') return;
  const { table } = stage.sink;
  const writer = engine.catalog().connector(table.connector)?.writer;
  if (writer?.discard === undefined) return;
  try {
    // Its tasks have ended with it.
    await run.summary.catch(() => undefined);
    const manifests = await Promise.all(stage.tasks.map((task) => engine.store.manifest(run.id, stage.id, task.id)));
    if (manifests.every((manifest) => manifest !== undefined)) return;
    const written = manifests.flatMap((manifest) => manifest?.written ?? []);
    if (written.length > 0) await writer.discard(table.handle, written, AbortSignal.timeout(MOST_MS));
  } catch {
    // The statement failed already, and says why.
  }
}
