import type { Readable } from '../../../connectors/connector.js';
import { directInput } from '../../../planner/direct-timeline.js';
import { fieldsOf, type TimelineOperator } from '../../../planner/physical-plan.js';
import { mayFail } from '../../../planner/row-computable.js';
import type { TimelineSpec } from '../../../planner/timeline-spec.js';
import type { Type } from '../../../sql/types.js';
import { PartOrderValues } from './order-values.js';
import { type EventsRequest, ParquetEvents } from './parquet-events.js';
import { TieOrder } from './tie-order.js';

/** What a direct operator reads, without DuckDB. */
export interface DirectEvents {
  readonly events: ParquetEvents;
  readonly spec: TimelineSpec;
  /** By field id, of the columns that the events give besides ts. */
  readonly types: ReadonlyMap<number, Type>;
  /** How tied events are put in order; undefined: it makes no difference. */
  readonly ties: { readonly order: TieOrder; readonly values: PartOrderValues } | undefined;
}

/** Is it more than a key? */
function isRead({ leaves, dedupe }: TimelineSpec, id: number): boolean {
  return dedupe.includes(id) || leaves.some((leaf) => ('value' in leaf && leaf.value === id) || ('when' in leaf && leaf.when === id));
}

/** A text says why they cannot be read so. */
export async function openDirectEvents(
  op: TimelineOperator,
  scans: Readonly<Record<string, Readable>>,
  needed: readonly number[],
  open?: EventsRequest['open'],
): Promise<DirectEvents | string> {
  const input = directInput(op.input);
  if (input === undefined) return 'its input is more than filters and projections of one table that the kernel computes';
  const readable = scans[input.scan.scan];
  if (readable?.kind !== 'sql' || readable.parquet === undefined) return 'its rows are not just those of Parquet files';
  const { spec } = op;
  const types = new Map(fieldsOf(op.input).map((field) => [field.id, field.type]));
  const order = new TieOrder(spec, types);
  const fields = new Set(needed.filter((id) => id !== spec.ts));
  if (order.matters) {
    if (order.unordered !== undefined) return 'order_by has values that only DuckDB orders';
    // read before the filters, it must not fail
    const { columns } = input;
    const computed = spec.orderBy.some((id) => {
      const expr = columns.get(id);
      return expr === undefined || mayFail(expr);
    });
    if (computed) return 'order_by is computed';
  }
  const events = await ParquetEvents.open({
    parquet: readable.parquet,
    input,
    ts: spec.ts,
    fields: [...fields],
    keys: spec.keys.filter((id) => !isRead(spec, id)),
    others: order.matters ? spec.orderBy : [],
    ...(open === undefined ? {} : { open }),
  });
  if (typeof events === 'string') return events;
  const given = new Map([...fields].map((id): readonly [number, Type] => [id, types.get(id) as Type]));
  return {
    events,
    spec,
    types: given,
    ties: order.matters ? { order, values: new PartOrderValues(events, spec.orderBy, types) } : undefined,
  };
}
