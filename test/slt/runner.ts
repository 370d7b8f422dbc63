import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { expectedRows, parseSlt, renderRow, type SltRecord } from './records.js';

export interface SltOptions {
  /** A .slt file; or `text` itself. */
  readonly file?: string;
  readonly text?: string;
  /** Only these; default both. */
  readonly protocols?: readonly Mode[];
  /** Set on each connection first. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly connection: { readonly host: string; readonly port: number; readonly user?: string; readonly database?: string };
}

type Mode = 'simple' | 'extended';
const MODES: readonly Mode[] = ['simple', 'extended'];
type Outcome =
  | { readonly kind: 'rows'; readonly rows: (string | null)[][]; readonly width: number }
  | { readonly kind: 'error'; readonly sqlstate: string; readonly message: string };

/**
 * Runs every record of a file, in order, over the simple and the extended protocol: one connection each, so that settings and
 * transactions hold from record to record. Both must give what is expected, and the same errors. Throws an AssertionError that lists
 * all differences with their lines; returns the number of records run.
 */
export async function runSlt(options: SltOptions): Promise<number> {
  const name = options.file ?? 'text';
  const records = parseSlt(options.text ?? (await readFile(options.file ?? '', 'utf8')));
  const clients: Record<Mode, pg.Client> = { simple: await open(options), extended: await open(options) };
  const failures: string[] = [];
  try {
    for (const record of records) {
      const modes = (options.protocols ?? MODES).filter((mode) => record.protocol === 'both' || record.protocol === mode);
      const outcomes: Outcome[] = [];
      for (const mode of modes) {
        const outcome = await run(clients[mode], record.sql, mode);
        outcomes.push(outcome);
        const failure = compare(record, outcome);
        if (failure !== undefined) failures.push(`${name}:${record.line} (${mode}) ${record.sql}\n${failure}`);
      }
      const [first, second] = outcomes;
      if (first?.kind === 'error' && second?.kind === 'error' && first.message !== second.message) {
        failures.push(`${name}:${record.line} the protocols differ\n  simple: ${first.message}\n  extended: ${second.message}`);
      }
    }
  } finally {
    await Promise.all(Object.values(clients).map((client) => client.end().catch(() => undefined)));
  }
  assert.ok(failures.length === 0, `${failures.length} differences in ${records.length} records\n\n${failures.slice(0, 20).join('\n\n')}`);
  return records.length;
}

async function open({ connection, settings = {} }: SltOptions): Promise<pg.Client> {
  const client = new pg.Client({
    host: connection.host,
    port: connection.port,
    user: connection.user ?? 'timeline',
    database: connection.database ?? 'timeline',
    // Values as the server wrote them.
    types: { getTypeParser: () => (value: string | Buffer) => String(value) } as unknown as pg.CustomTypesConfig,
  });
  client.on('error', () => undefined);
  await client.connect();
  for (const [name, value] of Object.entries(settings)) await client.query(`SET ${name} = '${value}'`);
  return client;
}

async function run(client: pg.Client, sql: string, mode: Mode): Promise<Outcome> {
  try {
    const query = { text: sql, rowMode: 'array' as const, ...(mode === 'extended' ? { queryMode: 'extended' } : {}) };
    const answer = (await client.query(query)) as unknown as pg.QueryArrayResult | pg.QueryArrayResult[];
    const result = Array.isArray(answer) ? answer.at(-1) : answer;
    return { kind: 'rows', rows: result?.rows ?? [], width: result?.fields.length ?? 0 };
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    return { kind: 'error', sqlstate: code ?? '', message };
  }
}

/** What is wrong, or undefined. */
function compare(record: SltRecord, outcome: Outcome): string | undefined {
  if (record.kind === 'statement') {
    const { error } = record;
    if (error === undefined) return outcome.kind === 'error' ? `  failed: ${outcome.sqlstate} ${outcome.message}` : undefined;
    if (outcome.kind === 'rows') return `  went through; expected ${error.sqlstate}`;
    if (outcome.sqlstate !== error.sqlstate) return `  failed with ${outcome.sqlstate} ${outcome.message}; expected ${error.sqlstate}`;
    if (error.message !== undefined && !error.message.test(outcome.message)) return `  says: ${outcome.message}; expected ${error.message}`;
    return undefined;
  }
  if (outcome.kind === 'error') return `  failed: ${outcome.sqlstate} ${outcome.message}`;
  const width = record.types.length;
  if (outcome.width !== width) return `  has ${outcome.width} columns; expected ${width}`;
  const expected = expectedRows(record.expected, width);
  const actual = outcome.rows.map(renderRow);
  if (record.sort === 'rowsort') {
    for (const rows of [expected, actual]) rows.sort((a, b) => (a.join('\t') < b.join('\t') ? -1 : 1));
  }
  const same =
    expected.length === actual.length &&
    expected.every(
      (row, at) =>
        row.length === width && row.every((value, column) => isSame(value, actual[at]?.[column] ?? '', record.types[column] ?? 'T')),
    );
  return same ? undefined : `  expected ${expected.length} rows:\n${show(expected)}\n  got ${actual.length}:\n${show(actual)}`;
}

function isSame(expected: string, actual: string, type: string): boolean {
  if (expected === actual) return true;
  if (type !== 'R' || expected === 'NULL' || actual === 'NULL') return false;
  const [a, b] = [Number(expected), Number(actual)];
  return Math.abs(a - b) <= 1e-12 * Math.max(Math.abs(a), Math.abs(b));
}

function show(rows: readonly string[][]): string {
  const lines = rows.slice(0, 20).map((row) => `    ${row.join('\t')}`);
  return rows.length > 20 ? [...lines, '    …'].join('\n') : lines.join('\n');
}
