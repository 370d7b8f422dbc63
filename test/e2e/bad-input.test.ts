import assert from 'node:assert/strict';
import { mkdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type pg from 'pg';
import { freePort } from '../support/free-port.js';
import { projectRoot } from '../support/project-root.js';
import { type ProgramResult, runProgram } from '../support/run-program.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { int32, RawClient } from '../wire/raw-client.js';
import { copyLake, type Lake, lakeConfig, SECRETS } from './damage.js';

const LAKE_QUERY = 'SELECT count(*)::int AS n FROM py.events_bucket';

describe('bad input', function () {
  this.timeout(60_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let lake: Lake;
  let server: TimelineServer;
  let client: pg.Client;
  let rows: number;

  before(async () => {
    home = await tempFolder('e2e-bad');
    lake = await copyLake(join(home.path, 'lake'));
    server = await startTimeline({ home: join(home.path, 'home'), config: lake.config });
    client = await server.connect();
    rows = (await client.query(LAKE_QUERY)).rows[0]?.n;
    assert.ok(rows > 0);
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
  });
  /** Whatever was done to it, it goes on. */
  afterEach(async () => {
    assert.equal((await client.query('SELECT 1 AS one')).rows[0]?.one, 1);
    assert.equal((await client.query(LAKE_QUERY)).rows[0]?.n, rows);
  });

  /** Those of earlier tests are closed when the server has noticed, which takes a while on a busy machine. */
  const onlyThisConnection = async (): Promise<void> => {
    for (;;) {
      const metrics = await (await fetch(`http://127.0.0.1:${server.httpPort}/metrics`)).text();
      if (/^timeline_connections 1$/m.test(metrics)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  const fails = (sql: string, code: string, message: RegExp): Promise<void> => assert.rejects(client.query(sql), { code, message });

  describe('frames', () => {
    for (const [name, bytes] of [
      ['garbage', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
      ['a length of 2 GB', Buffer.concat([Buffer.from('Q'), int32(0x7fffffff)])],
      ['a negative length', Buffer.concat([Buffer.from('Q'), int32(-5)])],
    ] as const) {
      it(`${name}, before and after the log-in`, async () => {
        const early = new RawClient(server.port);
        early.send(bytes);
        await early.untilClosed();
        const late = new RawClient(server.port);
        await late.login();
        late.send(bytes);
        await late.untilClosed();
        assert.equal(late.errors()[0]?.['C'], '08P01');
      });
    }

    it('half a frame and then nothing', async () => {
      const half = new RawClient(server.port);
      await half.login();
      half.send(Buffer.from('Q'), int32(100), Buffer.from('SELECT'));
      assert.equal((await client.query('SELECT 2 AS two')).rows[0]?.two, 2);
      half.destroy();
    });

    it('more connections than are allowed: refused with 53300, the others stay', async () => {
      await onlyThisConnection();
      // Some more than there may be; far more at once are dropped without a word.
      const raw = Array.from({ length: 150 }, () => new RawClient(server.port));
      const outcomes = await Promise.all(
        raw.map((one) =>
          one.login().then(
            () => 'in',
            () => one.errors()[0]?.['C'],
          ),
        ),
      );
      assert.equal(outcomes.filter((outcome) => outcome === 'in').length, 99);
      assert.deepEqual([...new Set(outcomes)].sort(), ['53300', 'in']);
      for (const one of raw) one.destroy();
      await onlyThisConnection();
    });
  });

  describe('SQL', () => {
    it('cut off, unknown, empty', async () => {
      await fails('SELECT count(*) FROM py.events_day WHERE (event_id', '42601', /syntax error at end of input/);
      await fails("SELECT 'abc", '42601', /unterminated quoted string/);
      await fails('SELECT * FROM py.nothing', '42P01', /relation "py\.nothing" does not exist/);
      await fails('DROP TABLE py.events_day', '42501', /permission denied for table events_day/);
    });

    it('very long, very deep, very wide', async () => {
      const text = 'x'.repeat(10_000_000);
      assert.equal((await client.query(`SELECT length('${text}') AS n`)).rows[0]?.n, text.length);
      const list = Array.from({ length: 5000 }, (_, i) => 200_000 + i).join(',');
      assert.ok((await client.query(`SELECT count(*)::int AS n FROM py.events_day WHERE event_id IN (${list})`)).rows[0]?.n > 0);
      await fails(`SELECT 1${'+1'.repeat(50_000)}`, '54001', /stack depth/);
      await fails(`SELECT ${'('.repeat(100_000)}1${')'.repeat(100_000)}`, '42601', /memory exhausted/);
      await fails(`SELECT max(event_id${'+1'.repeat(1200)}) FROM py.events_day`, '54001', /nested too deeply|stack depth/);
      await fails(`SELECT ${Array(2000).fill('event_id').join(',')} FROM py.events_day`, '54011', /1664/);
    });

    it('escapes from the embedded Postgres', async () => {
      for (const sql of [
        "SELECT set_config('role','timeline_system',false), pg_read_file('/etc/passwd')",
        "SELECT set_config('session_authorization','timeline_system',true), 1",
        "SELECT query_to_xml('reset session authorization', true, true, '')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT pg_ls_dir('/')",
        'SELECT pg_sleep(60)',
        'SELECT pg_advisory_lock(1)',
      ]) {
        await fails(sql, '42501', /permission denied/);
      }
      await fails("COPY (SELECT 1) TO '/tmp/x'", '42501', /COPY/);
      for (const user of ['postgres', 'timeline_system', 'pg_read_server_files', 'a"; reset role; --']) {
        const other = await server.connect({ user });
        try {
          assert.equal((await other.query('SELECT rolsuper FROM pg_roles WHERE rolname = current_user')).rows[0]?.rolsuper, false, user);
          await assert.rejects(other.query("SELECT pg_read_file('/etc/passwd')"), { code: '42501' });
        } finally {
          await other.end();
        }
      }
    });

    it("nothing of a user's text is read as DuckDB's SQL", async () => {
      for (const sql of [
        "SELECT count(*) FROM read_csv('/etc/passwd')",
        "SELECT count(*) FROM read_parquet('/etc/passwd')",
        `SELECT count(*) FROM "read_csv('/etc/passwd')"`,
        `SELECT count(*) FROM "/etc/passwd"`,
        "SELECT getenv('HOME') FROM py.events_day",
        "SELECT count(*) FROM py.events_day WHERE event_type = (SELECT content FROM read_text('/etc/passwd'))",
      ]) {
        await assert.rejects(client.query(sql), (error: { code?: string }) => ['42883', '42P01'].includes(error.code ?? ''), sql);
      }
      const nasty = `x"') FROM read_csv('/etc/passwd'); --\u2019\u02bc\uff07\\`;
      const result = await client.query(
        `SELECT count(*)::int AS "${nasty.replaceAll('"', '""').slice(0, 40)}" FROM py.events_day WHERE event_type = $1`,
        [nasty],
      );
      assert.deepEqual(Object.values(result.rows[0] ?? {}), [0]);
      assert.equal((await client.query('SELECT max(event_type || $1) AS v FROM py.events_day', [nasty])).rows[0]?.v, `stop${nasty}`);
    });

    it('a budget', async () => {
      await client.query("SET timeline.max_bytes = '1kB'");
      try {
        await assert.rejects(
          client.query('SELECT * FROM py.events_day'),
          (error: pg.DatabaseError) => error.code === '53400' && /max_bytes/.test(error.hint ?? ''),
        );
      } finally {
        await client.query('RESET timeline.max_bytes');
      }
    });
  });

  it('keys of S3 are nowhere to be seen', async () => {
    await client.query('SELECT count(*) FROM py.events_day');
    const seen = [
      server.output(),
      JSON.stringify((await client.query('EXPLAIN ANALYZE SELECT count(*) FROM py.events_day')).rows),
      JSON.stringify((await client.query('SELECT * FROM timeline.replays')).rows),
      JSON.stringify((await client.query('SHOW ALL')).rows),
      await (await fetch(`http://127.0.0.1:${server.httpPort}/metrics`)).text(),
    ];
    for (const text of seen) for (const secret of SECRETS) assert.ok(!text.includes(secret));
  });

  // A server of its own: files are immutable, so what was read once whole is not read again.
  describe('damaged files of a table are named, relative to the warehouse', () => {
    let damaged: Lake;
    let fresh: TimelineServer;
    let reader: pg.Client;

    before(async () => {
      damaged = await copyLake(join(home.path, 'damaged'));
      fresh = await startTimeline({ home: join(home.path, 'damaged-home'), config: damaged.config });
      reader = await fresh.connect();
    });
    after(async () => {
      await reader?.end();
      await fresh?.stop();
    });

    const kinds: readonly (readonly [string, RegExp])[] = [
      ['manifest list', /^snap-.*\.avro$/],
      ['manifest', /^(?!snap-).*\.avro$/],
      ['data file', /\.parquet$/],
    ];
    for (const [name, pattern] of kinds) {
      it(name, async () => {
        const files = await damaged.files((file) => pattern.test(file));
        assert.ok(files.length > 0);
        for (const [harm, code] of [
          ['missing', '58P01'],
          ['cut off', 'XX001'],
          ['garbage', 'XX001'],
        ] as const) {
          for (const file of files) {
            await rename(file, `${file}.kept`);
            if (harm === 'garbage') await writeFile(file, Buffer.alloc(4000, 'Z'));
            if (harm === 'cut off') await writeFile(file, '').then(() => truncate(file, 100));
          }
          try {
            const message = /^file "py\/py\/events_day\/(metadata|data)\/\S+" /;
            await assert.rejects(reader.query('SELECT * FROM py.events_day'), { code, message });
            assert.equal((await reader.query('SELECT 1 AS one')).rows[0]?.one, 1);
          } finally {
            for (const file of files) {
              await rm(file, { force: true });
              await rename(`${file}.kept`, file);
            }
          }
        }
      });
    }

    it('and all is well when they are whole again', async () => {
      assert.equal((await reader.query('SELECT * FROM py.events_day')).rows.length, 180);
    });
  });

  describe('HTTP', () => {
    const raw = (text: string): Promise<string> =>
      new Promise((resolve) => {
        let answer = '';
        const socket = connect(server.httpPort, '127.0.0.1', () => socket.write(text));
        socket.on('data', (data) => {
          answer += data.toString('latin1');
        });
        socket.on('error', () => undefined);
        socket.on('close', () => resolve(answer));
      });

    for (const [name, request, status] of [
      ['another method', 'POST /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', '405'],
      ['an unknown path', 'GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', '404'],
      ['huge headers', `GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`, '431'],
      ['no HTTP', 'hello\r\n\r\n', '400'],
    ] as const) {
      it(name, async () => assert.equal(/^HTTP\/1\.1 (\d+)/.exec(await raw(request))?.[1], status));
    }
  });

  it('a catalog that is not there, and one that is not SQLite: serve says so and goes on, and so do statements', async () => {
    await mkdir(join(home.path, 'text', 'py'), { recursive: true });
    await writeFile(join(home.path, 'text', 'py', 'catalog.db'), 'no database at all'.repeat(100));
    for (const [folder, message] of [
      ['nowhere', /nowhere\/py\/catalog\.db" does not exist/],
      ['text', /catalog\.db" cannot be read: file is not a database/],
    ] as const) {
      const lame = await startTimeline({ home: join(home.path, `${folder}-home`), config: lakeConfig(join(home.path, folder)) });
      try {
        assert.match(lame.output(), message);
        assert.doesNotMatch(lame.output(), /\n\s+at /);
        for (const secret of SECRETS) assert.ok(!lame.output().includes(secret));
        const asking = await lame.connect();
        await assert.rejects(asking.query(LAKE_QUERY), { message });
        assert.equal((await asking.query('SELECT 1 AS one')).rows[0]?.one, 1);
        await asking.end();
      } finally {
        await lame.stop();
      }
    }
  });

  describe('what serve refuses', () => {
    const serve = (env: NodeJS.ProcessEnv): Promise<ProgramResult> =>
      runProgram(process.execPath, [join(projectRoot(), 'bin', 'timeline.js'), 'serve'], {
        env: {
          TIMELINE_TEMPORAL: 'off',
          TIMELINE_PG_PORT: '0',
          TIMELINE_HTTP_PORT: '0',
          TIMELINE_HOME: join(home.path, 'other'),
          TIMELINE_CONFIG: join(home.path, 'home', 'timeline.yaml'),
          ...env,
        },
        timeoutMs: 20_000,
      });
    const config = async (text: string): Promise<NodeJS.ProcessEnv> => {
      await mkdir(join(home.path, 'configs'), { recursive: true });
      const path = join(home.path, 'configs', `${text.length}.yaml`);
      await writeFile(path, text);
      return { TIMELINE_CONFIG: path };
    };
    const cases: readonly (readonly [string, () => Promise<NodeJS.ProcessEnv>, RegExp])[] = [
      ['a Postgres port in use', async () => ({ TIMELINE_PG_PORT: String(server.port) }), /port \d+ .*in use/],
      ['an HTTP port in use', async () => ({ TIMELINE_HTTP_PORT: String(server.httpPort) }), /port \d+ .*in use/],
      [
        'a home that is a file',
        async () => ({ TIMELINE_HOME: join(home.path, 'home', 'timeline.yaml') }),
        /home folder .* cannot be used: /,
      ],
      ['a home that takes no folder', async () => ({ TIMELINE_HOME: '/proc/timeline' }), /home folder \/proc\/timeline cannot be used: /],
      ['an address that is not loopback', async () => ({ TIMELINE_LISTEN_HOST: '0.0.0.0' }), /loopback/],
      ['a configuration cut off', () => config('catalogs: [1'), /\.yaml: /],
      ['a key that is none', () => config('catalogues: {}'), /catalogues/],
      ['a configuration that is not there', async () => ({ TIMELINE_CONFIG: join(home.path, 'nothing.yaml') }), /nothing\.yaml: ENOENT/],
    ];
    for (const [name, env, message] of cases) {
      it(name, async () => {
        const { code, stdout, stderr } = await serve(await env());
        assert.equal(code, 1, stderr);
        assert.match(stderr, message);
        assert.doesNotMatch(`${stdout}${stderr}`, /timeline ready|\n\s+at /);
        for (const secret of SECRETS) assert.ok(!`${stdout}${stderr}`.includes(secret));
      });
    }
  });

  it('a Temporal that is not there: auto answers, temporal says what to do', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const other = await startTimeline({
      home: join(home.path, 'temporal'),
      config: lake.config,
      env: { TEMPORAL_ADDRESS: address, TIMELINE_TEMPORAL: '' },
    });
    try {
      const session = await other.connect();
      assert.equal((await session.query(LAKE_QUERY)).rows[0]?.n, rows);
      await session.query('SET timeline.driver = temporal');
      await assert.rejects(
        session.query(LAKE_QUERY),
        (error: pg.DatabaseError) =>
          error.code === '08001' && error.message.includes(address) && /timeline\.driver = local/.test(error.hint ?? ''),
      );
      await session.end();
    } finally {
      await other.stop();
    }
  });
});
