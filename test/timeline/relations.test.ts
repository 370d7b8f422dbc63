import assert from 'node:assert/strict';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { Oid } from '../../sql/types.js';
import type { BruteCase } from './brute-force.js';
import { Random } from './random.js';
import { C } from './random-events.js';
import { asSet, isLoose, NIGHT, RandomLake, randomCall, readCell, STORED } from './random-lake.js';
import { callSql, columnName, instantSql, outputTypes, typeSql } from './timeline-sql.js';

const CASES = Number(process.env['TIMELINE_RELATION_CASES'] ?? 12);
const SEED = Number(process.env['TIMELINE_RELATION_SEED'] ?? 1);

type Rows = (string | null)[][];
type Call = BruteCase & { readonly source: string };

/** Relations between answers that hold whatever the answers are. Each runs until so many of its cases had rows. */
describe('relations between timelines through the server', function () {
  this.timeout(3_600_000);
  let lake: RandomLake;
  before(async () => {
    lake = await RandomLake.open();
  });
  after(() => lake?.close());

  /** Rows of a call, each value in one form; undefined: refused (what a signal may not be in spans, say). */
  async function ask(spec: TimelineSpec, { types }: Call, source: string, rest = ''): Promise<Rows | undefined> {
    const call = callSql(spec, { source });
    if (call === undefined) return undefined;
    const rows = await lake.rows(`SELECT * FROM ${call} t${rest}`);
    if (typeof rows === 'string') {
      assert.match(rows, /^(0A000|21000)/, `${rows}\n${call}`);
      return undefined;
    }
    const kinds = outputTypes(spec, types);
    return rows.map((row) => row.map((text, n) => readCell(kinds[n]!, text, isLoose(spec, n))));
  }

  function relation(name: string, holds: (call: Call, random: Random) => Promise<number | undefined>): void {
    it(name, async () => {
      let tried = 0;
      for (let seed = SEED * 1000, left = CASES * 12; tried < CASES; seed++) {
        assert.ok(left-- > 0, `${tried} cases had rows`);
        const random = new Random(seed);
        const call = randomCall(random, random.pick(lake.tables));
        const rows = await holds(call, random).catch((error: unknown) => {
          throw new Error(`seed ${seed}: ${callSql(call.spec, call)}`, { cause: error });
        });
        if (rows !== undefined && rows > 0) tried += 1;
      }
    });
  }

  /** Spans without gaps between them and with one tuple are one: as they are where nothing cuts them. */
  function merged(rows: Rows, spec: TimelineSpec, at: string): Rows {
    const keys = spec.keys.length;
    const first = keys + (spec.every === undefined ? 0 : 2);
    const tuple = (row: Rows[number]): string =>
      JSON.stringify([row.slice(0, first), row.slice(first + 5).filter((_, n) => spec.signals[n]?.numerical === false)]);
    const out: Rows = [];
    const before = new Map<string, Rows[number]>();
    for (const row of rows) if (row[first + 1] === at) before.set(tuple(row), row);
    for (const row of rows) {
      const left = row[first] === at ? before.get(tuple(row)) : undefined;
      if (left === undefined) {
        out.push([...row]);
        continue;
      }
      const grown = out.find((other) => JSON.stringify(other) === JSON.stringify(left))!;
      grown[first + 1] = row[first + 1]!;
      grown[first + 2] = String(BigInt(grown[first + 2]!) + BigInt(row[first + 2]!));
      grown[first + 3] = String(Number(grown[first + 2]) / 1e6);
    }
    return out;
  }

  /** Without is_open, and without numericals, which are shown where a span starts. */
  function plain(rows: Rows, spec: TimelineSpec): Rows {
    const first = spec.keys.length + (spec.every === undefined ? 0 : 2);
    return rows.map((row) => row.filter((_, n) => n !== first + 4 && (n < first + 5 || spec.signals[n - first - 5]?.numerical === false)));
  }

  relation('[since, until) cut anywhere and put together is the whole', async (call, random) => {
    const { spec } = call;
    // duration_where counts from since, fill makes a key live from there
    if (spec.emit !== 'spans' || spec.since === undefined || spec.until.kind !== 'at' || spec.fill || has(spec, 'duration_where'))
      return undefined;
    const [since, until] = [BigInt(spec.since), BigInt(spec.until.instant)];
    const middle = since + ((until - since) * BigInt(random.below(100))) / 100n;
    const whole = await ask(spec, call, call.source);
    if (whole === undefined) return undefined;
    const left = await ask({ ...spec, until: { kind: 'at', instant: String(middle) } }, call, call.source);
    const right = await ask({ ...spec, since: String(middle) }, call, call.source);
    const first = spec.keys.length + (spec.every === undefined ? 0 : 2);
    const cut = String(middle);
    const together = merged([...left!, ...right!], spec, cut);
    // at a bucket's edge the buckets differ, and nothing is put together
    assert.deepEqual(asSet(plain(together, spec)), asSet(plain(whole, spec)), `cut at ${cut}, column ${first}`);
    return whole.length;
  });

  relation('the order of rows and files means nothing', async (call) => {
    const rows = await ask(call.spec, call, call.source);
    if (rows === undefined) return undefined;
    assert.deepEqual(asSet((await ask(call.spec, call, `${call.source}_permuted`))!), asSet(rows));
    return rows.length;
  });

  relation('events that touch no leaf mean nothing', async (call) => {
    const { spec } = call;
    // the horizon, idle and last_event_time() see every event; a key's first event is its beginning
    const sees =
      spec.idle !== undefined ||
      spec.until.kind === 'horizon' ||
      spec.leaves.some((leaf) => leaf.op === 'last_event_time' && leaf.when === undefined);
    if (sees || spec.ends !== undefined) return undefined;
    const touched = new Set<number>([...spec.keys, spec.ts, C.seq, ...spec.orderBy]);
    const columns = STORED.map((id) => (touched.has(id) ? columnName(id) : `NULL::${typeSql(call.types.get(id)!)} AS ${columnName(id)}`));
    const leafless = spec.leaves.every(
      (leaf) =>
        ('value' in leaf ? !touched.has(leaf.value) : true) && ('when' in leaf && leaf.when !== undefined ? !touched.has(leaf.when) : true),
    );
    if (!leafless || spec.dedupe.some((id) => touched.has(id))) return undefined;
    const names = STORED.map(columnName).join(', ');
    const later = columns.map((column) => (column === 'ts' ? "ts + interval '7 minutes' AS ts" : column)).join(', ');
    const rows = await ask(spec, call, call.source);
    if (rows === undefined) return undefined;
    const more = await ask(spec, call, `(SELECT ${names} FROM ${call.source} UNION ALL SELECT ${later} FROM ${call.source})`);
    assert.deepEqual(asSet(more!), asSet(rows));
    return rows.length;
  });

  relation('dedupe makes duplicates invisible', async (call, random) => {
    const spec = { ...call.spec, dedupe: random.chance(50) ? [C.seq] : [C.seq, C.ts] };
    const names = STORED.map(columnName).join(', ');
    const rows = await ask({ ...spec, dedupe: [] }, call, call.source);
    if (rows === undefined) return undefined;
    const twice = `(SELECT ${names} FROM ${call.source} UNION ALL SELECT ${names} FROM ${call.source} WHERE seq % 3 <> 0 UNION ALL SELECT ${names} FROM ${call.source} WHERE seq % 2 = 0)`;
    assert.deepEqual(asSet((await ask(spec, call, twice))!), asSet(rows));
    return rows.length;
  });

  relation('a predicate on keys means the same above and below, and keys can be asked apart', async (call, random) => {
    const { spec } = call;
    if (spec.until.kind === 'horizon') return undefined;
    const values = [...new Set(call.events.map((event) => event[C.key]).filter((value) => value !== null && value !== undefined))];
    const literal = `'${String(random.pick(values))}'`;
    const test = random.pick(
      [`key = ${literal}`, `key < ${literal}`, `key <> ${literal}`, `key IN (${literal}, '3')`].slice(
        0,
        call.types.get(C.key)!.oid === Oid.text ? 3 : 4,
      ),
    );
    const whole = await ask(spec, call, call.source);
    if (whole === undefined) return undefined;
    const above = await ask(spec, call, call.source, ` WHERE ${test}`);
    const below = await ask(spec, call, `(SELECT * FROM ${call.source} WHERE ${test})`);
    const others = await ask(spec, call, `(SELECT * FROM ${call.source} WHERE NOT (${test}))`);
    assert.deepEqual(asSet(above!), asSet(below!), test);
    assert.deepEqual(asSet([...below!, ...others!]), asSet(whole), test);
    return below!.length;
  });

  relation('spans where a signal is true, false and NULL are all spans', async (call) => {
    const { spec } = call;
    const bool = spec.signals.find((signal) => signal.type.oid === Oid.bool);
    if (bool === undefined) return undefined;
    const whole = await ask(spec, call, call.source);
    if (whole === undefined) return undefined;
    const parts: Rows = [];
    for (const test of [bool.name, `NOT ${bool.name}`, `${bool.name} IS NULL`])
      parts.push(...(await ask(spec, call, call.source, ` WHERE ${test}`))!);
    assert.deepEqual(asSet(parts), asSet(whole));
    return whole.length;
  });

  relation('everything later by some days is the same, later', async (call) => {
    const { spec } = call;
    const by = 1_000_000n * 86_400n * 7n * 31n;
    const moved = (instant: string | undefined): string | undefined => (instant === undefined ? undefined : String(BigInt(instant) + by));
    // buckets are cut by clocks, and constants of time do not move
    if (spec.timeZone !== 'UTC' && spec.every !== undefined) return undefined;
    if (JSON.stringify(spec.signals).includes('1970-01-01')) return undefined;
    const until = spec.until.kind === 'at' ? { kind: 'at' as const, instant: moved(spec.until.instant)! } : spec.until;
    const later = { ...spec, since: moved(spec.since), until, origin: moved(spec.origin), at: spec.at?.map((instant) => moved(instant)!) };
    const names = STORED.map((id) => (id === C.ts ? "ts + interval '5208 hours' AS ts" : columnName(id))).join(', ');
    const rows = await ask(spec, call, call.source);
    if (rows === undefined) return undefined;
    const kinds = outputTypes(spec, call.types);
    const expected = rows.map((row) =>
      row.map((text, n) => (kinds[n]?.oid === Oid.timestamptz && text !== null ? String(BigInt(text) + by) : text)),
    );
    assert.deepEqual(asSet((await ask(later, call, `(SELECT ${names} FROM ${call.source})`))!), asSet(expected));
    return rows.length;
  });

  relation('a point is what the span over it says', async (call, random) => {
    const { spec } = call;
    // with fill, keys are those with events up to the last point
    if (spec.emit !== 'spans' || spec.until.kind !== 'at' || spec.every !== undefined || spec.fill) return undefined;
    const whole = await ask(spec, call, call.source);
    if (whole === undefined) return undefined;
    const from = NIGHT.base + NIGHT.unit * random.below(40);
    const at = Array.from({ length: 4 }, (_, n) => BigInt(from) + BigInt(n) * 1_234_567_891n).filter(
      (instant) => instant < BigInt((spec.until as { instant: string }).instant),
    );
    const points = await ask({ ...spec, emit: 'points', until: { kind: 'none' }, at: at.map(String) }, call, call.source);
    const keys = spec.keys.length;
    const discrete = (row: Rows[number], fixed: number): Rows[number] => [
      ...row.slice(0, keys),
      ...row.slice(keys + fixed).filter((_, n) => spec.signals[n]?.numerical === false),
    ];
    const expected = at
      .filter((instant) => spec.since === undefined || instant >= BigInt(spec.since))
      .flatMap((instant) =>
        whole
          .filter((row) => BigInt(row[keys]!) <= instant && instant < BigInt(row[keys + 1]!))
          .map((row) => [String(instant), ...discrete(row, 5)]),
      );
    assert.deepEqual(
      asSet(points!.map((row) => [row[keys]!, ...discrete(row, 1)])),
      asSet(expected),
      at.map((instant) => instantSql(instant)).join(),
    );
    return points!.length;
  });

  function has(spec: TimelineSpec, text: string): boolean {
    return JSON.stringify(spec.signals).includes(`"${text}"`);
  }
});
