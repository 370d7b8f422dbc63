import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import type { PlanExpr } from '../../planner/physical-plan.js';
import { ALLOW_LIST } from '../../sql/functions/allow-list.js';
import { inputTemplate, outputTemplate } from '../../sql/functions/io-casts.js';
import { Oid, type Type, type as typeOf } from '../../sql/types.js';
import type { TextSettings, Value } from '../../sql/value.js';
import { formatValue, parseValue } from '../../sql/value-text.js';
import { createInstance, type EngineInstance, type TaskConnections } from '../../src/kernel/duckdb-instance.js';
import { kernelError } from '../../src/kernel/kernel-error.js';
import { PostgresFunctions } from '../../src/kernel/postgres-functions.js';
import { printExpression } from '../../src/kernel/print-expression.js';
import { createValueTable } from '../../src/kernel/value-table.js';
import { readChunk } from '../../src/kernel/value-vectors.js';
import { imagePath } from '../../src/paths.js';
import { ACTUAL, AWKWARD, SPECIAL, TYPE_OID } from './function-arguments.js';

const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York'];
const MAX_ROWS = 420;

/** A case: texts of the arguments, what PostgreSQL says (text form, null, or `!SQLSTATE`). */
interface Case {
  readonly args: readonly (string | null)[];
  readonly expected: string | null;
}

interface Subject {
  readonly signature: string;
  readonly argTypes: readonly string[];
  readonly pools: readonly (readonly (string | null)[])[];
  readonly constants: readonly number[];
  /** PostgreSQL's SQL over `$n` placeholders. */
  readonly postgres: string;
  readonly expr: (args: readonly PlanExpr[], result: Type) => PlanExpr;
}

