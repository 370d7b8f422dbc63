import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { EmbeddedPostgres } from '../support/embedded-postgres.js';
import { openEngine, type TestEngine } from './engine.js';
import { ANY_COLUMNS, ICEBERG_COLUMNS, INSERTS, INSERTS_OF_ANY, REFUSED } from './insert-statements.js';
import { createWritableConnector } from './writable-connector.js';

const TEXT = { getTypeParser: () => (value: string | Buffer) => String(value) } as unknown as pg.CustomTypesConfig;

/** Rows for INSERT … SELECT. */
const SOURCE = `insert into S (k, i4, i8, f4, f8, d, b, t, dt, tm, ts, tz, by, id, ai, at, ad) values
  (1, 10, 3000000000, 1.5, 2.5, 10.25, true, 'text', '2025-01-31', '10:00', '2025-01-31 10:00:00.123456', '2025-06-30 22:30:00+00', '\\x00ff', '7b9ae2d8-51ae-4bd7-b1ee-2f2b7b0e0a11', '{1,2}', '{a,NULL}', '{1.5}'),
  (2, -7, -3, 0.1, 1e200, -9999.99, false, '12', '1969-12-31', '23:59:59.5', '1969-12-31 23:59:59', '2025-03-30 00:59:59+00', '', null, '{}', '{}', null),
  (3, 2000000, 4, null, -0.5, 0.5, null, '7', '2025-10-26', null, '2025-10-26 02:30', '2025-10-26 01:30+00', null, null, '{null}', '{"x,y"}', '{-2.25,null}'),
  (4, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null)`;

for (const zone of ['UTC', 'Europe/Berlin']) {
  describe(`INSERT beside PostgreSQL, ${zone}`, function () {
    this.timeout(300_000);
    let folder: string;
    let test: TestEngine;
    let client: pg.Client;
    let postgres: EmbeddedPostgres;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'timeline-insert-'));
      const lake = {
        type: 'iceberg',
        catalog: { type: 'filesystem', warehouse: `file://${folder}/warehouse` },
        write: { schemas: ['lake'] },
      };
      const connector = createWritableConnector({ folder: join(folder, 'own') });
      test = await openEngine({ folder, connector, config: { catalogs: { lake } } });
      client = await test.connect({ types: TEXT });
      postgres = await EmbeddedPostgres.start();
      await postgres.run('create schema results; create schema lake');
      await client.query(`set timezone = '${zone}'`);
      await postgres.run(`set timezone = '${zone}'`);
    });

    after(async () => {
      await test?.close();
      await postgres?.close();
      await rm(folder, { recursive: true, force: true });
    });

    const engineSays = async (sql: string): Promise<string> => {
      try {
        const { rowCount } = await client.query(sql);
        return `INSERT 0 ${rowCount}`;
      } catch (error) {
        const { code, message } = error as pg.DatabaseError;
        return `${code}: ${message}`;
      }
    };
    const postgresSays = async (sql: string): Promise<string> => {
      try {
        return await postgres.command(sql);
      } catch (error) {
        const { code, message } = error as Error & { code: string };
        return `${code}: ${message}`;
      }
    };
    const stored = async (table: string): Promise<readonly [string[], string[]]> => {
      const sql = `select * from ${table}`;
      const ours = (await client.query({ text: sql, rowMode: 'array' })).rows as (string | null)[][];
      const theirs = (await postgres.rows(sql)).map((row) => row.map((value) => value?.toString('utf8') ?? null));
      return [ours.map((row) => JSON.stringify(row)).sort(), theirs.map((row) => JSON.stringify(row)).sort()];
    };

    for (const [schema, columns, statements] of [
      ['results', ANY_COLUMNS, [...INSERTS, ...INSERTS_OF_ANY]],
      ['lake', ICEBERG_COLUMNS, INSERTS],
    ] as const) {
      it(`${statements.length} statements into ${schema === 'lake' ? 'an Iceberg table' : "PostgreSQL's types"}`, async () => {
        for (const table of ['t', 's']) {
          await client.query(`create table ${schema}.${table} (${columns})`);
          await postgres.run(`create table ${schema}.${table} (${columns})`);
        }
        const named = (sql: string): string => sql.replace(/\bT\b/g, `${schema}.t`).replace(/\bS\b/g, `${schema}.s`);
        assert.equal(await engineSays(named(SOURCE)), 'INSERT 0 4');
        assert.equal(await postgresSays(named(SOURCE)), 'INSERT 0 4');
        const wrong: string[] = [];
        let failed = 0;
        for (const statement of statements) {
          const sql = named(statement);
          const ours = await engineSays(sql);
          const refused = REFUSED.get(statement);
          if (refused !== undefined) {
            assert.equal(ours.slice(0, 5), refused, `${sql}: ${ours}`);
            continue;
          }
          const theirs = await postgresSays(sql);
          if (!theirs.startsWith('INSERT')) failed++;
          if (ours === theirs) continue;
          wrong.push(`${statement}\n  engine:   ${ours}\n  postgres: ${theirs}`);
        }
        assert.equal(wrong.length, 0, wrong.join('\n'));
        assert.ok(failed > 50 && statements.length - failed > 80, `${failed} of them fail in PostgreSQL`);
        const [ours, theirs] = await stored(`${schema}.t`);
        assert.deepEqual(ours, theirs);
        assert.ok(ours.length > 150);
      });
    }

    it('CREATE TABLE AS keeps types that Iceberg lacks in larger ones', async () => {
      const query = `select 1::int2 as a, 'x'::varchar(3) as b, '{ "a":1}'::json as j, 'y'::"char" as k, '{"b":  1}'::jsonb as jb, 'ab'::char(5) as c,
        'n'::name as n, 4000000000::oid as o, array[-1::int2, null] as ai, array['x', 'y']::varchar[] as av, time '10:00:00.126'::time(2) as t,
        timestamptz '2025-07-01 10:00:00.6'::timestamptz(0) as tz, null::int2 as none`;
      await client.query(`create table lake.kept as ${query} union all ${query.replace('1::int2', 'null')}`);
      await postgres.run(`create table lake.kept as ${query} union all ${query.replace('1::int2', 'null')}`);
      const widened = [
        'a int4',
        'b text',
        'j text',
        'k text',
        'jb text',
        'c text',
        'n text',
        'o int8',
        'ai int4[]',
        'av text[]',
        'none int4',
      ];
      for (const column of widened) {
        const [name, type] = column.split(' ');
        await postgres.run(`alter table lake.kept alter ${name} type ${type}`);
      }
      const [ours, theirs] = await stored('lake.kept');
      assert.deepEqual(ours, theirs);
      const { rows } = await client.query({
        text: "select string_agg(format_type(atttypid, -1), ' ' order by attnum) from pg_attribute where attrelid = 'lake.kept'::regclass and attnum > 0",
        rowMode: 'array',
      });
      assert.deepEqual(rows, [
        ['integer text text text text text text bigint integer[] text[] time without time zone timestamp with time zone integer'],
      ]);
      assert.equal(await engineSays('insert into lake.kept (a, o) values (40000, 5000000000)'), 'INSERT 0 1');
    });
  });
}
