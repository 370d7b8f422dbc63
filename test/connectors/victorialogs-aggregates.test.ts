import assert from 'node:assert/strict';
import { join } from 'node:path';
import { openLogsClient } from '../../connectors/victorialogs/client/http-client.js';
import type { LogsClient } from '../../connectors/victorialogs/client/logs-client.js';
import type { LogsTableConfig } from '../../connectors/victorialogs/config.js';
import { VictoriaLogsConnector } from '../../connectors/victorialogs/connector.js';
import { encodeValue } from '../../connectors/victorialogs/encoding.js';
import { explainText } from '../../planner/explain.js';
import { TimelineError } from '../../sql/errors.js';
import { Oid, type } from '../../sql/types.js';
import { Dice } from '../e2e/oracle-dice.js';
import { PlannedQueries } from '../replay/planned-queries.js';
import { temporaryFolder } from '../replay/support.js';
import { cases } from '../support/cases.js';
import { EmbeddedPostgres } from '../support/embedded-postgres.js';
import { type LogsServer, startVictoriaLogs } from '../support/victoria-logs.js';

const QUESTIONS = cases('LOGS_AGGREGATE_QUERIES', { usual: 200, full: 4000 });
const SEED = Number(process.env['LOGS_AGGREGATE_SEED'] ?? 3);
const ROWS = 2400;
const ZONES = ['UTC', 'UTC', 'Etc/GMT-5', 'Etc/GMT+12'];

const COLUMNS: LogsTableConfig['columns'] = (
  [
    ['lvl', 'lvl', Oid.text],
    ['max', 'max', Oid.varchar],
    ['name', 'of_rows', Oid.text],
    ['u8', 'u8', Oid.int2],
    ['u16', 'u16', Oid.int4],
    ['u32', 'u32', Oid.int8],
    ['u64', 'u64', Oid.int8],
    ['i64', 'i64', Oid.int8],
    ['few', 'few', Oid.int4],
    ['same', 'same', Oid.int4],
    ['mostly', 'mostly', Oid.int8],
    ['huge', 'huge', Oid.int8],
    ['ok', 'ok', Oid.bool],
    ['day', 'day', Oid.date],
    ['price', 'price', Oid.float8],
  ] as const
).map(([name, field, oid]) => ({ name, field, type: type(oid) }));

const INTEGERS = ['u8', 'u16', 'u32', 'u64', 'i64', 'few', 'same', 'mostly', 'huge'];

/** A random row in PostgreSQL's text form; columns become blocks of each of the store's encodings. */
function randomRow(dice: Dice): Record<string, string | null> {
  const big = (low: bigint, high: bigint): string =>
    String(low + ((high - low) * BigInt(dice.whole(0, 2 ** 30)) * BigInt(dice.whole(1, 2 ** 20))) / 2n ** 50n);
  return {
    lvl: dice.pick([null, '', 'info', 'INFO', '1.0', '1.00', '1', '0x1', 'ä', '5s', '"', 'a b', '\u{1f600}', '2024-01-01', '127.0.0.1']),
    max: dice.chance(0.1) ? null : `${dice.whole(0, 30)}.${dice.pick(['0', '00', '5'])}`,
    name: dice.pick(['x', 'null', 'NaN', '-']),
    u8: String(dice.whole(0, 200)),
    u16: String(dice.whole(0, 65_390)),
    u32: big(0n, 2n ** 32n),
    u64: big(0n, 2n ** 62n),
    i64: big(-(2n ** 62n), 2n ** 62n),
    few: dice.pick([null, '-7', '0', '2147483647', '-2147483648']),
    same: '42',
    mostly: dice.chance(0.3) ? null : big(-1_000_000n, 1_000_000n),
    huge: dice.pick([null, '9223372036854775807', '-9223372036854775808', '9007199254740993', '-9007199254740993', '0', '1']),
    ok: dice.pick([null, 't', 'f', 'f']),
    day: dice.chance(0.2) ? null : `2024-0${dice.whole(1, 9)}-1${dice.whole(0, 9)}`,
    price: dice.pick([null, '0.1', '-2', '1e+30']),
  };
}

/** Nanoseconds of a moment, often right before or at the start of a day, week, month or year somewhere. */
function randomNanos(dice: Dice): bigint {
  const starts = [
    '2023-12-25',
    '2024-01-01',
    '2024-02-29',
    '2024-03-01',
    '2024-03-31',
    '2024-07-15',
    '2024-12-30',
    '2025-01-01',
    '1970-01-05',
  ];
  const start = BigInt(Date.parse(`${dice.pick(starts)}T00:00:00Z`)) * 1_000_000n;
  const hours = BigInt(dice.pick([0, 0, -5, 5, 12, -12, 14, 24 * dice.whole(0, 6)])) * 3_600_000_000_000n;
  return start + hours + BigInt(dice.pick([0, -1, 1, 999, 1000, dice.whole(0, 2 ** 30), dice.whole(0, 2 ** 50)]));
}

