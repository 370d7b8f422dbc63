import assert from 'node:assert/strict';
import { listed, openTpcPair, type TpcOutcome, type TpcPair } from './tpc-pair.js';

const SCALE = Number(process.env['TIMELINE_TPC_SCALE'] ?? 0.01);
const INDEXES = [
  ...['lineitem (l_orderkey)', 'lineitem (l_partkey, l_suppkey)', 'orders (o_orderkey)', 'orders (o_custkey)', 'part (p_partkey)'],
  ...['partsupp (ps_partkey, ps_suppkey)', 'supplier (s_suppkey)', 'customer (c_custkey)'],
];

describe(`TPC-H beside PostgreSQL (scale ${SCALE})`, function () {
  this.timeout(1_800_000);
  let pair: TpcPair | undefined;
  before(async () => {
    pair = await openTpcPair({ benchmark: 'tpch', scale: SCALE, indexes: INDEXES, oracleTimeout: '20min' });
  });
  after(() => pair?.close());

  for (const smallBytes of ['64MB', '0']) {
    it(`all 22 answers are PostgreSQL's, ${smallBytes === '0' ? 'in stages' : 'as small queries'}`, async function () {
      if (pair === undefined) return this.skip();
      assert.equal(pair.data.queries.length, 22);
      await pair.client().query(`SET timeline.small_bytes = '${smallBytes}'`);
      const outcomes: TpcOutcome[] = [];
      for (const [n, sql] of pair.data.queries.entries()) outcomes.push(await pair.compare(n + 1, sql));
      if (process.env['TIMELINE_TPC_TIMES'] !== undefined)
        for (const one of outcomes)
          console.log(
            `    ${one.number}: ${one.verdict} ${one.milliseconds.toFixed(0)} ms, ${one.rows} rows${one.ordered ? '' : ', other order'}`,
          );
      assert.equal(listed(outcomes), '', `beside ${pair.oracle}`);
    });
  }
});
