import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import type { CatalogConfig, Config, CopyConfig, LimitsConfig, WriteConfig } from './config.js';
import { absoluteLocation, readIcebergCatalog } from './config-catalog.js';
import { byteCount, configError, isObject, Reader } from './config-reader.js';
import { readReplays, readStages } from './config-replays.js';
import { readS3 } from './config-s3.js';
import { readTemporal } from './config-temporal.js';
import { readVictoriaLogs } from './config-victorialogs.js';
import { readWorker } from './config-worker.js';
import { normalLocation } from './object-store/location.js';

export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder that relative paths in the environment and the default file are resolved against. */
  readonly cwd: string;
}

/**
 * Reads the configuration: `TIMELINE_CONFIG`, else `timeline.yaml` in `cwd` if there is one, else defaults; then
 * `TIMELINE_…` variables on top. Throws F0000 naming the key (and the nearest known one for an unknown key).
 */
export function loadConfig({ env, cwd }: ConfigSources): Config {
  const named = env['TIMELINE_CONFIG'];
  const path = resolve(cwd, named ?? 'timeline.yaml');
  const text = readConfigFile(path, named !== undefined);
  const folder = text === undefined ? cwd : dirname(path);
  return buildConfig(text === undefined ? {} : parseYaml(text, path), { env, cwd, folder });
}

/** Configuration from an already parsed document; `folder` is what its relative paths are relative to. */
export function buildConfig(document: unknown, { env, cwd, folder }: ConfigSources & { readonly folder: string }): Config {
  const root = new Reader(document, '', [
    'listen',
    'home',
    'catalogs',
    'temporal',
    'auth',
    'limits',
    'event_types',
    'copy',
    'stages',
    'replays',
    'worker',
  ]);
  for (const later of ['auth', 'event_types']) {
    if (root.has(later)) throw configError(`${later}: not supported yet`, 'Remove it: the server listens on loopback only for now.');
  }
  const listen = root.section('listen', ['host', 'pg', 'http']);
  const envPort = (name: string, fallback: number): number => (env[name] === undefined ? fallback : port(env[name], name));
  const home =
    env['TIMELINE_HOME'] === undefined ? resolve(folder, root.string('home') ?? '.timeline') : resolve(cwd, env['TIMELINE_HOME']);
  const places = { env, cwd, folder, home };
  const stages = readStages(root, places);
  return {
    listen: {
      host: env['TIMELINE_LISTEN_HOST'] ?? listen.string('host') ?? '127.0.0.1',
      pg: envPort('TIMELINE_PG_PORT', port(listen.value('pg') ?? 7432, 'listen.pg')),
      http: envPort('TIMELINE_HTTP_PORT', port(listen.value('http') ?? 7480, 'listen.http')),
    },
    home,
    catalogs: readCatalogs(root, { folder, env }),
    temporal: readTemporal(root, { env, cwd, folder }),
    limits: readLimits(root, env),
    copy: readCopy(root, folder),
    stages,
    replays: readReplays(root, places, stages),
    worker: readWorker(root, env),
  };
}

function readConfigFile(path: string, required: boolean): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' && !required) return undefined;
    throw configError(`cannot read the configuration file ${path}: ${code ?? String(error)}`);
  }
}

function parseYaml(text: string, path: string): unknown {
  const document = parseDocument(text);
  const first = document.errors[0];
  // The lines below the first show the text around it, where keys and passwords may stand.
  if (first !== undefined) throw configError(`${path}: ${first.message.split('\n')[0]}`);
  return document.toJS({ maxAliasCount: 100 }) ?? {};
}

/** Plans name a connector as the configuration does. */
const OWN_CONNECTORS: readonly string[] = ['system', 'results'];

function readCatalogs(
  root: Reader,
  sources: Pick<ConfigSources, 'env'> & { readonly folder: string },
): Readonly<Record<string, CatalogConfig>> {
  const value = root.value('catalogs');
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw configError('catalogs: must be a mapping of names to catalogs');
  const catalogs: Record<string, CatalogConfig> = {};
  for (const [name, entry] of Object.entries(value)) {
    if (!/^[a-z_][a-z0-9_]*$/.test(name)) throw configError(`catalogs.${name}: a name is lower-case letters, digits and _`);
    if (OWN_CONNECTORS.includes(name)) throw configError(`catalogs.${name}: the name is taken by Timeline itself`);
    catalogs[name] = readCatalog(entry, `catalogs.${name}`, sources);
  }
  return catalogs;
}

