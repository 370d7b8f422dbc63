import assert from 'node:assert/strict';
import type pg from 'pg';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { Oid, type Type } from '../../sql/types.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { type BruteCase, bruteForce, type Event, Tied } from './brute-force.js';
import { type Cell, canonical, show } from './brute-values.js';
import { Random } from './random.js';
import { C, randomEvents } from './random-events.js';
import { randomCase, randomSpec } from './random-timeline.js';
import type { World } from './random-world.js';
import { callSql, columnName, comparable, outputTypes, readText, typeSql, valueSql, valuesSource } from './timeline-sql.js';

const CASES = Number(process.env['TIMELINE_RANDOM_CASES'] ?? 150);
const SEED = Number(process.env['TIMELINE_RANDOM_SEED'] ?? 1);
const HOUR = 3_600_000_000;

/** Where the stored tables live: a night in Paris with a clock change, in steps of ten minutes. */
const NIGHT: World = {
  kind: 'calendar',
  zone: 'Europe/Paris',
  base: Date.parse('2024-03-30T20:00:00Z') * 1000,
  unit: HOUR / 6,
  span: 45,
  every: [
    { months: 0, days: 0, micros: String(HOUR) },
    { months: 0, days: 0, micros: String(HOUR / 2) },
    { months: 0, days: 1, micros: '0' },
  ],
};

interface Stored {
  readonly name: string;
  readonly events: readonly Event[];
  readonly types: ReadonlyMap<number, Type>;
}

/** Columns that Iceberg has types for. */
const STORED = [C.key, C.ts, C.seq, C.state, C.number, C.flag, C.end, C.id, C.key2, C.float, C.numeric, C.seq2, C.flag2] as const;

