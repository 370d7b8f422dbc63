import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createFolderFiles } from '../../src/replay/stage-files.js';
import { createStageStore, type StageStore } from '../../src/replay/stage-store.js';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { temporaryFolder } from '../replay/support.js';
import { openServer, until } from '../replay/temporal-support.js';
import { projectRoot } from '../support/project-root.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';

/** One line of tasks.log (task-preload.ts). */
export interface TaskLine {
  readonly at: number;
  readonly pid: number;
  readonly moment: 'asked' | 'start' | 'files' | 'held';
  readonly query: string;
  readonly stage: number;
  readonly task: number;
}

export interface WorkerProcess {
  readonly pid: number;
  readonly home: string;
  /** When it said that it is ready, milliseconds since 1970. */
  readonly readyAt: number;
  output(): string;
  kill(signal: NodeJS.Signals): Promise<void>;
}

export interface ClusterOptions {
  /** timeline.yaml's content without `stages` where that is the cluster's own folder. */
  readonly config: object;
  /** Address that gateway and workers are told; by default Temporal's own. */
  readonly address?: (temporal: string) => Promise<string>;
}

/** Temporal with a file database, gateways and workers as processes of their own; all can be killed and started again. */
export interface Cluster {
  readonly folder: string;
  /** timeline.yaml, as it is. */
  readonly config: { readonly temporal: object };
  /** Where the address of Temporal leads to, with its port for life. */
  readonly address: string;
  /** The cluster's own stage files where `config` names no other place. */
  readonly store: StageStore;
  temporal(): DevServer;
  gateway(): TimelineServer;
  readonly workers: WorkerProcess[];
  startGateway(env?: Readonly<Record<string, string>>): Promise<TimelineServer>;
  startWorker(options?: {
    readonly home?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly prefix?: readonly string[];
  }): Promise<WorkerProcess>;
  /** kill -9, and waits until it is gone. */
  killTemporal(): Promise<void>;
  restartTemporal(): Promise<void>;
  killGateway(): Promise<void>;
  tasks(): readonly TaskLine[];
  control(name: 'delay' | 'hold', text: string): void;
  close(): Promise<void>;
}

/** Undefined: there is no `temporal` program here. */
export async function openCluster(options: ClusterOptions): Promise<Cluster | undefined> {
  const folder = temporaryFolder();
  const dbFile = join(folder, 'temporal.db');
  const first = await openServer({ dbFile });
  if (first === undefined) return undefined;
  let temporal: DevServer = first;
  let gateway: TimelineServer | undefined;
  let gateways = 0;
  const workers: WorkerProcess[] = [];
  const hooks = join(folder, 'hooks');
  const stages = join(folder, 'stages');
  mkdirSync(hooks);
  const address = (await options.address?.(temporal.address)) ?? temporal.address;
  const settings = {
    stages: { location: `file://${stages}` },
    temporal: { task_queue: `q-${randomUUID().slice(0, 8)}` },
    ...options.config,
  };
  const config = JSON.stringify(settings);
  const configFile = join(folder, 'timeline.yaml');
  writeFileSync(configFile, config);
  const env = (home: string): Record<string, string> => ({
    TIMELINE_HOME: home,
    TEMPORAL_ADDRESS: address,
    TIMELINE_TEMPORAL: '',
    TIMELINE_TASK_HOOKS: hooks,
    NODE_OPTIONS: `--import=${fileURLToPath(new URL('./task-preload.js', import.meta.url))}`,
  });

  const cluster: Cluster = {
    folder,
    config: settings,
    address,
    store: createStageStore({ files: createFolderFiles(stages), name: stages }),
    temporal: () => temporal,
    gateway() {
      if (gateway === undefined) throw new Error('there is no gateway');
      return gateway;
    },
    workers,
    async startGateway(extra = {}) {
      // The same home again: what a killed gateway left in it is the next one's to clean up.
      const home = join(folder, 'gateway');
      gateways++;
      const started = await startTimeline({ home, config, env: { ...env(home), ...extra } });
      // On a busy machine it is ready for queries before Temporal is.
      await until('durable engine', () => /durable engine (ready|is not available)/.test(started.output()));
      gateway = started;
      return started;
    },
    async startWorker({ home = join(folder, `worker-${randomUUID().slice(0, 8)}`), env: extra = {}, prefix = [] } = {}) {
      mkdirSync(home, { recursive: true });
      const worker = await spawnWorker([...prefix, process.execPath, join(projectRoot(), 'bin', 'timeline.js'), 'worker'], home, {
        ...process.env,
        ...env(home),
        TIMELINE_CONFIG: configFile,
        ...extra,
      });
      workers.push(worker);
      return worker;
    },
    async killTemporal() {
      process.kill(temporal.pid, 'SIGKILL');
      await temporal.exited;
    },
    async restartTemporal() {
      const port = Number(temporal.address.split(':')[1]);
      const again = await openServer({ dbFile, port });
      if (again === undefined || again.address !== temporal.address) throw new Error('Temporal did not come back where it was');
      temporal = again;
    },
    async killGateway() {
      const pid = cluster.gateway().pid;
      process.kill(pid, 'SIGKILL');
      await gone(pid);
    },
    tasks: () => readTasks(join(hooks, 'tasks.log')),
    control: (name, text) => writeFileSync(join(hooks, name), text),
    async close() {
      for (const worker of workers) await worker.kill('SIGKILL');
      for (const pid of processesOf(folder)) kill(pid);
      await until('end of all processes', () => processesOf(folder).length === 0);
      await temporal.close();
      if (gateways > 0) rmSync(join(folder, 'gateway'), { recursive: true, force: true });
    },
  };
  return cluster;
}

async function spawnWorker([program = '', ...args]: readonly string[], home: string, env: NodeJS.ProcessEnv): Promise<WorkerProcess> {
  const child = spawn(program, args, { cwd: home, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const collect = (data: Buffer): void => {
    output += data.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', () => output.includes('worker ready') && resolve());
    void ended.then(() => reject(new Error(`a worker ended before it was ready:\n${output}`)));
  });
  return {
    pid: child.pid ?? 0,
    home,
    readyAt: Date.now(),
    output: () => output,
    async kill(signal) {
      if (isRunning(child)) child.kill(signal);
      await ended;
    },
  };
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** Processes whose home lies in the folder, by what their environment says: also children of those that were killed. */
export function processesOf(folder: string, having = ''): readonly number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const mine = readFileSync(`/proc/${name}/environ`, 'utf8').includes(`TIMELINE_HOME=${folder}`);
      return mine && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(having) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

/** A process that has ended, though its parent may not have looked yet. */
export function isGone(pid: number): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}

/** Waits until there is no such process any more. */
export async function gone(pid: number): Promise<void> {
  await until(`end of process ${pid}`, () => isGone(pid));
}

function readTasks(path: string): readonly TaskLine[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [at, pid, moment, query, stage, task] = line.split(' ');
      return {
        at: Number(at),
        pid: Number(pid),
        moment: moment as TaskLine['moment'],
        query: String(query),
        stage: Number(stage),
        task: Number(task),
      };
    });
}
