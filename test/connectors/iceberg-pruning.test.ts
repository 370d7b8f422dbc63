import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { after, before, describe, it } from 'mocha';
import type { PruningStep, Skipping, TablePredicate } from '../../connectors/connector.js';
import type { IcebergConnector } from '../../connectors/iceberg/connector.js';
import type { IcebergSplit } from '../../connectors/iceberg/handle.js';
import { Oid } from '../../sql/types.js';
import { parseFilter } from './filters.js';
import { NO_METER, openConnector, sqlConfig, temporaryFolder } from './iceberg-fixtures.js';

const signal = new AbortController().signal;

/** Literals that hit, and just miss, what the tables hold. */
const LITERALS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  events_day: {
    event_id: ['1', '5', '60', '100001', '100005', '-1', '9999999999'],
    entity_id: ["'user-1'", "'user-10'", "'user-'", "'zzz'", "''"],
    event_type: ["'play'", "'rebuffer'", "'re'", "'seek'"],
    value: ['0', '0.5', '-1', '12.25', '1000000'],
    ts: [
      "'2025-03-01T00:00:00Z'",
      "'2025-03-03T00:00:00Z'",
      "'2025-03-03T12:00:00.000001Z'",
      "'2025-03-04T00:00:00Z'",
      "'1969-12-31T23:59:59Z'",
      "'2025-03-05T23:59:59.999999Z'",
    ],
  },
  events_bucket: {
    event_id: ['1', '5', '100005'],
    entity_id: ["'user-1'", "'user-7'", "'user-3'", "'user'"],
    event_type: ["'play'", "'pl'", "'re'", "'rebuffer'", "'q'", "'s'"],
    value: ['0', '0.5'],
    ts: ["'2025-03-03T00:00:00Z'"],
  },
  evolve: {
    id: ['0', '4', '7', '1000000', '1099511627776', '-5'],
    alpha: ["'a0'", "'a5'", "'A0'", "'a'"],
    f: ['0', '1', '2.5', '-1'],
    d: ['0', '4.00', '4.005', '12345678901.25', '-0.01'],
    dt: ["DATE '2025-01-01'", "DATE '2025-02-03'", "DATE '2025-03-31'", "DATE '2025-04-01'", "DATE '1960-01-01'"],
    dead: ['0', '1'],
  },
};

function filterText(table: string): fc.Arbitrary<string> {
  const columns = LITERALS[table]!;
  const leaf = fc.constantFrom(...Object.keys(columns)).chain((column) => {
    const literal = fc.constantFrom(...columns[column]!);
    const forms = [
      fc.tuple(fc.constantFrom('=', '<>', '<', '<=', '>', '>='), literal).map(([op, value]) => `${column} ${op} ${value}`),
      fc.constantFrom(`${column} IS NULL`, `${column} IS NOT NULL`),
      fc.array(literal, { minLength: 1, maxLength: 3 }).map((values) => `${column} IN (${values.join(', ')})`),
    ];
    const isText = ['entity_id', 'event_type', 'alpha'].includes(column);
    if (isText) forms.push(literal.map((value) => `${column} LIKE ${value.slice(0, -1)}%'`));
    return fc.oneof(...forms);
  });
  return fc.letrec<{ filter: string }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.tuple(tie('filter'), fc.constantFrom('AND', 'OR'), tie('filter')).map(([a, op, b]) => `(${a} ${op} ${b})`),
      tie('filter').map((inner) => `NOT (${inner})`),
    ),
  })).filter;
}

/** Indexes of files used wherever they are, and nowhere; files in parts. */
const WAYS = [
  { skipping: { pageIndex: 'on', bloomFilters: 'on' } },
  { skipping: { pageIndex: 'off', bloomFilters: 'off' } },
  { inParts: true },
] as const;

/** Each file as two parts, of which one has all row groups, which of them differs. */
function cutInTwo({ files }: IcebergSplit): IcebergSplit {
  return {
    files: files.flatMap((file, n) => {
      const middle = n % 2 === 0 ? 2 : 200;
      return [
        { ...file, part: [0, middle] as const },
        { ...file, part: [middle, file.bytes] as const },
      ];
    }),
  };
}

