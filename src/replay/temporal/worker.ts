import { Client } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { connectionSettings, dataConverterOf, type TemporalAddress } from './access.js';
import { type ActivitiesOptions, createActivities } from './activities.js';
import { workflowBundle } from './bundle.js';
import { connectionError } from './connection-error.js';
import { probe } from './probe.js';
import { bulkQueue } from './protocol.js';
import { createScheduleActivities } from './schedule-activities.js';

export interface TemporalWorkerOptions extends ActivitiesOptions, TemporalAddress {
  /** Of interactive queries; submitted replays wait in the bulk queue beside it. */
  readonly taskQueue: string;
  /** Built by bundle.ts; by default the one beside the compiled project. */
  readonly bundlePath?: string;
  /** Batches of interactive queries at once; 4 by default, 0: it leaves them to others. */
  readonly activities?: number;
  /** Batches of submitted replays at once; 2 by default, 0: it leaves them to others. */
  readonly bulkActivities?: number;
  /** For a gateway: decisions and small plans of interactive queries only, all other work is for others. */
  readonly localOnly?: boolean;
  /** Leave SIGINT and SIGTERM to us: the caller calls shutdown() itself. */
  readonly handleSignals?: boolean;
  /** Of the caller, who closes it; by default one of its own. */
  readonly connection?: NativeConnection;
}

export interface TemporalWorker {
  /** For a driver in the same process: eager starts. */
  readonly connection: NativeConnection;
  /** Settles when the worker has stopped; rejects when it cannot go on, or did not drain in time. */
  readonly stopped: Promise<void>;
  /** Batches that run now. */
  running(): number;
  /** Takes no new tasks, lets those that run end (for some seconds), and stops. */
  shutdown(): Promise<void>;
}

const CONNECT_TIMEOUT = 5000;

let installed = false;

/** Temporal's native runtime is one per process, and must be told how before its first use. */
export function installRuntime(options: { readonly handleSignals: boolean }): void {
  if (installed) return;
  installed = true;
  // Failed activities and workflows are warnings there, and mostly users' errors here.
  Runtime.install({ logger: new DefaultLogger('ERROR'), ...(options.handleSignals ? {} : { shutdownSignals: [] }) });
}

/** Connects and polls; resolves when the worker takes tasks. Throws 08001 when Temporal is not there. */
export async function startTemporalWorker(options: TemporalWorkerOptions): Promise<TemporalWorker> {
  installRuntime({ handleSignals: options.handleSignals !== false });
  const [connection, codePath] = await Promise.all([options.connection ?? connectNative(options), options.bundlePath ?? workflowBundle()]);
  const close = async (): Promise<void> => {
    if (options.connection === undefined) await connection.close();
  };
  let workers: readonly Worker[];
  try {
    workers = await createWorkers(options, connection, codePath);
  } catch (error) {
    await close();
    throw connectionError(error, options);
  }
  const stop = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const stopped = runAll(workers, stop).finally(close);
  stopped.catch(() => undefined);
  return {
    connection,
    stopped,
    running: () => workers.reduce((sum, worker) => sum + (worker.getStatus().numInFlightActivities ?? 0), 0),
    async shutdown() {
      stop();
      await stopped;
    },
  };
}

/** One for each queue: what waits in one of them takes no slots of the other. */
async function createWorkers(options: TemporalWorkerOptions, connection: NativeConnection, codePath: string): Promise<readonly Worker[]> {
  const { activities: slots = 4, bulkActivities: bulkSlots = 2, localOnly = false, taskQueue, namespace } = options;
  const dataConverter = dataConverterOf(options);
  const sealed = options.codec !== undefined;
  const activities = {
    ...createActivities({ ...options, sealed }),
    ...createScheduleActivities({
      client: new Client({ connection, namespace, dataConverter }),
      namespace,
      registry: options.registry,
      ...(options.planner === undefined ? {} : { planner: options.planner }),
      sealed,
    }),
  };
  const of = (queue: string, most: number): WorkerOptions => ({
    connection,
    namespace,
    taskQueue: queue,
    workflowBundle: { codePath },
    activities,
    dataConverter,
    enableNonLocalActivities: !localOnly,
    maxConcurrentActivityTaskExecutions: most,
    maxConcurrentLocalActivityExecutions: most,
    maxHeartbeatThrottleInterval: '1s',
    stickyQueueScheduleToStartTimeout: '1s',
    shutdownGraceTime: '5s',
    shutdownForceTime: '15s',
  });
  const wanted = [
    ...(slots > 0 ? [of(taskQueue, slots)] : []),
    ...(bulkSlots > 0 && !localOnly ? [of(bulkQueue(taskQueue), bulkSlots)] : []),
  ];
  const created: Worker[] = [];
  try {
    for (const one of wanted) created.push(await Worker.create(one));
  } catch (error) {
    // One that was never run cannot be shut down.
    await Promise.all(created.map((worker) => worker.runUntil(Promise.resolve()).catch(() => undefined)));
    throw error;
  }
  return created;
}

/** Until all have stopped; when one cannot go on, the others stop as well. */
async function runAll(workers: readonly Worker[], stop: () => void): Promise<void> {
  const ends = await Promise.allSettled(
    workers.map(async (worker) => {
      try {
        await worker.run();
      } finally {
        stop();
      }
    }),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** A connection that workers and drivers of one process may share. Throws 08001, 08004, 28000. */
export async function connectNative(options: TemporalAddress): Promise<NativeConnection> {
  let connection: NativeConnection | undefined;
  try {
    await probe(options);
    const opened = await NativeConnection.connect(connectionSettings(options));
    connection = opened;
    await opened.withDeadline(Date.now() + CONNECT_TIMEOUT, () =>
      opened.workflowService.describeNamespace({ namespace: options.namespace }),
    );
    return opened;
  } catch (error) {
    await connection?.close().catch(() => undefined);
    throw connectionError(error, options);
  }
}
