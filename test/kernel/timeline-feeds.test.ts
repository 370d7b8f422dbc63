import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { Readable } from '../../connectors/connector.js';
import { directInput } from '../../planner/direct-timeline.js';
import type { Operator, PlanExpr, PlanLeaf, ScanOperator, TimelineOperator } from '../../planner/physical-plan.js';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { TimelineError } from '../../sql/errors.js';
import { typeOf } from '../../sql/expression-type.js';
import { Oid, type Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { FeedChoice } from '../../src/kernel/timeline/event-feed.js';
import { bruteForce, type Event } from '../timeline/brute-force.js';
import { canonical, show } from '../timeline/brute-values.js';
import { PLAIN_SPEC } from '../timeline/plain-spec.js';
import { Random } from '../timeline/random.js';
import { C } from '../timeline/random-events.js';
import { type RandomCase, randomCase } from '../timeline/random-timeline.js';
import { type Bench, field, openBench, ref } from './harness.js';
import { randomRow, randomTruth } from './random-rows.js';

const CASES = 60;
const FEEDS = ['stream', 'group', 'sort'] as const;

const ELEMENTS: Readonly<Record<number, object>> = {
  [Oid.text]: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  [Oid.timestamptz]: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MICROS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
  },
  [Oid.int4]: { type: 'INT32' },
  [Oid.int8]: { type: 'INT64' },
  [Oid.float8]: { type: 'DOUBLE' },
  [Oid.bool]: { type: 'BOOLEAN' },
};

interface Column {
  readonly id: number;
  readonly type: Type;
  /** Of the Parquet schema, where it is another than the type's. */
  readonly element?: object;
}

/** Events as a file of row groups of these sizes; some columns have dictionaries, some not. */
async function writeEvents(options: {
  readonly path: string;
  readonly columns: readonly Column[];
  readonly groups: readonly (readonly Event[])[];
  readonly random: Random;
}): Promise<void> {
  const { path, columns, groups, random } = options;
  const bytes = new ByteWriter();
  const elements = columns.map(({ id, type, element }) => ({
    name: `f${id}`,
    repetition_type: 'OPTIONAL',
    ...(element ?? ELEMENTS[type.oid]),
  }));
  const schema = [{ name: 'root', num_children: columns.length }, ...elements] as never;
  const writer = new ParquetWriter({ writer: bytes, schema });
  for (const events of groups) {
    const columnData = columns.map(({ id, type }) => ({
      name: `f${id}`,
      data: events.map((event) => event[id] ?? null) as unknown[],
      // dictionaries hold -0 and 0 as one value
      ...(type.oid === Oid.float8 || random.chance(30) ? { encoding: 'PLAIN' as const } : {}),
    }));
    writer.write({ columnData: columnData as never, rowGroupSize: events.length });
  }
  writer.finish();
  await writeFile(path, bytes.getBytes());
}

function usedColumns({ spec, types }: RandomCase): readonly Column[] {
  const ids = new Set([...spec.keys, spec.ts, ...spec.orderBy, ...spec.dedupe, ...(spec.ends === undefined ? [] : [spec.ends])]);
  for (const leaf of spec.leaves) {
    if ('value' in leaf) ids.add(leaf.value);
    if ('when' in leaf && leaf.when !== undefined) ids.add(leaf.when);
  }
  return [...ids].map((id) => ({ id, type: types.get(id)! }));
}

/** Fields of the operator's rows: what the spec says its columns are. */
function outputTypes({ spec, types }: RandomCase): readonly number[] {
  const bucket = spec.every === undefined || spec.emit === 'points' ? [] : [Oid.timestamptz, Oid.timestamptz];
  const times = spec.emit === 'points' ? [Oid.timestamptz] : [Oid.timestamptz, Oid.timestamptz, Oid.interval, Oid.float8, Oid.bool];
  return [...spec.keys.map((id) => types.get(id)!.oid), ...bucket, ...times, ...spec.signals.map((signal) => signal.type.oid)];
}

interface Source {
  readonly scan: ScanOperator;
  readonly readable: Readable;
}

/** Files with parts of the events, in source order. */
async function writeSource(options: {
  readonly folder: string;
  readonly name: string;
  readonly columns: readonly Column[];
  readonly files: readonly (readonly (readonly Event[])[])[];
  readonly random: Random;
}): Promise<Source> {
  const { folder, name, columns, files, random } = options;
  const paths: string[] = [];
  for (const [n, groups] of files.entries()) {
    const path = join(folder, `${name}-${n}.parquet`);
    await writeEvents({ path, columns, groups, random });
    paths.push(path);
  }
  const fields = columns.map(({ id, type }) => field(id, type));
  return {
    scan: { kind: 'scan', scan: 's', connector: 'c', schema: 'x', table: 'y', handle: {}, fields, pushed: [], pruning: [] },
    readable: {
      kind: 'sql',
      relation: `(SELECT * FROM read_parquet([${paths.map((path) => `'${path}'`).join(', ')}]))`,
      release: async () => undefined,
      parquet: { files: paths.map((path) => ({ path, location: path, columns: columns.map((_, leaf) => leaf) })) },
    },
  };
}

