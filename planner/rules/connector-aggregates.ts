import type { AggregateKey, AggregateRequest, ConnectorAggregate } from '../../connectors/connector.js';
import { internal } from '../../sql/errors.js';
import { typeOf } from '../../sql/expression-type.js';
import { stateFields } from '../../sql/functions/aggregate-state.js';
import { Oid, type Type, type } from '../../sql/types.js';
import { columnIds, hasSubquery, substitute } from '../columns.js';
import { columnRef, isInner, isVolatile, mapChildren } from '../expression.js';
import { fixedTrunc } from '../fixed-zone.js';
import { mapInputs } from '../logical-plan.js';
import {
  type AggregateOperator,
  type DistinctOperator,
  type Field,
  fieldsOf,
  type Operator,
  type PlanAggregate,
  type PlanExpr,
  type PlanLeaf,
  type ScanField,
  type ScanOperator,
} from '../physical-plan.js';
import { printExpression, quoteIdentifier, scanNames } from '../print-expression.js';
import { tablePredicate } from './connector-pushdown.js';
import type { RuleContext } from './rule.js';

/**
 * GROUP BY, aggregates and DISTINCT right over a scan whose filters are all answered exactly: the connector is asked for groups in place of rows.
 * What it gives are states as a partial aggregate's, perhaps several of one group, so the aggregate becomes the final one over them, and whatever
 * stands above it stays. A key may be any expression: the connector groups by the columns in it (or by date_trunc of them), which is finer, and the
 * expression is computed over these.
 */
export function pushAggregates(op: Operator, context: RuleContext): Operator {
  if (context.planning.connectorAggregates === 'off') return op;
  const pushed =
    op.kind === 'aggregate' && op.phase === 'single'
      ? (overStates(op, context) ?? overGroups(op, context))
      : op.kind === 'distinct'
        ? distinctGroups(op, context)
        : undefined;
  return pushed ?? mapInputs(op, (input) => pushAggregates(input, context));
}

/** count, min, max, sum and avg of columns, as states that the final phase adds up. */
function overStates(op: AggregateOperator, context: RuleContext): AggregateOperator | undefined {
  const request = Grouping.over(op.input, context);
  if (request === undefined) return undefined;
  const keys = keysOver(op, request);
  const states = op.aggregates.map((call) => request.states(call));
  if (keys === undefined || states.some((state) => state === undefined)) return undefined;
  const input = request.asked();
  if (input === undefined) return undefined;
  return {
    ...op,
    phase: 'final',
    input,
    keys,
    aggregates: op.aggregates.map((call, n) => ({
      ...call,
      // Nobody reads them in the final phase, but for their types.
      args: call.args.map((arg): PlanExpr => ({ kind: 'constant', type: typeOf<PlanLeaf>(arg), value: null })),
      filter: undefined,
      state: states[n] ?? [],
    })),
  };
}

/** Aggregates that see no value twice: over the groups of keys and arguments. */
function overGroups(op: AggregateOperator, context: RuleContext): AggregateOperator | undefined {
  const same = op.aggregates.every(
    ({ distinct, orderBy, filter, direct }) => distinct && orderBy.length === 0 && filter === undefined && direct === undefined,
  );
  const request = same ? Grouping.over(op.input, context) : undefined;
  if (request === undefined) return undefined;
  const keys = keysOver(op, request);
  const args = op.aggregates.map((call) => request.all(call.args));
  if (keys === undefined || args.some((arg) => arg === undefined)) return undefined;
  const input = request.asked();
  if (input === undefined) return undefined;
  return { ...op, input, keys, aggregates: op.aggregates.map((call, n) => ({ ...call, args: args[n] ?? [] })) };
}

function distinctGroups(op: DistinctOperator, context: RuleContext): DistinctOperator | undefined {
  const request = Grouping.over(op.input, context);
  const fields = fieldsOf(op.input);
  const exprs = request?.all(fields.map(columnRef));
  const input = exprs === undefined ? undefined : request?.asked();
  if (exprs === undefined || input === undefined) return undefined;
  return { ...op, input: { kind: 'project', input, items: fields.map((field, n) => ({ field, expr: exprs[n] as PlanExpr })) } };
}

