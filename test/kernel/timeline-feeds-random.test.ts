import assert from 'node:assert/strict';
import type { Readable } from '../../connectors/connector.js';
import type { PlanExpr, TimelineOperator } from '../../planner/physical-plan.js';
import { TimelineError } from '../../sql/errors.js';
import { Oid } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { chooseFeed } from '../../src/kernel/timeline/choose-feed.js';
import { type DirectEvents, openDirectEvents } from '../../src/kernel/timeline/direct-events.js';
import { eventColumns } from '../../src/kernel/timeline/event-columns.js';
import type { EventFeed } from '../../src/kernel/timeline/event-feed.js';
import { groupFeed } from '../../src/kernel/timeline/group-feed.js';
import { TooMuch } from '../../src/kernel/timeline/grouped-events.js';
import { latestTime } from '../../src/kernel/timeline/horizon.js';
import { partsInOrder } from '../../src/kernel/timeline/parts-in-order.js';
import { streamFeed } from '../../src/kernel/timeline/stream-feed.js';
import { openKernel } from '../../src/timeline/event-kernel.js';
import type { Event } from '../timeline/brute-force.js';
import { show } from '../timeline/brute-values.js';
import { Random } from '../timeline/random.js';
import { type Answer, define, normal } from '../timeline/random-answers.js';
import { C } from '../timeline/random-events.js';
import { type RandomCase, randomCase } from '../timeline/random-timeline.js';
import { call, constant, field, ref } from './harness.js';
import { memoryFile } from './memory-parquet.js';

const CASES = 1500;

interface Filter {
  readonly expr: PlanExpr;
  readonly passes: (event: Event) => boolean;
}

/** Filters of the source, with what they mean. */
function filters(random: Random, { types, events }: RandomCase): readonly Filter[] {
  const column = (id: number): PlanExpr => ref(field(id, types.get(id)!));
  const bool = Oid.bool;
  const time = events[0]?.[C.ts];
  const all: readonly Filter[] = [
    { expr: { kind: 'is_null', arg: column(C.number), negated: true }, passes: (event) => event[C.number] !== null },
    {
      expr: call('int4lt(int4,int4)', [column(C.seq), constant('3', Oid.int4)], bool),
      passes: (event) => event[C.seq] !== null && (event[C.seq] as number) < 3,
    },
    {
      expr: call('textne(text,text)', [column(C.state), constant('x', Oid.text)], bool),
      passes: (event) => event[C.state] !== null && event[C.state] !== 'x',
    },
    {
      expr: { kind: 'or', args: [column(C.flag), call('int4ge(int4,int4)', [constant('1', Oid.int4), column(C.number)], bool)] },
      passes: (event) => event[C.flag] === true || (event[C.number] !== null && 1 >= (event[C.number] as number)),
    },
    ...(time === null || time === undefined
      ? []
      : [
          {
            expr: {
              kind: 'not',
              arg: call(
                'timestamptz_gt(timestamptz,timestamptz)',
                [column(C.ts), { kind: 'constant', type: { oid: Oid.timestamptz, typmod: -1 }, value: isoOf(time as bigint) }],
                bool,
              ),
            } as PlanExpr,
            passes: (event: Event) => event[C.ts] !== null && (event[C.ts] as bigint) <= (time as bigint),
          },
        ]),
  ];
  return all.filter(() => random.chance(12));
}

function isoOf(micros: bigint): string {
  const seconds = micros / 1_000_000n - (micros % 1_000_000n < 0n ? 1n : 0n);
  const rest = micros - seconds * 1_000_000n;
  return `${new Date(Number(seconds) * 1000).toISOString().replace(/^\+0*/, '').slice(0, -5).replace('T', ' ')}.${String(rest).padStart(6, '0')}+00`;
}

interface Source {
  readonly op: TimelineOperator;
  readonly example: RandomCase;
  open(): Promise<DirectEvents>;
}

