import { type ChildProcess, spawn } from 'node:child_process';
import { chown, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { hasProgram, runProgram } from './run-program.js';

/** A PostgreSQL server of this machine (Debian's packages), on a socket in a folder of its own. */
export interface PostgresServer {
  readonly version: string;
  connect(): Promise<pg.Client>;
  stop(): Promise<void>;
}

/** Undefined: there is none on this machine, or nobody whom it would run as. */
export async function startPostgresServer(folder: string): Promise<PostgresServer | undefined> {
  const bin = await binaries();
  if (bin === undefined) return undefined;
  // It refuses to run as root.
  const isRoot = process.getuid?.() === 0;
  const account = isRoot ? await accountOf('postgres') : undefined;
  if (isRoot && account === undefined) return undefined;
  const owner = account ?? {};
  await mkdir(folder, { recursive: true });
  if (account !== undefined) await chown(folder, account.uid, account.gid);
  const data = join(folder, 'data');
  const made = await finished(
    spawn(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N'], {
      ...owner,
      stdio: 'ignore',
    }),
  );
  if (made !== 0) return undefined;
  const settings = { listen_addresses: '', unix_socket_directories: folder, fsync: 'off', jit: 'off', TimeZone: 'UTC', work_mem: '64MB' };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(join(bin, 'postgres'), ['-D', data, ...args], { ...owner, stdio: 'ignore' });
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ host: folder, user: 'postgres', database: 'postgres', types: TEXT });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  for (let attempt = 0; ; attempt++) {
    try {
      const client = await connect();
      const { rows } = await client.query<{ v: string }>("SELECT current_setting('server_version') AS v");
      await client.end();
      return { version: rows[0]?.v ?? '', connect, stop: () => stop(child) };
    } catch (error) {
      if (attempt === 100 || child.exitCode !== null) throw error;
      await sleep(100);
    }
  }
}

const TEXT = { getTypeParser: () => (value: string | Buffer) => String(value) } as unknown as pg.CustomTypesConfig;

async function binaries(): Promise<string | undefined> {
  const root = '/usr/lib/postgresql';
  const versions = await readdir(root).catch(() => []);
  for (const version of versions.sort((a, b) => Number(b) - Number(a))) {
    const bin = join(root, version, 'bin');
    if (await hasProgram(join(bin, 'initdb'))) return bin;
  }
  return undefined;
}

async function accountOf(user: string): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => runProgram('id', [flag, user]).catch(() => undefined)));
  return uid?.code === 0 && gid?.code === 0 ? { uid: Number(uid.stdout), gid: Number(gid.stdout) } : undefined;
}

function finished(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = finished(child);
  child.kill('SIGINT');
  await gone;
}
