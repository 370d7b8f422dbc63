import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { hasPsql, runPsql } from '../support/psql.js';
import { pythonWith } from '../support/python.js';
import { runProgram } from '../support/run-program.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { bind, execute, parse, query, RawClient, sync } from '../wire/raw-client.js';

/** Named cursors, scrolled and held ones, COPY in text, CSV and binary; over a table and over the catalogue. */
const SCRIPT = `
import sys, psycopg
conn = psycopg.connect(host='127.0.0.1', port=int(sys.argv[1]), user='u', dbname='timeline')
total = conn.execute('select count(*) from lake.events').fetchone()[0]
with conn.cursor(name='server side "x"') as cur:
    cur.itersize = 5000
    cur.execute('select ts, session_id from lake.events where ts is not null')
    assert [d.name for d in cur.description] == ['ts', 'session_id'], cur.description
    assert len(cur.fetchmany(7)) == 7
    seen = 7 + sum(1 for row in cur)
    assert seen == total, (seen, total)
with conn.cursor(name='params', binary=True) as cur:
    cur.execute('select n, %s::text from generate_series(1, %s) n', ('t', 10))
    assert cur.fetchall() == [(i, 't') for i in range(1, 11)]
with conn.cursor(name='scrolls', scrollable=True) as cur:
    cur.execute('select n from generate_series(1, 9) n')
    cur.scroll(4); assert cur.fetchone() == (5,)
    cur.scroll(-2); assert cur.fetchone() == (4,)
    cur.scroll(8, mode='absolute'); assert cur.fetchone() == (9,)
    assert cur.fetchone() is None
conn.commit()
held = conn.cursor(name='held', withhold=True)
held.execute('select session_id from lake.events')
assert len(held.fetchmany(3)) == 3
conn.commit()
assert len(held.fetchall()) == total - 3
held.close()
conn.commit()
with conn.cursor() as cur:
    with cur.copy('copy (select event_id, ts from lake.events) to stdout') as copy:
        assert sum(1 for row in copy.rows()) == total
    with cur.copy("copy (select 1::int4, 'a\\tb\\\\', null, 2.50::numeric, array['x', null]) to stdout (format binary)") as copy:
        copy.set_types(['int4', 'text', 'text', 'numeric', 'text[]'])
        rows = list(copy.rows())
        assert len(rows) == 1 and rows[0][:3] == (1, 'a\\tb\\\\', None) and str(rows[0][3]) == '2.50' and rows[0][4] == ['x', None], rows
    with cur.copy("copy (select 'a' where false) to stdout (format binary)") as copy:
        assert b''.join(copy) == b'PGCOPY\\n\\xff\\r\\n\\0' + bytes(8) + b'\\xff\\xff'
    try:
        with cur.copy('copy (select 1 / (n - 3) from generate_series(1, 5) n) to stdout') as copy:
            list(copy)
        raise SystemExit('no error')
    except psycopg.errors.DivisionByZero:
        pass
conn.rollback()
assert conn.execute('select 1').fetchone() == (1,)
conn.close()
print('done')
`;

