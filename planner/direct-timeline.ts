import { ELEMENT_OF } from '../sql/types.js';
import { substitute } from './columns.js';
import { conjuncts, exprText, mapLeaves } from './expression.js';
import type { Operator, PlanExpr, PlanLeaf, ScanOperator, TimelineOperator } from './physical-plan.js';
import { isComputableRow } from './row-computable.js';

/** Filters and projections over one scan, as expressions over the scan's columns. */
export interface DirectInput {
  readonly scan: ScanOperator;
  /** Conjuncts, the ones next to the scan first. */
  readonly filters: readonly PlanExpr[];
  /** By the id of an output field. */
  readonly columns: ReadonlyMap<number, PlanExpr>;
}

/** Projections over projections may repeat an expression many times over. */
const MOST_TEXT = 100_000;

/** Undefined: it is of another shape, or some expression in it is one that only DuckDB computes. */
export function directInput(input: Operator): DirectInput | undefined {
  switch (input.kind) {
    case 'scan':
      if (input.fields.some((field) => field.path !== undefined || ELEMENT_OF.has(field.type.oid))) return undefined;
      return {
        scan: input,
        filters: [],
        columns: new Map(input.fields.map(({ id, type }) => [id, { kind: 'column', id, type }])),
      };
    case 'filter': {
      const below = directInput(input.input);
      if (below === undefined) return undefined;
      const filters = conjuncts<PlanLeaf>(input.predicate).map((part) => composed(part, below.columns));
      return filters.every(isComposed) ? { ...below, filters: [...below.filters, ...filters] } : undefined;
    }
    case 'project': {
      const below = directInput(input.input);
      if (below === undefined) return undefined;
      const columns = input.items.map(({ field, expr }): readonly [number, PlanExpr | undefined] => [
        field.id,
        composed(expr, below.columns),
      ]);
      return columns.every((column): column is readonly [number, PlanExpr] => column[1] !== undefined)
        ? { ...below, columns: new Map(columns) }
        : undefined;
    }
    default:
      return undefined;
  }
}

function isComposed(expr: PlanExpr | undefined): expr is PlanExpr {
  return expr !== undefined;
}

function composed(expr: PlanExpr, columns: ReadonlyMap<number, PlanExpr>): PlanExpr | undefined {
  if (!isComputableRow(expr)) return undefined;
  const whole = substitute(expr, columns);
  return exprText(whole).length <= MOST_TEXT ? whole : undefined;
}

/**
 * Is the horizon the greatest ts of just the rows that the operator reads? Then it need not be read by itself. So it is without lookback,
 * predicates on keys and whatever else leaves out events that the answer does not depend on.
 */
export function isHorizonOfInput({ horizon, spec }: TimelineOperator, input: DirectInput): boolean {
  if (horizon?.kind !== 'aggregate' || horizon.keys.length > 0 || horizon.aggregates.length !== 1) return false;
  const [max] = horizon.aggregates;
  const [arg] = max?.args ?? [];
  if (max?.fn !== 'max(timestamptz)' || max.filter !== undefined || arg === undefined) return false;
  const source = directInput(horizon.input);
  const ts = input.columns.get(spec.ts);
  if (source === undefined || ts === undefined) return false;
  const time = composed(arg, source.columns);
  return time !== undefined && rowsText(source, time) === rowsText(input, ts);
}

/** Equal for inputs that have the same rows, and the same expression over them. */
function rowsText({ scan, filters }: DirectInput, expr: PlanExpr): string {
  const names = new Map(scan.fields.map((field) => [field.id, field.name]));
  const text = (one: PlanExpr): string =>
    JSON.stringify(mapLeaves<PlanLeaf, PlanLeaf>(one, (leaf) => (leaf.kind === 'column' ? named(leaf, names) : leaf)));
  const { connector, schema, table, handle } = scan;
  return JSON.stringify([connector, schema, table, handle, [...new Set(filters.map(text))].sort(), text(expr)]);
}

function named(leaf: Extract<PlanLeaf, { readonly kind: 'column' }>, names: ReadonlyMap<number, string>): PlanLeaf {
  return { ...leaf, id: 0, name: names.get(leaf.id) } as PlanLeaf;
}
