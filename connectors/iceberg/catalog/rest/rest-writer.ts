import { randomBytes } from 'node:crypto';
import { TimelineError, unsupported } from '../../../../sql/errors.js';
import type { TableName } from '../../../connector.js';
import { isJsonObject, type JsonObject } from '../../format/exact-json.js';
import { Lru } from '../../lru.js';
import type { CatalogWriter, TableChange, VendedStorage } from '../catalog.js';
import { outcomeUnknown } from '../metadata-files.js';
import type { RestClient, RestRequest } from './rest-client.js';
import { namespacePath, tablePath } from './rest-names.js';
import type { Endpoint, RestSession } from './rest-session.js';
import { isStale } from './vended-storage.js';

const STAGED_KEPT = 1024;

interface RestWriterOptions {
  readonly name: string;
  readonly client: RestClient;
  readonly session: (signal: AbortSignal) => Promise<RestSession>;
  readonly levelsOf: (schema: string) => readonly string[];
  readonly delegation: Readonly<Record<string, string>>;
  /** Told of a new table's location and storage access, which it gives back. */
  readonly staged: (answer: JsonObject, session: RestSession) => VendedStorage | undefined;
  /** Sees to access to a table that is there. */
  readonly access: (table: TableName, signal: AbortSignal) => Promise<void>;
  readonly changed: (table: TableName) => void;
}

/** Changes through the REST protocol: the server checks the requirements. */
export class RestWriter implements CatalogWriter {
  readonly #options: RestWriterOptions;
  /** Access to places of tables to come, by location. */
  readonly #staged = new Lru<{ readonly storage: VendedStorage | undefined; readonly gotAt: number }>(STAGED_KEPT);

  constructor(options: RestWriterOptions) {
    this.#options = options;
  }

  async commit(table: TableName, change: TableChange, signal: AbortSignal): Promise<{ readonly kind: 'committed' | 'conflict' }> {
    const { client } = this.#options;
    const session = await this.#offered('commit', 'changing tables', signal);
    const levels = this.#options.levelsOf(table.schema);
    const request: RestRequest = {
      method: 'POST',
      path: tablePath(session, levels, table.table),
      body: { identifier: { namespace: levels, name: table.table }, requirements: change.requirements, updates: change.updates },
      headers: session.idempotent ? { 'idempotency-key': uuid7(Date.now()) } : {},
      what: `the change of table ${table.schema}.${table.table}`,
      // The same key again: the server tells the first outcome.
      repeatable: session.idempotent,
      maxBytes: 1 << 28,
      signal,
    };
    const answer = await client.send(request).catch((error: unknown) => {
      throw signal.aborted ? outcomeUnknown(table, error) : error;
    });
    this.#options.changed(table);
    if (answer.kind === 'unknown') throw outcomeUnknown(table, answer.cause ?? new Error(answer.why));
    if (answer.kind === 'ok') {
      // A page of some proxy in between says nothing of the catalog.
      if (!isCommitted(client, request, answer)) throw outcomeUnknown(table, new Error('the answer is not of the protocol'));
      return { kind: 'committed' };
    }
    if (answer.kind === 'refused') {
      const { status, type } = answer.failure;
      if (status === 409) return { kind: 'conflict' };
      if (status === 404 && type !== 'NoSuchNamespaceException') return { kind: 'conflict' };
      if (status === 404) throw noNamespace(table.schema);
      if (status >= 500) throw outcomeUnknown(table, client.error(request, answer));
    }
    throw client.error(request, answer);
  }

  /** The server chooses: a table is staged, which nobody sees, to learn the place and to get access to it. */
  async locationOf(table: TableName, signal: AbortSignal): Promise<string> {
    const location = await this.#stage(table, undefined, signal);
    if (location !== undefined) return location;
    throw new TimelineError({ kind: 'semantic', sqlstate: '42P07', message: `relation "${table.schema}.${table.table}" already exists` });
  }

