import {
  type ColumnRef,
  type ExchangeRead,
  fieldsOf,
  type Operator,
  type PhysicalPlan,
  type PlanAggregate,
  type PlanExpr,
  type ScanOperator,
  type Stage,
  type Task,
} from '../../planner/physical-plan.js';

/** Values of the interpreter: int4 and bool as numbers, null for NULL. */
export type Cell = number | null;
export type Row = readonly Cell[];

/**
 * A slow, obvious interpreter of operators over whole numbers: the oracle for rules. It knows the functions that the
 * random plans of the tests use, and gives rows as a multiset (order is checked elsewhere).
 */
export function run(op: Operator, tables: Tables): Row[] {
  return interpret(op, {
    patience: { left: PATIENCE },
    scan: (scan) => tables[scan.table] ?? [],
    exchange: () => {
      throw new Error('no exchanges here');
    },
  });
}

/** The rows, unless they take too long. */
export function attempt(op: Operator, tables: Tables): Row[] | undefined {
  try {
    return run(op, tables);
  } catch (error) {
    if (error instanceof TooMuch) return undefined;
    throw error;
  }
}

export type Tables = Readonly<Record<string, readonly Readonly<Record<string, Cell>>[]>>;

/** All stages of a plan, task by task; a split's rows are those of its table whose number is the split's modulo `files`. */
export function runStages(stages: PhysicalPlan['stages'], tables: Tables, files: number): Row[] {
  const output = new Map<number, { readonly stage: Stage; readonly tasks: readonly (readonly Row[])[] }>();
  const hash = (row: Row, stage: Stage): number => {
    const at = stage.exchange?.by.map((id) => row[fieldsOf(stage.root).findIndex((field) => field.id === id)] ?? -1) ?? [];
    return at.reduce<number>((sum, cell) => sum * 31 + cell + 1000, 7) % (stage.exchange?.partitions ?? 1);
  };
  for (const stage of stages) {
    const task = ({ splits, partition }: Task): Row[] =>
      interpret(stage.root, {
        patience: { left: 20 * PATIENCE },
        scan: (scan) => {
          const numbers = new Set((splits[scan.scan] ?? []).map((split) => (split.data as { readonly file: number }).file));
          return (tables[scan.table] ?? []).filter((_, n) => numbers.has(n % files));
        },
        exchange: (read) => {
          const source = output.get(read.stage);
          if (source === undefined || !stage.deps.includes(read.stage))
            throw new Error(`stage ${stage.id} reads stage ${read.stage}, which it does not wait for`);
          const rows = source.tasks.flat();
          return partition === undefined || source.stage.exchange === undefined
            ? rows
            : rows.filter((row) => hash(row, source.stage) === partition);
        },
      });
    output.set(stage.id, { stage, tasks: stage.tasks.map(task) });
  }
  return [...(output.get(stages.at(-1)?.id ?? 0)?.tasks ?? [])].flat();
}

interface Source {
  readonly patience: { left: number };
  readonly scan: (scan: ScanOperator) => readonly Readonly<Record<string, Cell>>[];
  readonly exchange: (read: ExchangeRead) => readonly Row[];
}

type Env = ReadonlyMap<number, Cell>;

