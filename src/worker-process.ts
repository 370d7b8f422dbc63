import { SystemConnector } from '../connectors/system/connector.js';
import { asTimelineError } from '../sql/errors.js';
import { PARENT } from './child-worker.js';
import { UsageError } from './commands/usage.js';
import { loadConfig } from './config-file.js';
import { openSources } from './engine.js';
import { checkCodec } from './replay/temporal/codec-check.js';
import { bulkQueue } from './replay/temporal/protocol.js';
import { requireTemporalAddress, withDemoLake } from './serve.js';
import { stageParts } from './stage-parts.js';
import { startHomeSweeps } from './sweeps.js';
import { taskParts } from './task-parts.js';
import { queueOf } from './task-queue.js';
import { log } from './telemetry/log.js';
import { openTemporalAccess } from './temporal-access.js';
import { type RunWorkerOptions, runWorker } from './worker.js';
import { createWorkerPlanner } from './worker-planner.js';

export interface WorkArguments {
  readonly queue: 'interactive' | 'bulk' | 'both';
  /** Batches at once of each queue; absent: as configured. */
  readonly slots?: number;
}

/** Throws 42601 for what the command line cannot mean. */
export function workArguments(queue: string, slots: string | undefined): WorkArguments {
  if (queue !== 'interactive' && queue !== 'bulk' && queue !== 'both')
    throw new UsageError(`--queue ${queue}: must be interactive, bulk or both`);
  if (slots === undefined) return { queue };
  if (!/^[1-9]\d{0,2}$/.test(slots)) throw new UsageError(`--slots ${slots}: must be a number from 1 to 999`);
  return { queue, slots: Number(slots) };
}

const NOT_DRAINED = 2;
const EXIT_MOST = 3000;
const RESTART_FIRST = 1000;
const RESTART_MOST = 30_000;

/**
 * `timeline worker`: takes tasks of replay workflows until SIGINT or SIGTERM, then drains. Prints `worker ready`. A worker that cannot go on
 * is started again. Exit code 0: drained; 1: it could not be started; 2: stopped with batches running, which others take over.
 */
export async function work(given: WorkArguments = { queue: 'both' }): Promise<void> {
  const config = await withDemoLake(loadConfig({ env: process.env, cwd: process.cwd() }));
  const address = requireTemporalAddress(config);
  const access = await openTemporalAccess(config.temporal, address);
  const stages = stageParts(config);
  const sources = await openSources(config, [new SystemConnector([])], stages);
  const parts = taskParts(config, sources, stages);
  const planner = createWorkerPlanner(config);
  const sweeps = startHomeSweeps(config);
  const lastWork = gatewayGone();
  try {
    const taskQueue = await queueOf(config, stages.files);
    await checkCodec({ files: stages.files, access, taskQueue });
    const activities = given.queue === 'bulk' ? 0 : (given.slots ?? config.worker.slots);
    const bulkActivities = given.queue === 'interactive' ? 0 : (given.slots ?? config.worker.bulkSlots);
    await keepWorking({
      ...access,
      ...parts,
      taskQueue,
      activities,
      bulkActivities,
      planner,
      ...(lastWork === undefined ? {} : { lastWork }),
      onReady: () => {
        process.stdout.write('worker ready\n');
        const queues = [
          ...(activities > 0 ? [`${taskQueue} (${activities} at once)`] : []),
          ...(bulkActivities > 0 ? [`${bulkQueue(taskQueue)} (${bulkActivities} at once)`] : []),
        ];
        log('info', `worker ${process.pid} takes batches of ${queues.join(' and ')} from Temporal at ${address}`);
      },
      onDrain: (running) => log('info', `worker ${process.pid} takes no more; ${running} batches are running`),
    });
  } finally {
    clearInterval(sweeps);
    await planner.close();
    await parts.kernel.close();
    await Promise.all(sources.map((source) => source.connector.close()));
    await stages.files.close();
  }
}

async function keepWorking(options: RunWorkerOptions): Promise<void> {
  let draining = false;
  let ready = false;
  for (let pause = RESTART_FIRST; ; pause = Math.min(2 * pause, RESTART_MOST)) {
    try {
      await runWorker({
        ...options,
        onReady: () => {
          if (!ready) options.onReady?.();
          ready = true;
          pause = RESTART_FIRST;
        },
        onDrain: (running) => {
          draining = true;
          options.onDrain?.(running);
        },
      });
      log('info', `worker ${process.pid} has stopped`);
      return;
    } catch (thrown) {
      const error = asTimelineError(thrown);
      if (draining) {
        log('warn', `worker ${process.pid} stops with batches running, which other workers take over: ${error.message}`);
        process.exitCode = NOT_DRAINED;
        // What does not stop may keep the process alive.
        setTimeout(() => process.exit(NOT_DRAINED), EXIT_MOST).unref();
        return;
      }
      if (!ready || options.lastWork?.aborted === true) throw error;
      log('warn', `worker ${process.pid} cannot go on, and starts again in ${pause / 1000} s: ${error.message}`);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

/** Aborted when the gateway that this worker belongs to is no more; undefined: it belongs to none. */
function gatewayGone(): AbortSignal | undefined {
  if (process.env[PARENT] === undefined) return undefined;
  const gone = new AbortController();
  process.stdin.once('end', () => {
    log('warn', `the gateway of worker ${process.pid} is gone: it goes on until nothing is left to do`);
    gone.abort();
  });
  process.stdin.once('error', () => gone.abort());
  process.stdin.resume();
  process.stdin.unref?.();
  return gone.signal;
}
