import type { AnalysisContext } from '../sql/postgres.js';
import type { EngineContext } from './engine-context.js';
import type { SelectContext } from './select.js';
import type { Settings } from './settings.js';

/** Whose statements they are, with which settings: of a connection, or of a replay that was submitted by one. */
export interface SessionScope {
  readonly user: string;
  readonly database: string;
  readonly settings: Settings;
}

/** What the embedded Postgres is told with every request. */
export function analysisOf({ user, database, settings }: SessionScope): AnalysisContext {
  return { user, database, searchPath: searchPathOf(settings, user), timeZone: settings.own('TimeZone'), settings: settings.changed() };
}

/** The settings' timeline.as_of; undefined: now. */
export function asOfOf(settings: Settings): string | undefined {
  const asOf = settings.own('timeline.as_of');
  return asOf === '' ? undefined : asOf;
}

/** Rows of one answer. */
export function maxRowsOf({ config }: EngineContext, settings: Settings): number | undefined {
  return lowest(config.limits.maxRows, Number(settings.own('timeline.max_rows')));
}

export function selectContextOf(
  engine: EngineContext,
  scope: SessionScope,
  of: Pick<SelectContext, 'pins' | 'signal' | 'onProgress'>,
): SelectContext {
  const { settings } = scope;
  const { limits } = engine.config;
  const own = (name: string): number => Number(settings.own(name));
  return {
    engine,
    catalog: engine.catalog(),
    analysis: analysisOf(scope),
    driver: settings.own('timeline.driver') as SelectContext['driver'],
    // A session may lower the server's limits, not raise them.
    maxBytes: lowest(limits.maxBytes, own('timeline.max_bytes')),
    maxRows: maxRowsOf(engine, settings),
    memory: lowest(limits.taskMemory, own('timeline.memory')) ?? limits.taskMemory,
    asOf: asOfOf(settings),
    now: BigInt(Date.now()) * 1000n,
    ...of,
  };
}

/** Of a limit of the server and one of the session (0: none) the one that holds. */
export function lowest(server: number | undefined, session: number): number | undefined {
  return session === 0 ? server : Math.min(session, server ?? session);
}

function searchPathOf(settings: Settings, user: string): readonly string[] {
  return settings
    .own('search_path')
    .split(',')
    .map((part) => part.trim().replace(/^"(.*)"$/, '$1'))
    .map((name) => (name === '$user' ? user : name))
    .filter((name) => name !== '');
}