describe('Iceberg pruning', () => {
  const cache = temporaryFolder();
  let connector: IcebergConnector;
  let instance: DuckDBInstance;
  let duck: DuckDBConnection;

  before(async () => {
    connector = await openConnector(sqlConfig(), cache);
    instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    duck = await instance.connect();
    await duck.run(`SET TimeZone = 'UTC'`);
  });

  after(async () => {
    duck.closeSync();
    instance.closeSync();
    await connector.close();
    rmSync(cache, { recursive: true });
  });

  const relation = async (
    table: string,
    filters: readonly TablePredicate[],
    how: { readonly skipping?: Skipping; readonly inParts?: boolean; readonly report?: (step: PruningStep) => void } = {},
  ): Promise<{ sql: string; files: number }> => {
    const description = (await connector.describe({ schema: 'py', table }))!;
    const columns = description.columns.filter((column) => column.type.oid !== Oid.jsonb);
    const { handle } = await connector.pin({ schema: 'py', table });
    const pushed = connector.pushdown(handle, { filters, columns: [], limit: undefined });
    const { splits } = await connector.splits(pushed.handle, signal);
    const data = splits.map((split) => split.data as IcebergSplit);
    const { skipping, report, inParts } = how;
    const readable = await connector.read(pushed.handle, inParts === true ? data.map(cutInTwo) : data, {
      columns,
      meter: NO_METER,
      signal,
      ...(skipping === undefined ? {} : { skipping }),
      ...(report === undefined ? {} : { report }),
    });
    if (readable.kind !== 'sql') throw new Error('not a relation');
    return { sql: readable.relation, files: splits.reduce((sum, split) => sum + (split.data as { files: unknown[] }).files.length, 0) };
  };
  const count = async (sql: string): Promise<number> => Number((await duck.runAndReadAll(sql)).getRows()[0]![0]);

  for (const table of Object.keys(LITERALS)) {
    it(`${table}: random filters keep every matching row`, async function () {
      this.timeout(60_000);
      const types = new Map((await connector.describe({ schema: 'py', table }))!.columns.map((column) => [column.name, column.type.oid]));
      await duck.run(`CREATE OR REPLACE TABLE whole AS FROM ${(await relation(table, [])).sql}`);
      let pruned = 0;
      await fc.assert(
        fc.asyncProperty(filterText(table), async (text) => {
          const wanted = await count(`SELECT count(*) FROM whole WHERE ${text}`);
          const left = await relation(table, [parseFilter(text, types)]);
          if (left.files < 9) pruned++;
          assert.equal(await count(`SELECT count(*) FROM ${left.sql} WHERE ${text}`), wanted, text);
          for (const how of WAYS) {
            const { sql } = await relation(table, [parseFilter(text, types)], how);
            assert.equal(await count(`SELECT count(*) FROM ${sql} WHERE ${text}`), wanted, `${text} ${JSON.stringify(how)}`);
          }
        }),
        { numRuns: 80, seed: 7 },
      );
      assert.ok(pruned > 10, 'the filters prune at all');
    });
  }

  it('looks up lists of thousands', async () => {
    const types = new Map(
      (await connector.describe({ schema: 'py', table: 'events_day' }))!.columns.map((one) => [one.name, one.type.oid]),
    );
    const filter = (from: number): TablePredicate =>
      parseFilter(`event_id IN (${Array.from({ length: 10_000 }, (_, n) => from - 3 * n).join(', ')})`, types);
    assert.equal((await relation('events_day', [filter(-10)])).files, 0);
    const some = await relation('events_day', [filter(100_001)]);
    const ids = `SELECT count(*) FROM whole_days WHERE event_id <= 100001 AND event_id > 70004 AND (100001 - event_id) % 3 = 0`;
    await duck.run(`CREATE OR REPLACE TABLE whole_days AS FROM ${(await relation('events_day', [])).sql}`);
    assert.equal(
      await count(`SELECT count(*) FROM ${some.sql} WHERE event_id <= 100001 AND event_id > 70004 AND (100001 - event_id) % 3 = 0`),
      await count(ids),
    );
  });

  it('leaves out files by what their footers say, and tells', async () => {
    const types = new Map(
      (await connector.describe({ schema: 'py', table: 'events_day' }))!.columns.map((one) => [one.name, one.type.oid]),
    );
    const reported: PruningStep[] = [];
    await relation('events_day', [parseFilter('event_id < 100000', types)], { report: (step) => reported.push(step) });
    assert.ok(reported.length > 0);
    assert.ok(reported.every(({ step, before: some, after: left }) => step === 'row groups' && some === 1 && left === 1));
  });

  it('counts what each step leaves', async () => {
    const types = new Map([
      ['ts', Oid.timestamptz],
      ['event_id', Oid.int8],
    ]);
    const { handle } = await connector.pin({ schema: 'py', table: 'events_day' });
    const filters = ["ts >= '2025-03-03T00:00:00Z'", "ts < '2025-03-04T00:00:00Z'", 'event_id < 100000'].map((text) =>
      parseFilter(text, types),
    );
    const pushed = connector.pushdown(handle, { filters, columns: [], limit: undefined });
    assert.deepEqual(pushed.answers, ['inexact', 'inexact', 'inexact']);
    const { pruning } = await connector.splits(pushed.handle, signal);
    assert.deepEqual(
      pruning.map(({ step, before: some, after: left }) => [step, some, left]),
      [
        ['manifests', 3, 2],
        ['files by partition', 9, 2],
        ['files by statistics', 2, 1],
        ['splits', 1, 1],
      ],
    );
    assert.ok(pruning.every((step) => step.bytesBefore === undefined || (step.bytesAfter ?? 0) <= step.bytesBefore));
  });

  it('stops at a limit that nothing filters', async () => {
    const { handle } = await connector.pin({ schema: 'py', table: 'events_day' });
    const files = async (request: { filters: TablePredicate[]; limit: number | undefined }): Promise<number> => {
      const pushed = connector.pushdown(handle, { ...request, columns: [] });
      assert.equal(pushed.limitDone, false);
      return (await connector.splits(pushed.handle, signal)).splits.reduce(
        (sum, split) => sum + (split.data as { files: unknown[] }).files.length,
        0,
      );
    };
    assert.equal(await files({ filters: [], limit: 1 }), 1);
    assert.equal(await files({ filters: [], limit: 0 }), 0);
    // A filter that cannot prune still stands between the files and the limit.
    assert.equal(
      await files({
        filters: [{ kind: 'call', fn: 'int8mod(int8,int8)', args: [], type: { oid: 16, typmod: -1 }, volatility: 'immutable' }],
        limit: 1,
      }),
      9,
    );
  });
});
