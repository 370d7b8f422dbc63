import { once } from 'node:events';
import pg from 'pg';
import { asTimelineError, TimelineError } from '../../sql/errors.js';
import { loadConfig } from '../config-file.js';
import { type Given, Interrupted } from './usage.js';

/** Answers as PostgreSQL's text. */
export interface Answer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** A session at the running gateway, over the Postgres protocol. */
export interface Gateway {
  query(sql: string, values?: readonly (string | null)[]): Promise<Answer>;
  /** Who hears of notices from now on; by default they go to standard error. */
  onNotice(listener: ((message: string) => void) | undefined): void;
  /** Rejects with Interrupted on Ctrl-C: what was asked for last is left to itself. */
  interruptible<T>(work: Promise<T>, message: () => string): Promise<T>;
  close(): Promise<void>;
}

const CONNECT_MS = 10_000;

/**
 * Connects to `url`, TIMELINE_URL, or the address of the configuration. The session runs its own little reads in the gateway (so that they need
 * no worker), and hears of progress. Throws 08001 where there is no gateway.
 */
export async function connectGateway(url: string | undefined): Promise<Gateway> {
  const given = url ?? process.env['TIMELINE_URL'];
  const target = given === undefined || given === '' ? ofConfiguration() : ofUrl(given);
  const client = new pg.Client({
    ...target.options,
    options: '-c timeline.driver=local -c timeline.progress=on',
    application_name: 'timeline',
    connectionTimeoutMillis: CONNECT_MS,
    types: { getTypeParser: () => (value: unknown) => value },
  });
  const toStderr = (message: string): void => void process.stderr.write(`${message}\n`);
  let listener: ((message: string) => void) | undefined;
  client.on('notice', ({ severity, message, hint }) => {
    const text = message ?? '';
    if (listener !== undefined) listener(text);
    else toStderr(`${severity ?? 'NOTICE'}: ${text}${hint === undefined ? '' : ` (${hint})`}`);
  });
  // Loss of the connection rejects what runs; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => undefined);
    throw noGateway(error, target.shown);
  }
  return {
    async query(sql, values = []) {
      try {
        const { fields, rows } = await client.query<(string | null)[]>({ text: sql, values: [...values], rowMode: 'array' });
        return { columns: fields.map(({ name }) => name), rows };
      } catch (error) {
        throw ofPostgres(error, target.shown);
      }
    },
    onNotice(next) {
      listener = next;
    },
    async interruptible(work, message) {
      const abort = new AbortController();
      const interrupted = once(process, 'SIGINT', { signal: abort.signal }).then((): never => {
        throw new Interrupted(message());
      });
      interrupted.catch(() => undefined);
      try {
        return await Promise.race([work, interrupted]);
      } finally {
        abort.abort();
        work.catch(() => undefined);
      }
    },
    // In the middle of a statement this hangs up, which ends it there.
    close: () => client.end().catch(() => undefined),
  };
}

/** A session for the work, at the gateway that `--url` names. */
export async function withGateway(given: Given, work: (gateway: Gateway) => Promise<void>): Promise<void> {
  const gateway = await connectGateway(given.text('url'));
  try {
    await work(gateway);
  } finally {
    await gateway.close();
  }
}

interface Target {
  readonly options: pg.ClientConfig;
  /** Without a password. */
  readonly shown: string;
}

function ofConfiguration(): Target {
  const { listen } = loadConfig({ env: process.env, cwd: process.cwd() });
  const host = ['0.0.0.0', '::', ''].includes(listen.host) ? '127.0.0.1' : listen.host;
  return {
    options: { host, port: listen.pg, user: process.env['USER'] ?? 'timeline', database: 'timeline' },
    shown: `${host}:${listen.pg}`,
  };
}

function ofUrl(text: string): Target {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw badUrl();
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') throw badUrl();
  const port = url.port === '' ? 7432 : Number(url.port);
  const host = url.hostname === '' ? '127.0.0.1' : url.hostname.replace(/^\[(.*)\]$/, '$1');
  const user = url.username === '' ? (process.env['USER'] ?? 'timeline') : decodeURIComponent(url.username);
  const database = url.pathname.length > 1 ? decodeURIComponent(url.pathname.slice(1)) : 'timeline';
  const password = url.password === '' ? {} : { password: decodeURIComponent(url.password) };
  return { options: { host, port, user, database, ...password }, shown: `${host}:${port}` };
}

function badUrl(): TimelineError {
  return new TimelineError({
    kind: 'syntax',
    sqlstate: '22023',
    message: 'the URL of the gateway is not one',
    hint: 'postgres://user@host:7432/timeline (--url, TIMELINE_URL).',
  });
}

function noGateway(error: unknown, where: string): TimelineError {
  const told = ofPostgres(error, where);
  if (told.sqlstate !== '08006') return told;
  return new TimelineError({
    kind: 'connector',
    sqlstate: '08001',
    message: `no gateway answers at ${where}`,
    detail: told.detail ?? told.message,
    hint: 'Start one with "timeline serve", or name it: --url postgres://host:port/timeline (TIMELINE_URL).',
  });
}

/** The gateway's error as it told it; 08006 when the connection is what failed. */
function ofPostgres(error: unknown, where: string): TimelineError {
  if (error instanceof TimelineError) return error;
  if (error instanceof pg.DatabaseError) {
    const { detail, hint, code = 'XX000', message } = error;
    const extra = { ...(detail === undefined ? {} : { detail }), ...(hint === undefined ? {} : { hint }) };
    return new TimelineError({ kind: 'semantic', sqlstate: code, message, ...extra });
  }
  return new TimelineError({
    kind: 'connector',
    sqlstate: '08006',
    message: `the connection to the gateway at ${where} was lost`,
    detail: asTimelineError(error).message || 'it is not there',
  });
}
