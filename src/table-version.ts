import { asTimelineError, TimelineError, unsupported } from '../sql/errors.js';
import { nodeOf, taggedNode } from '../sql/parse-tree.js';
import type { AnalysisContext, EmbeddedPostgres } from '../sql/postgres.js';
import { quoteLiteral } from '../sql/quote.js';
import type { TableVersion } from '../sql/source-columns.js';
import { Oid } from '../sql/types.js';

/** A version as connectors take it. `words` may name a branch or tag, or write an instant in the session's time zone. */
export interface Version {
  readonly text: string;
  readonly words: boolean;
}

export interface Parameters {
  readonly types: readonly number[];
  readonly values: readonly (string | null)[];
}

const INSTANTS: ReadonlySet<number> = new Set([Oid.timestamptz, Oid.timestamp, Oid.date]);
const NUMBERS: ReadonlySet<number> = new Set([Oid.int2, Oid.int4, Oid.int8, Oid.numeric]);
const WORDS: ReadonlySet<number> = new Set([Oid.text, Oid.varchar, Oid.unknown]);

/**
 * The value of a version's expression, computed by PostgreSQL unless it is a literal. Undefined: it hangs on parameters whose values are not
 * known yet. Errors have positions of the statement.
 */
export async function evaluateVersion(
  version: TableVersion,
  postgres: EmbeddedPostgres,
  analysis: AnalysisContext,
  parameters: Parameters | undefined,
): Promise<Version | undefined> {
  const literal = literalVersion(version.value);
  if (literal !== undefined) return literal;
  if (parameters === undefined && parametersIn(version.value).length > 0) return undefined;
  const { types, values } = parameters ?? { types: [], values: [] };
  try {
    const lead = 'select (';
    const described = await postgres.describe(`${lead}${version.text}\n)`, types, analysis);
    const oid = described.columns?.[0]?.type.oid ?? Oid.unknown;
    const instant = INSTANTS.has(oid);
    if (!instant && !NUMBERS.has(oid) && !WORDS.has(oid)) {
      const message = 'the version of a table must be a snapshot id, an instant, or the name of a branch or tag';
      throw new TimelineError({ kind: 'semantic', sqlstate: '42804', message });
    }
    const sql = instant
      ? `select pg_catalog.timezone('UTC', (${version.text}\n)::pg_catalog.timestamptz)::pg_catalog.text || '+00'`
      : `${lead}${version.text}\n)::pg_catalog.text`;
    const { rows } = await postgres.query(sql, values, { ...analysis, parameterTypes: types });
    const text = rows[0]?.[0] ?? null;
    if (text === null) throw new TimelineError({ kind: 'semantic', sqlstate: '22004', message: 'the version of a table must not be null' });
    return { text, words: WORDS.has(oid) };
  } catch (thrown) {
    throw asTimelineError(thrown).at(version.position);
  }
}

/** Text as an instant, read in the session's time zone; undefined: it is none. */
export async function instantOf(text: string, postgres: EmbeddedPostgres, analysis: AnalysisContext): Promise<string | undefined> {
  if (!/^\s*\d{4,6}-\d{1,2}-\d{1,2}/.test(text)) return undefined;
  try {
    const sql = `select pg_catalog.timezone('UTC', ${quoteLiteral(text)}::pg_catalog.timestamptz)::pg_catalog.text || '+00'`;
    return (await postgres.query(sql, [], analysis)).rows[0]?.[0] ?? undefined;
  } catch {
    return undefined;
  }
}

function literalVersion(value: unknown): Version | undefined {
  const { tag, body } = taggedNode(value);
  if (tag !== 'A_Const') return undefined;
  if (body['sval'] !== undefined) return { text: String(nodeOf(body['sval'])['sval'] ?? ''), words: true };
  if (body['ival'] !== undefined) return { text: String(nodeOf(body['ival'])['ival'] ?? 0), words: false };
  return undefined;
}

/** Numbers of the parameters in an expression. */
export function parametersIn(value: unknown): readonly number[] {
  if (Array.isArray(value)) return value.flatMap(parametersIn);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) =>
    key === 'ParamRef' ? [Number(nodeOf(child)['number'] ?? 0)] : parametersIn(child),
  );
}

/** Types of all parameters, where those that only versions use are told too, since they are gone from the text. */
export async function withVersionParameters(
  versions: readonly TableVersion[],
  parameterTypes: readonly number[],
  postgres: EmbeddedPostgres,
  analysis: AnalysisContext,
): Promise<readonly number[]> {
  let types = parameterTypes;
  for (const version of versions) {
    const numbers = parametersIn(version.value);
    if (numbers.length === 0 || numbers.every((n) => (types[n - 1] ?? 0) !== 0)) continue;
    if (numbers.includes(0)) throw unsupported('a parameter without number here');
    // An expression cannot say of parameters before its own which types they have.
    const most = Math.max(...numbers);
    const given = Array.from({ length: most }, (_, i) => types[i] ?? 0);
    const asked = given.map((oid, i) => (oid === 0 && !numbers.includes(i + 1) ? Oid.text : oid));
    const described = await postgres.describe(`select (${version.text}\n)`, asked, analysis).catch((thrown: unknown) => {
      throw asTimelineError(thrown).at(version.position);
    });
    const inferred = given.map((oid, i) => (numbers.includes(i + 1) ? (described.parameterTypes[i] ?? oid) : oid));
    types = [...inferred, ...types.slice(inferred.length)];
  }
  return types;
}
