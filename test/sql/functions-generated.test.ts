import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import type { PlanExpr } from '../../planner/physical-plan.js';
import { isAllowed } from '../../sql/functions/allow-list.js';
import { isComputable } from '../../sql/functions/computable.js';
import { formatValue, parseValue } from '../../sql/value-text.js';
import { createInstance, type EngineInstance, type TaskConnections } from '../../src/kernel/duckdb-instance.js';
import { kernelError } from '../../src/kernel/kernel-error.js';
import { PostgresFunctions } from '../../src/kernel/postgres-functions.js';
import { printExpression } from '../../src/kernel/print-expression.js';
import { createValueTable } from '../../src/kernel/value-table.js';
import { readChunk } from '../../src/kernel/value-vectors.js';
import { imagePath } from '../../src/paths.js';
import { AWKWARD } from './function-arguments.js';
import { MORE_TYPES, POLYMORPHIC } from './function-more-types.js';

/** One signature in so many is tested; FUNCTIONS_STEP=1 tests all (about a minute of CPU). */
const STEP = Number(process.env['FUNCTIONS_STEP'] ?? 4);
const CASES = 14;
const ZONE = 'Europe/Berlin';
/** What a session's own setting decides, and what a bare literal's type does. */
const SKIPPED =
  /^(pg_typeof|(to_tsvector|plainto_tsquery|phraseto_tsquery|to_tsquery|websearch_to_tsquery)\((text|json|jsonb)\)|ts_headline\((text|json|jsonb),tsquery|ts_match_t[qt]|btnamecmp)/;
/** Known: an infinite interval has no place in DuckDB's type, and is an error there. */
const WITHOUT_INFINITY = /interval/;

interface Signature {
  readonly proname: string;
  readonly volatility: 'i' | 's';
  readonly args: readonly string[];
}

describe('every function of pg_catalog that queries over tables may call, against PostgreSQL', function () {
  this.timeout(180_000);
  let postgres: PGlite;
  let folder: string;
  let instance: EngineInstance;
  let task: TaskConnections;
  const functions = new PostgresFunctions({ imagePath: imagePath(), aborted: () => false });

  async function freshPostgres(): Promise<void> {
    postgres = await PGlite.create();
    await postgres.exec(`
      CREATE FUNCTION attempt(sql text) RETURNS text LANGUAGE plpgsql AS $$
      DECLARE result text; BEGIN EXECUTE sql INTO result; RETURN result; EXCEPTION WHEN OTHERS THEN RETURN '!' || SQLSTATE; END $$;
      SET TimeZone = '${ZONE}'`);
  }

  before(async () => {
    await freshPostgres();
    folder = await mkdtemp(join(tmpdir(), 'timeline-generated-'));
    instance = await createInstance({ threads: 1, tempFolder: join(folder, 'temp'), postgres: functions });
    await instance.prepare({ timeZone: ZONE, memoryLimit: 512 * 1024 * 1024, folders: [folder] });
    task = await instance.connect();
  });
  after(async () => {
    task?.close();
    await instance?.close();
    functions.close();
    await postgres?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('gives the same values and errors', async () => {
    const types = new Map(
      (await postgres.query<{ typname: string; oid: number }>('SELECT typname, oid::int FROM pg_type')).rows.map((t) => [t.typname, t.oid]),
    );
    const outputs = new Map(
      (await postgres.query<{ oid: number; out: string }>('SELECT oid::int, typoutput::text AS out FROM pg_type')).rows.map((t) => [
        t.oid,
        t.out,
      ]),
    );
    const signatures = (
      await postgres.query<Signature>(`
        SELECT proname, provolatile AS volatility, (SELECT array_agg(t.typname::text ORDER BY a.n) FROM unnest(proargtypes::oid[]) WITH ORDINALITY a(o, n) JOIN pg_type t ON t.oid = a.o) AS args
        FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND NOT proretset AND provolatile <> 'v' AND provariadic = 0 AND pronargs > 0
          AND prorettype NOT IN (SELECT oid FROM pg_type WHERE typtype = 'p' AND typname NOT LIKE 'any%') ORDER BY proname, oid`)
    ).rows;
    const wrong: string[] = [];
    let tested = 0;
    let refused = 0;
    for (const [n, { proname, volatility, args }] of signatures.entries()) {
      const fn = `${proname}(${args.join(',')})`;
      if (n % STEP !== 0 || SKIPPED.test(fn) || !(isAllowed(fn) || isComputable(fn, volatility === 'i' ? 'immutable' : 'stable'))) continue;
      const pools = args.map((name) => MORE_TYPES[name] ?? AWKWARD[name] ?? []);
      if (pools.some((pool) => pool.length === 0)) continue;
      // PL/pgSQL's caught errors add up in PGlite until it panics.
      if (tested % 100 === 99) {
        await postgres.close();
        await freshPostgres();
      }
      const rows = sample(pools).filter((row) => !(WITHOUT_INFINITY.test(fn) && row.some((text) => /inf/i.test(text ?? ''))));
      const call = (texts: readonly string[]): string => `pg_catalog."${proname}"(${texts.join(', ')})`;
      const literal = (text: string | null, i: number): string => {
        const name = args[i] as string;
        return `${text === null ? 'NULL' : `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`}::pg_catalog."${POLYMORPHIC[name] ?? name}"`;
      };
      const result = await postgres
        .query<{ oid: number }>(`SELECT pg_typeof(${call(args.map((_, i) => literal(null, i)))})::oid::int AS oid`)
        .then(({ rows: [row] }) => ({ oid: row?.oid ?? 0, typmod: -1 }))
        .catch(() => undefined);
      if (result === undefined) continue;
      // By the type's own output function: a cast to text cuts and adds things.
      const texts = rows.map((row) => `SELECT textin(${outputs.get(result.oid)}(${call(row.map(literal))}))`);
      const asked = await postgres
        .query<{ r: string | null }>('SELECT attempt(s) AS r FROM unnest($1::text[]) WITH ORDINALITY AS t(s, n) ORDER BY n', [texts])
        .catch(() => undefined);
      if (asked === undefined) {
        await freshPostgres();
        continue;
      }
      tested += 1;
      const argTypes = args.map((name) => ({ oid: types.get(POLYMORPHIC[name] ?? name) ?? 0, typmod: -1 }));
      const given = await computed(
        `t${n}`,
        fn,
        argTypes,
        result,
        rows,
        asked.rows.map(({ r }) => r),
      );
      for (const [i, { r }] of asked.rows.entries()) {
        if (given[i] === r) continue;
        // Refusing is never wrong.
        if (given[i] === '!0A000') refused += 1;
        else wrong.push(`${fn} of ${JSON.stringify(rows[i])}: ${given[i]}, PostgreSQL: ${r}`);
      }
    }
    console.log(`      ${tested} signatures, ${refused} values refused`);
    assert.deepEqual(wrong, []);
    assert.ok(tested > 1400 / STEP, `${tested}`);
  });

  async function computed(
    name: string,
    fn: string,
    argTypes: readonly { readonly oid: number; readonly typmod: number }[],
    result: { readonly oid: number; readonly typmod: number },
    rows: readonly (readonly (string | null)[])[],
    expected: readonly (string | null)[],
  ): Promise<(string | null)[]> {
    const settings = { timeZone: ZONE };
    const { connection } = task;
    const out: (string | null)[] = rows.map(() => null);
    const run = async (sql: string, where: string): Promise<(string | null)[]> => {
      const values: (string | null)[] = [];
      for await (const chunk of await connection.stream(`SELECT ${sql} AS r FROM ${name} WHERE ${where} ORDER BY c99`)) {
        for (const value of readChunk(chunk, [result], { normalizeJsonb: true })[0] ?? [])
          values.push(value === null ? null : formatValue(result, value, settings));
      }
      return values;
    };
    try {
      const columns = argTypes.map((type, id): PlanExpr => ({ kind: 'column', id, type }));
      const sql = printExpression({ kind: 'call', fn, args: columns, type: result, volatility: 'stable' }, () => '');
      const row = { id: 99, name: 'row', type: { oid: 20, typmod: -1 } };
      const table = await createValueTable(connection, name, [...argTypes.map((type, id) => ({ id, name: 'a', type })), row]);
      const values = argTypes.map((type, i) => rows.map((texts) => (texts[i] == null ? null : parseValue(type, texts[i], settings))));
      table.append([...values, rows.map((_, i) => BigInt(i))], rows.length);
      table.finish();
      const alone = async (i: number): Promise<void> => {
        try {
          out[i] = (await run(sql, `c99 = ${i}`))[0] ?? null;
        } catch (error) {
          out[i] = `!${kernelError(error).sqlstate}`;
        }
      };
      const good = expected.flatMap((text, i) => (text?.startsWith('!') === true ? [] : [i]));
      try {
        const texts = good.length === 0 ? [] : await run(sql, `c99 IN (${good.join(', ')})`);
        good.forEach((i, at) => {
          out[i] = texts[at] ?? null;
        });
      } catch {
        for (const i of good) await alone(i);
      }
      for (let i = 0; i < rows.length; i++) if (!good.includes(i)) await alone(i);
      await connection.run(`DROP TABLE ${name}`);
      return out;
    } catch (error) {
      return out.map(() => `!${kernelError(error).sqlstate}`);
    }
  }
});

/** Combinations, thinned evenly. */
function sample(pools: readonly (readonly (string | null)[])[]): (string | null)[][] {
  const total = pools.reduce((product, pool) => product * pool.length, 1);
  const step = Math.max(1, total / CASES);
  const rows: (string | null)[][] = [];
  for (let at = 0; at < total; at += step) {
    let rest = Math.floor(at);
    rows.push(
      pools.map((pool) => {
        const value = pool[rest % pool.length] ?? null;
        rest = Math.floor(rest / pool.length);
        return value;
      }),
    );
  }
  return rows;
}
