import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { VictoriaLogsConfig } from '../../connectors/victorialogs/config.js';
import { freePort } from './free-port.js';

export interface LogsServerOptions {
  /** As the server's flag has it; it refuses documents that are older. */
  readonly retention?: string;
  /** More flags. */
  readonly args?: readonly string[];
  /** It will be stopped, or needs flags: a server that others run will not do. */
  readonly own?: boolean;
}

export interface LogsServer {
  readonly url: string;
  /** A random one: what others have in the same server is not seen. */
  readonly tenant: { readonly account: number; readonly project: number };
  /** Of its data; undefined: it is not ours. */
  readonly folder: string | undefined;
  /** A catalog over the tenant. */
  config(more?: Partial<VictoriaLogsConfig>): VictoriaLogsConfig;
  /** Documents just as given, seen by queries when it is done. `_time` is theirs to have, `_msg` need not be. */
  insert(documents: readonly object[], streamFields?: readonly string[]): Promise<void>;
  /** The answer to LogsQL, for oracles. */
  query(logsql: string): Promise<readonly Record<string, string>[]>;
  flush(): Promise<void>;
  /** Orderly: nothing that it took is lost. Only for `own`, as the following are. */
  stop(): Promise<void>;
  /** SIGKILL: what is not on its disk yet is lost. */
  kill(): Promise<void>;
  /** After `stop` or `kill`: the same data (or, `empty`, none) at the same address; with another retention until the next restart. */
  restart(options?: { readonly empty?: boolean; readonly retention?: string }): Promise<void>;
  /** SIGSTOP and SIGCONT; stopped once it is done. */
  pause(): Promise<void>;
  resume(): void;
  /** Ends it, and removes its data. */
  close(): Promise<void>;
}

const PROGRAM = 'victoria-logs';
const START_MS = 15_000;
/** What one server may take of the machine. */
const LIMITS = ['-memory.allowedBytes=256MiB', '-loggerLevel=ERROR'];

/** Undefined: this machine has neither a server (VICTORIALOGS_URL) nor the program on its PATH. */
export async function startVictoriaLogs(options: LogsServerOptions = {}): Promise<LogsServer | undefined> {
  const given = process.env['VICTORIALOGS_URL'];
  if (given !== undefined && options.own !== true && options.args === undefined) return new RunningServer(given.replace(/\/+$/, ''));
  const program = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, PROGRAM))
    .find((path) => existsSync(path));
  if (program === undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'timeline-logs-'));
  for (let attempt = 0; ; attempt++) {
    const server = new OwnServer({ program, folder, port: await freePort(), options });
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.kill();
      if (attempt === 3) {
        await rm(folder, { recursive: true, force: true });
        throw error;
      }
    }
  }
}

class RunningServer implements LogsServer {
  // The server keeps a folder for each day, tenants are free.
  readonly tenant = { account: randomInt(1, 2 ** 31), project: randomInt(1, 2 ** 31) };

  constructor(
    readonly url: string,
    readonly folder: string | undefined = undefined,
  ) {}

  config(more: Partial<VictoriaLogsConfig> = {}): VictoriaLogsConfig {
    return {
      type: 'victorialogs',
      url: this.url,
      tenant: this.tenant,
      auth: { type: 'none' },
      limits: { queries: 2, timeout: 25_000, responseBytes: 2 ** 30, indexTimeout: 10_000 },
      tables: [],
      indexes: [],
      recent: [],
      ...more,
    };
  }

  async insert(documents: readonly object[], streamFields: readonly string[] = []): Promise<void> {
    const query = new URLSearchParams({ _stream_fields: streamFields.join(','), _msg_field: '_msg', _time_field: '_time' });
    for (let at = 0; at < documents.length; at += 1000) {
      const body = documents
        .slice(at, at + 1000)
        .map((document) => `${JSON.stringify(document)}\n`)
        .join('');
      await this.#post(`/insert/jsonline?${query}`, body, { 'content-type': 'application/stream+json' });
    }
    await this.flush();
  }

