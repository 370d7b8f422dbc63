import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../support/project-root.js';

type JsonValue = string | number | boolean | null;

export interface ConformanceCase {
  readonly id: string;
  readonly title: string;
  readonly tables: Readonly<
    Record<string, { readonly columns: readonly (readonly [string, string])[]; readonly rows: readonly (readonly JsonValue[])[] }>
  >;
  readonly sql: string;
  readonly expect?: { readonly columns: readonly string[]; readonly rows: readonly (readonly JsonValue[])[] };
  readonly expect_error?: { readonly sqlstate: string };
}

export function conformanceCases(): readonly ConformanceCase[] {
  return JSON.parse(readFileSync(join(projectRoot(), 'test', 'conformance', 'conformance.json'), 'utf8')) as ConformanceCase[];
}

/** The case's SQL with its tables as subqueries: the first argument of each call. */
export function inlined({ sql, tables }: ConformanceCase): string {
  return Object.entries(tables).reduce((text, [name, table]) => {
    const call = new RegExp(`\\b(timeline|read_until|read_range|version_at)\\(${name}\\b`, 'g');
    return text.replace(call, (_, fn: string) => `${fn}(${inlineTable(table)}`);
  }, sql);
}

/** The table as a subquery. */
export function inlineTable(table: ConformanceCase['tables'][string]): string {
  const columns = table.columns.map(([name, type], n) => `CAST(c${n + 1} AS ${type}) AS ${name}`).join(', ');
  const names = table.columns.map((_, n) => `c${n + 1}`).join(', ');
  const rows = table.rows.length === 0 ? [table.columns.map(() => null)] : table.rows;
  const values = rows.map((row) => `(${row.map(literal).join(', ')})`).join(', ');
  return `(SELECT ${columns} FROM (VALUES ${values}) AS v(${names})${table.rows.length === 0 ? ' WHERE false' : ''})`;
}

function literal(value: JsonValue): string {
  if (value === null) return 'NULL';
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

/** Rows as text (PostgreSQL's text forms, time zone UTC) against the expected JSON: numbers within 1e-6, times as instants. */
export function assertRows(actual: readonly (readonly (string | null)[])[], expected: readonly (readonly JsonValue[])[]): void {
  assert.equal(actual.length, expected.length, `rows: ${JSON.stringify(actual)}`);
  actual.forEach((row, n) => {
    const wanted = expected[n]!;
    assert.equal(row.length, wanted.length);
    row.forEach((text, c) => {
      const value = wanted[c]!;
      const same =
        value === null || text === null
          ? value === text
          : typeof value === 'boolean'
            ? text === (value ? 't' : 'f')
            : typeof value === 'number'
              ? Math.abs(Number(text) - value) <= 1e-6
              : isInstant(value)
                ? micros(value) !== undefined && micros(text) === micros(value)
                : text === value;
      assert.ok(same, `row ${n + 1}, column ${c + 1}: ${text}, expected ${value}\n${JSON.stringify(actual)}`);
    });
  });
}

function isInstant(value: string): boolean {
  return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value);
}

/** Microseconds of `2025-03-01T00:00:00.25Z` or `2025-03-01 00:00:00.25+00`. */
function micros(text: string): bigint | undefined {
  const found = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:Z|\+00)$/.exec(text);
  if (found === null) return undefined;
  return BigInt(Date.parse(`${found[1]}T${found[2]}Z`)) * 1000n + BigInt((found[3] ?? '').padEnd(6, '0'));
}
