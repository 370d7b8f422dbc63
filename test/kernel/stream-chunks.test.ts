import assert from 'node:assert/strict';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { streamChunks } from '../../src/kernel/stream-chunks.js';

/** The binding tells of errors in a stream's first chunks only: should that change for the worse, these fail. */
describe('a stream of chunks', () => {
  let instance: DuckDBInstance;
  let connection: DuckDBConnection;
  before(async () => {
    instance = await DuckDBInstance.create(':memory:', { threads: '2' });
    connection = await instance.connect();
  });
  after(() => {
    connection.closeSync();
    instance.closeSync();
  });

  async function count(sql: string, each: (rows: number) => void = () => undefined): Promise<number> {
    let rows = 0;
    for await (const chunk of streamChunks(connection, sql)) {
      rows += chunk.rowCount;
      each(rows);
    }
    return rows;
  }

  it('comes to its end', async () => {
    assert.equal(await count('SELECT range FROM range(1000000)'), 1_000_000);
    assert.equal(await count('SELECT range FROM range(1000000) ORDER BY hash(range)'), 1_000_000);
    assert.equal(await count('SELECT range FROM range(0)'), 0);
  });

  for (const at of [0, 100, 200_000, 900_000, 999_999]) {
    it(`fails with the error of row ${at}`, async () => {
      const failing = `SELECT CASE WHEN range = ${at} THEN error('boom') ELSE range END FROM range(1000000)`;
      await assert.rejects(count(failing), /boom/);
      await assert.rejects(count(`SELECT CAST(range + ${2_147_483_647 - at} AS INTEGER) FROM range(1000001)`), /out of range/);
    });
  }

  it('fails when it is interrupted on its way', async () => {
    const endless = 'SELECT range FROM range(100000000000)';
    const stopping = setInterval(() => connection.interrupt(), 10);
    try {
      await assert.rejects(count(endless), /[Ii]nterrupt/);
    } finally {
      clearInterval(stopping);
    }
  });
});
