import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { Readable } from '../../connectors/connector.js';
import type { ScanOperator, TimelineOperator } from '../../planner/physical-plan.js';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { TimelineError } from '../../sql/errors.js';
import { Oid, type Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { FeedChoice } from '../../src/kernel/timeline/event-feed.js';
import { bruteForce, type Event } from '../timeline/brute-force.js';
import { canonical, show } from '../timeline/brute-values.js';
import { Random } from '../timeline/random.js';
import { C } from '../timeline/random-events.js';
import { type RandomCase, randomCase } from '../timeline/random-timeline.js';
import { type Bench, field, openBench, ref } from './harness.js';

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
  const elements = columns.map(({ id, type }) => ({ name: `f${id}`, repetition_type: 'OPTIONAL', ...ELEMENTS[type.oid] }));
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
});
