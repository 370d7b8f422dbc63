import assert from 'node:assert/strict';
import pg from 'pg';
import { DEFAULT_WIRE_LIMITS, startWireServer, type WireServer } from '../../src/wire/server.js';
import { hasPsql, runPsql } from '../support/psql.js';
import { CannedEngine } from './canned-engine.js';

describe('wire server with real clients', () => {
  let engine: CannedEngine;
  let server: WireServer;

  beforeEach(async () => {
    engine = new CannedEngine();
    server = await startWireServer({ engine, host: '127.0.0.1', port: 0, limits: DEFAULT_WIRE_LIMITS });
  });

  afterEach(() => server.close());

  it('node-postgres: simple, prepared, binary, pipelined, errors, cancel by hanging up', async () => {
    const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'u', database: 'd' });
    await client.connect();
    const many = (await client.query('select 1; rows 2')) as unknown as pg.QueryResult[];
    assert.deepEqual(
      many.map((r) => r.rows),
      [
        [{ '?column?': 1 }],
        [
          { i: 0, t: 'row 0 ä' },
          { i: 1, t: 'row 1 ä' },
        ],
      ],
    );
    for (let round = 0; round < 3; round += 1) {
      const result = await client.query({ name: 'q', text: 'rows 8', values: [] });
      assert.equal(result.rowCount, 8);
      assert.equal(result.rows[4].t, null);
    }
    const types = (await client.query('types')).rows[0];
    assert.deepEqual([types.b, types.i2, types.i8, types.f8, types.n, types.t], [true, -7, '9007199254740993', 0.1, '12345.6700', 'häß']);
    assert.deepEqual(types.by, Buffer.of(0, 255, 16));
    assert.deepEqual(types.ai, [1, null, 3]);
    assert.deepEqual(types.at, ['a b', 'NULL', null, '']);
    assert.equal(types.tz.toISOString(), '2024-07-01T12:00:00.000Z');
    const binary = await client.query({ text: 'types', values: [], binary: true } as pg.QueryConfig);
    assert.deepEqual([binary.rows[0].i4, binary.rows[0].f8, binary.rows[0].b, binary.rows[0].t], [123456, 0.1, true, 'häß']);
    await assert.rejects(client.query('fail 22012'), { code: '22012', detail: 'the detail', hint: 'the hint', position: '6' });
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => client.query(`select ${i}`)));
    assert.deepEqual(
      answers.map((r) => r.rows[0]['?column?']),
      Array.from({ length: 200 }, (_, i) => i),
    );
    await client.end();
  });

  it('psql: rows, errors with their line, notices, and its own exit', async function () {
    if (!(await hasPsql())) return this.skip();
    const result = await runPsql(server, 'rows 3;\nfail 22012;\nnotice hello;\ntypes;\n');
    assert.equal(result.code, 0, result.stderr);
    const lines = result.stdout.trim().split('\n');
    assert.deepEqual(lines.slice(0, 3), ['0|row 0 ä', '1|row 1 ä', '2|row 2 ä']);
    assert.equal(
      lines.at(-1),
      't|-7|123456|9007199254740993|1.5|0.1|12345.6700|häß|\\x00ff10|2024-01-01|2024-01-01 00:00:00.123456|2024-07-01 12:00:00+00' +
        '|1 year 2 mons -3 days +00:00:01.5|0123abcd-0123-4567-89ab-0123456789ab|{"a":1}|{"a": 1}|{1,NULL,3}|{"a b","NULL",NULL,""}',
    );
    assert.match(
      result.stderr,
      /ERROR: {2}failed as asked\nLINE 1: fail 22012;\n {13}\^\nDETAIL: {2}the detail\nHINT: {2}the hint\nNOTICE: {2}hello/,
    );
  });
});