function keysOver(op: AggregateOperator, request: Grouping): AggregateOperator['keys'] | undefined {
  const exprs = request.all(op.keys.map(({ expr }) => expr));
  return exprs === undefined ? undefined : op.keys.map(({ field }, n) => ({ field, expr: exprs[n] as PlanExpr }));
}

/** What is asked of one connector, and the scan of its answer. */
class Grouping {
  readonly #scan: ScanOperator;
  readonly #context: RuleContext;
  /** Of the projections between, what each column is over the scan. */
  readonly #by: ReadonlyMap<number, PlanExpr>;
  readonly #keys = new Map<string, { readonly key: AggregateKey; readonly field: ScanField; readonly text: string }>();
  readonly #aggregates = new Map<string, { readonly aggregate: ConnectorAggregate; readonly field: ScanField; readonly text: string }>();

  private constructor(scan: ScanOperator, by: ReadonlyMap<number, PlanExpr>, context: RuleContext) {
    this.#scan = scan;
    this.#by = by;
    this.#context = context;
  }

  /** Undefined: the input is no scan whose connector may be asked. */
  static over(input: Operator, context: RuleContext): Grouping | undefined {
    let by = new Map<number, PlanExpr>();
    let op = input;
    while (op.kind === 'project') {
      const items = new Map(op.items.map((item): [number, PlanExpr] => [item.field.id, item.expr]));
      by = by.size === 0 ? items : new Map([...by].map(([id, expr]) => [id, substitute(expr, items)]));
      op = op.input;
    }
    if (op.kind !== 'scan' || op.groups !== undefined || op.pushed.some(({ answer }) => answer !== 'exact')) return undefined;
    const { connector } = context.planning.table(op.schema, op.table);
    return connector.aggregate === undefined ? undefined : new Grouping(op, by, context);
  }

  /** The expressions over the groups' keys; undefined: one of them cannot be. */
  all(exprs: readonly PlanExpr[]): readonly PlanExpr[] | undefined {
    const found = exprs.map((expr) => {
      const over = this.#overScan(expr);
      return over === undefined ? undefined : this.#overKeys(over);
    });
    return found.every((expr) => expr !== undefined) ? (found as readonly PlanExpr[]) : undefined;
  }

