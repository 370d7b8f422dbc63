import { setTimeout as sleep } from 'node:timers/promises';
import { TimelineError, unsupported } from '../../../../sql/errors.js';
import type { TableName } from '../../../connector.js';
import { isJsonObject, type Json, type JsonObject } from '../../format/exact-json.js';
import type { ScanChoice, ScanPage, ScanPlanner } from '../catalog.js';
import type { RestClient, RestRequest } from './rest-client.js';
import type { RestCatalogConfig } from './rest-config.js';
import { tablePath } from './rest-names.js';
import type { RestSession } from './rest-session.js';

export interface RestPlannerOptions {
  readonly name: string;
  readonly client: RestClient;
  readonly mode: RestCatalogConfig['scanPlanning'];
  readonly session: (signal: AbortSignal) => Promise<RestSession>;
  readonly levelsOf: (schema: string) => readonly string[];
  readonly delegation: Readonly<Record<string, string>>;
  /** What the server says of a table: its property `scan-planning-mode`. */
  readonly said: (table: TableName, signal: AbortSignal) => Promise<string | undefined>;
  /** Told of storage access that comes with a plan. */
  readonly vended: (table: TableName, answer: JsonObject, session: RestSession) => void;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;
/** As Iceberg's own client. */
const MOST_PLANNING_MS = 5 * 60_000;
const CANCEL_MS = 5_000;
const AT_ONCE = 4;
const MOST_TASKS = 100_000;
const MOST_TASK_CHARACTERS = 64 << 20;

/** Scans planned by the server of a REST catalog: at once, or later and asked about again and again; in one answer, or in many. */
export class RestPlanner implements ScanPlanner {
  readonly #options: RestPlannerOptions;

  constructor(options: RestPlannerOptions) {
    this.#options = options;
  }

  async choice(table: TableName, signal: AbortSignal): Promise<ScanChoice> {
    const { mode, name } = this.#options;
    if (mode === 'off') return { kind: 'manifests' };
    const said = await this.#options.said(table, signal);
    if (mode === 'auto' && said !== 'server') return { kind: 'manifests' };
    const session = await this.#options.session(signal);
    const offered = session.offers('plan');
    const hint = `Set catalogs.${name}.catalog.scan_planning to auto.`;
    if (mode === 'on') {
      const what = `scan planning by the server of catalog "${name}"`;
      if (!offered) throw unsupported(`${what}, which does not offer it,`, { hint });
      if (said === 'client')
        throw unsupported(`${what}, which leaves scans of table ${table.schema}.${table.table} to its clients,`, { hint });
      return { kind: 'server', must: true };
    }
    if (!offered) return { kind: 'manifests', why: `catalog "${name}" wants to plan scans itself, but does not offer to` };
    return { kind: 'server', must: false };
  }

  async plan(table: TableName, request: JsonObject, onPage: (page: ScanPage) => void, signal: AbortSignal): Promise<void> {
    const { client, levelsOf, delegation } = this.#options;
    const session = await this.#options.session(signal);
    const base = tablePath(session, levelsOf(table.schema), table.table);
    const what = `the question of a plan for a scan of table ${table.schema}.${table.table}`;
    const until = Date.now() + MOST_PLANNING_MS;
    const ask = async (more: Pick<RestRequest, 'method' | 'path'> & { readonly body?: unknown }): Promise<JsonObject> => {
      const json = await client.json({ headers: delegation, what, repeatable: true, signal, ...more });
      if (!isJsonObject(json)) throw client.bad(what, 'it is not an object');
      return json;
    };
    let answer = await ask({ method: 'POST', path: `${base}/plan`, body: request });
    const id = this.#planId(answer, what);
    let isDone = false;
    try {
      for (let pause = FIRST_PAUSE_MS; answer['status'] === 'submitted'; pause = Math.min(LONGEST_PAUSE_MS, pause * 1.7)) {
        if (id === undefined) throw client.bad(what, 'it names no plan to ask about again');
        if (!session.offers('planStatus')) throw client.bad(what, 'it plans later, and cannot be asked about it');
        if (Date.now() > until) throw this.#late(table);
        await sleep(pause * (1 + Math.random() / 4), undefined, { signal });
        answer = await ask({ method: 'GET', path: `${base}/plan/${id}` });
      }
      this.#requireCompleted(answer, table, what);
      this.#options.vended(table, answer, session);
      await this.#pages(answer, { path: `${base}/tasks`, what, session, onPage, ask });
      isDone = true;
    } finally {
      // The server holds what it planned until it is told, or until it forgets.
      if (!isDone && id !== undefined && session.offers('cancelPlan')) void this.#cancel(`${base}/plan/${id}`);
    }
  }

