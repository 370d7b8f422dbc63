import type { StateExpr, StateLeaf, TimelineLeaf, TimelineSpec } from '../../planner/timeline-spec.js';
import { typeOf } from '../../sql/expression-type.js';
import { Oid, type Type } from '../../sql/types.js';
import type { Interval, Value } from '../../sql/value.js';
import type { Event } from './brute-force.js';
import { type Cell, canonical, constant, micros } from './brute-values.js';
import { C } from './random-events.js';
import { intervalText } from './random-expressions.js';

/*
 * Random cases as SQL, and the server's text answers as rows of the brute force.
 */

const NAME: ReadonlyMap<number, string> = new Map(Object.entries(C).map(([name, id]) => [id, name === 'end' ? 'fin' : name]));
const TYPE: ReadonlyMap<number, string> = new Map([
  [Oid.bool, 'boolean'],
  [Oid.int4, 'integer'],
  [Oid.int8, 'bigint'],
  [Oid.float8, 'float8'],
  [Oid.numeric, 'numeric'],
  [Oid.text, 'text'],
  [Oid.bpchar, 'char(3)'],
  [Oid.uuid, 'uuid'],
  [Oid.interval, 'interval'],
  [Oid.timestamptz, 'timestamptz'],
  [1009, 'text[]'],
  [1007, 'integer[]'],
]);

export function columnName(id: number): string {
  return NAME.get(id) ?? `c${id}`;
}

export function typeSql(of: Type): string {
  const name = TYPE.get(of.oid);
  if (name === undefined) throw new Error(`type ${of.oid}`);
  return name;
}

