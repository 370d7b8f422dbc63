import assert from 'node:assert/strict';
import { DEFAULT_WIRE_LIMITS, startWireServer, type WireServer } from '../../src/wire/server.js';
import { pythonWith } from '../support/python.js';
import { runProgram } from '../support/run-program.js';
import { CannedEngine } from '../wire/canned-engine.js';

const SCRIPT = `
import sys, threading, datetime, psycopg
conn = psycopg.connect(host='127.0.0.1', port=int(sys.argv[1]), user='u', dbname='d', autocommit=True)
assert conn.info.server_version == 180006, conn.info.server_version
for i in range(12):  # prepared by the sixth time
    assert conn.execute('rows 3').fetchall() == [(0, 'row 0 ä'), (1, 'row 1 ä'), (2, 'row 2 ä')]
assert conn.execute('echo %s %s', (7, 2**40)).fetchone() == (7, 2**40)
for binary in (False, True):
    row = conn.cursor(binary=binary).execute('types').fetchone()
    assert row[:4] == (True, -7, 123456, 9007199254740993), row
    assert str(row[6]) == '12345.6700' and row[7] == 'häß' and bytes(row[8]) == b'\\x00\\xff\\x10', row
    assert row[9] == datetime.date(2024, 1, 1)
    assert row[11] == datetime.datetime(2024, 7, 1, 12, tzinfo=datetime.timezone.utc), row[11]
    assert row[15] == {'a': 1} and row[16] == [1, None, 3] and row[17] == ['a b', 'NULL', None, ''], row
try:
    conn.execute('fail 22012')
    raise SystemExit('no error')
except psycopg.errors.DivisionByZero as e:
    assert e.diag.message_hint == 'the hint' and e.diag.statement_position == '6'
with conn.pipeline():
    cursors = [conn.execute(f'select {i}') for i in range(200)]
    assert [c.fetchone() for c in cursors] == [(i,) for i in range(200)]
threading.Timer(0.3, conn.cancel).start()
try:
    conn.execute('sleep')
    raise SystemExit('not cancelled')
except psycopg.errors.QueryCanceled:
    pass
assert conn.execute('select 5').fetchone() == (5,)
for sent in conn.cursor().stream('rows 30'):
    pass
assert sent == (29, None), sent
conn.execute('DEALLOCATE ALL')
assert conn.execute('rows 3').fetchone()[0] == 0
conn.close()
print('done')
`;

describe('psycopg 3', () => {
  let server: WireServer;

  before(async () => {
    server = await startWireServer({ engine: new CannedEngine(), host: '127.0.0.1', port: 0, limits: DEFAULT_WIRE_LIMITS });
  });

  after(() => server.close());

  it('prepares, reads text and binary, pipelines, streams, cancels', async function () {
    this.timeout(300_000);
    const python = await pythonWith('psycopg[binary]>=3.2,<4', 'psycopg');
    if (python === undefined) return this.skip();
    const result = await runProgram(python, ['-c', SCRIPT, String(server.port)]);
    assert.equal(result.stdout.trim(), 'done', result.stderr);
  });
});
