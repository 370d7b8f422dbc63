import type { TableName } from '../../../connector.js';
import { isJsonObject, type JsonObject, printExactJson } from '../../format/exact-json.js';
import { MAX_METADATA_BYTES } from '../../format/metadata.js';
import { Lru } from '../../lru.js';
import type { FileIo } from '../../read/file-io.js';
import type { CatalogWriter, IcebergCatalog, LoadedTable, ScanPlanner, VendedStorage } from '../catalog.js';
import { RestClient, type RestRequest } from './rest-client.js';
import type { RestCatalogConfig } from './rest-config.js';
import { listTables, tablePath } from './rest-names.js';
import { RestPlanner } from './rest-planner.js';
import { openSession, type RestSession, texts } from './rest-session.js';
import { RestWriter } from './rest-writer.js';
import { isStale, vendedStorage } from './vended-storage.js';

const TABLES_KEPT = 1024;

interface KnownTable {
  readonly etag: string | undefined;
  readonly metadataLocation: string;
  /** The table's location as its metadata has it. */
  readonly location: string;
  readonly storage: VendedStorage | undefined;
  readonly gotAt: number;
  /** Who should plan scans, as the server says. */
  readonly planning: string | undefined;
}

/** A catalog behind Iceberg's REST protocol. Storage access that it vends goes to `io`, and nowhere else. */
export class RestCatalog implements IcebergCatalog {
  readonly writer: CatalogWriter;
  readonly planner: ScanPlanner;
  readonly #name: string;
  readonly #config: RestCatalogConfig;
  readonly #io: FileIo;
  readonly #client: RestClient;
  readonly #tables = new Lru<KnownTable>(TABLES_KEPT);
  /** Levels of namespaces as listed: a level may have a dot in it. */
  #levels: ReadonlyMap<string, readonly string[]> = new Map();
  #session: Promise<RestSession> | undefined;

