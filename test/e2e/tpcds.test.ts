import assert from 'node:assert/strict';
import { listed, openTpcPair, type TpcOutcome, type TpcPair } from './tpc-pair.js';

const SCALE = Number(process.env['TIMELINE_TPCDS_SCALE'] ?? 0.01);
const INDEXES = [
  ...['store_sales (ss_item_sk)', 'store_sales (ss_customer_sk)', 'store_sales (ss_sold_date_sk)', 'store_sales (ss_ticket_number)'],
  ...['catalog_sales (cs_item_sk)', 'catalog_sales (cs_order_number)', 'catalog_sales (cs_bill_customer_sk)'],
  ...[
    'web_sales (ws_item_sk)',
    'web_sales (ws_order_number)',
    'web_sales (ws_bill_customer_sk)',
    'item (i_item_sk)',
    'date_dim (d_date_sk)',
  ],
  ...['customer (c_customer_sk)', 'customer_address (ca_address_sk)', 'customer_demographics (cd_demo_sk)', 'item (i_manufact)'],
  ...[
    'store_returns (sr_item_sk, sr_ticket_number)',
    'catalog_returns (cr_item_sk, cr_order_number)',
    'web_returns (wr_item_sk, wr_order_number)',
  ],
];

describe(`TPC-DS beside PostgreSQL (scale ${SCALE})`, function () {
  this.timeout(1_800_000);
  let pair: TpcPair | undefined;
  before(async () => {
    pair = await openTpcPair({ benchmark: 'tpcds', scale: SCALE, indexes: INDEXES, oracleTimeout: '60s' });
  });
  after(() => pair?.close());

  it("all 99 answers are PostgreSQL's", async function () {
    if (pair === undefined) return this.skip();
    assert.equal(pair.data.queries.length, 99);
    const outcomes: TpcOutcome[] = [];
    for (const [n, sql] of pair.data.queries.entries()) {
      const one = await pair.compare(n + 1, sql);
      outcomes.push(one);
      if (process.env['TIMELINE_TPC_TIMES'] !== undefined)
        console.log(
          `    ${one.number}: ${one.verdict} ${one.milliseconds.toFixed(0)} ms, ${one.rows} rows${one.ordered ? '' : ', other order'}`,
        );
    }
    const equal = outcomes.filter((one) => one.verdict === 'equal');
    // A tiny scale leaves some answers empty; most are not.
    assert.ok(equal.filter((one) => one.rows > 0).length >= 50);
    assert.equal(listed(outcomes), '', `beside ${pair.oracle}`);
  });
});
