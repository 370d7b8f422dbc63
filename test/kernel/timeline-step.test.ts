import assert from 'node:assert/strict';
import type { Operator, TimelineOperator } from '../../planner/physical-plan.js';
import { Oid } from '../../sql/types.js';
import { PLAIN_SPEC } from '../timeline/plain-spec.js';
import { type Bench, field, openBench, ref, values } from './harness.js';

const key = field(1, Oid.text);
const ts = field(2, Oid.timestamptz);
const state = field(3, Oid.text);
const horizon = field(4, Oid.timestamptz);
const out = [
  field(10, Oid.text),
  field(11, Oid.timestamptz),
  field(12, Oid.timestamptz),
  field(13, Oid.interval),
  field(14, Oid.float8),
  field(15, Oid.bool),
  field(16, Oid.text),
];

const HOUR = 3_600_000_000n;
const AT = 1_740_787_200_000_000n; // 2025-03-01 00:00:00+00

function timeline(rows: readonly (readonly (string | null)[])[]): TimelineOperator {
  return {
    kind: 'timeline',
    input: values([key, ts, state], rows),
    horizon: values([horizon], [['2025-03-01 04:00:00+00']]),
    spec: {
      ...PLAIN_SPEC,
      keys: [1],
      ts: 2,
      leaves: [{ op: 'latest', value: 3, type: state.type, ttl: undefined }],
      signals: [{ name: 's', expr: { kind: 'leaf', index: 0, type: state.type }, type: state.type, numerical: false }],
    },
    fields: out,
  };
}

describe('a timeline operator in a tree', () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench();
  });
  after(async () => {
    await bench.close();
  });

  const rows = [
    ['b', '2025-03-01 01:00:00+00', 'x'],
    ['a', '2025-03-01 02:00:00+00', 'y'],
    ['a', '2025-03-01 01:00:00+00', 'x'],
    [null, '2025-03-01 01:00:00+00', 'x'],
  ];

  it('is given sorted rows and the horizon, and feeds the SQL above it', async () => {
    const sorted: Operator = {
      kind: 'sort',
      input: timeline(rows),
      keys: [out[0], out[1]].map((f) => ({ expr: ref(f as (typeof out)[0]), descending: false, nullsFirst: false })),
    };
    const got = await bench.rows(sorted, out);
    assert.deepEqual(
      got.map((row) => [row[0], row[1], row[2], row[6]]),
      [
        ['a', AT + HOUR, AT + 2n * HOUR, 'x'],
        ['a', AT + 2n * HOUR, AT + 4n * HOUR, 'y'],
        ['b', AT + HOUR, AT + 4n * HOUR, 'x'],
      ],
    );
  });

  it('tells of rows that it skipped, and takes no rows at all', async () => {
    assert.match((await bench.run(timeline(rows))).notices.join(), /1 row with a NULL key/);
    assert.deepEqual(await bench.rows(timeline([]), out), []);
  });
});