/** The case's events as row groups of files, mostly in time order. */
function sourceOf(
  example: RandomCase,
  random: Random,
  bounds?: (part: number) => { readonly min: number; readonly max: number } | undefined,
): Source {
  const ids = [...example.types.keys()];
  const late = random.below(4) === 0;
  const events = late
    ? [...example.events]
    : [...example.events].sort((a, b) => Number(a[C.ts] ?? -Infinity) - Number(b[C.ts] ?? -Infinity));
  if (!late && random.chance(30)) events.reverse();
  const files: Event[][][] = [[]];
  for (let from = 0; from < events.length; ) {
    const to = from + 1 + random.below(7);
    if (random.chance(30)) files.push([]);
    files.at(-1)!.push(events.slice(from, to));
    from = to;
  }
  const isYear = (event: Event): boolean => event[C.ts] === null || (Number(event[C.ts]) > -62e15 && Number(event[C.ts]) < 2.5e17);
  const chosen = events.every(isYear) ? filters(random, example) : [];
  const left = events.filter((event) => chosen.every(({ passes }) => passes(event)));
  const fields = ids.map((id) => field(id, example.types.get(id)!));
  const scan = { kind: 'scan' as const, scan: 's', connector: 'c', schema: 'x', table: 'y', handle: {}, fields, pushed: [], pruning: [] };
  const items = fields.map((one) => ({ field: field(one.id + 100, one.type), expr: ref(one) }));
  const shifted = JSON.parse(JSON.stringify(example.spec), (name, value) =>
    ['keys', 'orderBy', 'dedupe'].includes(name)
      ? (value as number[]).map((id) => id + 100)
      : ['ts', 'ends', 'probe', 'value', 'when'].includes(name) && typeof value === 'number'
        ? value + 100
        : value,
  ) as RandomCase['spec'];
  const filtered =
    chosen.length === 0
      ? scan
      : { kind: 'filter' as const, input: scan, predicate: { kind: 'and' as const, args: chosen.map(({ expr }) => expr) } };
  const op: TimelineOperator = {
    kind: 'timeline',
    input: { kind: 'project', input: filtered, items },
    horizon: undefined,
    spec: shifted,
    fields: [],
    direct: true,
  };
  const bounded = random.chance(85);
  const readable: Readable = {
    kind: 'sql',
    relation: '',
    release: async () => undefined,
    parquet: { files: files.map((_, n) => ({ path: String(n), location: String(n), columns: ids.map((_, leaf) => leaf) })) },
  };
  const times = left.flatMap((event) => (event[C.ts] === null ? [] : [Number(event[C.ts])]));
  return {
    op,
    example: { ...example, events: left, horizon: times.length === 0 ? undefined : Math.max(...times) },
    async open() {
      const opened = await openDirectEvents(op, { s: readable }, eventColumns(op), async ({ path }) =>
        memoryFile({
          groups: files[Number(path)]!,
          ids,
          ts: C.ts,
          random,
          bounded,
          ...(bounds === undefined ? {} : { said: (group: number) => bounds(files.slice(0, Number(path)).flat().length + group) }),
        }),
      );
      assert.ok(typeof opened !== 'string', String(opened));
      return opened;
    },
  };
}

async function run(
  { op }: Source,
  feed: EventFeed,
  horizon: bigint | undefined,
): Promise<{ readonly answer: Answer; readonly skipped: number }> {
  const { input, spec } = op;
  const inputTypes = new Map(input.kind === 'project' ? input.items.map((item) => [item.field.id, item.field.type]) : []);
  const kernel = openKernel({ spec, inputTypes, horizon, order: feed.order });
  const rows: (Value | null)[][] = [];
  const take = (batch: ReturnType<typeof kernel.push>): void => {
    if (batch === undefined) return;
    for (let n = 0; n < batch.rowCount; n++) rows.push(batch.columns.map((column) => column[n]!));
  };
  try {
    for await (const batch of feed.batches()) take(kernel.push(batch));
    take(kernel.finish());
  } catch (error) {
    if (error instanceof TimelineError && error.sqlstate === '21000') return { answer: 'ties', skipped: 0 };
    throw error;
  }
  return { answer: rows, skipped: kernel.skippedRows + feed.skipped() };
}

const turn = async (): Promise<void> => undefined;