/** `outer`: columns of the rows that a subquery or the right side of a LATERAL join is run for. */
function interpret(op: Operator, source: Source, outer: Env = new Map()): Row[] {
  const env = (fields: readonly { readonly id: number }[], row: Row): Env =>
    new Map([...outer, ...fields.map((field, n): [number, Cell] => [field.id, row[n] ?? null])]);
  const input = (inner: Operator): Row[] => interpret(inner, source, outer);
  const evaluate = (expr: PlanExpr, bound: Env): Cell => evaluateIn(expr, bound, source);
  switch (op.kind) {
    case 'exchange_read':
      return [...source.exchange(op)];
    case 'scan':
      return source.scan(op).map((row) => op.fields.map((field) => row[field.name] ?? null));
    case 'values':
      return op.rows.map((row) => row.map((expr) => evaluate(expr, outer)));
    case 'filter':
      return input(op.input).filter((row) => evaluate(op.predicate, env(fieldsOf(op.input), row)) === 1);
    case 'project':
      return input(op.input).map((row) => op.items.map(({ expr }) => evaluate(expr, env(fieldsOf(op.input), row))));
    case 'distinct': {
      const seen = new Map(input(op.input).map((row) => [JSON.stringify(row), row]));
      return [...seen.values()];
    }
    case 'union_all':
      return op.inputs.flatMap(input);
    case 'limit':
      return input(op.input).slice(op.offset ?? 0, op.limit === undefined ? undefined : (op.offset ?? 0) + op.limit);
    case 'sort': {
      const fields = fieldsOf(op.input);
      const keyed = input(op.input).map((row) => ({ row, key: op.keys.map(({ expr }) => evaluate(expr, env(fields, row))) }));
      keyed.sort((a, b) => {
        for (const [n, { descending, nullsFirst }] of op.keys.entries()) {
          const order = compare(a.key[n] ?? null, b.key[n] ?? null, descending, nullsFirst);
          if (order !== 0) return order;
        }
        return 0;
      });
      const rows = keyed.map(({ row }) => row);
      return rows.slice(op.offset ?? 0, op.limit === undefined ? undefined : (op.offset ?? 0) + op.limit);
    }
    case 'join': {
      const left = input(op.left);
      const fields = [...fieldsOf(op.left), ...fieldsOf(op.right)];
      if (op.lateral === true) {
        return left.flatMap((l) => {
          const right = interpret(op.right, source, env(fieldsOf(op.left), l));
          const matches = right.filter((r) => op.condition === undefined || evaluate(op.condition, env(fields, [...l, ...r])) === 1);
          if (matches.length === 0 && op.type === 'left') return [[...l, ...fieldsOf(op.right).map(() => null)]];
          return matches.map((r) => [...l, ...r]);
        });
      }
      const right = input(op.right);
      if (op.type === 'semi' || op.type === 'anti') {
        const matches = (l: Row): boolean =>
          right.some((r) => op.condition === undefined || evaluate(op.condition, env(fields, [...l, ...r])) === 1);
        return left.filter((l) => matches(l) === (op.type === 'semi'));
      }
      const none = (side: Operator): Row => fieldsOf(side).map(() => null);
      const matchedRight = new Set<number>();
      const rows: Row[] = [];
      for (const l of left) {
        let matched = false;
        right.forEach((r, n) => {
          if (op.condition !== undefined && evaluate(op.condition, env(fields, [...l, ...r])) !== 1) return;
          matched = true;
          matchedRight.add(n);
          rows.push([...l, ...r]);
        });
        if (!matched && (op.type === 'left' || op.type === 'full')) rows.push([...l, ...none(op.right)]);
      }
      if (op.type === 'right' || op.type === 'full')
        rows.push(...right.filter((_, n) => !matchedRight.has(n)).map((r) => [...none(op.left), ...r]));
      return rows;
    }
    case 'aggregate': {
      const fields = fieldsOf(op.input);
      const groups = new Map<string, { readonly key: Row; readonly rows: ReadonlyMap<number, Cell>[] }>();
      if (op.keys.length === 0) groups.set('[]', { key: [], rows: [] });
      for (const row of input(op.input)) {
        const bound = env(fields, row);
        const key = op.keys.map(({ expr }) => evaluate(expr, bound));
        const text = JSON.stringify(key);
        if (!groups.has(text)) groups.set(text, { key, rows: [] });
        groups.get(text)?.rows.push(bound);
      }
      return [...groups.values()].map(({ key, rows }) => [
        ...key,
        ...op.aggregates.map((call) => {
          if (op.phase === 'final') return combined(call, rows);
          const kept = rows.filter((row) => call.filter === undefined || evaluate(call.filter, row) === 1);
          const [arg] = call.args;
          const values = arg === undefined ? kept.map(() => 1) : kept.map((row) => evaluate(arg, row)).filter((value) => value !== null);
          return call.fn.startsWith('count') ? values.length : values.length === 0 ? null : values.reduce((a, b) => a + b, 0);
        }),
      ]);
    }
    default:
      throw new Error(`the test interpreter does not know ${op.kind}`);
  }
}

