import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { ErrorDetails } from '../../../sql/errors.js';
import type { StageStore } from '../stage-store.js';
import type { TemporalClient } from './client.js';
import { orphanedRuns } from './open-runs.js';

const CALL_TIMEOUT = 10_000;
const END_MOST = 20_000;
const REASON: ErrorDetails = {
  kind: 'cancelled',
  sqlstate: '57P02',
  message: 'terminating connection because of crash of another server process',
};

/**
 * Ends the interactive runs of gateways that are gone: nobody reads them. Removes what they left in the stage store. Gives how many there were.
 * What Temporal does not let us cancel now stays for the next time.
 */
export async function endOrphans(options: {
  /** Of keepOpenRuns. */
  readonly folder: string;
  readonly temporal: Pick<TemporalClient, 'client' | 'connection'>;
  readonly store: StageStore;
}): Promise<number> {
  const { temporal, store } = options;
  let ended = 0;
  for (const { id, forget } of await orphanedRuns(options.folder)) {
    const handle = temporal.client.workflow.getHandle(id);
    try {
      await store.requestCancel(id, REASON);
      await temporal.connection.withDeadline(Date.now() + CALL_TIMEOUT, () => handle.cancel());
      // Its tasks write no more once it has ended. Without workers it ends when one is back, and has nothing to do then.
      await Promise.race([handle.result().catch(() => undefined), sleep(END_MOST, undefined, { ref: false })]);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) continue;
    }
    await store.remove(id);
    await forget();
    ended++;
  }
  return ended;
}