function readCatalog(value: unknown, path: string, sources: Pick<ConfigSources, 'env'> & { readonly folder: string }): CatalogConfig {
  const kind = isObject(value) ? value['type'] : undefined;
  if (kind === 'victorialogs') return readVictoriaLogs(value, path, sources);
  if (kind !== 'iceberg') throw configError(`${path}.type: must be iceberg or victorialogs`);
  const reader = new Reader(value, path, ['type', 'prefix', 'catalog', 'locations', 's3', 'write']);
  const prefix = reader.string('prefix');
  const s3 = readS3(reader);
  const write = readWrite(reader, path);
  return {
    type: 'iceberg',
    ...(prefix === undefined ? {} : { prefix }),
    catalog: readIcebergCatalog(reader.value('catalog'), path, sources),
    locations: readLocations(reader.value('locations'), path, sources.folder),
    ...(s3 === undefined ? {} : { s3 }),
    ...(write === undefined ? {} : { write }),
  };
}

function readWrite(reader: Reader, path: string): WriteConfig | undefined {
  if (!reader.has('write')) return undefined;
  const schemas = reader.section('write', ['schemas']).value('schemas');
  if (schemas === '*') return { schemas };
  if (!Array.isArray(schemas) || schemas.some((name) => typeof name !== 'string' || name === ''))
    throw configError(`${path}.write.schemas: must be a list of schemas, or '*' for all`);
  return { schemas: schemas.includes('*') ? '*' : (schemas as string[]) };
}

function readLocations(value: unknown, path: string, folder: string): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw configError(`${path}.locations: must be a mapping of old prefix to new`);
  return Object.fromEntries(
    Object.entries(value).map(([from, to]) => {
      if (typeof to !== 'string') throw configError(`${path}.locations.${from}: must be text`);
      return [from, absoluteLocation(to, folder)];
    }),
  );
}

function readCopy(root: Reader, folder: string): CopyConfig {
  const copy = root.section('copy', ['locations', 's3']);
  const list = copy.value('locations') ?? [];
  if (!Array.isArray(list) || !list.every((one): one is string => typeof one === 'string'))
    throw configError('copy.locations: must be a list of locations');
  const s3 = readS3(copy);
  return { locations: list.map((location) => normalLocation(absoluteLocation(location, folder))), ...(s3 === undefined ? {} : { s3 }) };
}

function readLimits(root: Reader, env: ConfigSources['env']): LimitsConfig {
  const limits = root.section('limits', [
    'max_connections',
    'max_bytes',
    'task_memory',
    'cache_bytes',
    'cache_memory',
    'temp_bytes',
    'max_rows',
    'statement_timeout',
    'batch_rows',
  ]);
  const count = (key: string, fallback: number): number =>
    byteCount(env[`TIMELINE_LIMITS_${key.toUpperCase()}`] ?? limits.value(key) ?? fallback, `limits.${key}`);
  // 0 is no limit.
  const limited = (key: string): number | undefined => count(key, 0) || undefined;
  return {
    maxConnections: count('max_connections', 100),
    maxBytes: limited('max_bytes'),
    taskMemory: count('task_memory', 1 << 30),
    tempBytes: count('temp_bytes', 16 * 2 ** 30),
    maxRows: limited('max_rows'),
    statementTimeout: limited('statement_timeout'),
    batchRows: batchRows(env['TIMELINE_LIMITS_BATCH_ROWS'] ?? limits.value('batch_rows') ?? 2048),
    cacheBytes: count('cache_bytes', 4 * 2 ** 30),
    cacheMemory: count('cache_memory', 64 << 20),
  };
}

function batchRows(value: unknown): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > 2048)
    throw configError(`limits.batch_rows: must be a whole number from 1 to 2048, not ${String(value)}`);
  return number;
}

function port(value: unknown, name: string): number {
  const number = typeof value === 'number' ? value : Number(value);
  if (!Number.isInteger(number) || number < 0 || number > 65535)
    throw configError(`${name}: must be a port from 0 to 65535, not ${String(value)}`);
  return number;
}