/** The state of count and sum is one number. */
function combined(call: PlanAggregate, rows: readonly ReadonlyMap<number, Cell>[]): Cell {
  const [state] = call.state;
  if (state === undefined || call.state.length !== 1) throw new Error(`${call.fn} has ${call.state.length} state columns`);
  const parts = rows.map((row) => row.get(state.id) ?? null).filter((part) => part !== null);
  return parts.length === 0 ? (call.fn === 'count()' ? 0 : null) : parts.reduce((a, b) => a + b, 0);
}

function compare(a: Cell, b: Cell, descending: boolean, nullsFirst: boolean): number {
  if (a === null || b === null) return a === b ? 0 : (a === null) === nullsFirst ? -1 : 1;
  return descending ? b - a : a - b;
}

/** Thrown where a plan that grew at random asks for more than anyone would wait for. */
export class TooMuch extends Error {}

/** Expressions that one run may evaluate. */
const PATIENCE = 60_000;

function evaluateIn(expr: PlanExpr, env: Env, source: Source): Cell {
  source.patience.left -= 1;
  if (source.patience.left < 0) throw new TooMuch('too many rows');
  const at = (child: PlanExpr): Cell => evaluateIn(child, env, source);
  switch (expr.kind) {
    case 'subquery': {
      const rows = interpret(expr.plan, source, env);
      if (expr.link === 'exists') return Number(rows.length > 0);
      if (expr.link === 'scalar') {
        if (rows.length > 1) throw new Error('more than one row');
        return rows[0]?.[0] ?? null;
      }
      const { test } = expr;
      if (test === undefined || expr.link === 'array') throw new Error(`the test interpreter does not know ${expr.link}`);
      const fields = fieldsOf(expr.plan);
      const held = rows.map((row) =>
        evaluateIn(test, new Map([...env, ...fields.map((field, n): [number, Cell] => [field.id, row[n] ?? null])]), source),
      );
      const decisive = expr.link === 'any' ? 1 : 0;
      return held.includes(decisive) ? decisive : held.includes(null) ? null : 1 - decisive;
    }
    case 'column': {
      const value = env.get((expr as ColumnRef).id);
      if (value === undefined) throw new Error(`column ${expr.id} is not there`);
      return value;
    }
    case 'constant':
      return expr.value === null
        ? null
        : expr.value === 'true' || expr.value === 't'
          ? 1
          : expr.value === 'false' || expr.value === 'f'
            ? 0
            : Number(expr.value);
    case 'and': {
      const values = expr.args.map(at);
      return values.includes(0) ? 0 : values.includes(null) ? null : 1;
    }
    case 'or': {
      const values = expr.args.map(at);
      return values.includes(1) ? 1 : values.includes(null) ? null : 0;
    }
    case 'not': {
      const value = at(expr.arg);
      return value === null ? null : 1 - value;
    }
    case 'is_null':
      return Number((at(expr.arg) === null) !== expr.negated);
    case 'is_bool': {
      const value = at(expr.arg);
      const holds = expr.test === 'unknown' ? value === null : value === (expr.test === 'true' ? 1 : 0);
      return Number(holds !== expr.negated);
    }
    case 'coalesce':
      return expr.args.map(at).find((value) => value !== null) ?? null;
    case 'case': {
      const when = expr.whens.find((one) => at(one.when) === 1);
      return at(when === undefined ? expr.otherwise : when.result);
    }
    case 'call': {
      const [a, b] = expr.args.map(at);
      if (a === null || a === undefined || b === null || b === undefined) return null;
      switch (expr.fn) {
        case 'int4eq(int4,int4)':
          return Number(a === b);
        case 'int4lt(int4,int4)':
          return Number(a < b);
        case 'int4pl(int4,int4)':
          return a + b;
        default:
          throw new Error(`the test interpreter does not know ${expr.fn}`);
      }
    }
    default:
      throw new Error(`the test interpreter does not know ${expr.kind}`);
  }
}