describe('random timelines through the server against the definitions', function () {
  this.timeout(600_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;
  const tables: Stored[] = [];

  before(async () => {
    home = await tempFolder('server-random');
    const lake = {
      type: 'iceberg',
      catalog: { type: 'filesystem', warehouse: `file://${home.path}/warehouse` },
      write: { schemas: ['r'] },
    };
    server = await startTimeline({ home: home.path, config: JSON.stringify({ catalogs: { lake } }) });
    client = await server.connect();
    await client.query("SET TimeZone = 'UTC'");
    for (const layout of ['ordered', 'mixed', 'appended'] as const) tables.push(await store(layout));
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
  });

  /** ordered: one file by time; mixed: four files in no order; appended: four files one after the other in time, each by time. */
  async function store(layout: 'ordered' | 'mixed' | 'appended'): Promise<Stored> {
    const random = new Random(layout.length);
    const keys: readonly [number, number] = layout === 'appended' ? [Oid.int4, Oid.text] : [Oid.text, Oid.int4];
    const key = (): string | number => (keys[0] === Oid.int4 ? random.below(12) : `key ${random.below(12)}`);
    const made = randomEvents(random, NIGHT, { keys, key, count: 150 });
    // `seq` is the row's number, so that the order of files does not matter
    const events = made.events.map(
      (event, n): Event => ({ ...event, [C.seq]: n, [C.numeric]: event[C.numeric] === 'NaN' ? '7' : event[C.numeric]! }),
    );
    const types = new Map(STORED.map((id): [number, Type] => [id, made.types.get(id)!]));
    const time = (event: Event): number => Number(event[C.ts] ?? 0);
    const rows = layout === 'mixed' ? events : [...events].sort((a, b) => time(a) - time(b));
    const columns = STORED.map((id) => `${columnName(id)} ${id === C.numeric ? 'numeric(10,2)' : typeSql(types.get(id)!)}`);
    await client.query(`CREATE TABLE r.${layout} (${columns.join(', ')})`);
    const files = layout === 'ordered' ? 1 : 4;
    for (let file = 0; file < files; file++) {
      const part = rows.slice((rows.length * file) / files, (rows.length * (file + 1)) / files);
      const values = part.map(
        (event) => `(${STORED.map((id) => `${valueSql(event[id] ?? null, types.get(id)!)}::${typeSql(types.get(id)!)}`).join(',')})`,
      );
      await client.query(`INSERT INTO r.${layout} VALUES ${values.join(',')}`);
    }
    return { name: `r.${layout}`, events, types };
  }

  /** A call over a stored table: only what its columns allow. */
  function overTable(seed: number): BruteCase & { readonly source: string } {
    const random = new Random(seed);
    const { name, events, types } = random.pick(tables);
    const all = randomEvents(random, NIGHT, { keys: [types.get(C.key)!.oid, types.get(C.key2)!.oid], count: 0 }).types;
    const horizon = Math.max(...events.map((event) => Number(event[C.ts] ?? -Infinity)));
    for (;;) {
      const made = randomSpec(random, NIGHT, all, { probes: false });
      const spec = {
        ...made,
        orderBy: [...made.orderBy.filter((id) => types.has(id)), C.seq],
        dedupe: made.dedupe.filter((id) => types.has(id)),
      };
      const columns = spec.leaves.flatMap((leaf) => ['value' in leaf ? leaf.value : C.ts, 'when' in leaf ? (leaf.when ?? C.ts) : C.ts]);
      if (columns.every((id) => types.has(id))) return { spec, events, types, horizon, source: name };
    }
  }

  function overValues(seed: number): BruteCase & { readonly source: string } {
    const example = randomCase(seed, { probes: false });
    // two values of char(3) differ in what pads them nowhere
    return { ...example, source: valuesSource(example.events, example.types) };
  }

  /** An explicit lookback: what it leaves of the events. */
  function lookBack(example: BruteCase, random: Random): { readonly lookback: string | undefined; readonly events: readonly Event[] } {
    const { spec, events } = example;
    const first = spec.since ?? spec.at?.[0];
    if (first === undefined || !random.chance(20)) return { lookback: undefined, events };
    const length = random.below(10) * 1_000_000;
    const lookback = random.chance(30) ? 'none' : String(length);
    const from = BigInt(first) - BigInt(lookback === 'none' ? 0 : length);
    return { lookback, events: events.filter((event) => event[spec.ts] === null || (event[spec.ts] as bigint) >= from) };
  }

  function define(example: BruteCase): Cell[][] | 'ties' {
    try {
      return bruteForce(example);
    } catch (error) {
      if (error instanceof Tied) return 'ties';
      throw error;
    }
  }

  it(`${CASES} calls over stored tables and VALUES`, async () => {
    const seen = { values: 0, tables: 0, rows: 0, ties: 0, refused: 0 };
    for (let seed = SEED; seed < SEED + CASES; seed++) {
      const random = new Random(seed ^ 0x5eed);
      const example = random.chance(50) ? overTable(seed) : overValues(seed);
      const { lookback, events } = lookBack(example, random);
      const call = callSql(example.spec, { source: example.source, ...(lookback === undefined ? {} : { lookback }) });
      if (call === undefined || !isWritable(example)) continue;
      const expected = define({ ...example, events });
      const actual = await answer(example.spec, example.types, call);
      const where = `seed ${seed}\nSELECT * FROM ${call} t`;
      if (typeof actual === 'string' && actual.startsWith('0A000')) {
        seen.refused += 1;
        continue;
      }
      if (expected === 'ties' || typeof actual === 'string') {
        assert.equal(actual, expected === 'ties' ? '21000' : 'rows', where);
        seen.ties += 1;
        continue;
      }
      const types = outputTypes(example.spec, example.types);
      const wanted = expected
        .map((row) => row.map((value, n) => (value === null ? null : (loose(example.spec, n) ? canonical : comparable)(types[n]!, value))))
        .map(show)
        .sort();
      assert.deepEqual(actual, wanted, where);
      seen.rows += actual.length;
      seen[example.source.startsWith('(') ? 'values' : 'tables'] += 1;
    }
    assert.ok(seen.values > CASES / 5 && seen.tables > CASES / 5 && seen.rows > CASES * 4, JSON.stringify(seen));
    assert.ok(seen.refused < CASES / 50, JSON.stringify(seen));
  });

  async function answer(spec: TimelineSpec, inputs: ReadonlyMap<number, Type>, call: string): Promise<string[] | string> {
    const types = outputTypes(spec, inputs);
    const text = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig;
    try {
      const { rows } = await client.query({ text: `SELECT * FROM ${call} t`, rowMode: 'array', types: text });
      return (rows as (string | null)[][])
        .map((row) =>
          row.map((value, n) => (value === null ? null : (loose(spec, n) ? canonical : comparable)(types[n]!, readBool(types[n]!, value)))),
        )
        .map(show)
        .sort();
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      return code === '21000' ? code : `${code}: ${message}`;
    }
  }
});

/**
 * Which of several texts of equal values is given does not matter: of a key it is any event's, and DuckDB's sort makes 0 of a -0 that is
 * sorted by.
 */
function loose({ keys, orderBy }: TimelineSpec, column: number): boolean {
  return column < keys.length || orderBy.includes(C.float);
}

function readBool(of: Type, text: string): ReturnType<typeof readText> {
  return of.oid === Oid.bool ? text === 't' : readText(of, text);
}

/** Instants with a year that SQL text has without an era. */
function isWritable({ events, spec }: BruteCase): boolean {
  const instants = [...events.map((event) => event[C.ts] ?? null), ...(spec.at ?? []), spec.since ?? null];
  return instants.every((instant) => instant === null || (Number(instant) > -6.2e16 && Number(instant) < 2.5e17));
}
