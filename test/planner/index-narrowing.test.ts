import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { Candidates, TablePredicate } from '../../connectors/connector.js';
import { IndexSearches } from '../../planner/index-narrowing.js';
import { indexRemark, keyColumns } from '../../planner/index-remark.js';
import type { ScanOperator } from '../../planner/physical-plan.js';
import type { PlanContext } from '../../planner/planning.js';
import { Oid, type } from '../../sql/types.js';
import { parseFilter } from '../connectors/filters.js';
import { FakeIndex } from './fake-index.js';
import { type TestTable, testConnector, testContext, testFile } from './support.js';

const TABLES: Readonly<Record<string, TestTable>> = {
  visits: {
    columns: [
      ['user_id', type(Oid.text)],
      ['n', type(Oid.int8)],
    ],
    splits: Array.from({ length: 4 }, () => ({ bytes: 1000, rows: 100 })),
    scattered: ['user_id'],
  },
};
const CONNECTOR = testConnector(TABLES);
const HANDLE = { table: 'visits', filters: [], columns: [], limit: undefined };
const SCAN: ScanOperator = {
  kind: 'scan',
  scan: 's1',
  connector: 'test',
  schema: 'lake',
  table: 'visits',
  handle: HANDLE,
  fields: [],
  pushed: [],
  pruning: [],
};
const COLUMNS = new Map([
  ['user_id', Oid.text],
  ['n', Oid.int8],
]);
const ONE_USER = parseFilter("user_id = 'u1'", COLUMNS);
const FOUND: Candidates = {
  kind: 'narrowed',
  only: new Map([
    [testFile(0), [[3, 1]]],
    [testFile(1), []],
    [testFile(2), []],
    ['gone.parquet', [[0, 5]]],
  ]),
  hits: 1,
  form: 'positions',
  used: "user_id = 'u1'",
  uncovered: '1 of 4 files: not indexed yet',
};

const never = (): Promise<never> => new Promise(() => undefined);

async function narrowed(index: FakeIndex, more: Partial<PlanContext> = {}, filters: readonly TablePredicate[] = [ONE_USER]) {
  const context = testContext(TABLES, { indexOf: index.of, ...more });
  const searches = new IndexSearches(context, new Map([['s1', filters]]));
  return searches.narrowed(SCAN, CONNECTOR, await CONNECTOR.splits(HANDLE, context.signal));
}

describe('narrowing by an index', () => {
  it('leaves the splits that candidates or uncovered files are in', async () => {
    const index = new FakeIndex('visits', () => FOUND);
    const { splits, pruning, index: use } = await narrowed(index);
    assert.deepEqual(
      splits.map(({ data, rows, bytes }) => [data, rows, bytes]),
      [
        [{ file: 0, only: [[3, 1]] }, 1, 10],
        [{ file: 3 }, 100, 1000],
      ],
    );
    assert.deepEqual(pruning.at(-1), { step: 'files by index', before: 4, after: 2, bytesBefore: 4000, bytesAfter: 1010 });
    assert.deepEqual(use, {
      name: 'logs',
      result: 'narrowed',
      text: "1 candidate row in 1 file by user_id = 'u1' (positions); 3 of 4 files covered (1 of 4 files: not indexed yet)",
    });
    const [asked] = index.asked;
    assert.deepEqual(
      [asked?.table, asked?.bytes, asked?.always, asked?.files.length],
      [{ schema: 'lake', table: 'visits' }, 4000, false, 4],
    );
    assert.deepEqual(asked?.filters, [ONE_USER]);
    assert.deepEqual(
      [...(asked?.identity.columns ?? [])],
      [
        ['user_id', '1'],
        ['n', '2'],
      ],
    );
  });

  it('asks nothing where there is nothing to ask, or is not to', async () => {
    const index = new FakeIndex('visits', () => FOUND);
    const other = new FakeIndex('others', () => FOUND);
    assert.equal((await narrowed(other)).index, undefined);
    assert.equal((await narrowed(index, { useIndex: 'off' })).index?.text, 'not used: timeline.use_index is off');
    assert.equal((await narrowed(index, {}, [])).index?.text, 'not used: no filter');
    assert.deepEqual([index.asked.length, other.asked.length], [0, 0]);
    await narrowed(index, { useIndex: 'on' });
    assert.deepEqual(
      index.asked.map(({ always }) => always),
      [true],
    );
  });

  it('reads everything where an index gives a reason, an error, or what cannot be', async () => {
    const answers: readonly (readonly [() => Candidates | Promise<Candidates>, RegExp])[] = [
      [() => ({ kind: 'scan', reason: 'too many rows' }), /^not used: too many rows$/],
      [() => Promise.reject(new Error('it broke')), /^not used: .*it broke/],
      [
        () => {
          throw new Error('at once');
        },
        /^not used: .*at once/,
      ],
      [() => ({ kind: 'narrowed' }) as unknown as Candidates, /^not used: /],
      [() => undefined as unknown as Candidates, /^not used: /],
      [() => ({ kind: 'scan', reason: 'x'.repeat(5000) }), /^not used: x{1,600}…$/],
    ];
    for (const [answer, text] of answers) {
      const { splits, index } = await narrowed(new FakeIndex('visits', answer));
      assert.equal(splits.length, 4);
      assert.equal(index?.result, 'scan');
      assert.match(index?.text ?? '', text);
    }
  });

  it('waits for a time, for all searches of a statement together, and ends with the statement', async () => {
    const index = new FakeIndex('visits', never);
    const hung = await narrowed(index, { indexMilliseconds: 20 });
    assert.deepEqual([hung.splits.length, hung.index?.text], [4, 'not used: logs gave no answer in time']);
    assert.ok(index.asked[0]?.signal.aborted);

    const context = testContext(TABLES, { indexOf: index.of, indexMilliseconds: 20 });
    const searches = new IndexSearches(
      context,
      new Map([
        ['s1', [ONE_USER]],
        ['s2', [parseFilter('n = 1', COLUMNS)]],
      ]),
    );
    const plan = await CONNECTOR.splits(HANDLE, context.signal);
    await searches.narrowed(SCAN, CONNECTOR, plan);
    const second = await searches.narrowed({ ...SCAN, scan: 's2' }, CONNECTOR, plan);
    assert.match(second.index?.text ?? '', /^not used: searches for this statement took \d+ ms$/);
    assert.equal(index.asked.length, 2);

    const stop = new AbortController();
    const aborted = narrowed(index, { signal: stop.signal, indexMilliseconds: 60_000 });
    setTimeout(() => stop.abort(new Error('cancelled by the user')), 20);
    await assert.rejects(aborted, { message: 'cancelled by the user' });
    assert.ok(index.asked.at(-1)?.signal.aborted);
    await assert.rejects(narrowed(index, { signal: AbortSignal.abort(new Error('before it began')) }), { message: 'before it began' });
  });

  it('searches once for scans that are alike', async () => {
    const index = new FakeIndex('visits', () => FOUND);
    const context = testContext(TABLES, { indexOf: index.of });
    const other = parseFilter("user_id = 'u2'", COLUMNS);
    const searches = new IndexSearches(
      context,
      new Map([
        ['s1', [ONE_USER]],
        ['s2', [ONE_USER]],
        ['s3', [other]],
      ]),
    );
    const plan = await CONNECTOR.splits(HANDLE, context.signal);
    for (const scan of ['s1', 's2', 's3']) assert.equal((await searches.narrowed({ ...SCAN, scan }, CONNECTOR, plan)).splits.length, 2);
    assert.equal(index.asked.length, 2);
  });
});

