import { join } from 'node:path';
import { type Field, fieldsOf, type Operator, type PhysicalPlan } from '../../planner/physical-plan.js';
import { Oid, type } from '../../sql/types.js';
import { buildConfig } from '../../src/config-file.js';
import { ListedResults, openSubmittedRuns } from '../replay/submitted-runs.js';
import { tempFolder } from '../support/temp-folder.js';
import { type ContractSubject, connectorContract } from './contract.js';
import { parseFilter } from './filters.js';

const FIELDS: readonly Field[] = [
  { id: 7, name: 'id', type: type(Oid.int8) },
  { id: 3, name: 'name', type: type(Oid.text) },
  { id: 5, name: 'moment', type: type(Oid.timestamptz) },
  { id: 4, name: 'ID', type: type(Oid.int4) },
];

/** Three tasks, one of them without rows. */
function plan(): PhysicalPlan {
  const row = (n: number): readonly (string | null)[] => [
    String(n),
    n % 3 === 0 ? null : `it's ${n}`,
    `2025-03-0${1 + (n % 5)} 00:00:00+00`,
    '1',
  ];
  const values: Operator = {
    kind: 'values',
    fields: FIELDS,
    rows: Array.from({ length: 40 }, (_, n) =>
      FIELDS.map((field, i) => ({ kind: 'constant' as const, type: field.type, value: row(n)[i] ?? null })),
    ),
  };
  return {
    version: 1,
    output: FIELDS,
    snapshots: [],
    session: { timeZone: 'UTC', now: '0', memoryLimit: 100_000_000 },
    notices: [],
    stages: [
      {
        id: 0,
        kind: 'operator',
        root: values,
        deps: [],
        ordered: false,
        exchange: { by: [7], partitions: 2 },
        tasks: [{ id: 0, splits: {} }],
      },
      {
        id: 1,
        kind: 'final',
        root: { kind: 'exchange_read', stage: 0, fields: fieldsOf(values) },
        deps: [0],
        ordered: false,
        tasks: [0, 1, 2].map((partition) => ({ id: partition, splits: {}, partition })),
      },
    ],
  };
}

for (const [kind, inlineBytes] of [
  ['stage files', 1 << 20],
  ['a file', 0],
] as const) {
  connectorContract(`results of submitted replays, ${kind}`, async (): Promise<ContractSubject> => {
    const home = await tempFolder('results-contract');
    const config = buildConfig({ temporal: 'off', home: join(home.path, 'home') }, { env: {}, cwd: home.path, folder: home.path });
    const runs = await openSubmittedRuns(config);
    await runs.run(plan(), 'replay-1');
    await runs.end('replay-1', inlineBytes);
    const connector = new ListedResults({ ...runs.parts, files: runs.parts.results, retention: undefined });
    connector.ids.push('replay-1');
    const types = new Map(FIELDS.map((field) => [field.name, field.type.oid]));
    return {
      connector,
      table: { schema: 'timeline_results', table: 'replay-1' },
      filters: ['id = 7', 'name IS NULL', "moment >= '2025-03-02T00:00:00Z'"].map((sql) => ({ sql, expr: parseFilter(sql, types) })),
      close: async () => {
        await connector.close();
        await runs.close();
        await home.remove();
      },
    };
  });
}
