import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type pg from 'pg';
import { parseFields } from '../../connectors/iceberg/format/schema.js';
import { recentDocument } from '../../connectors/victorialogs/recent/document.js';
import { STREAM_FIELDS } from '../../connectors/victorialogs/recent/layout.js';
import { findTemporal } from '../../src/replay/temporal/dev-server.js';
import { newLake, SIGNAL, type TestLake, writeRows } from '../connectors/iceberg-lake.js';
import { cases } from '../support/cases.js';
import { startTimeline } from '../support/timeline-server.js';
import { type LogsServer, startVictoriaLogs } from '../support/victoria-logs.js';
import { openEngine, type TestEngine } from '../write/engine.js';
import { Dice } from './oracle-dice.js';

interface Event {
  readonly writer: string;
  readonly number: number;
  readonly values: readonly [id: string, writer: string, ts: string, amount: string | null, note: string | null];
}

const FIELDS = parseFields([
  { id: 1, name: 'id', type: 'long' },
  { id: 2, name: 'writer', type: 'string' },
  { id: 3, name: 'ts', type: 'timestamptz' },
  { id: 4, name: 'amount', type: 'decimal(10, 2)' },
  { id: 5, name: 'note', type: 'string' },
]);
const NOTES = [null, '', '2.10', "it's", 'ünï\n"x"', '~', 'null', '1e5', '-0'];

