import { internal } from '../sql/errors.js';
import { typeOf } from '../sql/expression-type.js';
import { stateFields } from '../sql/functions/aggregate-state.js';
import { Oid, type Type } from '../sql/types.js';
import { outerColumns } from './columns.js';
import { type DirectInput, directInput, isHorizonOfInput } from './direct-timeline.js';
import { addDynamicFilters } from './dynamic-filters.js';
import { equiKeys, isHashed } from './equi-keys.js';
import { columnRef } from './expression.js';
import { mapInputs, mapSubplans, operatorsIn, renamed, subplansOf } from './logical-plan.js';
import {
  type AggregateOperator,
  type Field,
  fieldsOf,
  type JoinOperator,
  type LimitOperator,
  type Operator,
  type PlanAggregate,
  type PlanLeaf,
  type SharedRead,
  type SortOperator,
  type Split,
  type Stage,
  type Task,
  type TimelineOperator,
  type UnionAllOperator,
  type WindowOperator,
} from './physical-plan.js';
import type { TaskTargets } from './planning.js';
import { mergeProjects } from './rules/merge-projects.js';
import { isOrdered, isSharedRead, readBy } from './stage-rows.js';
import { Estimates } from './statistics.js';

export interface ScanSplits {
  readonly splits: readonly Split[];
}

/**
 * A tree that has not been cut yet, and how its rows are spread: over the splits of one scan, over partitions, all in one task;
 * or it is several trees with the same fields (of a UNION ALL), each with a spread of its own, and `root` is only for its fields.
 */
interface Fragment {
  readonly root: Operator;
  readonly spread:
    | { readonly kind: 'single' }
    | { readonly kind: 'splits'; readonly scan: string; readonly sequence?: readonly (readonly Split[])[] }
    | { readonly kind: 'partitions'; readonly count: number }
    | { readonly kind: 'branches'; readonly branches: readonly Fragment[] };
}

interface CutRequest {
  readonly splits: ReadonlyMap<string, ScanSplits>;
  /** By SharedRead.id. */
  readonly shared: ReadonlyMap<number, Operator>;
  /** Of a scan that the plan's order is of: its splits in groups, each of whose rows come before the next one's. */
  readonly sequence?: { readonly scan: string; readonly groups: readonly (readonly Split[])[] };
  readonly targets: TaskTargets;
  /** Scans whose splits keep their bounds for who comes after. */
  readonly keepBounds?: ReadonlySet<string>;
}

/**
 * Cuts a plan into stages where rows must come together (exchanges). Whatever works row by row stays in the task that
 * reads; aggregates, DISTINCT, LIMIT and top-N run there once in part and once more over the parts; TIMELINE and joins
 * of two large inputs run in partitions by hash of their key. A plan that reads little is one stage of one task.
 */
export function cutStages(plan: Operator, request: CutRequest): readonly Stage[] {
  const cutter = new Cutter(request);
  return addDynamicFilters(cutter.finish(cutter.placeWhole(plan)), {
    mode: request.targets.dynamicFilters ?? 'auto',
    keepBounds: request.keepBounds ?? new Set(),
    rows: (scan) => request.splits.get(scan.scan)?.splits.reduce((sum, split) => sum + split.rows, 0),
  });
}

class Cutter {
  readonly #request: CutRequest;
  readonly #stages: Stage[] = [];
  readonly #small: boolean;
  /** The stages of shared plans, by SharedRead.id. */
  readonly #sharedStages = new Map<number, Operator>();
  readonly #estimates: Estimates;
  #nextId: number;

