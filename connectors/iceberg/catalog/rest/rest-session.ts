import { unsupported } from '../../../../sql/errors.js';
import { isJsonObject, type Json, type JsonObject } from '../../format/exact-json.js';
import type { RestClient } from './rest-client.js';
import type { RestCatalogConfig } from './rest-config.js';

/** What `GET /v1/config` says of a catalog. */
export interface RestSession {
  /** The server's defaults and overrides: storage options among them. */
  readonly properties: Readonly<Record<string, string>>;
  /** `/v1` with the catalog's prefix, where it has one. */
  readonly base: string;
  /** Between the levels of a namespace in paths, encoded. */
  readonly separator: string;
  /** May hashed keys tell a repeated commit from a new one? */
  readonly idempotent: boolean;
  offers(endpoint: Endpoint): boolean;
}

export type Endpoint = keyof typeof ENDPOINTS;

const TABLE = '/v1/{prefix}/namespaces/{namespace}/tables/{table}';
const ENDPOINTS = {
  createNamespace: 'POST /v1/{prefix}/namespaces',
  createTable: 'POST /v1/{prefix}/namespaces/{namespace}/tables',
  commit: `POST ${TABLE}`,
  drop: `DELETE ${TABLE}`,
  credentials: `GET ${TABLE}/credentials`,
  plan: `POST ${TABLE}/plan`,
  planStatus: `GET ${TABLE}/plan/{plan-id}`,
  cancelPlan: `DELETE ${TABLE}/plan/{plan-id}`,
  planTasks: `POST ${TABLE}/tasks`,
} as const;
/** What servers offer that give no list: the protocol's first version. */
const ALWAYS = new Set<Endpoint>(['createNamespace', 'createTable', 'commit', 'drop']);

const MAX_CONFIG_BYTES = 4 << 20;

export async function openSession(client: RestClient, config: RestCatalogConfig, signal: AbortSignal | undefined): Promise<RestSession> {
  const what = 'the question of its configuration';
  const query: Record<string, string> = config.warehouse === undefined ? {} : { warehouse: config.warehouse };
  const json = await client.json({ method: 'GET', path: '/v1/config', query, what, repeatable: true, maxBytes: MAX_CONFIG_BYTES, signal });
  if (!isJsonObject(json)) throw client.bad(what, 'it is not an object');
  const properties = { ...texts(json['defaults']), ...texts(json['overrides']) };
  const elsewhere = properties['uri'];
  if (elsewhere !== undefined && originOf(elsewhere) !== originOf(config.uri)) {
    throw unsupported(`a REST catalog that sends its clients to another server`, { hint: 'Set catalog.uri to that server.' });
  }
  const prefix = properties['prefix'];
  if (prefix !== undefined && !/^[\w.~%:@!$&'()*+,;=-]+(?:\/[\w.~%:@!$&'()*+,;=-]+)*$/.test(prefix))
    throw client.bad(what, 'its prefix is no path');
  if (prefix?.split('/').some((part) => /^(?:\.|%2e){1,2}$/i.test(part)) === true) throw client.bad(what, 'its prefix is no path');
  const separator = properties['namespace-separator'] ?? '%1F';
  if (!/^(?:%[0-9A-Fa-f]{2}|[\w.~-])+$/.test(separator)) throw client.bad(what, 'its namespace-separator is not encoded');
  const endpoints = Array.isArray(json['endpoints']) ? new Set(json['endpoints']) : undefined;
  return {
    properties,
    base: prefix === undefined ? '/v1' : `/v1/${prefix}`,
    separator,
    idempotent: typeof json['idempotency-key-lifetime'] === 'string',
    offers: (endpoint) => (endpoints === undefined ? ALWAYS.has(endpoint) : endpoints.has(ENDPOINTS[endpoint])),
  };
}

/** Texts of an object; other values are left out. */
export function texts(value: Json | undefined): Record<string, string> {
  const object: JsonObject = isJsonObject(value) ? value : {};
  return Object.fromEntries(Object.entries(object).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function originOf(uri: string): string {
  try {
    return new URL(uri).origin;
  } catch {
    return uri;
  }
}