function operator(spec: TimelineSpec, { scan }: Source, types: readonly number[]): TimelineOperator {
  const items = scan.fields.map((one) => ({ field: one, expr: ref(one) }));
  return {
    kind: 'timeline',
    input: { kind: 'project', input: scan, items },
    horizon: undefined,
    spec,
    fields: types.map((oid, n) => field(1000 + n, oid)),
    direct: true,
  };
}

function normal({ spec, types }: RandomCase, rows: readonly (readonly (Value | null)[])[]): readonly string[] {
  const keys = spec.keys.map((id) => types.get(id)!);
  return rows
    .map((row) => [...keys.map((of, n) => canonical(of, row[n]!)), ...row.slice(keys.length).map((cell) => show(cell))].join(' | '))
    .sort();
}

describe('feeds of TIMELINE in the kernel', () => {
  const benches = new Map<FeedChoice, Bench>();
  before(async () => {
    for (const feed of FEEDS) benches.set(feed, await openBench({ feed, batchRows: 7 }));
    benches.set('auto', await openBench());
  });
  after(async () => {
    for (const bench of benches.values()) await bench.close();
  });
  const bench = (feed: FeedChoice): Bench => benches.get(feed)!;

  /** The rows by one feed, and how events came. */
  async function ask(
    feed: FeedChoice,
    op: TimelineOperator,
    { readable, scan }: Source,
  ): Promise<{ readonly rows: readonly (readonly (Value | null)[])[] | 'ties'; readonly told: string }> {
    const { folder } = bench('stream');
    try {
      const output = await bench(feed).run(op, { scans: { [scan.scan]: readable }, readableFolders: [folder, bench(feed).folder] });
      return { rows: await bench(feed).read(output.paths, op.fields), told: output.steps?.map((step) => step.note).join('; ') ?? '' };
    } catch (error) {
      if (error instanceof TimelineError && error.sqlstate === '21000') return { rows: 'ties', told: '' };
      throw error;
    }
  }

  it(`give the same rows, those of the definitions, in ${CASES} random cases over Parquet files`, async function () {
    this.timeout(240_000);
    const seen = { cases: 0, rows: 0, overlapping: 0, streamed: 0 };
    for (let seed = 1; seen.cases < CASES; seed++) {
      const example = randomCase(seed, { probes: false });
      const columns = usedColumns(example);
      if (!columns.every(({ type }) => type.oid in ELEMENTS) || example.events.length === 0 || example.spec.ties === 'error') continue;
      const random = new Random(seed);
      const sorted = random.chance(60);
      const time = (event: Event): number => Number(event[C.ts] ?? -Infinity);
      const events = sorted ? [...example.events].sort((a, b) => time(a) - time(b)) : [...example.events];
      const files: Event[][][] = [];
      for (let from = 0; from < events.length; ) {
        const to = from + 1 + random.below(6);
        if (files.length === 0 || random.chance(40)) files.push([]);
        files.at(-1)!.push(events.slice(from, to));
        from = to;
      }
      const source = await writeSource({ folder: bench('stream').folder, name: `case-${seed}`, columns, files, random });
      const op = operator(example.spec, source, outputTypes(example));
      const expected = normal(example, bruteForce({ ...example, events }) as never);
      for (const feed of FEEDS) {
        const { rows, told } = await ask(feed, op, source);
        assert.ok(rows !== 'ties');
        assert.deepEqual(normal(example, rows), expected, `seed ${seed}, ${feed}: ${show(example.spec as never)}`);
        if (feed === 'group') assert.match(told, /^grouped in memory/);
        if (feed === 'sort') assert.match(told, /^sorted by DuckDB: as asked for/);
        if (told.startsWith('streamed')) seen.streamed += 1;
        seen.rows += rows.length;
      }
      seen.cases += 1;
    }
    assert.ok(seen.streamed > CASES / 2 && seen.rows > CASES, JSON.stringify(seen));
  });

  /** Numbered events of a few keys, over several row groups; whole seconds, so that keys have ties. */
  function plainEvents(count: number, random: Random): Event[] {
    return Array.from({ length: count }, (_, n) => ({
      [C.key]: random.pick(['a', 'b', 'c', null]),
      [C.ts]: random.chance(3) ? null : BigInt(Math.floor(n / 3)) * 1_000_000n,
      [C.seq]: n,
      [C.state]: random.pick(['x', 'y', 'z', '', null]),
      [C.number]: random.pick([-3, 0, 1, 2, 7, null]),
      [C.flag]: random.pick([true, false, null]),
      [C.id]: random.pick(['12', '-4', 'p', null]),
      [C.float]: random.pick([NaN, 0, 1.5, -2.25, Infinity, null]),
      [C.id2]: random.pick([1n, -5n, 9007199254740993n, null]),
    }));
  }
  const PLAIN: readonly Column[] = [
    { id: C.key, type: { oid: Oid.text, typmod: -1 } },
    { id: C.ts, type: { oid: Oid.timestamptz, typmod: -1 } },
    { id: C.seq, type: { oid: Oid.int4, typmod: -1 } },
    { id: C.state, type: { oid: Oid.text, typmod: -1 } },
    { id: C.number, type: { oid: Oid.int4, typmod: -1 } },
    { id: C.flag, type: { oid: Oid.bool, typmod: -1 } },
    { id: C.id, type: { oid: Oid.text, typmod: -1 } },
    { id: C.float, type: { oid: Oid.float8, typmod: -1 } },
    { id: C.id2, type: { oid: Oid.int8, typmod: -1 } },
  ];
  const plainType = (id: number): Type => PLAIN.find((column) => column.id === id)!.type;
  const column = (id: number): PlanExpr => ref(field(id, plainType(id)));

  function plainSpec(leaves: TimelineSpec['leaves'], options: Partial<TimelineSpec> = {}): TimelineSpec {
    return {
      ...PLAIN_SPEC,
      keys: [C.key],
      ts: C.ts,
      orderBy: [C.seq],
      leaves,
      signals: leaves.map((leaf, index) => {
        const type = 'value' in leaf && 'type' in leaf ? leaf.type : { oid: Oid.bool, typmod: -1 };
        return { name: `s${index}`, expr: { kind: 'leaf', index, type }, type, numerical: false };
      }),
      ...options,
    };
  }

  const outputOf = (spec: TimelineSpec): readonly number[] => [
    ...spec.keys.map((id) => plainType(id).oid),
    ...[Oid.timestamptz, Oid.timestamptz, Oid.interval, Oid.float8, Oid.bool],
    ...spec.signals.map((signal) => signal.type.oid),
  ];

  function cut(events: readonly Event[], random: Random): Event[][][] {
    const files: Event[][][] = [];
    for (let from = 0; from < events.length; ) {
      const to = from + 1 + random.below(40);
      if (files.length === 0 || random.chance(40)) files.push([]);
      files.at(-1)!.push(events.slice(from, to));
      from = to;
    }
    return files;
  }

  const texts = (rows: readonly (readonly (Value | null)[])[] | 'ties'): readonly string[] =>
    rows === 'ties' ? ['ties'] : rows.map((row) => show(row as never)).sort();

  it('compute row expressions as DuckDB does', async function () {
    this.timeout(240_000);
    let failed = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const random = new Random(seed);
      const files = cut(plainEvents(120, random), random);
      const source = await writeSource({ folder: bench('stream').folder, name: `row-${seed}`, columns: PLAIN, files, random });
      const grown = Array.from({ length: 4 }, () => randomRow(random, column));
      const items = [
        ...PLAIN.map(({ id, type }) => ({ field: field(id, type), expr: column(id) })),
        ...grown.map((expr, n) => ({ field: field(500 + n, typeOf<PlanLeaf>(expr)), expr })),
      ];
      const leaves = grown.map((expr, n): TimelineSpec['leaves'][number] => {
        return { op: 'latest', value: 500 + n, type: typeOf<PlanLeaf>(expr), ttl: undefined };
      });
      const spec = plainSpec(leaves, { orderBy: [C.seq] });
      const predicate = random.chance(50) ? randomTruth(random, column, 2) : undefined;
      const input: Operator = {
        kind: 'project',
        input: predicate === undefined ? source.scan : { kind: 'filter', input: source.scan, predicate },
        items,
      };
      assert.ok(directInput(input) !== undefined, JSON.stringify(items));
      const op: TimelineOperator = { ...operator(spec, source, outputOf(spec)), input };
      const answers: (readonly string[])[] = [];
      for (const feed of FEEDS) {
        try {
          answers.push(texts((await ask(feed, op, source)).rows));
        } catch (error) {
          if (!(error instanceof TimelineError) || error.sqlstate === 'XX000') throw error;
          answers.push([error.sqlstate]);
          failed += 1;
        }
      }
      const [streamed, grouped, sorted] = answers;
      const text = `seed ${seed}: ${JSON.stringify(grown)} where ${JSON.stringify(predicate)}`;
      assert.deepEqual(streamed, sorted, text);
      assert.deepEqual(grouped, sorted, text);
    }
    assert.ok(failed > 0 && failed < 90, `${failed} errors`);
  });

  it('give the same for files in any order, where order_by is total', async () => {
    const random = new Random(5);
    const spec = plainSpec([
      { op: 'latest', value: C.state, type: plainType(C.state), ttl: undefined },
      { op: 'latest_when', when: C.flag, value: C.number, type: plainType(C.number) },
    ]);
    const events = plainEvents(400, random);
    const seen = new Set<string>();
    for (let n = 0; n < 4; n++) {
      const files = cut(events, random);
      if (n > 0) files.sort(() => random.below(3) - 1);
      const source = await writeSource({ folder: bench('stream').folder, name: `order-${n}`, columns: PLAIN, files, random });
      const op = operator(spec, source, outputOf(spec));
      for (const feed of [...FEEDS, 'auto'] as const) seen.add(texts((await ask(feed, op, source)).rows).join('\n'));
    }
    assert.equal(seen.size, 1);
  });

  it('give -0 as it is in the file, though the order is by it', async () => {
    const random = new Random(8);
    const events = plainEvents(30, random).map((event, n): Event => ({ ...event, [C.float]: n % 2 === 0 ? -0 : 0 }));
    const source = await writeSource({ folder: bench('stream').folder, name: 'zeros', columns: PLAIN, files: cut(events, random), random });
    const spec = plainSpec([{ op: 'latest', value: C.float, type: plainType(C.float), ttl: undefined }], { orderBy: [C.float, C.seq] });
    const signs = async (feed: FeedChoice): Promise<unknown> => {
      const { rows } = await ask(feed, operator(spec, source, outputOf(spec)), source);
      return rows === 'ties' ? rows : rows.map((row) => JSON.stringify([String(row[0]), String(row[1]), Object.is(row.at(-1), -0)])).sort();
    };
    const streamed = await signs('stream');
    assert.match(String(streamed), /true/);
    assert.deepEqual(await signs('group'), streamed);
    assert.deepEqual(await signs('sort'), streamed);
  });

  it('read order_by only where ties make a difference', async () => {
    const random = new Random(6);
    const source = await writeSource({
      folder: bench('stream').folder,
      name: 'ties',
      columns: PLAIN,
      files: cut(plainEvents(200, random), random),
      random,
    });
    const asked = async (leaves: TimelineSpec['leaves']): Promise<string> => {
      const spec = plainSpec(leaves);
      return (await ask('auto', operator(spec, source, outputOf(spec)), source)).told;
    };
    assert.match(
      await asked([{ op: 'latest', value: C.state, type: plainType(C.state), ttl: undefined }]),
      /order_by read for \d+ row groups? with ties/,
    );
    assert.match(await asked([{ op: 'has_existed', when: C.flag }]), /^streamed in time order \(\d+ row groups, \d+ rows at once\)$/);
  });

  it('begin anew, sorted by DuckDB, where a page in the middle cannot be decoded', async () => {
    const random = new Random(9);
    const NANOS = 600;
    const timestamptz: Type = { oid: Oid.timestamptz, typmod: -1 };
    const element = { type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' } };
    const events = plainEvents(300, random).map(
      (event, n): Event => ({
        ...event,
        // the end of the range is an infinity to DuckDB, which the decoder leaves to it
        [NANOS]: n === 290 ? 2n ** 63n - 1n : BigInt(n) * 1000n,
      }),
    );
    const columns = [...PLAIN, { id: NANOS, type: timestamptz, element }];
    const source = await writeSource({ folder: bench('stream').folder, name: 'undecoded', columns, files: cut(events, random), random });
    const spec = plainSpec([
      { op: 'latest', value: NANOS, type: timestamptz, ttl: undefined },
      { op: 'count_so_far', when: C.flag },
    ]);
    const signals = spec.signals.map((signal, n) => (n === 1 ? { ...signal, type: { oid: Oid.int8, typmod: -1 } } : signal));
    const typed: TimelineSpec = {
      ...spec,
      signals: signals.map((signal) => ({ ...signal, expr: { ...signal.expr, type: signal.type } as typeof signal.expr })),
    };
    const op = operator(typed, source, outputOf(typed));
    const expected = await ask('sort', op, source);
    assert.ok(expected.rows.length > 100);
    for (const feed of ['stream', 'group', 'auto'] as const) {
      const { rows, told } = await ask(feed, op, source);
      assert.match(told, /^sorted by DuckDB: decoding of infinite instants in nanoseconds is not supported yet/);
      assert.deepEqual(texts(rows), texts(expected.rows), feed);
    }
  });

  describe('of many events', () => {
    const COUNT = 600_000;
    const [key, ts, state] = [field(1, Oid.int4), field(2, Oid.timestamptz), field(3, Oid.int4)];
    const spec: TimelineSpec = {
      ...plainSpec([{ op: 'latest', value: 3, type: state.type, ttl: undefined }], { orderBy: [] }),
      keys: [1],
      ts: 2,
    };
    const types = [Oid.int4, Oid.timestamptz, Oid.timestamptz, Oid.interval, Oid.float8, Oid.bool, Oid.int4];
    let source: Source;
    before(async function () {
      this.timeout(60_000);
      const path = join(bench('stream').folder, 'many.parquet');
      const instance = await DuckDBInstance.create(':memory:');
      const connection = await instance.connect();
      await connection.run(
        `COPY (SELECT (i * 7919 % 1000)::INTEGER AS f1, to_timestamp(i) AS f2, (i % 5)::INTEGER AS f3 FROM range(${COUNT}) t(i)) ` +
          `TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 20000)`,
      );
      connection.closeSync();
      instance.closeSync();
      source = {
        scan: {
          kind: 'scan',
          scan: 's',
          connector: 'c',
          schema: 'x',
          table: 'y',
          handle: {},
          fields: [key, ts, state],
          pushed: [],
          pruning: [],
        },
        readable: {
          kind: 'sql',
          relation: `(SELECT * FROM read_parquet('${path}'))`,
          release: async () => undefined,
          parquet: { files: [{ path, location: path, columns: [0, 1, 2] }] },
        },
      };
    });

    it('stop in the middle when the task is cancelled, and the next one runs', async function () {
      this.timeout(120_000);
      const op = operator(spec, source, types);
      for (const feed of FEEDS) {
        const options = { scans: { s: source.readable }, readableFolders: [bench('stream').folder, bench(feed).folder] };
        for (const after of [20, 120]) {
          const controller = new AbortController();
          const running = bench(feed).run(op, options, controller.signal);
          setTimeout(() => controller.abort(new Error('cancelled by the test')), after);
          await assert.rejects(running, () => true, `${feed} after ${after} ms`);
        }
        const small: TimelineSpec = { ...spec, since: '0', until: { kind: 'at', instant: '1000000' } };
        const { rows } = await ask(feed, operator(small, source, types), source);
        assert.equal(rows.length, 1, feed);
      }
    });

    it('say that DuckDB spilled', async function () {
      this.timeout(120_000);
      const tight = await openBench({ feed: 'sort', memoryLimit: 12 * 2 ** 20, threads: 1 });
      try {
        const op = operator({ ...spec, until: { kind: 'at', instant: '510000000000' }, since: '500000000000' }, source, types);
        const output = await tight.run(op, { scans: { s: source.readable }, readableFolders: [bench('stream').folder, tight.folder] });
        assert.equal(output.steps?.map((step) => step.note).join(), 'sorted by DuckDB (spilled): as asked for');
        assert.deepEqual(texts(await tight.read(output.paths, op.fields)), texts((await ask('stream', op, source)).rows));
      } finally {
        await tight.close();
      }
    });
  });

  it('say why events are sorted: for an input that is no such files, more than memory is for, and no direct operator', async () => {
    const random = new Random(7);
    const files = cut(plainEvents(300, random).reverse(), random);
    const source = await writeSource({ folder: bench('stream').folder, name: 'why', columns: PLAIN, files, random });
    const spec = plainSpec([{ op: 'latest', value: C.state, type: plainType(C.state), ttl: undefined }]);
    const op = operator(spec, source, outputOf(spec));
    const { relation, release } = source.readable as Extract<Readable, { kind: 'sql' }>;
    const plain: Source = { ...source, readable: { kind: 'sql', relation, release } };
    const direct = await ask('auto', op, source);
    assert.match(direct.told, /^streamed/);
    const unread = await ask('auto', op, plain);
    assert.equal(unread.told, 'sorted by DuckDB: its rows are not just those of Parquet files');
    assert.deepEqual(texts(unread.rows), texts(direct.rows));
    const { direct: _, ...exchanged } = op;
    assert.equal((await ask('auto', { ...exchanged, horizon: undefined }, source)).told, 'sorted by DuckDB');
  });
});