  constructor(request: CutRequest) {
    this.#request = request;
    const bytes = [...request.splits.values()].flatMap(({ splits }) => splits).reduce((sum, split) => sum + split.bytes, 0);
    this.#small = bytes < request.targets.smallBytes;
    this.#nextId = 0;
    this.#estimates = new Estimates({
      rows: (scan) => request.splits.get(scan.scan)?.splits.reduce((sum, split) => sum + split.rows, 0),
      shared: (id) => request.shared.get(id),
    });
  }

  finish(fragment: Fragment): readonly Stage[] {
    this.#stage(fragment.spread.kind === 'branches' ? this.#cut(fragment) : fragment, 'final', undefined);
    return this.#stages;
  }

  /** Where an operator runs; what its subqueries read comes from stages of their own. */
  place(written: Operator): Fragment {
    const op = mapSubplans(written, (plan) => this.#detached(plan));
    switch (op.kind) {
      case 'scan':
        return this.#scan(op);
      case 'exchange_read':
        throw internal('exchange before the plan is cut');
      case 'values':
        return { root: op, spread: { kind: 'single' } };
      case 'shared_read':
        return { root: this.#shared(op), spread: { kind: 'single' } };
      case 'recursive_read':
        return { root: op, spread: { kind: 'single' } };
      case 'recursive':
        return {
          root: { ...op, base: this.#gathered(op.base).root, step: this.#detached(op.step, op.id) },
          spread: { kind: 'single' },
        };
      case 'window':
        return this.#window(op);
      case 'table_function':
      case 'sample':
      case 'filter':
      case 'project': {
        return this.#over(this.place(op.input), (input) => ({ ...op, input }));
      }
      case 'assert':
        return this.#over(this.#gathered(op.input), (input) => ({ ...op, input }));
      case 'distinct':
        return this.#twice(op, op, (input) => ({ ...op, input }));
      case 'limit':
        return this.#limit(op);
      case 'sort':
        return this.#sort(op);
      case 'aggregate':
        return this.#aggregate(op);
      case 'join':
        return this.#join(op);
      case 'union_all':
        return this.#union(op);
      case 'timeline':
        return this.#timeline(op);
    }
  }

  /**
   * A tree that runs inside another one, for each of its rows perhaps: a subquery, the right side of a LATERAL join, the step of
   * a recursion. Its largest parts that read nothing from outside come from stages of their own, unless the plan is small.
   */
  #detached(op: Operator, recursion?: number): Operator {
    const closed =
      outerColumns(op).size === 0 && [...operatorsIn(op)].every((inner) => inner.kind !== 'recursive_read' || inner.id !== recursion);
    if (closed) return this.#broadcast(this.#gathered(op));
    return mapInputs(
      mapSubplans(op, (plan) => this.#detached(plan, recursion)),
      (input) => this.#detached(input, recursion),
    );
  }

  #shared(op: SharedRead): Operator {
    let stage = this.#sharedStages.get(op.id);
    if (stage === undefined) {
      const plan = this.#request.shared.get(op.id);
      if (plan === undefined) throw internal(`shared plan ${op.id} is missing`);
      stage = this.#exchange(this.place(plan), undefined);
      this.#sharedStages.set(op.id, stage);
    }
    const fields = fieldsOf(stage);
    const items = op.columns.map((id, n) => {
      const source = fields.find((field) => field.id === id);
      if (source === undefined) throw internal(`shared plan ${op.id} has no column ${id}`);
      return { field: op.fields[n] as Field, expr: columnRef(source) };
    });
    return { kind: 'project', input: stage, items };
  }

  /** Inputs that are spread are read by tasks of their own, for what works on parts above to work there. */
  #union(op: UnionAllOperator): Fragment {
    const inputs = op.inputs.map((input) => this.place(input));
    const root: Operator = { ...op, inputs: inputs.map((input) => input.root) };
    if (inputs.every((input) => input.spread.kind === 'single')) return { root, spread: { kind: 'single' } };
    const branches = inputs.flatMap((input) => {
      const named = this.#over(input, (branch) => renamed(branch, op.fields));
      return named.spread.kind === 'branches' ? named.spread.branches : [named];
    });
    return { root, spread: { kind: 'branches', branches } };
  }

  /** Partitions are computed whole: together in one task, or by hash of their columns. */
  #window(op: WindowOperator): Fragment {
    const input = this.place(op.input);
    if (input.spread.kind === 'single') return this.#over(input, (root) => ({ ...op, input: root }));
    const by = op.partitionBy.flatMap((expr) => (expr.kind === 'column' && isHashed(expr.type) ? [expr.id] : []));
    if (by.length === 0) return this.#over(this.#cut(input), (root) => ({ ...op, input: root }));
    const count = this.#request.targets.partitions;
    return { root: { ...op, input: this.#exchange(input, { by, partitions: count }) }, spread: { kind: 'partitions', count } };
  }

  #scan(op: Operator & { readonly kind: 'scan' }): Fragment {
    const groups = this.#groups(op.scan).length;
    return { root: op, spread: this.#small || groups <= 1 ? { kind: 'single' } : { kind: 'splits', scan: op.scan } };
  }

  /** A row-reducing operator that may be applied to parts and again to the parts' results. */
  #twice(op: { readonly input: Operator }, local: Operator, global: (input: Operator) => Operator): Fragment {
    const input = this.place(op.input);
    if (input.spread.kind === 'single') return this.#over(input, global);
    const part = this.#over(input, (root) => ({ ...local, input: root }) as Operator);
    return this.#over(this.#cut(part), global);
  }

  #limit(op: LimitOperator): Fragment {
    // each task needs to give the first limit + offset of its rows; without a limit all of them
    const { offset, limit, ...rest } = op;
    if (limit === undefined) return this.#over(this.#gathered(op.input), (input) => ({ ...op, input }));
    return this.#twice(op, { ...rest, limit: limit + (offset ?? 0) }, (input) => ({ ...op, input }));
  }

  #sort(op: SortOperator): Fragment {
    const { offset, limit, ...rest } = op;
    if (limit === undefined) return this.#over(this.#gathered(op.input), (input) => ({ ...op, input }));
    const input = this.place(op.input);
    // each of several tasks would have to read some part; one stops at the best ones
    const alone = op.first !== undefined && input.spread.kind === 'splits' && this.#bytes(op.first.scan) <= MOST_FIRST_BYTES;
    if (input.spread.kind === 'single' || alone) return { root: { ...op, input: input.root }, spread: { kind: 'single' } };
    const part = this.#over(input, (root) => ({ ...rest, limit: limit + (offset ?? 0), input: root }));
    const { first: _first, ...again } = op;
    return this.#over(this.#cut(part), (root) => ({ ...again, input: root }));
  }

  /** The whole plan, where its order is one of splits that come one after the other: tasks sort one group of them each. */
  placeWhole(plan: Operator): Fragment {
    const { sequence } = this.#request;
    if (sequence === undefined || this.#small) return this.place(plan);
    const placed = (op: Operator): Fragment | undefined => {
      if ((op.kind === 'project' || op.kind === 'filter') && subplansOf(op).length === 0) {
        const input = placed(op.input);
        return input === undefined ? undefined : this.#over(input, (root) => ({ ...op, input: root }));
      }
      if (op.kind !== 'sort') return undefined;
      const input = this.place(op.input);
      if (input.spread.kind !== 'splits' || input.spread.scan !== sequence.scan) return undefined;
      return { root: { ...op, input: input.root }, spread: { ...input.spread, sequence: sequence.groups } };
    };
    return placed(plan) ?? this.place(plan);
  }

  #bytes(scan: string): number {
    return (this.#request.splits.get(scan)?.splits ?? []).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #aggregate(op: AggregateOperator): Fragment {
    const input = this.place(op.input);
    if (input.spread.kind === 'single') return this.#over(input, (root) => ({ ...op, input: root }));
    // over groups that a connector computed
    if (op.phase === 'final') return this.#over(this.#cut(input), (root) => ({ ...op, input: root }));
    const split = this.#splitAggregates(op.aggregates);
    if (split === undefined)
      return this.#over(this.#cut(this.#over(input, (root) => readBy(op, root))), (root) => ({ ...op, input: root }));
    // Grouping sets are made of the parts of all keys together.
    const { sets: _sets, groupings: _groupings, ...plain } = op;
    const partial = this.#over(input, (root): AggregateOperator => ({ ...plain, phase: 'partial', input: root, aggregates: split }));
    const gathered = this.#cut(partial);
    return this.#over(gathered, (root) => ({
      ...op,
      phase: 'final',
      input: root,
      keys: op.keys.map(({ field }) => ({ field, expr: { kind: 'column', id: field.id, type: field.type } })),
      aggregates: split,
    }));
  }

  /** The calls with columns for their states; undefined if one of them cannot be split. */
  #splitAggregates(aggregates: readonly PlanAggregate[]): readonly PlanAggregate[] | undefined {
    const split: PlanAggregate[] = [];
    for (const call of aggregates) {
      if (call.distinct || call.orderBy.length > 0 || call.direct !== undefined) return undefined;
      const types = stateFields(
        call.fn,
        call.args.map((arg) => typeOf<PlanLeaf>(arg)),
      );
      if (types === undefined) return undefined;
      split.push({ ...call, state: types.map((type, n): Field => ({ id: this.#newId(), name: `${call.field.name}_${n + 1}`, type })) });
    }
    return split;
  }

  #join(op: JoinOperator): Fragment {
    const left = this.place(op.left);
    if (op.lateral === true) {
      const inside = this.#detached(op.right);
      return this.#over(left, (root) => ({ ...op, left: root, right: inside }));
    }
    const right = this.place(op.right);
    const joined = (l: Operator, r: Operator): Operator => ({ ...op, left: l, right: r });
    if (left.spread.kind === 'single' && right.spread.kind === 'single')
      return { root: joined(left.root, right.root), spread: left.spread };
    // the side in one task is read whole by every task of the other, where the other's rows decide what is in the result
    const inner = op.type === 'inner' || op.type === 'cross';
    if (right.spread.kind === 'single' && (inner || op.type === 'left' || op.type === 'semi' || op.type === 'anti'))
      return this.#beside(left, this.#broadcast(right), joined);
    if (left.spread.kind === 'single' && (inner || op.type === 'right'))
      return this.#beside(right, this.#broadcast(left), (root, other) => joined(other, root));
    const small = this.#smallSide(op);
    if (small === 'right') return this.#beside(left, this.#exchange(right, undefined), joined);
    if (small === 'left') return this.#beside(right, this.#exchange(left, undefined), (root, other) => joined(other, root));
    const keys = equiKeys(op);
    if (keys === undefined) return { root: joined(this.#cut(left).root, this.#cut(right).root), spread: { kind: 'single' } };
    const count = this.#request.targets.partitions;
    const l = this.#exchange(left, { by: keys.left, partitions: count });
    const r = this.#exchange(right, { by: keys.right, partitions: count });
    return { root: joined(l, r), spread: { kind: 'partitions', count } };
  }

  /** The side of a join whose rows are few enough to go to every task of the other, which decides what is in the result. */
  #smallSide(op: JoinOperator): 'left' | 'right' | undefined {
    const most = this.#request.targets.broadcastBytes ?? this.#request.targets.smallBytes / 4;
    const [left, right] = [this.#estimates.bytes(op.left), this.#estimates.bytes(op.right)];
    const inner = op.type === 'inner' || op.type === 'cross';
    if (right <= most && (right <= left || !inner) && (inner || op.type === 'left' || op.type === 'semi' || op.type === 'anti'))
      return 'right';
    return left <= most && (inner || op.type === 'right') ? 'left' : undefined;
  }

  /** Rows without stages or splits of their own need no stage to be read by many tasks. */
  #broadcast(fragment: Fragment): Operator {
    const ops = [...operatorsIn(fragment.root)];
    const alone = this.#small || isSharedRead(fragment.root) || ops.every((op) => op.kind !== 'scan' && op.kind !== 'exchange_read');
    return alone ? fragment.root : this.#exchange(fragment, undefined);
  }

  #timeline(op: TimelineOperator): Fragment {
    const direct = directInput(op.input);
    if (direct !== undefined && this.#rows(direct.scan.scan) <= (this.#request.targets.directRows ?? DIRECT_ROWS))
      return this.#direct(op, direct);
    const input = this.place(op.input);
    if (input.spread.kind === 'single') {
      const horizon = op.horizon === undefined ? undefined : this.#gathered(op.horizon).root;
      return { root: { ...op, input: input.root, horizon }, spread: input.spread };
    }
    const horizon = op.horizon === undefined ? undefined : this.#broadcast(this.#gathered(op.horizon));
    // rows that agree in all keys agree in these
    const types = new Map(fieldsOf(op.input).map((field) => [field.id, field.type]));
    const by = op.spec.keys.filter((key) => isHashed(types.get(key) ?? UNHASHED));
    if (by.length === 0) return { root: { ...op, input: this.#cut(input).root, horizon }, spread: { kind: 'single' } };
    const count = this.#request.targets.partitions;
    return {
      root: { ...op, input: this.#exchange(input, { by, partitions: count }), horizon },
      spread: { kind: 'partitions', count },
    };
  }

  /** One task reads all of the scan, sorting nothing that is in order already. */
  #direct(op: TimelineOperator, input: DirectInput): Fragment {
    const horizon = op.horizon === undefined || isHorizonOfInput(op, input) ? undefined : this.#broadcast(this.#gathered(op.horizon));
    return { root: { ...op, horizon, direct: true }, spread: { kind: 'single' } };
  }

  #rows(scan: string): number {
    return (this.#request.splits.get(scan)?.splits ?? []).reduce((sum, split) => sum + split.rows, 0);
  }

  /** Each of the fragment's tasks reads all of `whole`. */
  #beside(fragment: Fragment, whole: Operator, join: (root: Operator, whole: Operator) => Operator): Fragment {
    return this.#over(fragment, (root) => join(root, whole));
  }

  #over(fragment: Fragment, build: (input: Operator) => Operator): Fragment {
    const root = build(fragment.root);
    if (fragment.spread.kind !== 'branches') return { ...fragment, root };
    return { root, spread: { kind: 'branches', branches: fragment.spread.branches.map((branch) => this.#over(branch, build)) } };
  }

  /** An operator's rows in one task. */
  #gathered(op: Operator): Fragment {
    const fragment = this.place(op);
    return fragment.spread.kind === 'single' ? fragment : this.#cut(fragment);
  }

  #cut(fragment: Fragment): Fragment {
    return { root: this.#exchange(fragment, undefined), spread: { kind: 'single' } };
  }

  /** The rows of a fragment's tasks, from stages of their own. */
  #exchange(fragment: Fragment, exchange: Stage['exchange']): Operator {
    if (fragment.spread.kind === 'branches') {
      const inputs = fragment.spread.branches.map((branch) => this.#exchange({ ...branch, root: mergeProjects(branch.root) }, exchange));
      return { kind: 'union_all', inputs, fields: fieldsOf(fragment.root) };
    }
    const stage = this.#stage(fragment, undefined, exchange);
    return { kind: 'exchange_read', stage: stage.id, fields: fieldsOf(fragment.root) };
  }

  #stage(fragment: Fragment, kind: 'final' | undefined, exchange: Stage['exchange']): Stage {
    const { root, spread } = fragment;
    if (spread.kind === 'branches') throw internal('a stage of several trees');
    const scans: string[] = [];
    const deps: number[] = [];
    for (const op of operatorsIn(root)) {
      if (op.kind === 'scan') scans.push(op.scan);
      if (op.kind === 'exchange_read' && !deps.includes(op.stage)) deps.push(op.stage);
    }
    const stage: Stage = {
      id: this.#stages.length + 1,
      kind: kind ?? (scans.length > 0 ? 'scan' : 'operator'),
      root,
      deps,
      tasks: this.#tasks(spread, scans),
      ...(exchange === undefined ? {} : { exchange }),
      ordered: isOrdered(root),
    };
    this.#stages.push(stage);
    return stage;
  }

  #tasks(spread: Exclude<Fragment['spread'], { readonly kind: 'branches' }>, scans: readonly string[]): readonly Task[] {
    const whole = (scan: string): readonly Split[] => this.#request.splits.get(scan)?.splits ?? [];
    switch (spread.kind) {
      case 'single':
        return [{ id: 0, splits: Object.fromEntries(scans.map((scan) => [scan, whole(scan)])) }];
      case 'splits': {
        if (scans.length !== 1 || scans[0] !== spread.scan)
          throw internal(`stage over the splits of ${spread.scan} reads ${scans.join(', ')}`);
        return (spread.sequence ?? this.#groups(spread.scan)).map((group, id) => ({ id, splits: { [spread.scan]: group } }));
      }
      case 'partitions': {
        if (scans.length > 0) throw internal('a scan in a partitioned stage');
        return Array.from({ length: spread.count }, (_, id) => ({ id, splits: {}, partition: id }));
      }
    }
  }

  #groups(scan: string): readonly (readonly Split[])[] {
    const splits = this.#request.splits.get(scan)?.splits ?? [];
    const size = Math.max(1, this.#request.targets.splitsPerTask);
    return Array.from({ length: Math.ceil(splits.length / size) }, (_, n) => splits.slice(n * size, (n + 1) * size));
  }

  #newId(): number {
    if (this.#nextId === 0) this.#nextId = STATE_IDS;
    this.#nextId += 1;
    return this.#nextId;
  }
}

/** Events that one task of TIMELINE reads by itself at most. */
const DIRECT_ROWS = 64 * 2 ** 20;

/** Of more bytes the first rows are looked for by several tasks, since they may have to read them all. */
const MOST_FIRST_BYTES = 4 * 2 ** 30;

const UNHASHED: Type = { oid: Oid.unknown, typmod: -1 };

/** Ids of state columns begin here, above all that conversion gives out. */
const STATE_IDS = 1_000_000;