  /** Access that is vended is known to the process that staged the table only: another one stages it again, at the same place. */
  async accessNew(table: TableName, location: string, signal: AbortSignal): Promise<void> {
    const known = this.#staged.get(location);
    const isFresh = known !== undefined && (known.storage === undefined || !isStale(known.storage, known.gotAt, Date.now()));
    if (isFresh || Object.keys(this.#options.delegation).length === 0) return;
    const given = await this.#stage(table, location, signal);
    // A commit whose answer was lost has made it.
    if (given === undefined) return this.#options.access(table, signal);
    if (given !== location) {
      const hint = 'Run the statement in one process: SET timeline.driver = local.';
      throw unsupported(`making table ${table.schema}.${table.table} where its catalog gives each process another place`, { hint });
    }
  }

  /** Its location; undefined: the table is there already. */
  async #stage(table: TableName, at: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    const { client } = this.#options;
    const session = await this.#offered('createTable', 'making tables', signal);
    const request: RestRequest = {
      method: 'POST',
      path: `${session.base}/namespaces/${namespacePath(session, this.#options.levelsOf(table.schema))}/tables`,
      body: {
        name: table.table,
        ...(at === undefined ? {} : { location: at }),
        schema: { type: 'struct', 'schema-id': 0, fields: [{ id: 1, name: 'staged', required: false, type: 'boolean' }] },
        'stage-create': true,
      },
      headers: this.#options.delegation,
      what: `the staging of table ${table.schema}.${table.table}`,
      repeatable: true,
      signal,
    };
    const answer = await client.send(request);
    if (answer.kind === 'refused' && answer.failure.status === 404) throw noNamespace(table.schema);
    if (answer.kind === 'refused' && answer.failure.status === 409) return undefined;
    if (answer.kind !== 'ok') throw client.error(request, answer);
    const json = client.parse(request, answer);
    const metadata = isJsonObject(json) ? json['metadata'] : undefined;
    const text = isJsonObject(metadata) ? metadata['location'] : undefined;
    if (!isJsonObject(json) || typeof text !== 'string') throw client.bad(request.what, 'it tells no location');
    const location = text.replace(/\/+$/, '');
    // Access to another place than the one that is meant is of no use.
    if (at === undefined || at === location)
      this.#staged.set(location, { storage: this.#options.staged(json, session), gotAt: Date.now() });
    return location;
  }

  async createNamespace(namespace: string, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    const session = await this.#offered('createNamespace', 'making namespaces', signal);
    const levels = this.#options.levelsOf(namespace);
    // Many servers want each parent to be there.
    for (let depth = 1; depth <= levels.length; depth++) {
      const request: RestRequest = {
        method: 'POST',
        path: `${session.base}/namespaces`,
        body: { namespace: levels.slice(0, depth), properties: {} },
        what: `the making of namespace ${namespace}`,
        repeatable: true,
        signal,
      };
      const answer = await client.send(request);
      if (answer.kind === 'ok' || (answer.kind === 'refused' && answer.failure.status === 409)) continue;
      throw client.error(request, answer);
    }
  }

  async dropTable(table: TableName, signal: AbortSignal): Promise<boolean> {
    const { client } = this.#options;
    const session = await this.#offered('drop', 'dropping tables', signal);
    const request: RestRequest = {
      method: 'DELETE',
      path: tablePath(session, this.#options.levelsOf(table.schema), table.table),
      query: { purgeRequested: 'false' },
      what: `the removal of table ${table.schema}.${table.table}`,
      repeatable: false,
      signal,
    };
    const answer = await client.send(request);
    this.#options.changed(table);
    if (answer.kind === 'unknown') throw outcomeUnknown(table, answer.cause ?? new Error(answer.why));
    if (answer.kind === 'refused' && answer.failure.status === 404) return false;
    if (answer.kind !== 'ok') throw client.error(request, answer);
    return true;
  }

  async #offered(endpoint: Endpoint, what: string, signal: AbortSignal): Promise<RestSession> {
    const session = await this.#options.session(signal);
    if (!session.offers(endpoint)) throw unsupported(`${what} in catalog "${this.#options.name}", whose server does not offer it,`);
    return session;
  }
}

function isCommitted(client: RestClient, request: RestRequest, answer: Parameters<RestClient['parse']>[1]): boolean {
  if (answer.status === 204) return true;
  try {
    const json = client.parse(request, answer);
    return isJsonObject(json) && isJsonObject(json['metadata']);
  } catch {
    return false;
  }
}

function noNamespace(schema: string): TimelineError {
  return new TimelineError({ kind: 'semantic', sqlstate: '3F000', message: `schema "${schema}" does not exist` });
}

/** A UUID of version 7, which the protocol wants for keys. */
function uuid7(now: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