describe('SQL of a session, as clients use it', function () {
  this.timeout(300_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;

  before(async () => {
    home = await tempFolder('session-sql');
    server = await startTimeline({ home: home.path });
  });
  after(async () => {
    await server?.stop();
    await home?.remove();
  });

  it('psycopg: named cursors and copy()', async function () {
    const python = await pythonWith('psycopg[binary]>=3.2,<4', 'psycopg');
    if (python === undefined) return this.skip();
    const result = await runProgram(python, ['-c', SCRIPT, String(server.port)]);
    assert.equal(result.stdout.trim(), 'done', result.stderr);
  });

  it('psql: FETCH_COUNT, \\copy to a file, EXECUTE', async function () {
    if (!(await hasPsql())) return this.skip();
    const file = join(home.path, 'out.csv');
    const script = [
      '\\set FETCH_COUNT 100',
      'select n from generate_series(1, 250) n;',
      `\\copy (select event_type, count(*) from lake.events group by 1 order by 1) to '${file}' with csv header`,
      'prepare q(int) as select count(*) > $1 from lake.events;',
      'execute q(2 * 5);',
      '\\copy pg_am(amname) to stdout',
    ].join('\n');
    const { stdout, stderr } = await runPsql(server, script);
    const lines = stdout.trim().split('\n');
    assert.equal(stderr, '');
    assert.deepEqual([lines[0], lines[249], lines[252], lines[253]], ['1', '250', 't', 'heap'], stdout);
    assert.match(lines[250] ?? '', /^COPY \d+$/);
    const csv = (await readFile(file, 'utf8')).trim().split('\n');
    assert.equal(csv[0], 'event_type,count');
    assert.equal(csv.length, 1 + Number(lines[250]?.slice('COPY '.length)));
  });

  it('node-postgres: cursors end with their transaction, errors and cancels included', async () => {
    const client = await server.connect();
    try {
      await client.query('begin');
      await client.query('declare c cursor for select event_id from lake.events');
      assert.equal((await client.query('fetch 10 from c')).rows.length, 10);
      const moved = await client.query('move 20 from c');
      assert.deepEqual([moved.command, moved.rowCount], ['MOVE', 20]);
      await assert.rejects(client.query('fetch backward 1 from c'), { code: '55000' });
      await assert.rejects(client.query('fetch 1 from c'), { code: '25P02' });
      await client.query('rollback');
      await assert.rejects(client.query('fetch 1 from c'), { code: '34000' });
      // A failing query WITH HOLD fails the COMMIT.
      await client.query('begin');
      await client.query('declare bad cursor with hold for select 1 / (length(event_type) - 5) from lake.events');
      await assert.rejects(client.query('commit'), { code: '22012' });
      await assert.rejects(client.query('fetch bad'), { code: '34000' });
      // Several statements of one query are one transaction.
      const results = (await client.query('declare m cursor for values (1), (2); fetch all m')) as unknown as pg.QueryResult[];
      assert.equal(results[1]?.rows.length, 2);
      await assert.rejects(client.query('fetch m'), { code: '34000' });
      await assert.rejects(client.query("set timezone = 'Asia/Tokyo'; select 1 / 0"), { code: '22012' });
      assert.equal((await client.query('show timezone')).rows[0]?.TimeZone, 'UTC');
    } finally {
      await client.end();
    }
  });

  it('one name space for the statements of Parse and of PREPARE', async () => {
    const client = new RawClient(server.port);
    await client.login({ database: 'timeline' });
    client.send(parse('p', 'select $1::int4 + 1'), sync, query('execute p(41)'), query('prepare p as select 1'), query('deallocate p'));
    assert.equal(await client.until('Z', 4), '1ZTDCZEZCZ');
    assert.equal(client.errors()[0]?.['C'], '42P05');
    client.messages.length = 0;
    client.send(query('prepare s(int4) as select $1 * 2'), bind('', 's', ['21']), execute(''), sync);
    assert.equal(await client.until('Z', 2), 'CZ2DCZ');
    client.socket.destroy();
  });

  it('COPY over the extended protocol; a cancel ends it', async () => {
    const client = new RawClient(server.port);
    await client.login({ database: 'timeline' });
    client.send(parse('', 'copy (select 1, 2) to stdout'), bind('', ''), execute(''), sync);
    assert.equal(await client.until('Z'), '12HdcCZ');
    client.socket.destroy();
    const [slow, other] = await Promise.all([server.connect(), server.connect()]);
    try {
      await slow.query("set statement_timeout = '300ms'");
      await assert.rejects(slow.query('copy (select a.event_id from lake.events a, lake.events b) to stdout'), { code: '57014' });
      assert.equal((await other.query('select 1 as x')).rows[0]?.x, 1);
    } finally {
      await Promise.all([slow.end(), other.end()]);
    }
  });

  it('idle sessions and idle transactions are ended', async () => {
    for (const [before, setting, code] of [
      ['select 1', 'idle_session_timeout', '57P05'],
      ['begin', 'idle_in_transaction_session_timeout', '25P03'],
    ] as const) {
      const client = await server.connect();
      const ended = new Promise<Error & { code?: string }>((resolve) => client.on('error', resolve));
      await client.query(`set ${setting} = '50ms'; ${before}`);
      assert.equal((await ended).code, code);
    }
  });
});