  constructor(options: { readonly name: string; readonly config: RestCatalogConfig; readonly io: FileIo }) {
    this.#name = options.name;
    this.#config = options.config;
    this.#io = options.io;
    this.#client = new RestClient(options.name, options.config);
    this.writer = new RestWriter({
      name: this.#name,
      client: this.#client,
      session: (signal) => this.session(signal),
      levelsOf: (schema) => this.#levelsOf(schema),
      delegation: this.#delegation,
      staged: (answer, session) => this.#grant(answer, session),
      access: (table, signal) => this.access(table, signal),
      changed: (table) => this.#tables.delete(keyOf(table)),
    });
    this.planner = new RestPlanner({
      name: this.#name,
      client: this.#client,
      mode: this.#config.scanPlanning,
      session: (signal) => this.session(signal),
      levelsOf: (schema) => this.#levelsOf(schema),
      delegation: this.#delegation,
      said: async (table, signal) => {
        if (!this.#tables.get(keyOf(table))) await this.#load(table, signal, false);
        return this.#tables.get(keyOf(table))?.planning;
      },
      vended: (table, answer, session) => this.#grantPlan(table, answer, session),
    });
  }

  /** The server's configuration, asked for once; a failure is asked about again. */
  session(signal?: AbortSignal): Promise<RestSession> {
    signal?.throwIfAborted();
    this.#session ??= openSession(this.#client, this.#config, undefined).catch((error: unknown) => {
      this.#session = undefined;
      throw error;
    });
    return this.#session;
  }

  async tables(signal?: AbortSignal): Promise<readonly TableName[]> {
    const found = await listTables(this.#client, await this.session(signal), signal);
    this.#levels = new Map(found.map(({ levels, name }) => [name.schema, levels]));
    return found.map(({ name }) => name);
  }

  async load(table: TableName, signal?: AbortSignal): Promise<LoadedTable | undefined> {
    return this.#load(table, signal, true);
  }

  /** Renews what the table's files are read with, where it is about to expire, or was never asked for in this process. */
  async access(table: TableName, signal?: AbortSignal): Promise<void> {
    const known = this.#tables.get(keyOf(table));
    if (known === undefined) await this.#load(table, signal, false);
    else if (known.storage !== undefined && isStale(known.storage, known.gotAt, Date.now())) await this.#renew(table, known, signal);
  }

  async #load(table: TableName, signal: AbortSignal | undefined, mayBeOld: boolean): Promise<LoadedTable | undefined> {
    const session = await this.session(signal);
    const known = this.#tables.get(keyOf(table));
    const fresh = known?.storage === undefined || !isStale(known.storage, known.gotAt, Date.now());
    const etag = mayBeOld && fresh ? known?.etag : undefined;
    const request: RestRequest = {
      method: 'GET',
      path: tablePath(session, this.#levelsOf(table.schema), table.table),
      headers: { ...this.#delegation, ...(etag === undefined ? {} : { 'if-none-match': etag }) },
      what: `the question of table ${table.schema}.${table.table}`,
      repeatable: true,
      maxBytes: MAX_METADATA_BYTES,
      signal,
    };
    const answer = await this.#client.send(request);
    if (answer.kind === 'refused' && answer.failure.status === 404) {
      this.#tables.delete(keyOf(table));
      return undefined;
    }
    if (answer.kind !== 'ok') throw this.#client.error(request, answer);
    if (answer.status === 304 && known !== undefined && etag !== undefined) return { metadataLocation: known.metadataLocation };
    const json = this.#client.parse(request, answer);
    const metadata = isJsonObject(json) ? json['metadata'] : undefined;
    if (!isJsonObject(json) || !isJsonObject(metadata)) throw this.#client.bad(request.what, 'it holds no metadata');
    const location = metadata['location'];
    if (typeof location !== 'string') throw this.#client.bad(request.what, 'its metadata has no location');
    const metadataLocation = json['metadata-location'];
    if (typeof metadataLocation !== 'string') throw this.#client.bad(request.what, 'it holds no metadata-location');
    const storage = this.#grant(json, session);
    const tag = answer.headers.get('etag') ?? undefined;
    const planning = texts(json['config'])['scan-planning-mode'] ?? session.properties['scan-planning-mode'];
    this.#tables.set(keyOf(table), {
      etag: tag,
      metadataLocation,
      location,
      storage,
      gotAt: Date.now(),
      planning: planning?.toLowerCase(),
    });
    return { metadataLocation, metadata: Buffer.from(printExactJson(metadata)) };
  }

  /** By the endpoint for it where there is one, else with the whole table. */
  async #renew(table: TableName, known: KnownTable, signal: AbortSignal | undefined): Promise<void> {
    const session = await this.session(signal);
    if (!session.offers('credentials')) return void (await this.#load(table, signal, false));
    const json = await this.#client.json({
      method: 'GET',
      path: `${tablePath(session, this.#levelsOf(table.schema), table.table)}/credentials`,
      headers: this.#delegation,
      what: `the question of storage access for table ${table.schema}.${table.table}`,
      repeatable: true,
      signal,
    });
    const answer = isJsonObject(json) ? json : {};
    // What the table's own answer said beside the keys (endpoint, region) still holds.
    const storage = this.#grant({ ...answer, metadata: { location: known.location } }, session, known.storage);
    this.#tables.set(keyOf(table), { ...known, storage, gotAt: Date.now() });
  }

  /** Access that came with a plan is the table's newest. */
  #grantPlan(table: TableName, answer: JsonObject, session: RestSession): void {
    const known = this.#tables.get(keyOf(table));
    const credentials = answer['storage-credentials'];
    if (known === undefined || !Array.isArray(credentials) || credentials.length === 0) return;
    const own: JsonObject = { 'storage-credentials': credentials, metadata: { location: known.location } };
    this.#tables.set(keyOf(table), { ...known, storage: this.#grant(own, session, known.storage), gotAt: Date.now() });
  }

  /** Tells `io` where the table's files may lie and how they are reached. */
  #grant(answer: JsonObject, session: RestSession, before?: VendedStorage): VendedStorage | undefined {
    const metadata = answer['metadata'];
    const location = isJsonObject(metadata) ? metadata['location'] : undefined;
    if (typeof location !== 'string') return undefined;
    this.#io.trustTableOf(`${location.replace(/\/+$/, '')}/metadata/any`);
    const storage = vendedStorage(answer, { ...session.properties, ...plainOptions(before) });
    if (storage !== undefined) this.#io.grant(location, storage);
    return storage;
  }

  get #delegation(): Readonly<Record<string, string>> {
    const asked = this.#config.accessDelegation;
    return asked === 'none' ? {} : { 'x-iceberg-access-delegation': asked };
  }

  #levelsOf(schema: string): readonly string[] {
    return this.#levels.get(schema) ?? schema.split('.');
  }
}

function plainOptions(storage: VendedStorage | undefined): Record<string, string> {
  const secret = /access-key|session-token|token/;
  return Object.fromEntries(Object.entries(storage?.credentials[0]?.options ?? {}).filter(([key]) => !secret.test(key)));
}

function keyOf(table: TableName): string {
  return JSON.stringify([table.schema, table.table]);
}
