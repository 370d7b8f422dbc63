import { Oid, type Type } from '../sql/types.js';
import { equiKeys } from './equi-keys.js';
import { conjuncts } from './expression.js';
import { mapSubplans, operatorsIn, rewrite } from './logical-plan.js';
import {
  type DynamicFilter,
  fieldsOf,
  type JoinOperator,
  type Operator,
  type PlanLeaf,
  type ScanOperator,
  type Stage,
} from './physical-plan.js';
import type { DynamicFilterMode } from './planning.js';
import { Estimates, selectivity } from './statistics.js';

export interface DynamicFilterRequest {
  readonly mode: DynamicFilterMode;
  /** Scans whose splits keep their bounds although no filter asks for them. */
  readonly keepBounds: ReadonlySet<string>;
  /** Rows of a scan's splits. */
  readonly rows: (scan: ScanOperator) => number | undefined;
}

/** Types whose values can be compared and written down without doubt, by tasks and by connectors. */
const KEY_TYPES: ReadonlySet<number> = new Set([
  Oid.bool,
  Oid.int2,
  Oid.int4,
  Oid.int8,
  Oid.text,
  Oid.uuid,
  Oid.date,
  Oid.timestamp,
  Oid.timestamptz,
]);

/** A side with so many times fewer rows than the scan is taken whole to be selective; with fewer still, even if nothing filters it. */
const FEWER = 4;
const FAR_FEWER = 100;

/** Keys of so many rows are not looked for: they would cost more than they save. */
const MOST_BUILD_ROWS = 5_000_000;

/**
 * Joins whose one side comes from a stage: scans below the other side read only what has that stage's keys. Such a scan's stage waits
 * for the keys, so the stages may come in another order; their ids say the order.
 */
export function addDynamicFilters(stages: readonly Stage[], request: DynamicFilterRequest): readonly Stage[] {
  const candidates = request.mode === 'off' || stages.length === 1 ? [] : new Finder(stages, request).found();
  if (candidates.length === 0) return stages.map((stage) => withoutBounds(stage, request.keepBounds));
  const waits = new Map(stages.map((stage) => [stage.id, new Set(stage.deps)]));
  const accepted: Candidate[] = [];
  for (const candidate of candidates) {
    if (reaches(waits, candidate.source.stage, candidate.stage)) continue;
    waits.get(candidate.stage)?.add(candidate.source.stage);
    accepted.push(candidate);
  }
  const filters = new Map<string, readonly DynamicFilter[]>();
  const keys = new Map<number, readonly number[]>();
  for (const { scan, column, source } of accepted) {
    const before = filters.get(scan.scan) ?? [];
    if (before.some((one) => one.column === column && one.stage === source.stage && one.key === source.key)) continue;
    filters.set(scan.scan, [...before, { column, ...source }]);
    keys.set(source.stage, [...new Set([...(keys.get(source.stage) ?? []), source.key])]);
  }
  const changed = stages.map((stage): Stage => {
    const collected = keys.get(stage.id);
    return withoutBounds(
      {
        ...stage,
        root: mapScans(stage.root, (scan) => {
          const dynamic = filters.get(scan.scan);
          return dynamic === undefined ? scan : { ...scan, dynamic };
        }),
        deps: [...(waits.get(stage.id) ?? [])],
        ...(collected === undefined ? {} : { keys: collected }),
      },
      new Set([...request.keepBounds, ...filters.keys()]),
    );
  });
  return inOrder(changed);
}

/** Columns that joins set equal, and the columns that they come from: what bounds of splits may be asked about. */
export function joinColumns(plans: readonly Operator[]): ReadonlySet<number> {
  const ops = plans.flatMap((plan) => [...operatorsIn(plan)]);
  const wanted = new Set<number>();
  for (const op of ops) {
    if (op.kind !== 'join') continue;
    for (const part of conjuncts<PlanLeaf>(op.condition)) {
      if (part.kind !== 'call' || part.operator !== '=') continue;
      for (const arg of part.args) if (arg.kind === 'column' && isKey(arg.type)) wanted.add(arg.id);
    }
  }
  const from = new Map<number, Set<number>>();
  const note = (id: number, source: number): void => void from.set(id, (from.get(id) ?? new Set()).add(source));
  for (const op of ops) {
    const items = op.kind === 'project' ? op.items : op.kind === 'aggregate' ? op.keys : [];
    for (const { field, expr } of items) if (expr.kind === 'column') note(field.id, expr.id);
    if (op.kind === 'shared_read') for (const [n, field] of op.fields.entries()) note(field.id, op.columns[n] ?? field.id);
    if (op.kind === 'union_all') {
      for (const [n, field] of op.fields.entries()) for (const input of op.inputs) note(field.id, fieldsOf(input)[n]?.id ?? field.id);
    }
  }
  // A set that grows while it is gone through.
  for (const id of wanted) for (const source of from.get(id) ?? []) wanted.add(source);
  return wanted;
}

function isKey(type: Type): boolean {
  return KEY_TYPES.has(type.oid);
}

