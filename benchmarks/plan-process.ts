import { performance } from 'node:perf_hooks';
import { resourceUsage } from 'node:process';
import { parseArgs } from 'node:util';
import type { TablePredicate } from '../connectors/connector.js';
import { IcebergConnector } from '../connectors/iceberg/connector.js';
import { Oid, type } from '../sql/types.js';
import type { PlanFigures } from './q10.js';

/** Plans one question over bench.million in this process alone and prints PlanFigures as JSON. */
const { values } = parseArgs({
  options: { warehouse: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' }, event: { type: 'string' } },
});
const { warehouse = '', from, to, event } = values;

const compare = (fn: string, name: string, oid: number, value: string): TablePredicate => ({
  kind: 'call',
  fn,
  args: [
    { kind: 'table_column', name, type: type(oid) },
    { kind: 'constant', type: type(oid), value },
  ],
  type: type(Oid.bool),
  volatility: 'immutable',
});
const filters = [
  ...(from === undefined ? [] : [compare('timestamptz_ge(timestamptz,timestamptz)', 'ts', Oid.timestamptz, from)]),
  ...(to === undefined ? [] : [compare('timestamptz_lt(timestamptz,timestamptz)', 'ts', Oid.timestamptz, to)]),
  ...(event === undefined ? [] : [compare('int8eq(int8,int8)', 'event_id', Oid.int8, event)]),
];

const connector = await IcebergConnector.open({
  name: 'bench',
  config: { catalog: { type: 'filesystem', warehouse: `file://${warehouse}` }, locations: {} },
  cacheFolder: warehouse,
  cacheBytes: 1 << 20,
});
const milliseconds: number[] = [];
let files = 0;
for (let run = 0; run < 3; run++) {
  const start = performance.now();
  const { handle } = await connector.pin({ schema: 'bench', table: 'million' });
  const pushed = connector.pushdown(handle, { filters, columns: ['ts'], limit: undefined });
  const plan = await connector.splits(pushed.handle, new AbortController().signal);
  milliseconds.push(performance.now() - start);
  files = plan.splits.reduce((sum, split) => sum + (split.data as { files: readonly unknown[] }).files.length, 0);
}
await connector.close();
const figures: PlanFigures = {
  cold: milliseconds[0] ?? 0,
  warm: Math.min(...milliseconds.slice(1)),
  files,
  peak: resourceUsage().maxRSS * 1024,
};
process.stdout.write(`${JSON.stringify(figures)}\n`);
