import { type Field, fieldsOf, type Operator, type PhysicalPlan } from '../../planner/physical-plan.js';
import { Oid, type } from '../../sql/types.js';

export const FIELDS: readonly Field[] = [
  { id: 7, name: 'id', type: type(Oid.int8) },
  { id: 3, name: 'name', type: type(Oid.text) },
  { id: 5, name: 'moment', type: type(Oid.timestamptz) },
  { id: 4, name: 'ID', type: type(Oid.int4) },
];

/** Rows of three tasks, one of them without any. */
export function resultPlan(rows = 40): PhysicalPlan {
  const row = (n: number): readonly (string | null)[] => [
    String(n),
    n % 3 === 0 ? null : `it's ${n}`,
    `2025-03-0${1 + (n % 5)} 00:00:00+00`,
    '1',
  ];
  const values: Operator = {
    kind: 'values',
    fields: FIELDS,
    rows: Array.from({ length: rows }, (_, n) =>
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
