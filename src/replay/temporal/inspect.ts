import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { connectionSettings, type TemporalAddress } from './access.js';
import { connectionError, grpcCode } from './connection-error.js';
import { probe } from './probe.js';
import { bulkQueue, SEARCH_ATTRIBUTES } from './protocol.js';

export interface TemporalReport {
  readonly serverVersion: string;
  /** Milliseconds that the namespace keeps ended workflows. */
  readonly retention: number | undefined;
  /** `refused`: the server does not tell (Temporal Cloud). */
  readonly missingAttributes: readonly string[] | 'refused';
  readonly queues: readonly QueueReport[];
  /** What the server's clock said between two times of ours, milliseconds since 1970; undefined: it did not. */
  readonly clock: { readonly theirs: number; readonly before: number; readonly after: number } | undefined;
}

export interface QueueReport {
  readonly name: string;
  /** Processes that asked for tasks within the last minutes, by what they do. */
  readonly workflowPollers: readonly string[];
  readonly activityPollers: readonly string[];
  readonly backlog: number;
}

const CALL_TIMEOUT = 5000;
const TASK_QUEUE_TYPE = { WORKFLOW: 1, ACTIVITY: 2 } as const;
/** The least that the server takes for a long poll, and a little. */
const POLL_TIMEOUT = 4000;
const SEEN_WITHIN = 300_000;

/** Looks at a Temporal service and changes nothing there. Throws as connectTemporal does. */
export async function inspectTemporal(access: TemporalAddress, taskQueue: string): Promise<TemporalReport> {
  let connection: Connection | undefined;
  const { namespace } = access;
  try {
    await probe(access);
    const own = await Connection.connect({ ...connectionSettings(access), connectTimeout: CALL_TIMEOUT });
    connection = own;
    const call = <T>(work: () => Promise<T>): Promise<T> => own.withDeadline(Date.now() + CALL_TIMEOUT, work);
    const described = await call(() => own.workflowService.describeNamespace({ namespace }));
    const system = await call(() => own.workflowService.getSystemInfo({}));
    const retention = described.config?.workflowExecutionRetentionTtl?.seconds;
    return {
      serverVersion: system.serverVersion ?? '',
      retention: retention === undefined || retention === null ? undefined : Number(retention) * 1000,
      missingAttributes: await missingAttributes(own, namespace),
      queues: [await queue(own, namespace, taskQueue), await queue(own, namespace, bulkQueue(taskQueue))],
      clock: await readClock(own, namespace, taskQueue),
    };
  } catch (error) {
    throw connectionError(error, access);
  } finally {
    await connection?.close().catch(() => undefined);
  }
}

async function missingAttributes(connection: Connection, namespace: string): Promise<readonly string[] | 'refused'> {
  try {
    const { customAttributes } = await connection.withDeadline(Date.now() + CALL_TIMEOUT, () =>
      connection.operatorService.listSearchAttributes({ namespace }),
    );
    return Object.keys(SEARCH_ATTRIBUTES).filter((name) => customAttributes?.[name] === undefined || customAttributes[name] === null);
  } catch (error) {
    if (grpcCode(error) === undefined) throw error;
    return 'refused';
  }
}

async function queue(connection: Connection, namespace: string, name: string): Promise<QueueReport> {
  const describe = (taskQueueType: number) =>
    connection.withDeadline(Date.now() + CALL_TIMEOUT, () =>
      connection.workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType, reportStats: true }),
    );
  const [workflows, activities] = [await describe(TASK_QUEUE_TYPE.WORKFLOW), await describe(TASK_QUEUE_TYPE.ACTIVITY)];
  const seen = (pollers: typeof workflows.pollers): readonly string[] => [
    ...new Set(
      pollers
        .filter(({ lastAccessTime }) => Date.now() - milliseconds(lastAccessTime) < SEEN_WITHIN)
        .map(({ identity }) => identity ?? '')
        .filter((identity) => identity !== ''),
    ),
  ];
  const backlog = [workflows, activities].map(({ stats }) => Number(stats?.approximateBacklogCount ?? 0));
  return {
    name,
    workflowPollers: seen(workflows.pollers),
    activityPollers: seen(activities.pollers),
    backlog: backlog.reduce((sum, one) => sum + one, 0),
  };
}

/**
 * No call of the service tells the time. But it notes when a poller came: so we ask for tasks of a queue that nobody uses, and look at what it
 * noted. The queue is of one name always, and goes from the server's memory by itself.
 */
async function readClock(connection: Connection, namespace: string, taskQueue: string): Promise<TemporalReport['clock']> {
  const name = `${taskQueue}-doctor`;
  const identity = `timeline doctor ${randomUUID()}`;
  const abort = new AbortController();
  const before = Date.now();
  const poll = connection
    .withAbortSignal(abort.signal, () =>
      connection.withDeadline(Date.now() + POLL_TIMEOUT, () =>
        connection.workflowService.pollActivityTaskQueue({ namespace, taskQueue: { name }, identity }),
      ),
    )
    .catch(() => undefined);
  try {
    for (let attempt = 0; attempt < 10; attempt++) {
      await sleep(50 * (attempt + 1));
      const { pollers } = await connection.withDeadline(Date.now() + CALL_TIMEOUT, () =>
        connection.workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType: TASK_QUEUE_TYPE.ACTIVITY }),
      );
      const mine = pollers.find((poller) => poller.identity === identity);
      if (mine !== undefined) return { theirs: milliseconds(mine.lastAccessTime), before, after: Date.now() };
    }
    return undefined;
  } catch {
    return undefined;
  } finally {
    abort.abort();
    await poll;
  }
}

function milliseconds(time: { readonly seconds?: unknown; readonly nanos?: number | null } | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6;
}
