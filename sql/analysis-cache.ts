import { parseOne } from './parse.js';
import type { AnalysisContext } from './postgres-request.js';

const KEPT = 200;
/** Characters of a key, which holds the statement, and of a text kept for it. */
const MOST = 200_000;

/** Texts that PostgreSQL turns into instants while it analyses ('now'::timestamptz): such statements are analysed each time. */
const OF_THE_MOMENT = /now|today|tomorrow|yesterday/i;

/**
 * What the embedded Postgres said of statements, for one state of the mirror. Keeps answers only: an error is asked for again.
 * `V` is plain data that nobody changes.
 */
export class AnalysisCache<V> {
  readonly #entries = new Map<string, V>();
  #generation = 0;

  /** The mirror changes or has changed, or another thread came: what is under way is not kept either. */
  clear(): void {
    this.#generation += 1;
    this.#entries.clear();
  }

  async get(
    statement: { readonly sql: string; readonly parameterTypes: readonly number[]; readonly context: AnalysisContext },
    analyse: () => Promise<V>,
  ): Promise<V> {
    const { sql, parameterTypes, context } = statement;
    const { user, database, timeZone, searchPath } = context;
    const settings = Object.entries(context.settings).sort(([a], [b]) => (a < b ? -1 : 1));
    const key = JSON.stringify([
      sql,
      parameterTypes,
      user,
      database,
      timeZone,
      searchPath,
      settings,
      context.views ?? null,
      context.relations ?? null,
    ]);
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known;
    }
    const generation = this.#generation;
    const value = await analyse();
    if (generation === this.#generation && key.length <= MOST && !(typeof value === 'string' && value.length > MOST) && isTimeless(sql)) {
      this.#entries.set(key, value);
      const oldest = this.#entries.keys().next();
      if (this.#entries.size > KEPT && oldest.done === false) this.#entries.delete(oldest.value);
    }
    return value;
  }
}

/** Looks at the parsed statement, where escapes and continued literals are read already. One nested too deeply to be looked at is not. */
function isTimeless(sql: string): boolean {
  try {
    return !OF_THE_MOMENT.test(JSON.stringify(parseOne(sql)?.statement ?? 'now'));
  } catch {
    return false;
  }
}
