import { resolve } from 'node:path';
import type { RestAuth } from '../connectors/iceberg/catalog/rest/rest-config.js';
import type { IcebergCatalogConfig } from './config.js';
import { configError, type Env, headerText, httpUrl, isObject, Reader, secret } from './config-reader.js';

type Catalog = IcebergCatalogConfig['catalog'];

const KEYS = {
  sql: ['type', 'uri', 'warehouse', 'name', 'password', 'password_env'],
  filesystem: ['type', 'warehouse'],
  rest: ['type', 'uri', 'warehouse', 'auth', 'headers', 'access_delegation', 'scan_planning', 'timeout'],
} as const;
const DEFAULT_TIMEOUT_MS = 30_000;

/** `catalogs.<name>.catalog`. Secrets stand in the file itself or, as `<key>_env`, in the environment variable named. */
export function readIcebergCatalog(value: unknown, path: string, options: { readonly folder: string; readonly env: Env }): Catalog {
  const { folder, env } = options;
  const at = `${path}.catalog`;
  const type = isObject(value) ? value['type'] : undefined;
  if (type !== 'sql' && type !== 'filesystem' && type !== 'rest') throw configError(`${at}.type: must be rest, sql or filesystem`);
  const reader = new Reader(value, at, KEYS[type]);
  const warehouse = reader.string('warehouse');
  switch (type) {
    case 'sql': {
      const name = reader.string('name');
      const password = secret(reader, 'password', at, env);
      return {
        type,
        uri: databaseUri(reader.required('uri'), folder, `${at}.uri`),
        ...(password === undefined ? {} : { password }),
        ...(warehouse === undefined ? {} : { warehouse: absoluteLocation(warehouse, folder) }),
        ...(name === undefined ? {} : { name }),
      };
    }
    case 'filesystem':
      return { type, warehouse: absoluteLocation(warehouse ?? reader.required('warehouse'), folder) };
    case 'rest':
      return {
        type,
        uri: restUri(reader.required('uri'), `${at}.uri`),
        ...(warehouse === undefined ? {} : { warehouse }),
        auth: readAuth(reader.value('auth'), `${at}.auth`, env),
        headers: readTexts(reader.value('headers'), `${at}.headers`),
        accessDelegation: oneOf(reader, 'access_delegation', ['vended-credentials', 'none'], at),
        scanPlanning: oneOf(reader, 'scan_planning', ['auto', 'off', 'on'], at),
        timeout: milliseconds(reader.value('timeout') ?? DEFAULT_TIMEOUT_MS, `${at}.timeout`),
      };
  }
}

const AUTH_KEYS = {
  none: ['type'],
  bearer: ['type', 'token', 'token_env'],
  basic: ['type', 'username', 'password', 'password_env'],
  oauth2: ['type', 'client_id', 'client_secret', 'client_secret_env', 'token_uri', 'scope', 'extra'],
  sigv4: ['type', 'service', 'region', 'access_key_id', 'secret_access_key', 'secret_access_key_env', 'session_token', 'session_token_env'],
} as const;

function readAuth(value: unknown, path: string, env: Env): RestAuth {
  if (value === undefined || value === null || value === 'none') return { type: 'none' };
  const type = isObject(value) ? value['type'] : undefined;
  if (typeof type !== 'string' || !Object.hasOwn(AUTH_KEYS, type))
    throw configError(`${path}.type: must be one of ${Object.keys(AUTH_KEYS).join(', ')}`);
  const kind = type as keyof typeof AUTH_KEYS;
  const reader = new Reader(value, path, AUTH_KEYS[kind]);
  const needed = (key: string): string => secret(reader, key, path, env) ?? reader.required(key);
  switch (kind) {
    case 'none':
      return { type: kind };
    case 'bearer':
      return { type: kind, token: headerText(needed('token'), `${path}.token`) };
    case 'basic':
      return { type: kind, username: reader.required('username'), password: needed('password') };
    case 'oauth2': {
      const tokenUri = reader.string('token_uri');
      return {
        type: kind,
        clientId: reader.string('client_id') ?? '',
        clientSecret: needed('client_secret'),
        ...(tokenUri === undefined ? {} : { tokenUri: restUri(tokenUri, `${path}.token_uri`) }),
        scope: reader.string('scope') ?? 'catalog',
        extra: readTexts(reader.value('extra'), `${path}.extra`),
      };
    }
    case 'sigv4': {
      const accessKeyId = reader.string('access_key_id');
      const secretAccessKey = secret(reader, 'secret_access_key', path, env);
      const sessionToken = secret(reader, 'session_token', path, env);
      if ((accessKeyId === undefined) !== (secretAccessKey === undefined))
        throw configError(`${path}: access_key_id and secret_access_key are given together, or neither`);
      return {
        type: kind,
        service: reader.required('service'),
        region: reader.required('region'),
        ...(accessKeyId === undefined ? {} : { accessKeyId }),
        ...(secretAccessKey === undefined ? {} : { secretAccessKey }),
        ...(sessionToken === undefined ? {} : { sessionToken }),
      };
    }
  }
}

/** `sqlite:///relative`, `sqlite:////absolute` or a bare path, made an absolute path of a file; `postgresql://…` as it is. */
function databaseUri(uri: string, folder: string, path: string): string {
  if (/^postgres(?:ql)?(?:\+\w+)?:\/\//.test(uri)) return uri.replace(/^postgres(?:ql)?(?:\+\w+)?:/, 'postgresql:');
  if (/^[a-z+]+:\/\//.test(uri) && !uri.startsWith('sqlite:///')) {
    throw configError(`${path}: only sqlite:///path and postgresql://… are supported, not ${uri.split('://')[0]}://`);
  }
  const file = uri.startsWith('sqlite:///') ? uri.slice('sqlite:///'.length) : uri;
  return `sqlite:///${resolve(folder, file)}`;
}

function restUri(text: string, path: string): string {
  return httpUrl(text, path).replace(/\/v1$/, '');
}

export function absoluteLocation(location: string, folder: string): string {
  if (/^[a-z0-9]+:/i.test(location)) return location;
  const slash = location.endsWith('/') ? '/' : '';
  return `file://${resolve(folder, location)}${slash}`;
}

function readTexts(value: unknown, path: string): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw configError(`${path}: must be a mapping`);
  return Object.fromEntries(
    Object.entries(value).map(([key, text]) => {
      if (typeof text !== 'string' && typeof text !== 'number') throw configError(`${path}.${key}: must be text`);
      return [key, headerText(String(text), `${path}.${key}`)];
    }),
  );
}

function oneOf<T extends string>(reader: Reader, key: string, values: readonly [T, ...T[]], path: string): T {
  const given = reader.value(key);
  if (given === undefined || given === null) return values[0];
  const found = values.find((value) => value === given);
  if (found === undefined) throw configError(`${path}.${key}: must be one of ${values.join(', ')}`);
  return found;
}

function milliseconds(value: unknown, path: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > 3_600_000) throw configError(`${path}: must be milliseconds up to an hour`);
  return number;
}
