import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3Options } from '../../src/object-store/object-store.js';

const VERSION = 'v1.8.0';

export interface S3Server {
  readonly options: S3Options;
  readonly bucket: string;
  /** The bucket's files as the server keeps them. */
  readonly folder: string;
  close(): Promise<void>;
}

/** Path of the S3 server: from PATH, Go's bin folder or our cache, else installed by Go (about three minutes, once); undefined: no Go here. */
export function findVersitygw(): string | undefined {
  const cache = join(homedir(), '.cache', 'timeline', 'bin');
  const known = [...(process.env['PATH'] ?? '').split(delimiter), ...goBin(), cache].map((folder) => join(folder, 'versitygw'));
  const found = known.find((path) => existsSync(path));
  if (found !== undefined || goBin().length === 0) return found;
  mkdirSync(cache, { recursive: true });
  execFileSync('go', ['install', `github.com/versity/versitygw/cmd/versitygw@${VERSION}`], {
    env: { ...process.env, GOBIN: cache },
    stdio: 'inherit',
  });
  return join(cache, 'versitygw');
}

function goBin(): string[] {
  try {
    return [
      join(
        execFileSync('go', ['env', 'GOPATH'], { stdio: ['ignore', 'pipe', 'ignore'] })
          .toString()
          .trim(),
        'bin',
      ),
    ];
  } catch {
    return [];
  }
}

/** Starts a server of its own on 127.0.0.1 with one bucket, and checks that it is this one that answers. */
export async function startVersitygw(program: string): Promise<S3Server> {
  const root = mkdtempSync(join(tmpdir(), 'timeline-s3-'));
  const bucket = `b${randomBytes(6).toString('hex')}`;
  const folder = join(root, 'data', bucket);
  mkdirSync(folder, { recursive: true });
  mkdirSync(join(root, 'sidecar'));
  const access = randomBytes(8).toString('hex');
  const secret = randomBytes(16).toString('hex');
  const port = await freePort();
  const child = spawn(
    program,
    ['--quiet', '--port', `127.0.0.1:${port}`, 'posix', '--sidecar', join(root, 'sidecar'), join(root, 'data')],
    {
      env: { ...process.env, ROOT_ACCESS_KEY: access, ROOT_SECRET_KEY: secret, ROOT_ACCESS_KEY_ID: access, ROOT_SECRET_ACCESS_KEY: secret },
      stdio: 'ignore',
    },
  );
  const options = {
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    accessKeyId: access,
    secretAccessKey: secret,
    pathStyle: true,
  };
  const close = async (): Promise<void> => {
    await stop(child);
    rmSync(root, { recursive: true, force: true });
  };
  try {
    await answers(child, options, bucket);
  } catch (error) {
    await close();
    throw error;
  }
  return { options, bucket, folder, close };
}

/** The bucket's name and the credentials are random: only the server that we started knows both. */
async function answers(child: ChildProcess, options: S3Options, bucket: string): Promise<void> {
  const client = new S3Client({
    endpoint: options.endpoint ?? '',
    region: options.region,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: options.accessKeyId ?? '', secretAccessKey: options.secretAccessKey ?? '' },
  });
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        await client.send(new HeadBucketCommand({ Bucket: bucket }));
        return;
      } catch (error) {
        if (child.exitCode !== null || attempt === 200)
          throw new Error(`versitygw does not answer (exit code ${child.exitCode})`, { cause: error });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  } finally {
    client.destroy();
  }
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}
