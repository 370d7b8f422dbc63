import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { findTemporal } from '../../src/replay/temporal/dev-server.js';
import { projectRoot } from './project-root.js';

const START_MS = 60_000;

export interface TimelineServer {
  readonly host: string;
  readonly port: number;
  readonly httpPort: number;
  /** As the ready line said. */
  readonly driver: string;
  readonly pid: number;
  /** Everything it has printed so far, both streams. */
  output(): string;
  connect(options?: pg.ClientConfig): Promise<pg.Client>;
  /** SIGINT, as Ctrl-C sends it; resolves with the exit code. */
  stop(): Promise<number | null>;
}

export interface ServerOptions {
  readonly home: string;
  /** Text of timeline.yaml; absent: none, so the demo lake. */
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly temporal?: 'dev' | 'off';
}

/** `timeline serve` as a child process on free ports; resolves at its ready line, rejects with its output when it ends before. */
export async function startTimeline(options: ServerOptions): Promise<TimelineServer> {
  await mkdir(options.home, { recursive: true });
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    TIMELINE_HOME: options.home,
    TIMELINE_PG_PORT: '0',
    TIMELINE_HTTP_PORT: '0',
    TIMELINE_TEMPORAL: options.temporal ?? 'off',
    ...options.env,
  };
  delete env['TIMELINE_CONFIG'];
  delete env['TEMPORAL_ADDRESS'];
  if (options.config !== undefined) {
    env['TIMELINE_CONFIG'] = join(options.home, 'timeline.yaml');
    await writeFile(env['TIMELINE_CONFIG'], options.config);
  }
  if (options.env?.['TEMPORAL_ADDRESS'] !== undefined) env['TEMPORAL_ADDRESS'] = options.env['TEMPORAL_ADDRESS'];
  const child = spawn(process.execPath, [join(projectRoot(), 'bin', 'timeline.js'), 'serve'], {
    cwd: options.home,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (data: Buffer): void => {
    output += data.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const ready = await readyLine(child, () => output);
  const [, host = '', port = '', , http = '', driver = ''] = ready;
  if (options.temporal === 'dev' && driver !== 'temporal' && (await findTemporal('')) !== undefined) await temporalUp(Number(http));
  return {
    host,
    port: Number(port),
    httpPort: Number(http),
    driver,
    pid: child.pid ?? 0,
    output: () => output,
    async connect(config = {}) {
      const client = new pg.Client({ host, port: Number(port), user: 'analyst', database: 'timeline', ...config });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    },
    stop: () => stop(child),
  };
}

/** On a busy machine a development server may be up later than its gateway. */
async function temporalUp(port: number): Promise<void> {
  for (const until = performance.now() + START_MS; performance.now() < until; ) {
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    if (/^timeline_temporal_up 1$/m.test(metrics)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function readyLine(child: ChildProcess, output: () => string): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const match = /timeline ready pg=(\S+):(\d+) http=(\S+):(\d+) driver=(\w+)/.exec(output());
      if (match !== null) resolve(match);
    };
    child.stdout?.on('data', look);
    child.once('exit', (code, signal) =>
      reject(new Error(`timeline ended before it was ready (${signal ?? `code ${code}`}):\n${output()}`)),
    );
  });
}

function stop(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve(child.exitCode);
    const force = setTimeout(() => child.kill('SIGKILL'), 20_000);
    child.once('exit', (code) => {
      clearTimeout(force);
      resolve(code);
    });
    child.kill('SIGINT');
  });
}