describe('a remark about an index that is not there', () => {
  const remark = async (
    filters: readonly TablePredicate[],
    more: Partial<PlanContext> = {},
    unbuilt?: number,
  ): Promise<string | undefined> => {
    const context = testContext(TABLES, { taskTargets: { splitsPerTask: 1, smallBytes: 1000, partitions: 1 }, ...more });
    const plan = await CONNECTOR.splits(HANDLE, context.signal);
    const use = { index: { name: 'logs', result: 'scan', text: 'not used' } as const, unbuilt: unbuilt ?? 0 };
    const found = unbuilt === undefined ? plan : { ...plan, ...use };
    return indexRemark({ scan: SCAN, connector: CONNECTOR, filters, found, all: plan.splits, context });
  };

  it('names the column and what is read', async () => {
    assert.equal(await remark([ONE_USER]), 'column "user_id" of lake.visits has no index: 3.9 kB in 4 files are read to find few rows');
    assert.equal(await remark([parseFilter("user_id IN ('u1', 'u2')", COLUMNS)]), await remark([ONE_USER]));
  });

  it('is not made for other filters, columns with few values, small scans, or without a wish for indexes', async () => {
    for (const filter of ['n = 1', "user_id > 'u1'", "user_id = 'u1' OR n = 2", 'user_id IS NULL', "user_id LIKE 'u%'"])
      assert.equal(await remark([parseFilter(filter, COLUMNS)]), undefined, filter);
    assert.equal(await remark([ONE_USER], { useIndex: 'off' }), undefined);
    assert.equal(await remark([ONE_USER], { taskTargets: { splitsPerTask: 1, smallBytes: 4000, partitions: 1 } }), undefined);
  });

  it('tells how to build an index that does not cover what is read', async () => {
    assert.equal(
      await remark([ONE_USER], {}, 3),
      '3 files of lake.visits not covered by index logs: 3.9 kB are read; run: timeline index build lake.visits',
    );
    assert.equal(await remark([ONE_USER], {}, 0), undefined);
    assert.equal(await remark([parseFilter('n = 1', COLUMNS)], {}, 3), undefined);
  });

  it('knows columns that are set equal to constants', () => {
    const columns = (sql: string): readonly string[] => keyColumns([parseFilter(sql, COLUMNS)]);
    assert.deepEqual(columns("user_id = 'a'"), ['user_id']);
    assert.deepEqual(columns('n IN (1, 2)'), ['n']);
    assert.deepEqual(columns(`n IN (${Array.from({ length: 101 }, (_, n) => n).join(', ')})`), []);
    assert.deepEqual(columns("NOT user_id = 'a'"), []);
  });
});