  /** The columns of the states of a call. */
  states(call: PlanAggregate): readonly Field[] | undefined {
    if (call.distinct || call.orderBy.length > 0 || call.direct !== undefined) return undefined;
    const filter = call.filter === undefined ? undefined : this.#overScan(call.filter);
    if (call.filter !== undefined && filter === undefined) return undefined;
    const parts = this.#parts(call);
    const types = stateFields(
      call.fn,
      call.args.map((arg) => typeOf<PlanLeaf>(arg)),
    );
    if (parts === undefined || types?.length !== parts.length) return undefined;
    return parts.map((part, n) => this.#state(part, types[n] as Type, filter));
  }

  /** The scan of the connector's answer, if it has one. */
  asked(): ScanOperator | undefined {
    const keys = [...this.#keys.values()];
    const aggregates = [...this.#aggregates.values()];
    // no relation is without columns
    if (keys.length + aggregates.length === 0) return undefined;
    const { schema, table } = this.#scan;
    const request: AggregateRequest = { keys: keys.map(({ key }) => key), aggregates: aggregates.map(({ aggregate }) => aggregate) };
    const answer = this.#context.planning.table(schema, table).connector.aggregate?.(this.#scan.handle, request);
    if (answer === undefined) return undefined;
    const fields = [
      ...keys.map(({ field }, n): ScanField => ({ ...field, name: `k${n}` })),
      ...aggregates.map(({ field }, n): ScanField => ({ ...field, name: `a${n}` })),
    ];
    if (
      JSON.stringify(answer.columns.map(({ name, type: { oid } }) => [name, oid])) !==
      JSON.stringify(fields.map((f) => [f.name, f.type.oid]))
    )
      throw internal(`connector ${this.#scan.connector} answered other columns than were asked for`);
    const texts = [aggregates.map(({ text }) => text).join(', '), keys.length === 0 ? '' : `by ${keys.map(({ text }) => text).join(', ')}`];
    return { ...this.#scan, handle: answer.handle, fields, groups: texts.filter((text) => text !== '').join(' ') };
  }

  /** As it is over the scan's own columns; undefined: it cannot be moved there. */
  #overScan(expr: PlanExpr): PlanExpr | undefined {
    const over = this.#by.size === 0 ? expr : substitute(expr, this.#by);
    if (isVolatile<PlanLeaf>(over) || hasSubquery(over)) return undefined;
    const plain = new Set(this.#scan.fields.flatMap((field) => (field.path === undefined ? [field.id] : [])));
    return [...columnIds(over)].every((id) => plain.has(id)) ? over : undefined;
  }

  #overKeys(expr: PlanExpr): PlanExpr {
    const { timeZone } = this.#context.planning.session;
    const trunc = fixedTrunc(expr, timeZone);
    if (trunc !== undefined) {
      const { unit, offset, column } = trunc;
      const field = this.#key({ kind: 'trunc', column: this.#name(column), unit, offset }, type(Oid.timestamptz), trunc.plain);
      return substitute(expr, new Map([[column, columnRef(field)]]));
    }
    if (expr.kind === 'column') return columnRef(this.#key({ kind: 'column', column: this.#name(expr.id) }, expr.type, expr));
    return isInner<PlanLeaf>(expr) ? mapChildren<PlanLeaf, PlanLeaf>(expr, (child) => this.#overKeys(child)) : expr;
  }

  #key(key: AggregateKey, of: Type, shown: PlanExpr): Field {
    const at = JSON.stringify(key);
    const known = this.#keys.get(at);
    if (known !== undefined) return known.field;
    const field = this.#context.planning.newField(`k${this.#keys.size}`, of);
    this.#keys.set(at, { key, field, text: printExpression(shown, scanNames(this.#scan)) });
    return field;
  }

  /** What the states of a call are made of. */
  #parts(call: PlanAggregate): readonly Pick<ConnectorAggregate, 'fn' | 'column'>[] | undefined {
    const [arg] = call.args;
    if (arg === undefined) return call.fn === 'count()' ? [{ fn: 'count' }] : undefined;
    const over = this.#overScan(arg);
    if (over === undefined || call.args.length !== 1) return undefined;
    if (call.fn === 'count(any)') {
      if (over.kind === 'constant') return over.value === null ? undefined : [{ fn: 'count' }];
      const counted = over.kind === 'cast' && over.via === 'relabel' ? over.arg : over;
      return counted.kind === 'column' ? [{ fn: 'count', column: this.#name(counted.id) }] : undefined;
    }
    if (over.kind !== 'column') return undefined;
    const column = this.#name(over.id);
    switch (call.fn.slice(0, call.fn.indexOf('('))) {
      case 'min':
        return [{ fn: 'min', column }];
      case 'max':
        return [{ fn: 'max', column }];
      case 'sum':
        return isInteger(over.type) ? [{ fn: 'sum', column }] : undefined;
      case 'avg':
        return isInteger(over.type)
          ? [
              { fn: 'sum', column },
              { fn: 'count', column },
            ]
          : undefined;
      default:
        return undefined;
    }
  }

  #state(part: Pick<ConnectorAggregate, 'fn' | 'column'>, of: Type, filter: PlanExpr | undefined): Field {
    const aggregate: ConnectorAggregate = filter === undefined ? part : { ...part, filter: tablePredicate(filter, this.#scan) };
    const at = JSON.stringify(aggregate);
    const known = this.#aggregates.get(at);
    if (known !== undefined) return known.field;
    const names = scanNames(this.#scan);
    const only = filter === undefined ? '' : ` FILTER (WHERE ${printExpression(filter, names)})`;
    const field = this.#context.planning.newField(`a${this.#aggregates.size}`, of);
    this.#aggregates.set(at, {
      aggregate,
      field,
      text: `${part.fn}(${part.column === undefined ? '*' : quoteIdentifier(part.column)})${only}`,
    });
    return field;
  }

  #name(id: number): string {
    const field = this.#scan.fields.find((candidate) => candidate.id === id);
    if (field === undefined) throw internal(`scan ${this.#scan.scan} has no column ${id}`);
    return field.name;
  }
}

function isInteger({ oid }: Type): boolean {
  return oid === Oid.int2 || oid === Oid.int4 || oid === Oid.int8;
}