  async #pages(
    first: JsonObject,
    options: {
      readonly path: string;
      readonly what: string;
      readonly session: RestSession;
      readonly onPage: (page: ScanPage) => void;
      readonly ask: (request: { readonly method: 'POST'; readonly path: string; readonly body: unknown }) => Promise<JsonObject>;
    },
  ): Promise<void> {
    const { client } = this.#options;
    const { path, what, session, onPage, ask } = options;
    const seen = new Set<string>();
    const waiting: string[] = [];
    let characters = 0;
    const take = (answer: JsonObject): void => {
      onPage({ tasks: this.#list(answer, 'file-scan-tasks', what), deleteFiles: this.#list(answer, 'delete-files', what) });
      for (const task of this.#list(answer, 'plan-tasks', what)) {
        if (typeof task !== 'string') throw client.bad(what, 'a plan task is not a text');
        characters += task.length;
        if (seen.has(task) || seen.size >= MOST_TASKS || characters > MOST_TASK_CHARACTERS)
          throw client.bad(what, 'its plan tasks do not end');
        seen.add(task);
        waiting.push(task);
      }
    };
    take(first);
    if (waiting.length > 0 && !session.offers('planTasks')) throw client.bad(what, 'it has more tasks, and cannot be asked for them');
    while (waiting.length > 0) {
      const batch = waiting.splice(0, AT_ONCE);
      const answers = await Promise.all(batch.map((task) => ask({ method: 'POST', path, body: { 'plan-task': task } })));
      for (const answer of answers) take(answer);
    }
  }

  #list(answer: JsonObject, key: string, what: string): readonly Json[] {
    const list = answer[key] ?? [];
    if (!Array.isArray(list)) throw this.#options.client.bad(what, `its "${key}" is not a list`);
    return list as readonly Json[];
  }

  /** Encoded, for paths. */
  #planId(answer: JsonObject, what: string): string | undefined {
    const id = answer['plan-id'] ?? undefined;
    if (id === undefined) return undefined;
    if (typeof id !== 'string' || id === '' || id.length > 2048 || /^\.{1,2}$/.test(id))
      throw this.#options.client.bad(what, 'its plan-id is no name');
    return encodeURIComponent(id);
  }

  #requireCompleted(answer: JsonObject, table: TableName, what: string): void {
    const status = answer['status'];
    if (status === 'completed') return;
    if (status !== 'failed' && status !== 'cancelled') throw this.#options.client.bad(what, 'its status is not one of a plan');
    const error = answer['error'];
    const type = isJsonObject(error) ? error['type'] : undefined;
    const named = typeof type === 'string' && /^\w{1,80}$/.test(type) ? ` (${type})` : '';
    throw this.#failed(table, status === 'failed' ? `the server could not plan it${named}` : 'the server has cancelled its plan');
  }

  #late(table: TableName): TimelineError {
    return this.#failed(table, `the server did not plan it within ${MOST_PLANNING_MS / 1000} s`);
  }

  #failed(table: TableName, why: string): TimelineError {
    const message = `catalog "${this.#options.name}" gives no plan for a scan of table ${table.schema}.${table.table}: ${why}`;
    return new TimelineError({ kind: 'connector', sqlstate: '58030', message });
  }

  async #cancel(path: string): Promise<void> {
    const what = 'the end of a plan';
    const signal = AbortSignal.timeout(CANCEL_MS);
    // A plan that is no longer there needs no end; nobody waits for this one.
    await this.#options.client.send({ method: 'DELETE', path, what, repeatable: false, signal }).catch(() => undefined);
  }
}
