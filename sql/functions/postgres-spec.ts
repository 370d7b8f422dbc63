import type { Expr } from '../expression.js';
import { printExpression, type SqlNames } from '../print-postgres.js';
import { quoteIdentifier } from '../quote.js';
import type { Type } from '../types.js';
import { functionName } from './signature.js';

/** The n-th argument (from 0) that the kernel gives to a computation of PostgreSQL, in text form. */
export interface PostgresArgument {
  readonly kind: 'argument';
  readonly index: number;
  readonly type: Type;
}

export type PostgresExpr = Expr<PostgresArgument>;

/**
 * What PostgreSQL computes for the kernel, as plain JSON inside the kernel's SQL. `scalar`: a value for each row. `rows`: for each
 * row the rows of set-returning functions side by side (ROWS FROM). `aggregate`: for each row an aggregate of its argument lists.
 */
export type PostgresSpec = ScalarSpec | RowsSpec | AggregateSpec;

export interface ScalarSpec {
  readonly form: 'scalar';
  readonly expr: PostgresExpr;
}

export interface RowsSpec {
  readonly form: 'rows';
  readonly calls: readonly {
    readonly expr: PostgresExpr;
    /** How many columns it gives. */
    readonly width: number;
    /** Of a column definition list (`AS t(a int, …)`): names and types. */
    readonly definition?: readonly { readonly name: string; readonly type: Type }[];
  }[];
  /** One more column: the number of the row. */
  readonly ordinality: boolean;
}

/** Its arguments: first `directs` texts that `direct` names (one value a group), then the columns of the group's rows. */
export interface AggregateSpec {
  readonly form: 'aggregate';
  /** Signature as in AggregateCall.fn. */
  readonly fn: string;
  readonly star: boolean;
  readonly distinct: boolean;
  readonly args: readonly PostgresExpr[];
  readonly orderBy: readonly { readonly expr: PostgresExpr; readonly descending: boolean; readonly nullsFirst: boolean }[];
  /** Ordered-set and hypothetical-set aggregates: WITHIN GROUP (orderBy), after these arguments. */
  readonly withinGroup: boolean;
  readonly direct: readonly PostgresExpr[];
  readonly directs: number;
  readonly lists: number;
}

/** Names of the statement's input columns: `a1`… arguments, `n` the number of the row (or group), `o` the place in a list. */
function printer(names: SqlNames): (expr: PostgresExpr) => string {
  return (expr) => printExpression<PostgresArgument>(expr, names, (leaf) => `(a${leaf.index + 1}::${names.typeSql(leaf.type.oid)})`);
}

/** Arguments of the statement that computes a spec: $1 is how many rows (int8), then text arrays; for lists, first an int8 array of rows. */
export function specSql(spec: PostgresSpec, argumentCount: number, names: SqlNames): string {
  const print = printer(names);
  const columns = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `a${from + i + 1}`);
  switch (spec.form) {
    case 'scalar':
      return `select ${print(spec.expr)} from ${source(argumentCount)}`;
    case 'rows': {
      const calls = spec.calls.map(({ expr, definition }) => {
        const columns = definition?.map(({ name, type }) => `${quoteIdentifier(name)} ${names.typeSql(type.oid)}`);
        return `${print(expr)}${columns === undefined ? '' : ` as (${columns.join(', ')})`}`;
      });
      const results = Array.from({ length: spec.calls.reduce((sum, call) => sum + call.width, 0) }, (_, i) => `r${i + 1}`);
      return (
        `select s.n, ${[...results, 'r.o'].map((name) => (name.startsWith('r.') ? name : `r.${name}`)).join(', ')} from ${source(argumentCount)}, ` +
        `lateral rows from (${calls.join(', ')}) with ordinality as r(${[...results, 'o'].join(', ')}) order by s.n, r.o`
      );
    }
    case 'aggregate': {
      const direct = spec.directs;
      const order = spec.orderBy.map(
        (key) => `${print(key.expr)} ${key.descending ? 'desc' : 'asc'} nulls ${key.nullsFirst ? 'first' : 'last'}`,
      );
      const name = `pg_catalog.${quoteIdentifier(functionName(spec.fn))}`;
      const args = spec.args.map(print);
      const given = names.isVariadic(spec.fn) && args.length > 0 ? [...args.slice(0, -1), `variadic ${args.at(-1)}`] : args;
      const plainOrder = order.length > 0 ? ` order by ${order.join(', ')}` : spec.distinct || spec.star ? '' : ' order by x.o';
      const call = spec.withinGroup
        ? `${name}(${spec.direct.map(print).join(', ')}) within group (order by ${order.join(', ')})`
        : `${name}(${spec.distinct ? 'distinct ' : ''}${spec.star ? '*' : given.join(', ')}${plainOrder})`;
      const lists = columns(direct, direct + spec.lists);
      const parameter = direct + 2;
      const texts = lists.map((_, i) => `$${parameter + 1 + i}::text[]`);
      return (
        `select ${call} filter (where x.o is not null) from ${source(direct)} left join ` +
        `unnest($${parameter}::int8[]${texts.map((text) => `, ${text}`).join('')}) with ordinality as x(${['g', ...lists, 'o'].join(', ')}) on x.g = s.n ` +
        `group by ${['s.n', ...columns(0, direct).map((column) => `s.${column}`)].join(', ')} order by s.n`
      );
    }
  }
}

function source(argumentCount: number): string {
  const columns = Array.from({ length: argumentCount }, (_, i) => `a${i + 1}`);
  if (argumentCount === 0) return 'generate_series(1, $1::int8) as s(n)';
  const arrays = columns.map((_, i) => `$${i + 2}::text[]`);
  return `unnest(${arrays.join(', ')}) with ordinality as s(${[...columns, 'n'].join(', ')})`;
}
