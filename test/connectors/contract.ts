import assert from 'node:assert/strict';
import { DuckDBInstance } from '@duckdb/node-api';
import { after, before, describe, it } from 'mocha';
import type {
  ColumnDescription,
  Connector,
  Handle,
  Meter,
  TableDescription,
  TableName,
  TablePredicate,
} from '../../connectors/connector.js';

export interface ContractSubject {
  readonly connector: Connector;
  readonly table: TableName;
  /** Each as a typed expression and as SQL that DuckDB evaluates over the relation. */
  readonly filters: readonly { readonly expr: TablePredicate; readonly sql: string }[];
  /** Bytes of data that left the storage since the last call, counted by somebody else. Only with `metered`. */
  readonly fetched?: () => number;
  readonly close: () => Promise<void>;
}

const noMeter: Meter = { charge: () => undefined };
const signal = new AbortController().signal;

/** Rows in PostgreSQL's text form as a relation of DuckDB's, for connectors that give rows. */
function valuesOf(columns: readonly ColumnDescription[], rows: readonly (readonly (string | null)[])[]): string {
  const duckdbType: Readonly<Record<number, string>> = { 20: 'BIGINT', 23: 'INTEGER', 701: 'DOUBLE', 1184: 'TIMESTAMPTZ' };
  const quoted = (value: string | null): string => (value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`);
  // DuckDB knows no relation without columns: one column stands for the rows alone.
  const names = columns.length === 0 ? ['row'] : columns.map((column) => column.name);
  const types = columns.length === 0 ? ['BOOLEAN'] : columns.map((column) => duckdbType[column.type.oid] ?? 'VARCHAR');
  const items = names.map((name, i) => `CAST(v${i} AS ${types[i]}) AS "${name}"`).join(', ');
  const lines = rows.map((row) => `(${(row.length === 0 ? [null] : row).map(quoted).join(', ')})`);
  const none = `(${names.map(() => 'NULL').join(', ')})`;
  const values = `(VALUES ${lines.length === 0 ? none : lines.join(', ')}) AS v(${names.map((_, i) => `v${i}`).join(', ')})`;
  return `(SELECT ${items} FROM ${values}${lines.length === 0 ? ' WHERE false' : ''})`;
}

/** What every connector promises the engine (connectors/connector.ts). */
export function connectorContract(name: string, open: () => Promise<ContractSubject>, options: { readonly metered?: boolean } = {}): void {
  describe(`connector contract: ${name}`, () => {
    let subject: ContractSubject;
    let description: TableDescription;

    before(async () => {
      subject = await open();
      const found = await subject.connector.describe(subject.table);
      assert.ok(found !== undefined);
      description = found;
    });
    after(() => subject?.close());

    const pinned = async (
      filters: readonly TablePredicate[] = [],
      limit?: number,
    ): Promise<{ handle: Handle; answers: readonly string[] }> => {
      const { handle } = await subject.connector.pin(subject.table);
      return subject.connector.pushdown(handle, { filters, columns: description.columns.map((column) => column.name), limit });
    };
    const planned = async (handle: Handle): Promise<unknown[]> =>
      (await subject.connector.splits(handle, signal)).splits.map((split) => split.data);
    const rows = async (
      handle: Handle,
      splits: readonly unknown[],
      options: { where?: string; meter?: Meter; columns?: readonly ColumnDescription[] } = {},
    ): Promise<string[]> => {
      const columns = options.columns ?? description.columns;
      const readable = await subject.connector.read(handle, splits, { columns, meter: options.meter ?? noMeter, signal });
      const relation = readable.kind === 'sql' ? readable.relation : valuesOf(columns, readable.rows);
      try {
        return await texts(`SELECT * FROM ${relation} AS r ${options.where === undefined ? '' : `WHERE ${options.where}`}`);
      } finally {
        if (readable.kind === 'sql') await readable.release();
      }
    };

    it('lists the table that it describes', async () => {
      const tables = await subject.connector.tables();
      assert.ok(tables.some((table) => table.schema === subject.table.schema && table.table === subject.table.table));
      assert.equal(await subject.connector.describe({ schema: subject.table.schema, table: 'no such table' }), undefined);
    });

    it('answers every conjunct, in order', async () => {
      const { answers } = await pinned(subject.filters.map((filter) => filter.expr));
      assert.equal(answers.length, subject.filters.length);
    });

    it('never loses a row to a pushed filter, and needs no residual after an exact one', async () => {
      const whole = await pinned();
      const splits = await planned(whole.handle);
      for (const filter of subject.filters) {
        const wanted = await rows(whole.handle, splits, { where: filter.sql });
        const pushed = await pinned([filter.expr]);
        const left = await planned(pushed.handle);
        assert.deepEqual(await rows(pushed.handle, left, { where: filter.sql }), wanted, filter.sql);
        if (pushed.answers[0] === 'exact') assert.deepEqual(await rows(pushed.handle, left), wanted, `exact: ${filter.sql}`);
      }
    });

    it('has handles and splits that survive JSON', async () => {
      const { handle } = await pinned([subject.filters[0]!.expr]);
      const splits = await planned(handle);
      const copy: Handle = JSON.parse(JSON.stringify(handle));
      const copies = JSON.parse(JSON.stringify(await planned(copy))) as unknown[];
      assert.deepEqual(copies, splits);
      assert.deepEqual(await rows(copy, copies), await rows(handle, splits));
    });

    it('gives the same rows when read twice, and split by split', async () => {
      const { handle } = await pinned();
      const splits = await planned(handle);
      const first = await rows(handle, splits);
      assert.deepEqual(await rows(handle, splits), first);
      const apart = (await Promise.all(splits.map((split) => rows(handle, [split])))).flat().sort();
      assert.deepEqual(apart, first);
    });

    it('reads the columns that are wanted, in their order, and rows alone', async () => {
      const { handle } = await pinned();
      const splits = await planned(handle);
      const whole = await rows(handle, splits);
      const last = description.columns.at(-1)!;
      const [first] = description.columns;
      const two = await rows(handle, splits, { columns: [last, first!] });
      assert.equal(two.length, whole.length);
      const swapped = whole
        .map((row) => JSON.parse(row) as unknown[])
        .map((row) => JSON.stringify([row.at(-1), row[0]]))
        .sort();
      assert.deepEqual(two, swapped);
      assert.equal((await rows(handle, splits, { columns: [] })).length, whole.length);
      assert.equal((await rows(handle, [], {})).length, 0);
    });

    it('has enough rows left for a pushed limit', async () => {
      const whole = await pinned();
      const all = (await rows(whole.handle, await planned(whole.handle))).length;
      for (const limit of [0, 1, all, all + 1]) {
        const { handle } = await pinned([], limit);
        assert.ok((await rows(handle, await planned(handle))).length >= Math.min(limit, all), `limit ${limit}`);
      }
    });

    it('stops when aborted, with the reason given', async () => {
      const reason = new Error('enough');
      const aborted = AbortSignal.abort(reason);
      const { handle } = await pinned();
      const splits = await planned(handle);
      const isReason = (error: unknown): boolean => error === reason;
      await assert.rejects(subject.connector.splits(handle, aborted), isReason);
      await assert.rejects(
        subject.connector.read(handle, splits, { columns: description.columns, meter: noMeter, signal: aborted }),
        isReason,
      );
    });

    it("ends where the budget ends, with the budget's own error", async () => {
      const budget = new Error('budget');
      const { handle } = await pinned();
      // Data that an earlier test left in a cache costs nothing, so the budget is for everything but requests.
      const splits = await planned(handle);
      let charged = 0;
      await rows(handle, splits, {
        meter: {
          charge: (bytes) => {
            charged += bytes;
          },
        },
      });
      if (charged === 0) return;
      const meter: Meter = {
        charge: (bytes) => {
          if (bytes > 0) throw budget;
        },
      };
      await assert.rejects(
        subject.connector.read(handle, splits, { columns: description.columns, meter, signal }),
        (error) => error === budget,
      );
    });

    if (options.metered === true)
      it('meters the bytes that it fetches', async () => {
        assert.ok(subject.fetched !== undefined);
        const { handle } = await pinned();
        const splits = await planned(handle);
        subject.fetched();
        let charged = 0;
        await rows(handle, splits, {
          meter: {
            charge: (bytes) => {
              charged += bytes;
            },
          },
        });
        assert.ok(charged > 0);
        assert.equal(charged, subject.fetched());
      });

    it('knows a size that is about right', async () => {
      const { handle } = await pinned();
      const statistics = await subject.connector.statistics(handle);
      const all = (await rows(handle, await planned(handle))).length;
      if (statistics.rows !== undefined) assert.ok(statistics.rows >= all / 10 && statistics.rows <= all * 10 + 10);
    });
  });
}

/** Rows as sorted JSON texts. */
async function texts(sql: string): Promise<string[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(sql);
    return reader
      .getRowsJson()
      .map((row) => JSON.stringify(row))
      .sort();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
