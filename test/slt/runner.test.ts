import assert from 'node:assert/strict';
import { DEFAULT_WIRE_LIMITS, startWireServer, type WireServer } from '../../src/wire/server.js';
import { CannedEngine } from '../wire/canned-engine.js';
import { parseSlt } from './records.js';
import { runSlt } from './runner.js';

describe('slt runner', () => {
  let engine: CannedEngine;
  let server: WireServer;

  before(async () => {
    engine = new CannedEngine();
    server = await startWireServer({ engine, host: '127.0.0.1', port: 0, limits: DEFAULT_WIRE_LIMITS });
  });

  after(() => server.close());

  const run = (text: string): Promise<number> => runSlt({ text, connection: server });

  it('runs every kind of record over both protocols', async () => {
    engine.sessions.length = 0;
    const count = await run(`
# a comment
statement ok
begin

query IT
rows 2
----
0\trow 0 ä
1\trow 1 ä

query IT rowsort
rows 5
----
4
NULL
3
row 3 ä
2
row 2 ä
1
row 1 ä
0
row 0 ä

statement error 22012 as asked$
fail 22012

statement error 25P02
select 1

statement ok
rollback

query R
select 3
----
3.0000000000000001

query IT
rows 0
----
`);
    assert.equal(count, 8);
    assert.deepEqual(
      engine.sessions.map((s) => s.log.filter((line) => line === 'execute rows 2').length),
      [1, 1],
    );
  });

  const wrong: [string, string, RegExp][] = [
    ['a value', 'query I\nselect 1\n----\n2\n', /text:1 \(simple\) select 1[\s\S]*\(extended\)/],
    ['a missing row', 'query I\nselect 1\n----\n', /expected 0 rows[\s\S]*got 1/],
    ['the order', 'query IT\nrows 2\n----\n1\trow 1 ä\n0\trow 0 ä\n', /2 differences in 1 records[\s\S]*expected 2 rows/],
    ['the width', 'query IT\nselect 1\n----\n1\t1\n', /has 1 columns; expected 2/],
    ['NULL and text', 'query IT\nrows 5\n----\n0\trow 0 ä\n1\trow 1 ä\n2\trow 2 ä\n3\trow 3 ä\n4\t(empty)\n', /got 5/],
    ['an unexpected error', 'statement ok\nfail 22012\n', /failed: 22012/],
    ['an error that does not come', 'statement error 22012\nselect 1\n', /went through/],
    ['another error', 'statement error 22012\nfail 22003\n', /failed with 22003/],
    ['another message', 'statement error 22012 elephants\nfail 22012\n', /expected \/elephants\//],
    ['an error of a query', 'query I\nfail 22012\n----\n1\n', /failed: 22012/],
  ];
  for (const [name, text, message] of wrong) it(`notices ${name}`, () => assert.rejects(run(text), message));

  it('runs one protocol where asked, and stops at halt', async () => {
    assert.equal(await run('protocol simple\nstatement ok\nselect 1; select 2\n\nhalt\nnonsense\n'), 1);
  });

  it('refuses what is no record', () => {
    for (const text of [
      'nonsense',
      'query X\nselect 1\n----\n',
      'query I\nselect 1\n',
      'statement error\nx',
      'statement ok\n\n',
      'protocol odd',
    ]) {
      assert.throws(() => parseSlt(text), /line 1/, text);
    }
  });
});
