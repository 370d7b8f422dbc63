import type { CommitResult } from '../connectors/connector.js';
import { Oid, type } from '../sql/types.js';
import { type Field, fieldsOf, type Operator, type SinkColumn, type SinkFile, type SinkTable, type Stage } from './physical-plan.js';

/** Where a plan's rows go. */
export type PlanSink =
  | { readonly kind: 'table'; readonly table: SinkTable; readonly columns: readonly Omit<SinkColumn, 'id'>[] }
  | { readonly kind: 'file'; readonly file: SinkFile; readonly columns: readonly Omit<SinkColumn, 'id'>[] };

/** A plan's stages with those after them that write: the last one's only row is what came of it. */
export function withSink(stages: readonly Stage[], sink: PlanSink, newField: Fields): readonly Stage[] {
  const rows = stages.at(-1);
  if (rows === undefined) return stages;
  const columns = fieldsOf(rows.root).map((field, n): SinkColumn => ({ ...(sink.columns[n] as SinkColumn), id: field.id }));
  const kind = rows.root.kind !== 'scan' && Object.keys(rows.tasks[0]?.splits ?? {}).length === 0 ? 'operator' : 'scan';
  const before = stages.slice(0, -1);
  if (sink.kind === 'table') {
    const { table } = sink;
    return [
      ...before,
      { ...rows, kind, sink: { kind: 'write', table, columns } },
      oneTask(rows.id + 1, 'final', rows.id, resultRoot(newField), { kind: 'commit', table, stage: rows.id }),
    ];
  }
  const { file } = sink;
  const read: Operator = { kind: 'exchange_read', stage: rows.id, fields: fieldsOf(rows.root) };
  return [
    ...before,
    { ...rows, kind },
    oneTask(rows.id + 1, 'operator', rows.id, read, { kind: 'format', file, columns }),
    oneTask(rows.id + 2, 'final', rows.id + 1, resultRoot(newField), { kind: 'publish', file, stage: rows.id + 1 }),
  ];
}

type Fields = (name: string, of: Field['type']) => Field;

function oneTask(id: number, kind: Stage['kind'], reads: number, root: Operator, sink: NonNullable<Stage['sink']>): Stage {
  return { id, kind, root, deps: [reads], tasks: [{ id: 0, splits: {} }], ordered: true, sink };
}

function resultRoot(newField: Fields): Operator {
  const fields = [
    newField('rows', type(Oid.int8)),
    newField('snapshot', type(Oid.text)),
    newField('repeated', type(Oid.bool)),
    newField('files', type(Oid.int8)),
  ];
  return { kind: 'values', fields, rows: [] };
}

/** The root of a stage that commits or publishes, with what came of it. */
export function sinkResult(root: Operator, result: CommitResult): Operator {
  const values = [
    String(result.rows),
    result.snapshot,
    result.repeated ? 't' : 'f',
    result.files === undefined ? null : String(result.files),
  ];
  const row = fieldsOf(root).map((field, n) => ({ kind: 'constant' as const, type: field.type, value: values[n] ?? null }));
  return { kind: 'values', fields: fieldsOf(root), rows: [row] };
}
