import assert from 'node:assert/strict';
import { PGlite } from '@electric-sql/pglite';
import type pg from 'pg';
import { hasPsql, runPsql } from '../support/psql.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { query as queryMessage, RawClient } from '../wire/raw-client.js';
import { Dice } from './oracle-dice.js';

/** Cursors and COPY beside a PostgreSQL: the same statements, in order, on one connection each. */
describe('a session beside PostgreSQL', function () {
  this.timeout(300_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let postgres: PGlite;
  let client: pg.Client;

  before(async () => {
    home = await tempFolder('oracle-session');
    server = await startTimeline({ home: home.path });
    client = await server.connect();
    postgres = await PGlite.create();
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await postgres?.close();
    await home?.remove();
  });

  interface Answer {
    readonly rows?: readonly (readonly unknown[])[];
    readonly error?: string;
  }

  const failure = (error: unknown): Answer => {
    const { code, message } = error as Error & { code?: string };
    return { error: `${code} ${message}` };
  };
  const ours = async (sql: string): Promise<Answer> => {
    try {
      const { rows } = await client.query({ text: sql, rowMode: 'array' });
      return { rows };
    } catch (error) {
      return failure(error);
    }
  };
  const theirs = async (sql: string): Promise<Answer> => {
    try {
      const { rows } = await postgres.query<unknown[]>(sql, [], { rowMode: 'array' });
      return { rows };
    } catch (error) {
      return failure(error);
    }
  };
  const both = async (sql: string, trace: readonly string[]): Promise<Answer> => {
    const [a, b] = [await ours(sql), await theirs(sql)];
    assert.deepEqual(a, b, [...trace, sql].join('; '));
    return a;
  };

  it('a random walk of FETCH and MOVE', async () => {
    const seed = Number(process.env['ORACLE_SEED'] ?? 20_260_301);
    const dice = new Dice(seed);
    for (let walk = 0; walk < 60; walk += 1) {
      const rows = dice.pick([0, 1, 2, 5, 13]);
      const [scroll, hold] = [dice.chance(0.8), dice.chance(0.3)];
      const trace = [`seed ${seed}`];
      const run = async (sql: string): Promise<Answer> => {
        const answer = await both(sql, trace);
        trace.push(sql);
        return answer;
      };
      await run('begin');
      // Without SCROLL PostgreSQL decides by its plan; we never keep rows then.
      await run(
        `declare c ${scroll ? 'scroll' : 'no scroll'} cursor ${hold ? 'with hold' : ''} for select n, 'row ' || n from generate_series(1, ${rows}) n`,
      );
      let open = true;
      for (let step = 0; step < 25; step += 1) {
        if (hold && open && dice.chance(0.1)) {
          await run('commit');
          open = false;
        }
        const count = dice.whole(-4, 7);
        const where = dice.pick([
          'next',
          'prior',
          'first',
          'last',
          `absolute ${count}`,
          `relative ${count}`,
          `${count}`,
          'all',
          'forward',
          `forward ${count}`,
          'forward all',
          'backward',
          `backward ${count}`,
          'backward all',
        ]);
        const answer = await run(`${dice.chance(0.25) ? 'move' : 'fetch'} ${where} from c`);
        if (answer.error !== undefined && open) break;
      }
      if (open) await run('rollback');
      else await run('close c');
    }
  });

  it('errors of EXECUTE, cursors and views', async () => {
    const trace: string[] = [];
    for (const sql of [
      'prepare q(int, numeric(5, 2), text, timestamptz, int[]) as select $1, $2, $3, $4::text, $5',
      "execute q(1.6, '12.345', 'a' || 'b', '2024-01-01 00:00+00', '{1,2}')",
      "execute q(1.5::numeric, 2, 'x'::varchar(3), null, array[1, null])",
      'execute q(1, 2, 3)',
      'execute q(1, 2, 3, 4, 5)',
      "execute q('1x', 2, 3, null, null)",
      'execute q((select 1), 2, 3, null, null)',
      'execute q(sum(1), 2, 3, null, null)',
      'execute q(column_of_nothing, 2, 3, null, null)',
      'prepare q as select 2',
      'prepare empty as select 1 as one',
      'execute empty',
      'execute empty(1)',
      'prepare untyped as select $1 || $2',
      "execute untyped('a', 5)",
      'prepare undetermined as select $1 is null',
      'deallocate all',
      'execute q(1)',
      'deallocate q',
      'fetch all from nobody',
      'move all from nobody',
      'close nobody',
      'declare c cursor for select 1',
      'declare c cursor for select * from nothing',
      'savepoint s',
      'rollback to s',
      'release s',
      'create temp view v(a, b, c) as select 1, 2',
      'create temp view v(a) as select 1, 2, 3 as c',
      'select * from v',
      'create or replace temp view v(a) as select 1, 2, 3 as c, 4 as d',
      'create or replace temp view v(a, b) as select 1, 2',
      'create or replace temp view v(a) as select 1.5, 2, 3 as c, 4 as d',
      'select a, d, v from v',
      'select v.*, w.a from v join v w using (a)',
      'create temp view u as select * from v where a = 1 union all select * from v order by 1 limit 1',
      'table u',
      'drop view v',
      'drop view v, u',
      'drop view v',
      'select * from u',
    ]) {
      await both(sql, trace);
    }
  });

  it('COPY in text and CSV', async function () {
    if (!(await hasPsql())) return this.skip();
    const query =
      "select * from (values (1, 'plain', null, 1.50, true), (2, '', E'tab\\tnew\\nline', -0.0, false), (3, E'back\\\\slash \\\\N \\\\.', " +
      "E'car\\rriage', 'NaN', null), (4, 'q\"uote''s', 'a,b;c|d', 1e10, true), (5, E'\\b\\f\\v\\x01', 'é 😀', null, null), " +
      "(null, 'NULL', '\\N', null, null), (7, ' lead', 'trail ', 0, true)) v(n, \"T ext\", u, x, b)";
    const texts = [
      '',
      'csv',
      'csv header',
      "delimiter ';' null 'nil'",
      '(header)',
      "(format csv, header true, quote '''', delimiter ';', null 'NULL')",
      "(format csv, escape '\\')",
      '(format csv, force_quote *)',
      '(format csv, force_quote ("T ext", x), header)',
      "(format text, delimiter '|', null '')",
      "(format csv, null 'plain')",
      '(format csv, header match)',
      "(format text, quote '\"')",
      "(delimiter '\\')",
      "(delimiter 'a')",
      "(format csv, delimiter '\"')",
      "(format csv, null E'a\\nb')",
      '(format binary, header)',
      "(format binary, delimiter ',')",
      '(format text, force_quote (n))',
      '(force_quote (nothing), format csv)',
      '(format csv, force_not_null (n))',
      '(format csv, header, header)',
      '(freeze)',
      '(format parquet)',
      "(encoding 'nothing')",
      '(on_error ignore)',
    ];
    for (const options of texts) {
      let expected: string;
      try {
        const { blob } = await postgres.query(`copy (${query}) to '/dev/blob' ${options}`);
        expected = (await blob?.text()) ?? '';
      } catch (error) {
        expected = `ERROR:  ${(error as Error & { code?: string }).code}: ${(error as Error).message}`;
      }
      const { stdout, stderr } = await runPsql(server, `\\set VERBOSITY verbose\ncopy (${query}) to stdout ${options};\n`, ['-q']);
      if (expected.startsWith('ERROR')) {
        // An encoding that PostgreSQL does not know is one that we do not know either.
        const actual = stderr.split('\n')[0]?.replace(/^.*?(ERROR: {2})/, '$1');
        assert.equal(
          actual,
          options.startsWith('(encoding') ? 'ERROR:  0A000: COPY with encoding nothing is not supported yet' : expected,
          options,
        );
      } else assert.equal(stdout, expected, `${options}\n${stderr}`);
    }
    const { blob } = await postgres.query(`copy (${query}) to '/dev/blob' (format binary)`);
    const bytes = Buffer.from((await blob?.arrayBuffer()) ?? new ArrayBuffer(0));
    const raw = new RawClient(server.port);
    await raw.login({ database: 'timeline' });
    raw.send(queryMessage(`copy (${query}) to stdout (format binary)`));
    await raw.until('Z');
    assert.deepEqual(Buffer.concat(raw.messages.filter(({ type }) => type === 'd').map(({ body }) => body)), bytes);
    raw.socket.destroy();
  });
});