  async query(logsql: string): Promise<readonly Record<string, string>[]> {
    const text = await this.#post('/select/logsql/query', new URLSearchParams({ query: logsql }).toString(), {
      'content-type': 'application/x-www-form-urlencoded',
    });
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, string>);
  }

  async flush(): Promise<void> {
    await this.#post('/internal/force_flush', '', {});
  }

  async #post(path: string, body: string, headers: Readonly<Record<string, string>>): Promise<string> {
    const answer = await fetch(this.url + path, {
      method: 'POST',
      body,
      headers: { ...headers, AccountID: String(this.tenant.account), ProjectID: String(this.tenant.project) },
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`VictoriaLogs answers ${answer.status}: ${text.slice(0, 1000)}`);
    return text;
  }

  async stop(): Promise<void> {
    throw new Error('this server is not ours to stop');
  }

  async kill(): Promise<void> {
    await this.stop();
  }

  async restart(_options?: { readonly empty?: boolean; readonly retention?: string }): Promise<void> {
    await this.stop();
  }

  async pause(): Promise<void> {
    await this.stop();
  }

  resume(): void {
    throw new Error('this server is not ours to stop');
  }

  async close(): Promise<void> {}
}

class OwnServer extends RunningServer {
  readonly #how: { readonly program: string; readonly folder: string; readonly port: number; readonly options: LogsServerOptions };
  #child: ChildProcess | undefined;

  constructor(how: { readonly program: string; readonly folder: string; readonly port: number; readonly options: LogsServerOptions }) {
    super(`http://127.0.0.1:${how.port}`, join(how.folder, 'data'));
    this.#how = how;
  }

  async start(retention?: string): Promise<void> {
    const { program, folder, port, options } = this.#how;
    const child = spawn(
      program,
      [
        `-storageDataPath=${join(folder, 'data')}`,
        `-httpListenAddr=127.0.0.1:${port}`,
        `-retentionPeriod=${retention ?? options.retention ?? '100y'}`,
        ...LIMITS,
        ...(options.args ?? []),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#child = child;
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text: Buffer) => {
        said = (said + text.toString()).slice(-2000);
      });
    let failed: Error | undefined;
    child.once('error', (error) => {
      failed = error;
    });
    const until = performance.now() + START_MS;
    while (!(await this.#answers())) {
      if (failed !== undefined || child.exitCode !== null || performance.now() > until)
        throw new Error(`victoria-logs does not answer (exit code ${child.exitCode}): ${said}`, { cause: failed });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Does our own server answer? Its flags name our folder. */
  async #answers(): Promise<boolean> {
    try {
      const answer = await fetch(`${this.url}/flags`);
      return (answer.ok && (await answer.text()).includes(this.#how.folder)) || (answer.status === 401 && this.#child?.exitCode === null);
    } catch {
      return false;
    }
  }

  override async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  override async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  override async restart({ empty = false, retention }: { readonly empty?: boolean; readonly retention?: string } = {}): Promise<void> {
    await this.#end('SIGTERM');
    if (empty) await rm(join(this.#how.folder, 'data'), { recursive: true, force: true });
    await this.start(retention);
  }

  override async pause(): Promise<void> {
    this.#child?.kill('SIGSTOP');
    // All of its threads, which takes a moment.
    for (let answers = true; answers; ) {
      const asked = fetch(`${this.url}/health`, { signal: AbortSignal.timeout(100) });
      answers = await asked.then(
        async (answer) => (await answer.text()) !== '',
        () => false,
      );
    }
  }

  override resume(): void {
    this.#child?.kill('SIGCONT');
  }

  override async close(): Promise<void> {
    await this.#end('SIGKILL');
    await rm(this.#how.folder, { recursive: true, force: true });
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    await new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGCONT');
      child.kill(signal);
    });
  }
}