function subjectOf(signature: string): Subject {
  const open = signature.indexOf('(');
  const declared = signature.slice(open + 1, -1);
  const argTypes = declared === '' ? [] : declared.split(',');
  const special = SPECIAL[signature];
  const pools = argTypes.map((name, i) => {
    const pool = special?.args[i] ?? AWKWARD[name];
    assert.ok(pool !== undefined, `${signature}: no arguments of type ${name} to test it with`);
    return pool;
  });
  const name = signature.slice(0, open);
  // With a qualified, quoted name even substring and position are plain calls.
  const postgres = `pg_catalog."${name}"(${argTypes.map((_, i) => `$${i + 1}`).join(', ')})`;
  const path = /^jsonb_extract_path(_text)?\(/.exec(signature);
  return {
    signature,
    argTypes,
    pools,
    constants: special?.constants ?? [],
    postgres: path === null ? postgres : `($1 OPERATOR(pg_catalog.${path[1] === undefined ? '#>' : '#>>'}) $2)`,
    expr: (args, result) => ({ kind: 'call', fn: signature, args, type: result, volatility: 'immutable' }),
  };
}

/** All combinations, thinned evenly where there are too many. */
function combinations(pools: readonly (readonly (string | null)[])[], most: number): (string | null)[][] {
  const total = pools.reduce((product, pool) => product * pool.length, 1);
  const step = total <= most ? 1 : total / most;
  const rows: (string | null)[][] = [];
  for (let at = 0; at < total; at += step) {
    let rest = Math.floor(at);
    rows.push(
      pools.map((pool) => {
        const value = pool[rest % pool.length] as string | null;
        rest = Math.floor(rest / pool.length);
        return value;
      }),
    );
  }
  return rows;
}

function actual(name: string): string {
  return ACTUAL[name] ?? name;
}

function literal(text: string | null, name: string): string {
  return `${text === null ? 'NULL' : `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`}::pg_catalog.${name === 'char' ? '"char"' : actual(name)}`;
}

/** PL/pgSQL writes a boolean by its cast to text. */
function textOf(value: Value | null, type: Type, settings: TextSettings): string | null {
  return value === null ? null : typeof value === 'boolean' ? String(value) : formatValue(type, value, settings);
}

describe('functions of the allow-list, against PostgreSQL', () => {
  let postgres: PGlite;
  let folder: string;
  const instances = new Map<string, EngineInstance>();
  const connections = new Map<string, TaskConnections>();
  let tables = 0;
  const functions = new PostgresFunctions({ imagePath: imagePath(), aborted: () => false });

  before(async () => {
    postgres = await PGlite.create();
    await postgres.exec(`
      CREATE FUNCTION attempt(sql text) RETURNS text LANGUAGE plpgsql AS $$
      DECLARE result text;
      BEGIN
        EXECUTE sql INTO result;
        RETURN result;
      EXCEPTION WHEN OTHERS THEN RETURN '!' || SQLSTATE;
      END $$;`);
    folder = await mkdtemp(join(tmpdir(), 'timeline-functions-'));
    for (const zone of ZONES) {
      const instance = await createInstance({ threads: 1, tempFolder: join(folder, zone.replace('/', '-')), postgres: functions });
      await instance.prepare({ timeZone: zone, memoryLimit: 512 * 1024 * 1024, folders: [folder] });
      instances.set(zone, instance);
      connections.set(zone, await instance.connect());
    }
  });

  after(async () => {
    for (const one of connections.values()) one.close();
    for (const instance of instances.values()) await instance.close();
    functions.close();
    await postgres.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function expectations(subject: Subject, rows: readonly (readonly (string | null)[])[]): Promise<Case[]> {
    const texts = rows.map(
      (row) =>
        `SELECT ${subject.postgres.replace(/\$(\d)/g, (_, n: string) => literal(row[Number(n) - 1] ?? null, subject.argTypes[Number(n) - 1] as string))}`,
    );
    const answer = await postgres.query<{ r: string | null }>(
      'SELECT attempt(s) AS r FROM unnest($1::text[]) WITH ORDINALITY AS t(s, n) ORDER BY n',
      [texts],
    );
    return rows.map((args, i) => ({ args, expected: answer.rows[i]?.r ?? null }));
  }

  async function resultType(subject: Subject): Promise<Type> {
    const args = subject.argTypes.map((name) => literal(null, name));
    const sql = `SELECT pg_typeof(${subject.postgres.replace(/\$(\d)/g, (_, n: string) => args[Number(n) - 1] as string)})::oid::int AS oid`;
    const answer = await postgres.query<{ oid: number }>(sql);
    return typeOf(answer.rows[0]?.oid ?? 0);
  }

  /** Evaluates cases that share their constant arguments; one statement, or one a case where a statement would fail. */
  async function evaluate(
    zone: string,
    subject: Subject,
    cases: readonly Case[],
    constants: readonly number[],
    result: Type,
  ): Promise<(string | null)[]> {
    const { connection } = connections.get(zone) as TaskConnections;
    const settings = { timeZone: zone };
    const types = subject.argTypes.map((name) => typeOf(TYPE_OID[actual(name)] as number));
    const first = cases[0] as Case;
    const args = types.map(
      (type, i): PlanExpr =>
        constants.includes(i) ? { kind: 'constant', type, value: first.args[i] ?? null } : { kind: 'column', id: i, type },
    );
    let sql: string;
    try {
      sql = printExpression(subject.expr(args, result), () => {
        throw new Error('no queries here');
      });
    } catch (error) {
      return cases.map(() => `!${kernelError(error).sqlstate}`);
    }
    const name = `t${tables++}`;
    const row = { id: 99, name: 'row', type: typeOf(Oid.int8) };
    const table = await createValueTable(connection, name, [...types.map((type, i) => ({ id: i, name: `a${i}`, type })), row]);
    table.append(
      [
        ...types.map((type, i) =>
          cases.map((c) => (c.args[i] === null || c.args[i] === undefined ? null : parseValue(type, c.args[i] as string, settings))),
        ),
        cases.map((_, i) => BigInt(i)),
      ],
      cases.length,
    );
    table.finish();
    const run = async (where: string): Promise<(string | null)[]> => {
      const answer = await connection.stream(`SELECT ${sql} AS r FROM ${name} WHERE ${where} ORDER BY c99`);
      const values: (string | null)[] = [];
      for await (const chunk of answer) {
        for (const value of readChunk(chunk, [result], { normalizeJsonb: true })[0] ?? []) values.push(textOf(value, result, settings));
      }
      return values;
    };
    const out: (string | null)[] = new Array(cases.length).fill(null);
    const good = cases.flatMap((c, i) => (c.expected?.startsWith('!') === true ? [] : [i]));
    const single = async (i: number): Promise<void> => {
      try {
        out[i] = (await run(`c99 = ${i}`))[0] ?? null;
      } catch (error) {
        out[i] = `!${kernelError(error).sqlstate}`;
      }
    };
    try {
      const values = good.length === 0 ? [] : await run(`c99 IN (${good.join(', ')})`);
      good.forEach((i, at) => {
        out[i] = values[at] ?? null;
      });
    } catch {
      for (const i of good) await single(i);
    }
    for (let i = 0; i < cases.length; i++) if (!good.includes(i)) await single(i);
    await connection.run(`DROP TABLE ${name}`);
    return out;
  }

  async function compare(subject: Subject, zone: string, most: number): Promise<void> {
    await postgres.exec(`SET TimeZone = '${zone}'`);
    const result = await resultType(subject);
    const cases = await expectations(subject, combinations(subject.pools, most));
    const groups = new Map<string, Case[]>();
    for (const c of cases) {
      const key = JSON.stringify(subject.constants.map((i) => c.args[i]));
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [c]);
      else group.push(c);
    }
    const wrong: string[] = [];
    let equal = 0;
    const check = (c: Case, got: string | null): void => {
      if (got === c.expected) equal += got === null ? 0 : 1;
      // Refusing is never wrong; being the same somewhere is asserted below.
      else if (got !== '!0A000') wrong.push(`${zone} ${subject.signature} of ${JSON.stringify(c.args)}: ${got}, PostgreSQL: ${c.expected}`);
    };
    for (const group of groups.values()) {
      const got = await evaluate(zone, subject, group, subject.constants, result);
      for (const [i, c] of group.entries()) check(c, got[i] ?? null);
    }
    // All arguments as constants take other paths through entries and through DuckDB's optimizer.
    const every = subject.argTypes.map((_, i) => i);
    for (const c of cases.filter((_, i) => i % Math.ceil(cases.length / 12) === 0)) {
      check(c, (await evaluate(zone, subject, [c], every, result))[0] ?? null);
    }
    assert.deepEqual(wrong.slice(0, 12), [], `${wrong.length} of ${cases.length} differ`);
    assert.ok(equal > 0, `${subject.signature}: nothing but refusals and NULLs`);
  }

  for (const signature of ALLOW_LIST.keys()) {
    it(signature, async () => {
      const subject = subjectOf(signature);
      const zoned = /timestamptz|date/.test(signature);
      for (const zone of zoned ? ZONES : ['UTC']) await compare(subject, zone, zone === 'UTC' ? MAX_ROWS : 200);
    });
  }

  /** Casts by output to text and input from text. */
  const BY_TEXT = [
    'bool',
    'int2',
    'int4',
    'int8',
    'oid',
    'float4',
    'float8',
    'numeric',
    'uuid',
    'jsonb',
    'date',
    'timestamp',
    'timestamptz',
    'time',
    'interval',
    'bytea',
    'bpchar',
    'name',
  ];
  const TEXTS = [
    '',
    ' ',
    '1',
    ' 1 ',
    '-1',
    '+7',
    '007',
    '1.5',
    '.5',
    '5.',
    '1e3',
    '0x1F',
    '1_000',
    '_1',
    '1__0',
    '32768',
    '2147483648',
    '9223372036854775808',
    '1e400',
    '1e-400',
    'NaN',
    'nan',
    'inf',
    '-Infinity',
    'abc',
    't',
    'true',
    'TRUE',
    'yes',
    'on',
    'o',
    'off',
    'n',
    '0',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF',
    '{ffffffff-ffff-ffff-ffff-ffffffffffff}',
    'ffff',
    '{"a":1, "a":2}',
    '[1,',
    '"x"',
    '{"b":1,"aa":2}',
    '2025-03-30',
    '2025-3-5',
    '2025-02-30',
    '2025-03-30 02:30:00',
    '2025-03-30T02:30:00Z',
    '2025-03-30 02:30:00+02',
    '2025-03-30 02:30:00.1234567',
    'infinity',
    '0044-03-15 BC',
    '1 day',
    '1 day 02:03:04',
    '-1 mons',
    null,
  ];
  for (const name of BY_TEXT) {
    const oid = TYPE_OID[name] as number;
    if (outputTemplate(oid) !== undefined && name !== 'bool') {
      it(`${name}::text`, async () => {
        const subject: Subject = {
          signature: `${name}::text`,
          argTypes: [name],
          pools: [AWKWARD[name] ?? []],
          constants: [],
          postgres: name === 'bpchar' ? '$1::varchar' : '$1::text',
          expr: ([arg], result) => ({ kind: 'cast', via: 'io', arg: arg as PlanExpr, type: name === 'bpchar' ? typeOf(Oid.text) : result }),
        };
        if (name === 'bpchar') return;
        for (const zone of name === 'timestamptz' ? ZONES : ['UTC']) await compare(subject, zone, MAX_ROWS);
      });
    }
    if (inputTemplate(oid) !== undefined) {
      it(`text::${name}`, async () => {
        const subject: Subject = {
          signature: `text::${name}`,
          argTypes: ['text'],
          pools: [[...TEXTS, ...(AWKWARD[name] ?? [])]],
          constants: [],
          postgres: `$1::${name}`,
          expr: ([arg], result) => ({ kind: 'cast', via: 'io', arg: arg as PlanExpr, type: result }),
        };
        for (const zone of name === 'timestamptz' ? ZONES : ['UTC']) await compare(subject, zone, MAX_ROWS);
      });
    }
  }
});
