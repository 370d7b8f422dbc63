import { resolve } from 'node:path';
import type {
  LogsAuth,
  LogsIndexConfig,
  LogsLimits,
  LogsRecentConfig,
  LogsTls,
  VictoriaLogsConfig,
} from '../connectors/victorialogs/config.js';
import { byteCount, configError, duration, type Env, headerText, httpUrl, isObject, Reader, secret } from './config-reader.js';
import { fieldName, readLogsTables } from './config-victorialogs-tables.js';

const KEYS = ['type', 'prefix', 'url', 'url_env', 'tenant', 'auth', 'tls', 'limits', 'tables', 'index_for', 'recent_for'];
/** The server ends queries after 30 s, whatever is asked for. */
const TIMEOUT_MOST_MS = 25_000;
const QUERIES_MOST = 16;
const TENANT_MOST = 2 ** 32 - 1;

/** `catalogs.<name>` of type victorialogs. Throws F0000 naming the key. */
export function readVictoriaLogs(
  value: unknown,
  path: string,
  sources: { readonly env: Env; readonly folder: string },
): VictoriaLogsConfig {
  const reader = new Reader(value, path, KEYS);
  const prefix = reader.string('prefix');
  const url = httpUrl(secret(reader, 'url', path, sources.env) ?? reader.required('url'), `${path}.url`);
  const tenant = readTenant(reader);
  const tls = readTls(reader, sources.folder);
  if (tls !== undefined && !url.startsWith('https:')) throw configError(`${path}.tls: is only for a url that begins with https://`);
  return {
    type: 'victorialogs',
    ...(prefix === undefined ? {} : { prefix }),
    url,
    ...(tenant === undefined ? {} : { tenant }),
    auth: readAuth(reader.value('auth'), `${path}.auth`, sources.env),
    ...(tls === undefined ? {} : { tls }),
    limits: readLimits(reader),
    tables: readLogsTables(reader.value('tables'), `${path}.tables`),
    indexes: readIndexes(reader.value('index_for'), `${path}.index_for`),
    recent: readRecent(reader.value('recent_for'), `${path}.recent_for`),
  };
}

function readTenant(reader: Reader): VictoriaLogsConfig['tenant'] {
  if (!reader.has('tenant')) return undefined;
  const tenant = reader.section('tenant', ['account', 'project']);
  const id = (key: string): number => wholeNumber(tenant.value(key) ?? 0, tenant.name(key), { least: 0, most: TENANT_MOST });
  return { account: id('account'), project: id('project') };
}

const AUTH_KEYS = {
  none: ['type'],
  basic: ['type', 'username', 'password', 'password_env'],
  bearer: ['type', 'token', 'token_env'],
} as const;

function readAuth(value: unknown, path: string, env: Env): LogsAuth {
  if (value === undefined || value === null || value === 'none') return { type: 'none' };
  const type = isObject(value) ? value['type'] : undefined;
  if (type !== 'none' && type !== 'basic' && type !== 'bearer') throw configError(`${path}.type: must be one of none, basic, bearer`);
  const reader = new Reader(value, path, AUTH_KEYS[type]);
  const needed = (key: string): string => secret(reader, key, path, env) ?? reader.required(key);
  switch (type) {
    case 'none':
      return { type };
    case 'basic': {
      const username = reader.required('username');
      if (username.includes(':')) throw configError(`${path}.username: must have no colon`);
      return { type, username, password: needed('password') };
    }
    case 'bearer':
      return { type, token: headerText(needed('token'), `${path}.token`) };
  }
}

