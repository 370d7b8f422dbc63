import { resolve } from 'node:path';
import type { PemSource, TemporalConfig, TemporalTlsConfig } from './config.js';
import { configError, isObject, type Reader } from './config-reader.js';

type Env = Readonly<Record<string, string | undefined>>;

interface Sources {
  readonly env: Env;
  /** Relative paths of the environment are below `cwd`, those of the file below `folder`. */
  readonly cwd: string;
  readonly folder: string;
}

const KEYS = ['address', 'namespace', 'task_queue', 'tls', 'api_key', 'api_key_file', 'codec'];

/**
 * Section `temporal`: `off`, `dev`, or a mapping. The variables are those of Temporal's own tools (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
 * TEMPORAL_API_KEY, TEMPORAL_TLS, TEMPORAL_TLS_…_PATH and …_DATA, TEMPORAL_TLS_SERVER_NAME), and win over the file.
 */
export function readTemporal(root: Reader, sources: Sources): TemporalConfig {
  const { env } = sources;
  const value = filled(env, 'TIMELINE_TEMPORAL') ?? root.value('temporal');
  const section = isObject(root.value('temporal')) ? root.section('temporal', KEYS) : undefined;
  const base = {
    namespace: filled(env, 'TEMPORAL_NAMESPACE') ?? section?.string('namespace') ?? 'default',
    taskQueue: filled(env, 'TIMELINE_TEMPORAL_TASK_QUEUE') ?? section?.string('task_queue') ?? 'timeline',
    ...readCodec(section, sources),
  };
  if (value === 'off' || value === false) return { mode: 'off', ...base };
  const named = filled(env, 'TEMPORAL_ADDRESS') ?? (typeof value === 'string' ? value : section?.required('address')) ?? 'dev';
  if (named === 'off') return { mode: 'off', ...base };
  if (named === 'dev') {
    for (const key of ['tls', 'api_key', 'api_key_file'])
      if (section?.has(key) === true && section.value(key) !== false)
        throw configError(`temporal.${key}: the development server has none`, 'Set temporal.address to a server that has.');
    return { mode: 'dev', ...base };
  }
  const key = readApiKey(section, sources);
  const tls = readTls(section, sources, Object.keys(key).length > 0);
  return { mode: 'address', address: named, ...base, ...key, ...(tls === undefined ? {} : { tls }) };
}

function readCodec(section: Reader | undefined, { env, cwd, folder }: Sources): Pick<TemporalConfig, 'codec'> {
  const fromEnv = filled(env, 'TIMELINE_TEMPORAL_CODEC');
  if (fromEnv !== undefined) return { codec: resolve(cwd, fromEnv) };
  const codec = section?.string('codec');
  return codec === undefined ? {} : { codec: resolve(folder, codec) };
}

function readApiKey(section: Reader | undefined, { env, cwd, folder }: Sources): Pick<TemporalConfig, 'apiKey' | 'apiKeyFile'> {
  const key = filled(env, 'TEMPORAL_API_KEY');
  // An empty one of the environment takes the file's away.
  if (env['TEMPORAL_API_KEY'] !== undefined) return key === undefined ? {} : { apiKey: key };
  const file = filled(env, 'TIMELINE_TEMPORAL_API_KEY_FILE');
  if (file !== undefined) return { apiKeyFile: resolve(cwd, file) };
  const inFile = section?.string('api_key');
  const named = section?.string('api_key_file');
  if (inFile !== undefined && named !== undefined) throw configError('temporal.api_key and temporal.api_key_file: only one of them');
  if (inFile !== undefined) return { apiKey: inFile };
  return named === undefined ? {} : { apiKeyFile: resolve(folder, named) };
}

/** Undefined: no TLS. A key, a certificate or an authority turns it on, unless `tls` is false. */
function readTls(section: Reader | undefined, sources: Sources, withKey: boolean): TemporalTlsConfig | undefined {
  const { env, folder } = sources;
  if (filled(env, 'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION')?.toLowerCase() === 'true')
    throw configError(
      'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: is not supported',
      'Set TEMPORAL_TLS_SERVER_NAME to the name in the certificate.',
    );
  const switched = filled(env, 'TEMPORAL_TLS');
  if (switched !== undefined && !/^(true|false)$/i.test(switched))
    throw configError(`TEMPORAL_TLS: must be true or false, not ${switched}`);
  const value = switched === undefined ? section?.value('tls') : switched.toLowerCase() === 'true' ? section?.value('tls') || true : false;
  if (value === false) return undefined;
  if (value !== undefined && value !== null && value !== true && !isObject(value))
    throw configError('temporal.tls: must be true, false, or a mapping of ca, cert, key and server_name');
  const inFile = isObject(value) ? section?.section('tls', ['ca', 'cert', 'key', 'server_name']) : undefined;
  const pem = (key: string, variable: string): PemSource | undefined => {
    const path = filled(env, `TEMPORAL_TLS_${variable}_PATH`);
    const text = filled(env, `TEMPORAL_TLS_${variable}_DATA`);
    if (path !== undefined && text !== undefined)
      throw configError(`TEMPORAL_TLS_${variable}_PATH and TEMPORAL_TLS_${variable}_DATA: only one of them`);
    if (path !== undefined) return { file: resolve(sources.cwd, path) };
    if (text !== undefined) return { text, name: `TEMPORAL_TLS_${variable}_DATA` };
    const file = inFile?.string(key);
    return file === undefined ? undefined : { file: resolve(folder, file) };
  };
  const [ca, cert, key] = [pem('ca', 'SERVER_CA_CERT'), pem('cert', 'CLIENT_CERT'), pem('key', 'CLIENT_KEY')];
  if ((cert === undefined) !== (key === undefined))
    throw configError('temporal.tls.cert and temporal.tls.key: a client certificate needs both');
  const serverName = filled(env, 'TEMPORAL_TLS_SERVER_NAME') ?? inFile?.string('server_name');
  const given = { ...defined('ca', ca), ...defined('cert', cert), ...defined('key', key), ...defined('serverName', serverName) };
  const wanted = (value !== undefined && value !== null) || withKey || Object.keys(given).length > 0;
  return wanted ? given : undefined;
}

function defined<K extends string, V>(key: K, value: V | undefined): { readonly [k in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [k in K]?: V });
}

function filled(env: Env, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value === '' ? undefined : value;
}