/** `2024-03-31 00:00:00.000001+00` */
export function instantSql(instant: bigint | string): string {
  const value = BigInt(instant);
  const second = ((value % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const text = new Date(Number((value - second) / 1000n)).toISOString();
  return `'${text.slice(0, 10)} ${text.slice(11, 19)}.${String(second).padStart(6, '0')}+00'`;
}

export function lengthSql(length: string | number | bigint): string {
  return `interval '${intervalText(Number(length))}'`;
}

export function valueSql(value: Cell, of: Type): string {
  if (value === null) return 'NULL';
  if (of.oid === Oid.timestamptz) return instantSql(value as bigint);
  if (of.oid === Oid.interval) return `'${intervalText(Number(micros(value as Interval)))}'`;
  const text = Object.is(value, -0) ? '-0' : String(value);
  return `'${text.replaceAll("'", "''")}'`;
}

/** `(SELECT CAST(…) AS key, … FROM (VALUES …))`, its rows in the events' order. */
export function valuesSource(events: readonly Event[], types: ReadonlyMap<number, Type>): string {
  const ids = [...types.keys()];
  const rows = events.length === 0 ? [Object.fromEntries(ids.map((id) => [id, null]))] : events;
  const columns = ids.map((id) => `v.c${id}::${typeSql(types.get(id)!)} AS ${columnName(id)}`);
  const values = rows.map((event) => `(${ids.map((id) => valueSql(event[id] ?? null, types.get(id)!)).join(',')})`);
  return `(SELECT ${columns.join(', ')} FROM (VALUES ${values.join(',')}) v(${ids.map((id) => `c${id}`).join(',')})${events.length === 0 ? ' WHERE false' : ''})`;
}

export interface CallOptions {
  readonly source: string;
  /** Microseconds, or 'none'. */
  readonly lookback?: string;
}

/** `timeline(source, key => …, …)`. Undefined: the call's text would mean something else (a state without operators, which is an event's). */
export function callSql(spec: TimelineSpec, { source, lookback }: CallOptions): string | undefined {
  const list = (ids: readonly number[]): string => (ids.length === 1 ? columnName(ids[0]!) : `(${ids.map(columnName).join(', ')})`);
  const options = [`key => ${list(spec.keys)}`, 'ts => ts'];
  if (spec.orderBy.length > 0) options.push(`order_by => ${list(spec.orderBy)}`);
  if (spec.dedupe.length > 0) options.push(`dedupe => ${list(spec.dedupe)}`);
  if (spec.ties === 'error') options.push("ties => 'error'");
  if (spec.since !== undefined) options.push(`since => ${instantSql(spec.since)}`);
  if (spec.until.kind === 'at') options.push(`until => ${instantSql(spec.until.instant)}`);
  if (spec.at !== undefined) options.push(`at => ARRAY[${spec.at.map((t) => `timestamptz ${instantSql(t)}`).join(', ')}]::timestamptz[]`);
  if (spec.every !== undefined) {
    const { months, days, micros: rest } = spec.every;
    options.push(`every => ${months !== 0 ? `interval '${months} months'` : days !== 0 ? `interval '${days} days'` : lengthSql(rest)}`);
    if (spec.emit === 'points') options.push("emit => 'points'");
  }
  if (spec.origin !== undefined) options.push(`origin => ${instantSql(spec.origin)}`);
  if (spec.timeZone !== 'UTC') options.push(`timezone => '${spec.timeZone}'`);
  if (spec.idle !== undefined) options.push(`idle => ${lengthSql(spec.idle)}`);
  if (spec.ends !== undefined) options.push(`ends => ${columnName(spec.ends)}`);
  if (spec.fill) options.push('fill => true');
  if (lookback !== undefined) options.push(`lookback => ${lookback === 'none' ? "'none'" : lengthSql(lookback)}`);
  const print = new Printer(spec);
  const signals = spec.signals.map((signal) => `${signal.name} => ${print.expr(signal.expr)}`);
  return print.refused ? undefined : `timeline(${[source, ...options, ...signals].join(', ')})`;
}

class Printer {
  refused = false;
  constructor(private readonly spec: TimelineSpec) {}

  expr(expr: StateExpr): string {
    const of = (child: StateExpr): string => this.expr(child);
    switch (expr.kind) {
      case 'leaf':
        return this.#leaf(this.spec.leaves[expr.index]!);
      case 'key':
        return columnName(this.spec.keys[expr.index]!);
      case 'signal':
        return this.spec.signals[expr.index]!.name;
      case 'constant':
        return `${expr.value === null ? 'NULL' : `'${expr.value}'`}::${typeSql(expr.type)}`;
      case 'and':
      case 'or':
        return `(${expr.args.map(of).join(` ${expr.kind} `)})`;
      case 'not':
        return `(not ${of(expr.arg)})`;
      case 'is_null':
        return `(${of(expr.arg)} is ${expr.negated ? 'not ' : ''}null)`;
      case 'is_bool':
        return `(${of(expr.arg)} is ${expr.negated ? 'not ' : ''}${expr.test})`;
      case 'distinct':
        return `(${of(expr.call.args[0]!)} is ${expr.negated ? 'not ' : ''}distinct from ${of(expr.call.args[1]!)})`;
      case 'nullif':
        return `nullif(${expr.call.args.map(of).join(', ')})`;
      case 'coalesce':
        return `coalesce(${expr.args.map(of).join(', ')})`;
      case 'minmax':
        return `${expr.op}(${expr.args.map(of).join(', ')})`;
      case 'case': {
        const test = (when: StateExpr): string => (expr.arg === undefined || when.kind !== 'call' ? of(when) : of(when.args[1]!));
        const whens = expr.whens.map(({ when, result }) => `when ${test(when)} then ${of(result)}`);
        return `(case ${expr.arg === undefined ? '' : of(expr.arg)} ${whens.join(' ')} else ${of(expr.otherwise)} end)`;
      }
      case 'any_all':
        return `(${of(expr.arg)} ${expr.operator} ${expr.quantifier}(${of(expr.array)}))`;
      case 'call':
        return `(${of(expr.args[0]!)} ${expr.operator} ${of(expr.args[1]!)})`;
      case 'state_op': {
        if (!hasState(expr.arg)) this.refused = true;
        return `${expr.op}(${of(expr.arg)}${expr.op === 'has_existed_within' ? `, ${lengthSql(expr.within)}` : ''})`;
      }
      default:
        throw new Error(expr.kind);
    }
  }

  #leaf(leaf: TimelineLeaf): string {
    switch (leaf.op) {
      case 'latest':
        return `latest(${columnName(leaf.value)}${leaf.ttl === undefined ? '' : `, ${lengthSql(leaf.ttl)}`})`;
      case 'latest_when':
        return `latest_when(${columnName(leaf.when)}, ${columnName(leaf.value)})`;
      case 'has_existed_within':
        return `has_existed_within(${columnName(leaf.when)}, ${lengthSql(leaf.within)})`;
      case 'has_existed':
      case 'count_so_far':
        return `${leaf.op}(${columnName(leaf.when)})`;
      case 'sum_so_far':
        return `sum_so_far(${columnName(leaf.value)})`;
      case 'last_event_time':
        return `last_event_time(${leaf.when === undefined ? '' : columnName(leaf.when)})`;
    }
  }
}

function hasState(expr: StateExpr): boolean {
  const text = JSON.stringify(expr);
  return /"kind":"(leaf|signal|state_op)"/.test(text);
}

/** Types of a call's columns. */
export function outputTypes(spec: TimelineSpec, types: ReadonlyMap<number, Type>): readonly Type[] {
  const of = (oid: number): Type => ({ oid, typmod: -1 });
  const time = of(Oid.timestamptz);
  const fixed =
    spec.emit === 'points'
      ? [time]
      : [...(spec.every === undefined ? [] : [time, time]), time, time, of(Oid.interval), of(Oid.float8), of(Oid.bool)];
  return [...spec.keys.map((id) => types.get(id)!), ...fixed, ...spec.signals.map((signal) => typeOf<StateLeaf>(signal.expr))];
}

/** A value of a row as text that is the same for the server's text and the brute force's value. */
export function comparable(of: Type, value: Value): string {
  return of.oid === Oid.float8 && Object.is(value, -0) ? '-0' : canonical(of, value);
}

/** PostgreSQL's text form, time zone UTC. */
export function readText(of: Type, text: string): Value {
  if (of.oid === Oid.timestamptz) {
    const found = /^(\d+-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?\+00$/.exec(text);
    if (found === null) throw new Error(`timestamptz ${text}`);
    const [year = '', ...rest] = found[1]!.split('-');
    const whole = Date.parse(`${year.length > 4 ? `+${year.padStart(6, '0')}` : year}-${rest.join('-')}T${found[2]}Z`);
    return BigInt(whole) * 1000n + BigInt((found[3] ?? '').padEnd(6, '0'));
  }
  if (of.oid === Oid.interval)
    return constant(
      of,
      text.replace(/\.(\d+)$/, (_, digits: string) => `.${digits.padEnd(6, '0')}`),
    )!;
  return constant(of, text)!;
}
