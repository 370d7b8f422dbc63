import assert from 'node:assert/strict';
import { TimelineError } from '../../sql/errors.js';
import { equality, stateFunction, stateFunctionSignatures } from '../../sql/functions/state-functions.js';
import { Oid, type Type, type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { formatValue, parseValue } from '../../sql/value-text.js';
import { EmbeddedPostgres } from '../support/embedded-postgres.js';
import { AWKWARD, TYPE_OID } from './function-arguments.js';

const SETTINGS = { timeZone: 'UTC' };

/** Two-argument pools are thinned to about this many pairs. */
const PAIRS = 150;

describe('functions over states', () => {
  let postgres: EmbeddedPostgres;
  before(async function () {
    this.timeout(60_000);
    postgres = await EmbeddedPostgres.start();
    await postgres.run("SET TimeZone = 'UTC'");
    // an error as its SQLSTATE, so that one statement asks for many values
    await postgres.run(
      `CREATE FUNCTION ask(expr text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN EXECUTE 'SELECT (' || expr || ')::text' INTO r; RETURN r; EXCEPTION WHEN OTHERS THEN RETURN '!' || SQLSTATE; END $$`,
    );
  });
  after(() => postgres?.close());

  function pool(name: string): readonly string[] {
    const values = AWKWARD[name];
    assert.ok(values !== undefined, `no values of type ${name}`);
    return values.filter((value): value is string => value !== null);
  }

  async function ask(exprs: readonly string[]): Promise<(string | null)[]> {
    const list = exprs.map((expr) => `ask(${literal(expr)})`).join(', ');
    return postgres.texts(`SELECT unnest(ARRAY[${list}]::text[])`);
  }

  for (const signature of stateFunctionSignatures()) {
    it(signature, async () => {
      const [name = '', declared = ''] = signature.slice(0, -1).split('(');
      const types = declared.split(',');
      const sides = types.map(pool);
      const all =
        sides.length === 1 ? (sides[0] ?? []).map((a) => [a]) : (sides[0] ?? []).flatMap((a) => (sides[1] ?? []).map((b) => [a, b]));
      const step = Math.max(1, all.length / PAIRS);
      const args = Array.from({ length: Math.floor(all.length / step) }, (_, n) => all[Math.floor(n * step)] as string[]);
      const call = (row: readonly string[]): string =>
        `pg_catalog."${name}"(${row.map((value, n) => `${literal(value)}::${types[n]}`).join(', ')})`;
      const [oid] = await postgres
        .texts(`SELECT (pg_typeof(${call(args[0] ?? [])}))::oid`)
        .catch(() => postgres.texts(`SELECT prorettype FROM pg_proc WHERE oid = 'pg_catalog."${name}"(${declared})'::regprocedure`));
      const result: Type = type(Number(oid));
      const expected = await ask(args.map(call));
      const f = stateFunction(signature)!;
      args.forEach((row, n) => {
        const [a, b] = row.map((text, i) => parseValue(type(TYPE_OID[types[i]!]!), text, SETTINGS)) as [Value, Value];
        const actual = (() => {
          try {
            const value = f(a, b);
            return result.oid === Oid.bool ? String(value) : formatValue(result, value, SETTINGS);
          } catch (thrown) {
            if (thrown instanceof TimelineError) return `!${thrown.sqlstate}`;
            throw thrown;
          }
        })();
        assert.equal(actual, expected[n], call(row));
      });
    });
  }

  it('equality is IS NOT DISTINCT FROM', async () => {
    for (const name of Object.keys(AWKWARD)) {
      const oid = TYPE_OID[name];
      if (oid === undefined || name === 'json' || name.startsWith('jsonb')) continue;
      const values = pool(name).slice(0, 12);
      const pairs = values.flatMap((a) => values.map((b) => [a, b] as const));
      const expected = await ask(pairs.map(([a, b]) => `${literal(a)}::${name} IS NOT DISTINCT FROM ${literal(b)}::${name}`));
      const same = equality(type(oid));
      pairs.forEach(([a, b], n) => {
        if (expected[n]?.startsWith('!')) return;
        assert.equal(
          String(same(parseValue(type(oid), a, SETTINGS), parseValue(type(oid), b, SETTINGS))),
          expected[n],
          `${name}: ${a}, ${b}`,
        );
      });
    }
  });
});

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