describe('feeds of TIMELINE over row groups in memory', () => {
  it(`give the rows of the definitions in ${CASES} random cases`, async function () {
    this.timeout(240_000);
    const seen = { streamed: 0, grouped: 0, rows: 0, filtered: 0, orderRead: 0, skipped: 0, horizons: 0, ties: 0 };
    for (let seed = 1; seed <= CASES; seed++) {
      const random = new Random(seed * 7);
      const source = sourceOf(randomCase(seed, { probes: false }), random);
      const { example } = source;
      const expected = define(example);
      const text = (feed: string): string =>
        `seed ${seed}, ${feed}: ${show(example.spec as never)}\n${example.events.map((event) => show(event as never)).join('\n')}`;
      const batchRows = 1 + random.below(20);
      const skipped = example.events.filter((event) => [...example.spec.keys, C.ts].some((id) => event[id] === null)).length;
      const own = example.spec.until.kind === 'horizon';
      const check = async (name: 'streamed' | 'grouped', feed: EventFeed, horizon: bigint | undefined): Promise<void> => {
        if (own) assert.equal(horizon, example.horizon === undefined ? undefined : BigInt(example.horizon), text(name));
        const got = await run(source, feed, horizon);
        assert.deepEqual(normal(example, got.answer), normal(example, expected), text(name));
        if (got.answer === 'ties') seen.ties += 1;
        else {
          assert.equal(got.skipped, skipped, text(name));
          seen.rows += got.answer.length;
        }
        seen[name] += 1;
      };
      const streamed = await source.open();
      if (partsInOrder(streamed.events.parts) !== undefined) {
        const latest = own ? await latestTime(streamed.events, turn) : undefined;
        await check('streamed', streamFeed(streamed, { turn, batchRows }), typeof latest === 'number' ? BigInt(latest) : undefined);
        seen.orderRead += streamed.ties?.values.reads ?? 0;
      }
      const feed = await groupFeed(await source.open(), { turn, batchRows, memoryBytes: 1e9, why: '' });
      await check('grouped', feed, own && feed.latest !== undefined ? BigInt(feed.latest) : undefined);
      seen.skipped += skipped;
      seen.horizons += own ? 1 : 0;
      seen.filtered += source.op.input.kind === 'project' && source.op.input.input.kind === 'filter' ? 1 : 0;
    }
    // a generator that makes only easy cases would prove nothing
    assert.ok(
      seen.streamed > CASES / 4 && seen.rows > CASES && seen.filtered > CASES / 10 && seen.orderRead > 100 && seen.horizons > CASES / 20,
      JSON.stringify(seen),
    );
  });

  /** Any case with events in several parts. */
  function someSource(bounds?: (part: number) => { readonly min: number; readonly max: number } | undefined): Source {
    for (let seed = 1; ; seed++) {
      const example = randomCase(seed, { probes: false });
      if (example.world.kind !== 'micros' || example.events.length < 30 || example.spec.ties === 'error') continue;
      return sourceOf(example, new Random(seed), bounds);
    }
  }

  it('refuse files whose statistics leave out events', async () => {
    const source = someSource((part) => ({ min: part * 1000, max: part * 1000 + 1 }));
    const feed = streamFeed(await source.open(), { turn, batchRows: 8 });
    await assert.rejects(
      async () => {
        for await (const _ of feed.batches());
      },
      (error: unknown) => error instanceof TimelineError && error.sqlstate === 'XX001' && /statistics of file "0"/.test(error.message),
    );
  });

  it('are chosen by what files say of time, and by memory', async () => {
    const apart = await someSource((part) => ({ min: part * 10, max: part * 10 + 5 })).open();
    assert.deepEqual(chooseFeed(apart, 1e9, 'auto'), { feed: 'stream' });
    const unknown = await someSource(() => undefined).open();
    const grouped = chooseFeed(unknown, 1e9, 'auto');
    assert.equal(grouped.feed, 'group');
    assert.match('why' in grouped ? grouped.why : '', /not for all row groups/);
    assert.equal(chooseFeed(unknown, 100, 'auto').feed, 'sort');
    // overlapping, and too much to hold
    const overlapping = await someSource(() => ({ min: 0, max: 100 })).open();
    assert.equal(chooseFeed(overlapping, 100, 'auto').feed, 'sort');
    await assert.rejects(groupFeed(unknown, { turn, batchRows: 8, memoryBytes: 100, why: '' }), TooMuch);
  });

  it('give others their turn between parts', async () => {
    const source = someSource();
    let turns = 0;
    const stop = async (): Promise<void> => {
      turns += 1;
      if (turns > 2) throw new Error('stopped');
    };
    await assert.rejects(groupFeed(await source.open(), { turn: stop, batchRows: 8, memoryBytes: 1e9, why: '' }), /stopped/);
  });
});
