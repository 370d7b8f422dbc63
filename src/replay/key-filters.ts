import { columnRef, conjunction } from '../../planner/expression.js';
import { mapSubplans, operatorsIn, rewrite } from '../../planner/logical-plan.js';
import type {
  ColumnRef,
  DynamicFilter,
  Field,
  Operator,
  PhysicalPlan,
  PlanLeaf,
  ScanOperator,
  Stage,
} from '../../planner/physical-plan.js';
import { internal } from '../../sql/errors.js';
import type { Constant, Expr } from '../../sql/expression.js';
import { ELEMENT_OF, Oid, type Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { parseValue } from '../../sql/value-text.js';
import { inParallel } from '../in-parallel.js';
import { type ColumnKeys, MOST_KEYS, type StageKeys } from '../kernel/stage-keys.js';
import type { StageStore } from './stage-store.js';

/** What a dynamic filter has become: the keys that all tasks of its stage found, together. */
export interface KeyFilter {
  readonly filter: DynamicFilter;
  readonly keys: ColumnKeys;
  /** The join itself is in the same task: DuckDB makes a filter of its rows, which a list of them would only repeat. */
  readonly joinedHere: boolean;
}

/** Longer lists choose files only: reading them costs DuckDB a tenth of a second in each task. */
const MOST_LISTED = 2000;

/** By ScanOperator.scan. A column whose keys are not known is not in it. */
export async function readKeyFilters(request: {
  readonly store: StageStore;
  readonly query: string;
  readonly plan: PhysicalPlan;
  readonly stage: Stage;
}): Promise<ReadonlyMap<string, readonly KeyFilter[]>> {
  const { store, query, plan, stage } = request;
  const ops = [...operatorsIn(stage.root)];
  const scans = ops.filter((op) => op.kind === 'scan' && op.dynamic !== undefined) as readonly ScanOperator[];
  const joined = new Set(ops.flatMap((op) => (op.kind === 'exchange_read' ? [op.stage] : [])));
  const known = new Map<number, Promise<readonly StageKeys[]>>();
  const filters = new Map<string, readonly KeyFilter[]>();
  for (const scan of scans) {
    const found: KeyFilter[] = [];
    for (const filter of scan.dynamic ?? []) {
      const parts = known.get(filter.stage) ?? keysOfStage(store, query, plan, filter.stage);
      known.set(filter.stage, parts);
      const { type } = fieldOf(scan, filter.column);
      const keys = together(
        (await parts).map((part) => part[filter.key]),
        type,
      );
      if (keys !== undefined) found.push({ filter, keys, joinedHere: joined.has(filter.stage) });
    }
    filters.set(scan.scan, found);
  }
  return filters;
}

async function keysOfStage(store: StageStore, query: string, plan: PhysicalPlan, id: number): Promise<readonly StageKeys[]> {
  const source = plan.stages.find((one) => one.id === id);
  if (source === undefined) throw internal(`a scan asks for keys of stage ${id}, which the plan does not have`);
  return inParallel([...source.tasks.keys()], (task) => store.keys(query, id, task));
}

function together(parts: readonly (ColumnKeys | undefined)[], type: Type): ColumnKeys | undefined {
  const values = new Set<string>();
  let listed = true;
  let range: ColumnKeys['range'] = null;
  for (const part of parts) {
    if (part === undefined) return undefined;
    if (part.range === null) continue;
    range =
      range === null
        ? part.range
        : {
            min: compareTexts(type, part.range.min, range.min) < 0 ? part.range.min : range.min,
            max: compareTexts(type, part.range.max, range.max) > 0 ? part.range.max : range.max,
          };
    if (part.values === undefined) listed = false;
    else for (const value of part.values) values.add(value);
  }
  if (range === null) return { range };
  return listed && values.size <= MOST_KEYS ? { range, values: [...values] } : { range };
}

/** The order of the types that have dynamic filters; text as in the C collation, by its bytes. */
function compareTexts(type: Type, a: string, b: string): number {
  const [x, y] = [a, b].map((text) => ordered(parseValue(type, text))) as [bigint | number | Uint8Array, bigint | number | Uint8Array];
  if (x instanceof Uint8Array && y instanceof Uint8Array) return Buffer.compare(x, y);
  return x < y ? -1 : x > y ? 1 : 0;
}

function ordered(value: Value): bigint | number | Uint8Array {
  switch (typeof value) {
    case 'bigint':
    case 'number':
      return value;
    case 'boolean':
      return value ? 1 : 0;
    case 'string':
      return Buffer.from(value, 'utf8');
    default:
      throw internal('a key of a type without an order');
  }
}

/** Whether no row at all can match. */
export function matchesNothing(filters: readonly KeyFilter[]): boolean {
  return filters.some(({ keys }) => keys.range === null);
}

/** The filters as predicates of `leaf(column id)`: `list` for those that have a list of values and are to have it tested. */
export function predicates<L>(
  filters: readonly KeyFilter[],
  leaf: (column: number) => L & { readonly type: Type },
  list: (filter: KeyFilter) => boolean,
): readonly Expr<L>[] {
  return filters.flatMap((filter) => {
    const { keys } = filter;
    if (keys.range === null) return [];
    const column = leaf(filter.filter.column);
    const { type } = column;
    const names = functionsOf(type);
    const constant = (value: string): Constant => ({ kind: 'constant', type, value });
    const compare = (fn: string, operator: string, value: string): Expr<L> => ({
      kind: 'call',
      fn,
      operator,
      args: [column, constant(value)],
      volatility: 'immutable',
      type: { oid: Oid.bool, typmod: -1 },
    });
    const tests: Expr<L>[] = [compare(names.ge, '>=', keys.range.min), compare(names.le, '<=', keys.range.max)];
    if (keys.values !== undefined && list(filter)) {
      tests.push({
        kind: 'any_all',
        fn: names.eq,
        operator: '=',
        quantifier: 'any',
        arg: column,
        array: { kind: 'array', elements: keys.values.map(constant), type: arrayOf(type) },
      });
    }
    return tests;
  });
}

/** The tree with the filters above its scans, where DuckDB takes them into the files. */
export function withKeyFilters(root: Operator, filters: ReadonlyMap<string, readonly KeyFilter[]>): Operator {
  return rewrite(root, (op) => {
    if (op.kind !== 'scan') return mapSubplans(op, (plan) => withKeyFilters(plan, filters));
    const tests = predicates<PlanLeaf>(
      filters.get(op.scan) ?? [],
      (id): ColumnRef => columnRef(fieldOf(op, id)),
      ({ joinedHere, keys }) => !joinedHere && (keys.values?.length ?? 0) <= MOST_LISTED,
    );
    const predicate = conjunction<PlanLeaf>(tests);
    return predicate === undefined ? op : { kind: 'filter', input: op, predicate };
  });
}

export function fieldOf(scan: ScanOperator, id: number): Field {
  const field = scan.fields.find((one) => one.id === id);
  if (field === undefined) throw internal(`scan ${scan.scan} has no column ${id}`);
  return field;
}

function arrayOf(type: Type): Type {
  for (const [array, element] of ELEMENT_OF) if (element === type.oid) return { oid: array, typmod: -1 };
  throw internal(`no array type of ${type.oid}`);
}

interface Comparisons {
  readonly eq: string;
  readonly ge: string;
  readonly le: string;
}

/** PostgreSQL's functions behind =, >= and <= of a type. */
const PREFIXES: ReadonlyMap<number, string> = new Map([
  [Oid.bool, 'bool'],
  [Oid.int2, 'int2'],
  [Oid.int4, 'int4'],
  [Oid.int8, 'int8'],
  [Oid.text, 'text_'],
  [Oid.uuid, 'uuid_'],
  [Oid.date, 'date_'],
  [Oid.timestamp, 'timestamp_'],
  [Oid.timestamptz, 'timestamptz_'],
]);

function functionsOf({ oid }: Type): Comparisons {
  const prefix = PREFIXES.get(oid);
  if (prefix === undefined) throw internal(`a dynamic filter of type ${oid}`);
  const name = prefix.replace(/_$/, '');
  const of = (op: string): string => `${oid === Oid.text && op === 'eq' ? 'text' : prefix}${op}(${name},${name})`;
  return { eq: of('eq'), ge: of('ge'), le: of('le') };
}