/** Of the other table, whose rows lie close together, in few and large blocks. */
const DAY = BigInt(Date.parse('2024-02-29T00:00:00Z')) * 1_000_000n;

function instant(nanos: bigint): string {
  return `${new Date(Number(nanos / 1_000_000n)).toISOString().slice(0, 19)}.${String(nanos % 1_000_000_000n).padStart(9, '0')}Z`;
}

/** As the client, but that answers over more time than it likes take too long. */
function impatient(client: LogsClient, most: () => bigint): LogsClient & { refused: number } {
  const found = {
    refused: 0,
    query: (...[query, options]: Parameters<LogsClient['query']>) => {
      const [time] = query.filter.kind === 'and' ? query.filter.args : [];
      const wide = time?.kind === 'time' && time.from !== undefined && time.to !== undefined && time.to - time.from > most();
      if (!wide) return client.query(query, options);
      found.refused += 1;
      return (async function* () {
        // some of the answer comes before it breaks off
        let left = 1;
        for await (const rows of client.query(query, options)) if (left-- > 0) yield rows;
        throw new TimelineError({ kind: 'connector', sqlstate: '57014', message: 'VictoriaLogs did not answer in time' });
      })();
    },
    lines: client.lines.bind(client),
    hits: client.hits.bind(client),
    fieldNames: client.fieldNames.bind(client),
    epoch: client.epoch.bind(client),
    insert: client.insert.bind(client),
    flush: client.flush.bind(client),
    close: client.close.bind(client),
  };
  return found;
}