describe('rows on their way into a lake (timeline.include_recent)', function () {
  this.timeout(300_000);
  let logs: LogsServer;
  let lake: TestLake;
  let engine: TestEngine;
  let client: pg.Client;
  const notices: string[] = [];

  before(async function () {
    const started = await startVictoriaLogs();
    if (started === undefined) return this.skip();
    logs = started;
    lake = await newLake();
    await lake.writer.createNamespace('ns', SIGNAL);
    const { url, tenant } = logs;
    const tables = Array.from({ length: CASES + 10 }, (_, n) => `ns.t${n}`);
    const config = { catalogs: { logs: { type: 'victorialogs', url, tenant, recent_for: tables } } };
    for (let n = 0; n < tables.length; n++) {
      const { handle } = await lake.writer.beginTable({ table: { schema: 'ns', table: `t${n}` }, fields: FIELDS, options: {} }, SIGNAL);
      await lake.writer.commit(handle, { written: [], batch: `made${n}`, summary: {}, signal: SIGNAL });
    }
    engine = await openEngine({ folder: lake.folder, connector: lake.connector, config });
    client = await engine.connect();
    client.on('notice', (notice) => notices.push(notice.message ?? ''));
    await client.query("set timezone = 'UTC'");
    await client.query('set timeline.include_recent = on');
  });
  beforeEach(() => notices.splice(0));
  after(async () => {
    await engine?.close();
    await lake?.close();
    await logs?.close();
  });

  const CASES = cases('TIMELINE_RECENT_CASES', { usual: 8, full: 150 });
  const query = async (sql: string): Promise<unknown[][]> => (await client.query({ text: sql, rowMode: 'array' })).rows as unknown[][];
  const identity = async (table: string): Promise<string> => {
    const { handle } = await lake.connector.pin({ schema: 'ns', table });
    const found = await lake.connector.dataFiles?.identity(handle, SIGNAL);
    return found?.table ?? assert.fail('no identity');
  };
  const columns = async (table: string) => (await lake.connector.describe({ schema: 'ns', table }))?.columns ?? assert.fail('no table');

  const send = async (table: string, events: readonly Event[]): Promise<void> => {
    const [of, described] = [await identity(table), await columns(table)];
    const documents = events.map(({ writer, number, values }) =>
      recentDocument({
        identity: of,
        writer,
        number: BigInt(number),
        time: `${values[2].slice(0, 10)}T${values[2].slice(11, 19)}.000000000Z`,
        columns: described,
        values,
      }),
    );
    await logs.insert(documents, STREAM_FIELDS);
  };
  const flush = async (table: string, events: readonly Event[], upTo: Readonly<Record<string, number>>, dies = false): Promise<void> => {
    const { handle } = await lake.writer.begin({ table: { schema: 'ns', table } }, SIGNAL);
    const text = (value: string | null): string => (value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`);
    const rows = events.map(
      ({ values: [id, writer, ts, amount, note] }) =>
        `(${id}::BIGINT, ${text(writer)}, ${text(ts)}::TIMESTAMPTZ, ${text(amount)}::DECIMAL(10,2), ${text(note)}::VARCHAR)`,
    );
    const written =
      rows.length === 0
        ? []
        : await writeRows(lake, lake.writer, handle, `SELECT * FROM (VALUES ${rows.join(', ')}) v(id, writer, ts, amount, note)`);
    if (dies) return;
    const summary = Object.fromEntries(Object.entries(upTo).map(([writer, number]) => [`flushed_seq.${writer}`, String(number)]));
    await lake.writer.commit(handle, { written, batch: `b${Math.random()}`, summary, signal: SIGNAL });
  };
  const event = (writer: string, number: number, dice: Dice): Event => {
    // Clocks go wrong by days, in both directions.
    const ts = new Date(Date.parse('2024-05-01T00:00:00Z') + dice.whole(0, 20 * 86_400) * 1000).toISOString();
    const amount = dice.whole(0, 4) === 0 ? null : (dice.whole(-99_999, 99_999) / 100).toFixed(2);
    const note = dice.pick(NOTES);
    return {
      writer,
      number,
      values: [String(number * 1000 + writer.length), writer, `${ts.slice(0, 10)} ${ts.slice(11, 19)}+00`, amount, note],
    };
  };
  const plain = (events: readonly Event[]): unknown[][] =>
    events.map(({ values }) => [...values]).toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
  const shown = async (table: string): Promise<unknown[][]> => {
    const rows = await query(`select id::text, writer, ts::text, amount::text, note from ns.${table}`);
    return rows.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
  };

  for (let seed = 1; seed <= CASES; seed++) {
    it(`are all there, once, whenever one looks, seed ${seed}`, async () => {
      const dice = new Dice(seed);
      const table = `t${seed - 1}`;
      const writers = ['w', '2.10', 'o\'brien "x"', 'wörter'].slice(0, dice.whole(1, 4));
      const all: Event[] = [];
      const next = new Map(writers.map((writer) => [writer, 1]));
      const flushed = new Map(writers.map((writer) => [writer, 0]));
      let late: Event[] = [];
      for (let step = 0; step < 6; step++) {
        const made: Event[] = [];
        for (const writer of writers)
          for (let n = dice.whole(0, 12); n > 0; n--) {
            const number = next.get(writer) ?? 1;
            next.set(writer, number + 1);
            made.push(event(writer, number, dice));
          }
        // In any order, some of them twice.
        const sent = [...made, ...made.filter(() => dice.whole(0, 3) === 0)].toSorted(() => dice.whole(-1, 1));
        all.push(...made);
        if (sent.length > 0) await send(table, sent);
        const upTo: Record<string, number> = {};
        for (const writer of writers) {
          const [from, to] = [flushed.get(writer) ?? 0, (next.get(writer) ?? 1) - 1];
          if (dice.whole(0, 2) > 0 && to > from) upTo[writer] = dice.whole(from + 1, to);
        }
        const rows = all.filter(({ writer, number }) => number > (flushed.get(writer) ?? 0) && number <= (upTo[writer] ?? 0));
        const dies = dice.whole(0, 3) === 0;
        if (rows.length > 0) {
          await flush(table, rows, upTo, dies);
          if (!dies) for (const [writer, number] of Object.entries(upTo)) flushed.set(writer, number);
        }
        // What is in the lake arrives in the log store only now, or again.
        late = rows.filter(() => dice.whole(0, 4) === 0);
        if (late.length > 0 && !dies) await send(table, late);
        // A commit that has nothing to do with writers.
        if (dice.whole(0, 3) === 0) await lake.writer.maintain('optimize', { schema: 'ns', table }, { min_input_files: '2' }, SIGNAL);
        assert.deepEqual(await shown(table), plain(all), `step ${step}`);
        const counted = await query(
          `select writer, count(*)::int, sum(amount)::text from ns.${table} where id >= 2000 group by writer order by writer collate "C"`,
        );
        assert.deepEqual(counted, expectedCounts(all));
      }
      assert.deepEqual(notices, []);
    });
  }

  it('are no part of versions of the past, and only there when asked for', async () => {
    const [table, dice] = [`t${CASES}`, new Dice(1)];
    const events = [1, 2, 3, 4].map((number) => event('w', number, dice));
    await send(table, events);
    await flush(table, events.slice(0, 2), { w: 2 });
    assert.deepEqual(await shown(table), plain(events));
    const { snapshot } = await lake.connector.pin({ schema: 'ns', table });
    await client.query(`set timeline.as_of = '${snapshot}'`);
    assert.deepEqual(await shown(table), plain(events.slice(0, 2)));
    await client.query('reset timeline.as_of');
    await client.query('set timeline.include_recent = off');
    assert.deepEqual(await shown(table), plain(events.slice(0, 2)));
    await client.query('set timeline.include_recent = on');
    const twice = await query(`select count(*)::int from ns.${table} a join ns.${table} b using (id)`);
    assert.deepEqual(twice, [[4]]);
    await client.query('begin');
    assert.deepEqual((await shown(table)).length, 4);
    await send(table, [event('w', 5, dice)]);
    assert.deepEqual((await shown(table)).length, 4);
    await client.query('commit');
    assert.deepEqual((await shown(table)).length, 5);
    const explained = (await query(`explain select * from ns.${table}`)).join('\n');
    assert.match(explained, /\(recent\)/);
  });

  it('give every kind of query the answer that it has when they have arrived', async () => {
    const [table, dice] = [`t${CASES + 5}`, new Dice(5)];
    const events = ['a', 'bb', 'ccc'].flatMap((writer) => Array.from({ length: 200 }, (_, n) => event(writer, n + 1, dice)));
    const upTo = { a: 150, bb: 10 };
    const inLake = events.filter(({ writer, number }) => number <= ((upTo as Record<string, number>)[writer] ?? 0));
    await flush(table, inLake, upTo);
    await send(table, events);
    const t = `ns.${table}`;
    const questions = [
      `select id, ts, note from ${t} order by ts desc, id limit 7`,
      `select count(*), count(note), min(ts), max(amount), avg(amount) from ${t}`,
      `select note, count(*) from ${t} group by note having count(*) > 3 order by 1, 2`,
      `select id from ${t} where id = 120003 or note = '2.10' order by id`,
      `select writer, id, rank() over (partition by writer order by ts, id) from ${t} where amount > 900 order by 1, 2`,
      `select count(*) from ${t} where writer in (select writer from ${t} where amount < -990)`,
      `select count(*) from ${t} a where not exists (select from ${t} b where b.writer = a.writer and b.id = a.id + 1000)`,
      `with x as (select * from ${t} where note is null) select count(*), sum(x.amount) from x join ${t} y using (writer)`,
      `select * from (select id from ${t} union select id + 1 from ${t}) q order by 1 limit 5`,
      `select s, count(*) from timeline(${t}, key => writer, ts => ts, order_by => id, s => latest(note)) t group by 1 order by 1`,
      `select writer, c, a from timeline(${t}, key => writer, ts => ts, order_by => id, c => count_so_far(true), a => latest(amount),
         at => '2024-05-10') t order by 1`,
      `select count(*) from ${t} tablesample bernoulli (100)`,
    ];
    const answers = async (): Promise<unknown[]> => {
      const all: unknown[] = [];
      for (const sql of questions) all.push([sql, await query(sql)]);
      return all;
    };
    const before = await answers();
    await client.query('set timeline.small_bytes = 0');
    assert.deepEqual(await answers(), before);
    await client.query('reset timeline.small_bytes');
    await flush(
      table,
      events.filter((one) => !inLake.includes(one)),
      { a: 200, bb: 200, ccc: 200 },
    );
    await client.query('set timeline.include_recent = off');
    assert.deepEqual(await answers(), before);
    await client.query('set timeline.include_recent = on');
    assert.deepEqual(await answers(), before);
  });

  it('are read by workers of Temporal, too', async function () {
    if ((await findTemporal('')) === undefined) return this.skip();
    const [table, dice] = [`t${CASES + 6}`, new Dice(6)];
    const events = Array.from({ length: 50 }, (_, n) => event('w', n + 1, dice));
    await flush(table, events.slice(0, 20), { w: 20 });
    await send(table, events);
    const catalogs = {
      lake: { type: 'iceberg', catalog: { type: 'filesystem', warehouse: `file://${lake.folder}/warehouse` } },
      logs: { type: 'victorialogs', url: logs.url, tenant: logs.tenant, recent_for: [`ns.${table}`] },
    };
    const server = await startTimeline({ home: `${lake.folder}/server`, config: JSON.stringify({ catalogs }), temporal: 'dev' });
    try {
      const other = await server.connect();
      await other.query('set timeline.driver = temporal');
      await other.query('set timeline.include_recent = on');
      await other.query('set timeline.small_bytes = 0');
      const { rows } = await other.query({ text: `select t.id::text as text from ns.${table} t order by t.id`, rowMode: 'array' });
      assert.deepEqual(
        (rows as unknown as string[][]).map(([id]) => id),
        events.map(({ values: [id] }) => id),
      );
      await other.end();
    } finally {
      await server.stop();
    }
  });

  it('with gaps are shown, and the gap is told', async () => {
    const [table, dice] = [`t${CASES + 1}`, new Dice(2)];
    const events = [1, 2, 3, 4, 5].map((number) => event('w', number, dice));
    const [first, second, third, ...rest] = events as [Event, Event, Event, Event, Event];
    await flush(table, [first], { w: 1 });
    await send(table, rest);
    assert.deepEqual(await shown(table), plain([first, ...rest]));
    assert.deepEqual(notices, [`fresh data of ns.${table} is incomplete: 2 of rows 2 to 5 of writer "w" are missing`]);
    // It waits for what is late.
    notices.splice(0);
    const looking = shown(table);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await send(table, [second, third]);
    assert.deepEqual(await looking, plain(events));
    assert.deepEqual(notices, []);
  });

  it('with values of a column that the table has no more, or under another name, are refused until they are flushed', async () => {
    const [table, dice] = [`t${CASES + 7}`, new Dice(7)];
    const events = [1, 2].map((number) => event('w', number, dice));
    await send(table, events);
    const [of, described] = [await identity(table), await columns(table)];
    const renamed = described.map((one) => (one.name === 'note' ? { ...one, name: 'remark' } : one));
    const { values } = event('w', 3, dice);
    const time = '2024-05-01T00:00:00.000000000Z';
    const row = { identity: of, writer: 'w', number: 3n, time, columns: renamed, values: [...values.slice(0, 4), 'kept?'] };
    await logs.insert([recentDocument(row)], ['_t', '_w']);
    await assert.rejects(shown(table), /fresh rows have a column "remark" that it has not/);
    await flush(table, events, { w: 3 });
    assert.deepEqual(await shown(table), plain(events));
    // The old one may lie in one block with others.
    const fourth = event('w', 4, dice);
    await send(table, [fourth]);
    assert.deepEqual(await shown(table), plain([...events, fourth]));
  });

  it('are refused where they could not be told or shown as they are', async () => {
    const [table, dice] = [`t${CASES + 2}`, new Dice(3)];
    const { values } = event('w', 1, dice);
    await logs.insert([{ _time: '2024-05-01T00:00:00Z', _t: `recent:${await identity(table)}`, id: '1' }], ['_t']);
    await assert.rejects(shown(table), /documents without a writer or a number/);
    const other = `t${CASES + 3}`;
    await send(other, [{ writer: 'w', number: 1, values: [values[0], values[1], values[2], values[3], 'x'.repeat(70_000)] }]);
    await assert.rejects(shown(other), /values that the log store cannot hold/);
    const third = `t${CASES + 4}`;
    await flush(third, [event('w', 1, dice)], { w: Number.NaN });
    await assert.rejects(shown(third), /flushed_seq\.w of the table is "NaN"/);
    await client.query('set timeline.include_recent = off');
    for (const [one, rows] of [
      [table, 0],
      [other, 0],
      [third, 1],
    ] as const)
      assert.equal((await shown(one)).length, rows);
    await client.query('set timeline.include_recent = on');
  });
});

function expectedCounts(events: readonly Event[]): unknown[][] {
  const groups = new Map<string, { count: number; cents: number | undefined }>();
  for (const { writer, values } of events) {
    if (Number(values[0]) < 2000) continue;
    const group = groups.get(writer) ?? { count: 0, cents: undefined };
    group.count += 1;
    if (values[3] !== null) group.cents = (group.cents ?? 0) + Math.round(Number(values[3]) * 100);
    groups.set(writer, group);
  }
  return [...groups]
    .toSorted(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
    .map(([writer, { count, cents }]) => [writer, count, cents === undefined ? null : (cents / 100).toFixed(2)]);
}