function readTls(reader: Reader, folder: string): LogsTls | undefined {
  if (!reader.has('tls')) return undefined;
  const tls = reader.section('tls', ['ca_file', 'cert_file', 'key_file', 'server_name']);
  const file = (key: string): string | undefined => {
    const path = tls.string(key);
    return path === undefined ? undefined : resolve(folder, path);
  };
  const [caFile, certFile, keyFile] = [file('ca_file'), file('cert_file'), file('key_file')];
  if ((certFile === undefined) !== (keyFile === undefined))
    throw configError(`${tls.name('cert_file')} and ${tls.name('key_file')}: a client certificate needs both`);
  const serverName = tls.string('server_name');
  return {
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined ? {} : { certFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

function readLimits(reader: Reader): LogsLimits {
  const limits = reader.section('limits', ['queries', 'timeout', 'response_bytes', 'index_timeout']);
  const responseBytes = byteCount(limits.value('response_bytes') ?? '1GB', limits.name('response_bytes'));
  if (responseBytes < 1) throw limits.error(limits.name('response_bytes'), 'must be 1 at least');
  return {
    queries: wholeNumber(limits.value('queries') ?? 2, limits.name('queries'), { least: 1, most: QUERIES_MOST }),
    timeout: milliseconds(limits.value('timeout') ?? TIMEOUT_MOST_MS, limits.name('timeout')),
    responseBytes,
    indexTimeout: milliseconds(limits.value('index_timeout') ?? 250, limits.name('index_timeout')),
  };
}

function readIndexes(value: unknown, path: string): readonly LogsIndexConfig[] {
  const indexes = list(value, path).map((entry, at): LogsIndexConfig => {
    const name = `${path}[${at}]`;
    if (!isObject(entry)) return { ...tableName(entry, name), streams: [] };
    const reader = new Reader(entry, name, ['table', 'columns', 'time', 'streams']);
    const columns = reader.has('columns') ? fieldNames(reader.value('columns'), reader.name('columns')) : undefined;
    const time = reader.string('time');
    const streams = fieldNames(reader.value('streams'), reader.name('streams'));
    const foreign = columns === undefined ? undefined : streams.find((stream) => !columns.includes(stream));
    if (foreign !== undefined) throw configError(`${reader.name('streams')}: "${foreign}" is none of the columns to index`);
    return {
      ...tableName(reader.required('table'), reader.name('table')),
      ...(columns === undefined ? {} : { columns }),
      ...(time === undefined ? {} : { time }),
      streams,
    };
  });
  onceEach(indexes, path);
  return indexes;
}

function readRecent(value: unknown, path: string): readonly LogsRecentConfig[] {
  const tables = list(value, path).map((entry, at) => tableName(entry, `${path}[${at}]`));
  onceEach(tables, path);
  return tables;
}

function onceEach(tables: readonly LogsRecentConfig[], path: string): void {
  const seen = new Set<string>();
  for (const { schema, table } of tables) {
    const name = `${schema}.${table}`;
    if (seen.has(name)) throw configError(`${path}: ${name} is there twice`);
    seen.add(name);
  }
}

/** As users name it. A schema's own name may have dots. */
function tableName(value: unknown, path: string): LogsRecentConfig {
  const [, schema, table] = typeof value === 'string' ? (/^(.+)\.([^.]+)$/s.exec(value) ?? []) : [];
  if (schema === undefined || table === undefined) throw configError(`${path}: must be a table's name such as lake.events`);
  return { schema, table };
}

function fieldNames(value: unknown, path: string): readonly string[] {
  const names = list(value, path).map((name, at) => fieldName(name, `${path}[${at}]`));
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw configError(`${path}: "${twice}" is there twice`);
  return names;
}

function list(value: unknown, path: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw configError(`${path}: must be a list`);
  return value;
}

function wholeNumber(value: unknown, path: string, { least, most }: { readonly least: number; readonly most: number }): number {
  const number = typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value)) ? Number(value) : Number.NaN;
  if (!Number.isInteger(number) || number < least || number > most)
    throw configError(`${path}: must be a whole number from ${least} to ${most}, not ${String(value)}`);
  return number;
}

/** A number is milliseconds, text has its unit. */
function milliseconds(value: unknown, path: string): number {
  const number = typeof value === 'number' ? value : duration(value, path);
  if (!Number.isInteger(number) || number < 1 || number > TIMEOUT_MOST_MS)
    throw configError(`${path}: must be from 1 ms to ${TIMEOUT_MOST_MS / 1000} s, since the server itself ends queries after 30 s`);
  return number;
}