/** Aggregates that VictoriaLogs computes, beside PostgreSQL's over the same values. */
describe('aggregates in VictoriaLogs', function () {
  this.timeout(600_000);
  const folder = temporaryFolder();
  const dice = new Dice(SEED);
  let server: LogsServer | undefined;
  let postgres: EmbeddedPostgres;
  let queries: PlannedQueries;
  let connector: VictoriaLogsConnector;
  let widest = 2n ** 63n;
  let client: LogsClient & { refused: number };

  before(async function () {
    server = await startVictoriaLogs();
    if (server === undefined) return this.skip();
    const tables = ['own', 'other', 'nothing', 'lacking'].map((name) => {
      return { name, encoding: 'own' as const, columns: COLUMNS, filter: { table: `~${name}` } };
    });
    const config = server.config({ tables });
    client = impatient(await openLogsClient({ name: 'logs', config }), () => widest);
    connector = await VictoriaLogsConnector.open({ name: 'logs', config, scratchFolder: join(folder, 'answers'), client });
    postgres = await EmbeddedPostgres.start();
    const sqlTypes = new Map([
      [Oid.int2, 'int2'],
      [Oid.int4, 'int4'],
      [Oid.int8, 'int8'],
      [Oid.bool, 'bool'],
      [Oid.date, 'date'],
      [Oid.float8, 'float8'],
    ] as [number, string][]);
    await postgres.run('CREATE SCHEMA logs; SET search_path = logs');
    for (const { name } of tables) {
      const columns = COLUMNS.map((column) => `"${column.name}" ${sqlTypes.get(column.type.oid) ?? 'text'}`);
      await postgres.run(`CREATE TABLE ${name} (_time timestamptz, ${columns.join(', ')})`);
      if (name === 'nothing' || name === 'lacking') continue;
      const documents: Record<string, string>[] = [];
      const values: string[] = [];
      for (let n = 0; n < ROWS; n += 1) {
        const nanos = name === 'own' ? randomNanos(dice) : DAY + BigInt(dice.whole(0, 1800)) * 61_000_000_001n;
        const row = randomRow(dice);
        const document: Record<string, string> = { _time: instant(nanos), _msg: '-', table: `~${name}` };
        for (const column of COLUMNS) {
          const text = encodeValue(column.type, row[column.name] ?? null);
          if (typeof text === 'string') document[column.field] = text;
        }
        documents.push(document);
        const texts = COLUMNS.map((column) => row[column.name] ?? null);
        const cut = instant(nanos).replace(/\d{3}Z$/, 'Z');
        values.push(`(${[cut, ...texts].map((text) => (text === null ? 'NULL' : `'${text.replaceAll("'", "''")}'`)).join(', ')})`);
      }
      await server.insert(documents, name === 'other' ? ['table'] : []);
      for (let at = 0; at < values.length; at += 500)
        await postgres.run(`INSERT INTO ${name} VALUES ${values.slice(at, at + 500).join(', ')}`);
    }
    await server.insert([
      { _time: '2025-02-05T05:05:05.5Z', _msg: 'hello', status: '2.10', level: 'info' },
      { _time: '2025-02-05T23:59:59.999999999Z', _msg: 'hello again', status: '', level: 'info' },
    ]);
    queries = await PlannedQueries.open(connector, folder);
  });

  after(async () => {
    await queries?.close();
    await connector?.close();
    await postgres?.close();
    await server?.close();
  });

  async function expected(sql: string, timeZone: string): Promise<readonly string[]> {
    await postgres.run(`SET TimeZone = '${timeZone}'`);
    return (await postgres.rows(sql)).map((row) => JSON.stringify(row.map((value) => value?.toString('utf8') ?? null))).sort();
  }

  async function pushed(sql: string, timeZone = 'UTC'): Promise<readonly string[]> {
    const plan = await queries.plan(sql, { aggregates: 'on', timeZone, smallBytes: dice.pick([0, 2 ** 20]) });
    const text = explainText(plan).join('\n');
    assert.match(text, /Pushed aggregate/, `${sql}\n${text}`);
    return queries.rows(plan, timeZone);
  }

  it(`are PostgreSQL's, in ${QUESTIONS} random queries`, async () => {
    const did = { rows: 0, halved: 0 };
    for (let n = 0; n < QUESTIONS; n += 1) {
      const sql = randomQuery(dice);
      const timeZone = dice.pick(ZONES);
      widest = dice.chance(0.3) ? BigInt(dice.whole(20, 4000)) * 86_400_000_000_000n : 2n ** 63n;
      const rows = await pushed(sql, timeZone);
      assert.deepEqual(rows, await expected(sql, timeZone), `${sql}\n${timeZone} ${widest}`);
      if (n % 5 === 0) {
        const own = await queries.plan(sql, { aggregates: 'off', timeZone, smallBytes: 0 });
        assert.doesNotMatch(explainText(own).join('\n'), /Pushed aggregate/);
        assert.deepEqual(await queries.rows(own, timeZone), rows, sql);
      }
      did.rows += rows.length;
      did.halved = client.refused;
    }
    widest = 2n ** 63n;
    assert.ok(did.rows > QUESTIONS && did.halved > QUESTIONS / 4, JSON.stringify(did));
  });

  it('of sums beyond 2^53 are exact', async () => {
    for (const column of INTEGERS) {
      const sql = `select sum(${column}), avg(${column}), count(${column}), min(${column}), max(${column}) from own`;
      assert.deepEqual(await pushed(sql), await expected(sql, 'UTC'), column);
    }
  });

  it('of nothing are as PostgreSQL has them', async () => {
    for (const sql of [
      'select count(*), count(lvl), min(_time), max(u8), sum(u8), sum(u64), avg(few) from nothing',
      'select lvl, count(*) from nothing group by lvl',
      'select distinct lvl, few from nothing',
      'select lvl, few, count(*) from nothing group by cube (lvl, few)',
      'select count(*) from nothing having count(*) > 0',
    ])
      assert.deepEqual(await pushed(sql), await expected(sql, 'UTC'), sql);
  });

  it('count each row in just one of p, not p and p is null', async () => {
    const plain = (sql: string): Promise<readonly string[]> =>
      queries.plan(sql, { aggregates: 'on', timeZone: 'UTC', smallBytes: 0 }).then((plan) => queries.rows(plan));
    for (const table of ['own', 'other'])
      for (let n = 0; n < 40; n += 1) {
        const [p, q] = dice.sample(FILTERS, 2);
        const predicate = dice.pick([`(${p})`, `(${p} and ${q})`, `(${p} or not (${q}))`]);
        const counts = [predicate, `not ${predicate}`, `${predicate} is null`].map((where) =>
          plain(`select count(*) from ${table} where ${where}`),
        );
        const found = (await Promise.all(counts)).map(([row]) => Number((JSON.parse(row ?? '[]') as string[])[0]));
        assert.equal(
          found.reduce((sum, count) => sum + count, 0),
          ROWS,
          `${table} ${predicate}: ${found}`,
        );
      }
  });

  it('of rows that lack a value are refused', async () => {
    await server?.insert([{ _time: '2024-02-29T00:00:00.000000001Z', _msg: '-', table: '~lacking', u8: '1', _m: 'price' }]);
    for (const sql of ['select count(*) from lacking', 'select sum(u16) from lacking', 'select lvl from lacking where u8 > 5 group by lvl'])
      await assert.rejects(pushed(sql), { sqlstate: '0A000' }, sql);
    assert.deepEqual(await pushed("select count(*) from lacking where _time > '2024-03-01'"), ['["0"]']);
  });

  it('of foreign entries are counts and times only', async () => {
    const [first] = await expected('select min(_time) from (select _time from own union all select _time from other) as x', 'UTC');
    const [least] = JSON.parse(first ?? '[]') as string[];
    assert.deepEqual(await pushed('select count(*), count(status), count(level), min(_time), max(_time) from logs'), [
      JSON.stringify([String(2 * ROWS + 3), '1', '2', least, '2025-02-05 23:59:59.999999+00']),
    ]);
    const days = await pushed("select date_trunc('month', _time), count(_time) from logs where true group by 1");
    assert.ok(days.includes('["2025-02-01 00:00:00+00","2"]'), days.join());
  });

  it('are not asked for where the server would not be exact', async () => {
    for (const sql of [
      'select min(lvl) from own',
      'select max(price) from own',
      'select sum(price) from own',
      'select price, count(*) from own group by price',
      'select _time, count(*) from own group by _time',
      'select level, count(*) from logs group by level',
      'select min(level) from logs',
      "select date_trunc('day', _time, 'Europe/Paris'), count(*) from own group by 1",
      "select date_trunc('quarter', _time), count(*) from own group by 1",
    ]) {
      const plan = await queries.plan(sql, { aggregates: 'on', timeZone: 'UTC', smallBytes: 0 });
      assert.doesNotMatch(explainText(plan).join('\n'), /Pushed aggregate/, sql);
    }
  });
});

const KEYS = [
  'lvl',
  '"max"',
  'name',
  'u8',
  'few',
  'same',
  'huge',
  'ok',
  'day',
  'upper(lvl)',
  'coalesce(few, 0) % 3',
  "date_trunc('minute', _time)",
  "date_trunc('hour', _time)",
  "date_trunc('day', _time)",
  "date_trunc('week', _time)",
  "date_trunc('month', _time)",
  "date_trunc('year', _time)",
  "date_trunc('week', _time, 'Etc/GMT-14')",
  "date_trunc('month', _time AT TIME ZONE 'Etc/GMT+3')",
  '_time::date',
];

const FILTERS = [
  'u8 > 100',
  'u16 between 5 and 30000',
  'few = 0',
  'few is null',
  'huge < 5',
  "lvl = '1.0'",
  "lvl <> ''",
  "lvl in ('1', '', 'ä')",
  "lvl like '%o%'",
  'ok',
  'not ok',
  'ok is not true',
  "day >= '2024-03-01'",
  "_time >= '2024-01-01' and _time < '2024-03-01 00:00:00.000001'",
  "_time <= '2024-02-29 12:00+05'",
  'price > 0',
  '(u8 < 10 or few is null and lvl is not null)',
  'same = 43',
];

function randomQuery(dice: Dice): string {
  const where = dice.chance(0.5) ? ` where ${dice.sample(FILTERS, dice.whole(1, 2)).join(' and ')}` : '';
  const table = dice.pick(['own', 'own', 'other']) + where;
  const keys = dice.sample(KEYS, dice.pick([0, 1, 1, 2, 3]));
  const group = keys.length === 0 ? '' : ` group by ${keys.join(', ')}`;
  if (keys.length > 0 && dice.chance(0.15)) return `select distinct ${keys.join(', ')} from ${table}`;
  if (dice.chance(0.1))
    return `select ${[...keys, ...dice.sample(['lvl', 'few', 'day'], 2).map((column) => `count(distinct ${column})`)].join(', ')} from ${table}${group}`;
  const calls = Array.from({ length: dice.whole(keys.length === 0 ? 1 : 0, 4) }, () => {
    const fn = dice.pick(['count(*)', 'count', 'min', 'max', 'sum', 'avg']);
    const only = dice.chance(0.2) ? ` filter (where ${dice.pick(FILTERS)})` : '';
    if (fn === 'count(*)') return fn + only;
    if (fn === 'count') return `count("${dice.pick(COLUMNS).name}")${only}`;
    if ((fn === 'min' || fn === 'max') && dice.chance(0.3)) return `${fn}(_time)${only}`;
    return `${fn}(${dice.pick(INTEGERS)})${only}`;
  });
  return `select ${[...keys, ...calls].join(', ')} from ${table}${group}${calls.length > 0 && dice.chance(0.1) ? ' having count(*) > 1' : ''}`;
}