interface Source {
  readonly stage: number;
  readonly key: number;
}

interface Target {
  readonly scan: ScanOperator;
  readonly column: number;
  readonly stage: number;
}

interface Candidate extends Target {
  readonly source: Source;
  readonly rows: number;
}

class Finder {
  readonly #stages: readonly Stage[];
  readonly #request: DynamicFilterRequest;
  readonly #byId: ReadonlyMap<number, Stage>;
  readonly #readers = new Map<number, number>();
  readonly #estimates: Estimates;

  constructor(stages: readonly Stage[], request: DynamicFilterRequest) {
    this.#stages = stages;
    this.#request = request;
    this.#byId = new Map(stages.map((stage) => [stage.id, stage]));
    for (const op of stages.flatMap((stage) => [...operatorsIn(stage.root)]))
      if (op.kind === 'exchange_read') this.#readers.set(op.stage, (this.#readers.get(op.stage) ?? 0) + 1);
    this.#estimates = new Estimates({ rows: request.rows, stage: (id) => this.#byId.get(id)?.root });
  }

  /** Those of the smallest sources first. */
  found(): readonly Candidate[] {
    const found: Candidate[] = [];
    for (const stage of this.#stages)
      for (const op of operatorsIn(stage.root)) if (op.kind === 'join' && op.lateral !== true) found.push(...this.#ofJoin(op, stage.id));
    return found.sort((a, b) => a.rows - b.rows);
  }

  #ofJoin(join: JoinOperator, stage: number): readonly Candidate[] {
    const keys = equiKeys(join);
    if (keys === undefined) return [];
    const pairs = keys.left.map((left, n) => ({ left, right: keys.right[n] ?? left }));
    const typed = new Map([...fieldsOf(join.left), ...fieldsOf(join.right)].map((field) => [field.id, field.type]));
    return pairs.flatMap(({ left, right }) => {
      const type = typed.get(left) ?? typed.get(right);
      if (type !== undefined && !isKey(type)) return [];
      return [
        ...(mayDropLeft(join) ? this.#between(join.right, right, join.left, left, stage) : []),
        ...(mayDropRight(join) ? this.#between(join.left, left, join.right, right, stage) : []),
      ];
    });
  }

  #between(build: Operator, key: number, probe: Operator, column: number, stage: number): readonly Candidate[] {
    const source = sourceOf(build, key);
    if (source === undefined) return [];
    const root = this.#byId.get(source.stage)?.root;
    if (root === undefined) return [];
    const rows = this.#estimates.rows(root);
    return this.#targets(probe, column, stage)
      .filter(({ scan }) => this.#request.mode === 'on' || this.#isWorth(root, rows, scan))
      .map((target) => ({ ...target, source, rows }));
  }

  #isWorth(build: Operator, rows: number, scan: ScanOperator): boolean {
    const scanned = this.#request.rows(scan) ?? 0;
    if (rows > MOST_BUILD_ROWS || rows * FEWER > scanned) return false;
    return rows * FAR_FEWER <= scanned || this.#isReduced(build);
  }

  /** Whether something leaves rows out: all keys of a table would leave nothing out of another one. */
  #isReduced(op: Operator): boolean {
    for (const inner of operatorsIn(op)) {
      switch (inner.kind) {
        case 'filter':
          if (selectivity(inner.predicate) < 0.9) return true;
          break;
        case 'scan':
          if (inner.pushed.some(({ answer }) => answer === 'exact')) return true;
          break;
        case 'limit':
          return true;
        case 'sort':
          if (inner.limit !== undefined) return true;
          break;
        case 'join':
          if (inner.type === 'semi' || inner.type === 'anti') return true;
          break;
        case 'exchange_read': {
          const root = this.#byId.get(inner.stage)?.root;
          if (root !== undefined && this.#isReduced(root)) return true;
          break;
        }
        default:
      }
    }
    return false;
  }

  /** Scans that give the values of a column, with nothing on the way that another row could see the absence of a row from. */
  #targets(op: Operator, id: number, stage: number): readonly Target[] {
    switch (op.kind) {
      case 'scan':
        if (op.groups !== undefined) return [];
        return op.fields.some((field) => field.id === id && field.path === undefined) ? [{ scan: op, column: id, stage }] : [];
      case 'filter':
      case 'distinct':
      case 'table_function':
        return this.#targets(op.input, id, stage);
      case 'sort':
        return op.limit === undefined && op.offset === undefined ? this.#targets(op.input, id, stage) : [];
      case 'window':
        return op.partitionBy.some((expr) => expr.kind === 'column' && expr.id === id) ? this.#targets(op.input, id, stage) : [];
      case 'project':
        return this.#through(op.items, op.input, id, stage);
      case 'aggregate':
        return op.sets === undefined ? this.#through(op.keys, op.input, id, stage) : [];
      case 'join': {
        if (op.lateral === true) return [];
        const { type } = op;
        const inner = type === 'inner' || type === 'cross';
        const left = inner || type === 'left' || type === 'semi' || type === 'anti';
        return [
          ...(left ? this.#targets(op.left, id, stage) : []),
          ...(inner || type === 'right' ? this.#targets(op.right, id, stage) : []),
        ];
      }
      case 'union_all': {
        const position = op.fields.findIndex((field) => field.id === id);
        return op.inputs.flatMap((input) => {
          const field = fieldsOf(input)[position];
          return field === undefined ? [] : this.#targets(input, field.id, stage);
        });
      }
      case 'exchange_read': {
        const root = this.#byId.get(op.stage)?.root;
        const own = this.#readers.get(op.stage) === 1 && op.fields.some((field) => field.id === id);
        return own && root !== undefined ? this.#targets(root, id, op.stage) : [];
      }
      default:
        return [];
    }
  }

  #through(
    items: readonly { readonly field: { readonly id: number }; readonly expr: { readonly kind: string; readonly id?: number } }[],
    input: Operator,
    id: number,
    stage: number,
  ): readonly Target[] {
    const expr = items.find((item) => item.field.id === id)?.expr;
    return expr?.kind === 'column' && expr.id !== undefined ? this.#targets(input, expr.id, stage) : [];
  }
}

/** Left rows without a match are in no result. */
function mayDropLeft({ type }: JoinOperator): boolean {
  return type === 'inner' || type === 'right' || type === 'semi';
}

/** Right rows without a match are in no result; to NOT EXISTS they say nothing. */
function mayDropRight({ type }: JoinOperator): boolean {
  return type === 'inner' || type === 'left' || type === 'semi' || type === 'anti';
}

/** A stage's field that has all values of a column of the operator (NULL put aside). */
function sourceOf(op: Operator, id: number): Source | undefined {
  switch (op.kind) {
    case 'exchange_read':
      return op.fields.some((field) => field.id === id) ? { stage: op.stage, key: id } : undefined;
    case 'filter':
    case 'sort':
    case 'limit':
    case 'distinct':
    case 'assert':
    case 'sample':
    case 'window':
    case 'table_function':
      return sourceOf(op.input, id);
    case 'project':
    case 'aggregate': {
      const items = op.kind === 'project' ? op.items : op.keys;
      const expr = items.find((item) => item.field.id === id)?.expr;
      return expr?.kind === 'column' ? sourceOf(op.input, expr.id) : undefined;
    }
    case 'join':
      return sourceOf(op.left, id) ?? (op.type === 'semi' || op.type === 'anti' ? undefined : sourceOf(op.right, id));
    default:
      return undefined;
  }
}

/** Whether `from` waits for `to`, itself or through others. */
function reaches(waits: ReadonlyMap<number, ReadonlySet<number>>, from: number, to: number): boolean {
  const seen = new Set([from]);
  for (const id of seen) for (const next of waits.get(id) ?? []) seen.add(next);
  return seen.has(to);
}

function mapScans(root: Operator, map: (scan: ScanOperator) => Operator): Operator {
  return rewrite(root, (op) => (op.kind === 'scan' ? map(op) : mapSubplans(op, (plan) => mapScans(plan, map))));
}

/** Bounds are for scans with filters only: plans are kept and sent. */
function withoutBounds(stage: Stage, filtered: ReadonlySet<string>): Stage {
  const ordered = new Set(
    [...operatorsIn(stage.root)].flatMap((op) => (op.kind === 'sort' && op.first !== undefined ? [op.first.scan] : [])),
  );
  return {
    ...stage,
    tasks: stage.tasks.map((task) => ({
      ...task,
      splits: Object.fromEntries(
        Object.entries(task.splits).map(([scan, splits]) => [
          scan,
          filtered.has(scan) || ordered.has(scan) ? splits : splits.map(({ bounds: _bounds, ...split }) => split),
        ]),
      ),
    })),
  };
}

/** Each stage after those that it waits for, as near to its old place as that allows, with ids in that order. */
function inOrder(stages: readonly Stage[]): readonly Stage[] {
  const ordered: Stage[] = [];
  const place = (stage: Stage): void => {
    if (ordered.includes(stage)) return;
    for (const other of stages) if (stage.deps.includes(other.id)) place(other);
    ordered.push(stage);
  };
  for (const stage of stages) place(stage);
  if (ordered.every((stage, n) => stage === stages[n])) return stages;
  const ids = new Map(ordered.map((stage, n) => [stage.id, stages[n]?.id ?? stage.id]));
  const idOf = (id: number): number => ids.get(id) ?? id;
  return ordered.map((stage) => ({
    ...stage,
    id: idOf(stage.id),
    deps: stage.deps.map(idOf),
    root: mapReads(stage.root, idOf),
  }));
}

function mapReads(root: Operator, idOf: (stage: number) => number): Operator {
  return rewrite(root, (op) => {
    if (op.kind === 'exchange_read') return { ...op, stage: idOf(op.stage) };
    if (op.kind === 'scan')
      return op.dynamic === undefined ? op : { ...op, dynamic: op.dynamic.map((filter) => ({ ...filter, stage: idOf(filter.stage) })) };
    return mapSubplans(op, (plan) => mapReads(plan, idOf));
  });
}
