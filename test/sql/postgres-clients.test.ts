import assert from 'node:assert/strict';
import { asTimelineError } from '../../sql/errors.js';
import { parseOne } from '../../sql/parse.js';
import { taggedNode } from '../../sql/parse-tree.js';
import type { EmbeddedPostgres } from '../../sql/postgres.js';
import { referencedRelations, refusedClause } from '../../sql/references.js';
import { decodeBinaryToText } from '../../sql/value-binary.js';
import { type ClientStatement, clientStatements } from './client-statements.js';
import { CONTEXT, embedded } from './embedded.js';

/** What the mirror does not have (the clients' view and function), what is refused, PostgreSQL 15's catalogue, and errors on purpose. */
const KNOWN_FAILURES: readonly string[] = [
  // The session layer answers set_config itself.
  'asyncpg [15.18 18.6] 42501 permission denied for function set_config',
  'asyncpg [15.18 18.6] 42501 permission denied for function set_config',
  'node-postgres [15.18] 42501 permission denied for function pg_sleep',
  'psql-15 [15.18] 42883 function "timeline" does not exist',
  'psql-18 [15.18 18.6] 42883 function "timeline" does not exist',
  'psql-15 [15.18] 42P01 relation "public.recent_events" does not exist',
  'psql-18 [15.18 18.6] 42P01 relation "public.recent_events" does not exist',
  'psql-15 [15.18] 42703 column d.daticulocale does not exist',
  'psql-15 [15.18] 42703 column d.daticulocale does not exist',
  'psql-18 [15.18] 42703 column d.daticulocale does not exist',
  'psql-15 [15.18] 42703 column c.colliculocale does not exist',
  'pgjdbc [15.18 18.6] 22012 division by zero',
  'psql-15 [15.18] 22012 division by zero',
  'psql-18 [15.18 18.6] 22012 division by zero',
  'psycopg3 [15.18 18.6] 22012 division by zero',
];

const CLIENT_CONTEXT = { ...CONTEXT, timeZone: 'UTC', searchPath: ['public'] };

/** SELECT and SHOW over nothing but the catalogue: what the session layer sends to the embedded Postgres. */
function isCatalogueStatement(statement: ClientStatement): boolean {
  try {
    const parsed = parseOne(statement.text.replaceAll(/@oid\(.*?\)@/g, '1'));
    const { tag } = taggedNode(parsed?.statement);
    if (tag !== 'SelectStmt' && tag !== 'VariableShowStmt') return false;
    if (refusedClause(parsed?.statement) !== undefined) return false;
    return referencedRelations(parsed?.statement).every(
      ({ schema, name }) => /^(pg_catalog|information_schema)$/.test(schema ?? '') || /^pg_/.test(name),
    );
  } catch {
    return false;
  }
}

async function run(postgres: EmbeddedPostgres, statement: ClientStatement): Promise<void> {
  const withOids = (text: string) =>
    text.replaceAll(/@oid\((type )?([a-z]+)\.([a-z_]+)\)@/g, (_, isType, schema: string, name: string) =>
      isType === undefined ? String(postgres.relationId(schema, name) ?? 1) : '1',
    );
  const text = withOids(statement.text);
  const described = await postgres.describe(text, statement.parameterTypes, CLIENT_CONTEXT);
  const parameters = statement.parameters.map((value, i) => {
    const oid = described.parameterTypes[i] ?? 25;
    if (value?.startsWith('@oid') === true) return withOids(value);
    if (value === null || statement.formats[i] !== 1) return value;
    const bytes = Buffer.from(value.slice(2), 'hex');
    // psycopg sends an oid as the smallest integer that holds it.
    return bytes.length === 2 ? String(bytes.readInt16BE()) : decodeBinaryToText({ oid, typmod: -1 }, bytes);
  });
  const result = await postgres.query(text, parameters, { ...CLIENT_CONTEXT, parameterTypes: described.parameterTypes });
  assert.deepEqual(
    result.columns.map((column) => [column.name, column.type.oid]),
    (described.columns ?? []).map((column) => [column.name, column.type.oid]),
  );
}

describe('catalogue statements of real clients', () => {
  it('are answered, but for those that are known', async function () {
    this.timeout(60_000);
    const postgres = await embedded();
    const failures: string[] = [];
    let count = 0;
    for (const statement of clientStatements().filter(isCatalogueStatement)) {
      count += 1;
      try {
        await run(postgres, statement);
      } catch (thrown) {
        const error = asTimelineError(thrown);
        failures.push(`${statement.client} [${statement.versions.join(' ')}] ${error.sqlstate} ${error.message}`);
      }
    }
    assert.ok(count >= 280, `only ${count} statements were run`);
    assert.deepEqual(failures.sort(), [...KNOWN_FAILURES].sort());
  });
});
