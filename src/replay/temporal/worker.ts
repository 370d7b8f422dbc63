import { Client } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { connectionSettings, dataConverterOf, type TemporalAddress } from './access.js';
import { type ActivitiesOptions, createActivities } from './activities.js';
import { workflowBundle } from './bundle.js';
import { connectionError } from './connection-error.js';
import { probe } from './probe.js';
import { createScheduleActivities } from './schedule-activities.js';

export interface TemporalWorkerOptions extends ActivitiesOptions, TemporalAddress {
  readonly taskQueue: string;
  /** Built by bundle.ts; by default the one beside the compiled project. */
  readonly bundlePath?: string;
  /** Batches of tasks at once; 4 by default. */
  readonly activities?: number;
  /** Leave SIGINT and SIGTERM to us: the caller calls shutdown() itself. */
  readonly handleSignals?: boolean;
}

export interface TemporalWorker {
  /** For a driver in the same process: eager starts. */
  readonly connection: NativeConnection;
  /** Settles when the worker has stopped; rejects when it cannot go on. */
  readonly stopped: Promise<void>;
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
  const [connection, codePath] = await Promise.all([connect(options), options.bundlePath ?? workflowBundle()]);
  const dataConverter = dataConverterOf(options);
  const sealed = options.codec !== undefined;
  let worker: Worker;
  try {
    worker = await Worker.create({
      connection,
      namespace: options.namespace,
      taskQueue: options.taskQueue,
      workflowBundle: { codePath },
      activities: {
        ...createActivities({ ...options, sealed }),
        ...createScheduleActivities({
          client: new Client({ connection, namespace: options.namespace, dataConverter }),
          namespace: options.namespace,
          registry: options.registry,
          ...(options.planner === undefined ? {} : { planner: options.planner }),
          sealed,
        }),
      },
      dataConverter,
      maxConcurrentActivityTaskExecutions: options.activities ?? 4,
      maxConcurrentLocalActivityExecutions: options.activities ?? 4,
      maxHeartbeatThrottleInterval: '1s',
      stickyQueueScheduleToStartTimeout: '1s',
      shutdownGraceTime: '5s',
      shutdownForceTime: '15s',
    });
  } catch (error) {
    await connection.close();
    throw connectionError(error, options);
  }
  const stopped = worker.run().finally(() => connection.close());
  stopped.catch(() => undefined);
  return {
    connection,
    stopped,
    async shutdown() {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await stopped;
    },
  };
}

async function connect(options: TemporalWorkerOptions): Promise<NativeConnection> {
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
