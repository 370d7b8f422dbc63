import { asTimelineError, unsupported } from '../sql/errors.js';
import { parseOne } from '../sql/parse.js';
import type { AnalysisContext } from '../sql/postgres.js';
import { referencedFunctions, referencedRelations, refusedClause, type WrittenName } from '../sql/references.js';
import type { ResultColumn } from '../sql/result.js';
import { type ExplainOptions, statementKind, type UtilityStatement } from '../sql/statement-kind.js';
import { rewriteTimelineCalls } from '../sql/timeline-call.js';
import type { EngineContext } from './engine-context.js';
import { mapped, type SelectStatement } from './select.js';

/** A statement, classified and analysed, ready to run any number of times. */
export type PlannedStatement =
  | { readonly kind: 'utility'; readonly parameterTypes: readonly number[]; readonly statement: UtilityStatement }
  | {
      readonly kind: 'catalogue';
      readonly parameterTypes: readonly number[];
      readonly text: string;
      readonly columns: readonly ResultColumn[] | undefined;
    }
  | { readonly kind: 'select'; readonly parameterTypes: readonly number[]; readonly statement: SelectStatement }
  | {
      readonly kind: 'explain';
      readonly parameterTypes: readonly number[];
      readonly statement: SelectStatement;
      readonly options: ExplainOptions;
    };

export interface PrepareOptions {
  readonly text: string;
  readonly parameterTypes: readonly number[];
  readonly engine: EngineContext;
  readonly analysis: AnalysisContext;
}

/** Table functions that only the engine answers. */
const TIMELINE_FUNCTIONS = new Set(['timeline', 'read_until', 'read_range', 'version_at']);

/** Parses, classifies and analyses one statement. Undefined: it is empty. */
export async function planStatement(options: PrepareOptions): Promise<PlannedStatement | undefined> {
  const parsed = parseOne(options.text);
  if (parsed === undefined) return undefined;
  const kind = statementKind(parsed.statement);
  switch (kind.kind) {
    case 'utility':
      return { kind: 'utility', parameterTypes: [], statement: kind.statement };
    case 'select':
      return planRead(options, parsed.statement);
    case 'explain': {
      // What stands before the inner statement becomes blanks, so that positions in it stay right.
      const characters = [...options.text];
      const start = parsed.innerStart ?? 0;
      const inner = ' '.repeat(start) + characters.slice(start).join('');
      const planned = await planStatement({ ...options, text: inner });
      if (planned?.kind === 'select') return { ...planned, kind: 'explain', options: kind.options };
      return planCatalogue(options, options.text);
    }
  }
}

async function planRead(options: PrepareOptions, statement: unknown): Promise<PlannedStatement> {
  const refused = refusedClause(statement);
  if (refused !== undefined) throw unsupported(refused);
  if (!isOurs(options, statement)) return planCatalogue(options, options.text);
  try {
    return { kind: 'select', ...(await analyseSelect(options, statement)) };
  } catch (thrown) {
    const error = asTimelineError(thrown);
    // A table that appeared after the last look at the catalogs.
    if ((error.sqlstate === '42P01' || error.sqlstate === '3F000') && (await options.engine.refreshCatalog())) {
      return { kind: 'select', ...(await analyseSelect(options, statement)) };
    }
    throw error;
  }
}

/** Does the engine answer it (a table of ours, a TIMELINE function), rather than the embedded Postgres alone? */
function isOurs({ engine, analysis }: PrepareOptions, statement: unknown): boolean {
  const catalog = engine.catalog();
  const relations = referencedRelations(statement);
  const ours = relations.filter((name) => catalog.find(name.schema, name.name, analysis.searchPath) !== undefined);
  const calls = referencedFunctions(statement).some((name) => name.schema === undefined && TIMELINE_FUNCTIONS.has(name.name.toLowerCase()));
  if (ours.length === 0 && !calls) return false;
  const system = relations.find((name) => !ours.includes(name) && isSystem(name));
  if (system !== undefined) throw unsupported(`a query over both tables and the system catalogue (${system.name})`);
  return true;
}

function isSystem(name: WrittenName): boolean {
  return name.schema === 'pg_catalog' || name.schema === 'information_schema' || (name.schema === undefined && name.name.startsWith('pg_'));
}

async function analyseSelect(
  { text, parameterTypes, engine, analysis }: PrepareOptions,
  statement: unknown,
): Promise<{ readonly parameterTypes: readonly number[]; readonly statement: SelectStatement }> {
  const catalog = engine.catalog();
  const rewritten = rewriteTimelineCalls(text, statement, (schema, table) => {
    const entry = catalog.find(schema, table, analysis.searchPath);
    return entry === undefined ? undefined : { columns: entry.description.columns, properties: entry.description.properties };
  });
  const described = await engine.postgres.describe(rewritten.text, parameterTypes, analysis).catch((error: unknown) => {
    throw mapped(error, rewritten);
  });
  return {
    parameterTypes: described.parameterTypes,
    statement: {
      original: text,
      rewritten: rewritten.text,
      mapPosition: rewritten.mapPosition,
      parameterTypes: described.parameterTypes,
      columns: described.columns ?? [],
    },
  };
}

async function planCatalogue({ parameterTypes, engine, analysis }: PrepareOptions, text: string): Promise<PlannedStatement> {
  const described = await engine.postgres.describe(text, parameterTypes, analysis);
  return { kind: 'catalogue', parameterTypes: described.parameterTypes, text, columns: described.columns };
}
