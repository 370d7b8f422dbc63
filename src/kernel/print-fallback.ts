import { type Inner, isInner, mapChildren } from '../../planner/expression.js';
import type { PlanExpr, PlanLeaf } from '../../planner/physical-plan.js';
import { duckdbType } from '../../sql/duckdb-type.js';
import { unsupported } from '../../sql/errors.js';
import { fill } from '../../sql/functions/entry.js';
import { outputTemplate } from '../../sql/functions/io-casts.js';
import { isNative } from '../../sql/functions/native.js';
import type { PostgresArgument, PostgresExpr, PostgresSpec, RowsSpec } from '../../sql/functions/postgres-spec.js';
import { ELEMENT_OF, Oid, type Type, typeName } from '../../sql/types.js';
import { quote } from './literal.js';

/** DuckDB SQL of a value, with the numerics of a fixed scale as text, too. */
export type PrintArgument = (expr: PlanExpr) => { readonly sql: string; readonly type: Type };

/** The arguments of one computation of PostgreSQL's: their texts as DuckDB SQL, each once. */
export class Arguments {
  readonly texts: string[] = [];
  readonly #known = new Map<string, number>();

  /** `offset`: how many arguments stand before these. */
  constructor(
    private readonly print: PrintArgument,
    private readonly offset = 0,
  ) {}

  /** An expression for PostgreSQL: what DuckDB can compute is an argument, all above it is PostgreSQL's. */
  expression(expr: PlanExpr): PostgresExpr {
    if (expr.kind === 'constant') return expr;
    return isInner<PlanLeaf>(expr) && !isNative(expr) ? this.inner(expr) : this.argument(expr);
  }

  /** `expr` itself for PostgreSQL, whether DuckDB could compute it or not. */
  inner(expr: PlanExpr): PostgresExpr {
    if (!isInner<PlanLeaf>(expr)) return this.expression(expr);
    return mapChildren<PlanLeaf, PostgresArgument & { readonly kind: 'argument' }>(expr as Inner<PlanLeaf>, (child) =>
      this.expression(child),
    );
  }

  argument(expr: PlanExpr): PostgresExpr {
    const { sql, type } = this.print(expr);
    return this.sqlArgument(sql, type);
  }

  sqlArgument(sql: string, type: Type): PostgresExpr {
    const text = toPostgresText(sql, type);
    // An argument of its own for each type: the same text may stand for two.
    const key = `${type.oid} ${text}`;
    const index = this.#known.get(key) ?? this.texts.push(text) - 1;
    this.#known.set(key, index);
    return { kind: 'argument', index: index + this.offset, type: { oid: type.oid, typmod: -1 } };
  }
}

/** DuckDB SQL of an expression that PostgreSQL computes, of type duckdbType(type without modifier). */
export function printFallback(expr: PlanExpr, type: Type, print: PrintArgument): string {
  const args = new Arguments(print);
  const tree = args.inner(expr);
  return callPostgres({ form: 'scalar', expr: tree }, args.texts, type);
}

/** The rows of a set-returning function that PostgreSQL computes: DuckDB SQL of a list of lists of texts. */
export function printRows(call: Omit<RowsSpec['calls'][number], 'expr'> & { readonly expr: PlanExpr }, print: PrintArgument): string {
  const args = new Arguments(print);
  const spec: PostgresSpec = { form: 'rows', calls: [{ ...call, expr: args.inner(call.expr) }], ordinality: false };
  return `tl_postgres_rows(${[quote(JSON.stringify(spec)), ...args.texts].join(', ')})`;
}

/** A call of a function over texts of DuckDB SQL that are given already. */
export function callPostgres(spec: PostgresSpec, texts: readonly string[], type: Type): string {
  return fromPostgresText(`tl_postgres(${[quote(JSON.stringify(spec)), ...texts].join(', ')})`, type);
}

/** DuckDB SQL of a value's text, as PostgreSQL's input functions take it. */
function toPostgresText(sql: string, type: Type): string {
  if (type.oid === Oid.record) throw unsupported('a row as a column of a subquery that is looked into later');
  // Numerics of a fixed scale are decimals, the others texts.
  if (ELEMENT_OF.get(type.oid) === Oid.numeric) return `tl_out_${type.oid}(CAST(${sql} AS VARCHAR[]))`;
  if (ELEMENT_OF.has(type.oid)) return `tl_out_${type.oid}(${sql})`;
  // PostgreSQL reads any JSON text.
  if (type.oid === Oid.jsonb) return sql;
  const template = outputTemplate(type.oid);
  if (template !== undefined) return fill(template, [sql]);
  if (duckdbType({ oid: type.oid, typmod: -1 }) === 'VARCHAR') return sql;
  throw unsupported(`the text of a ${typeName(type)}`);
}

/** DuckDB SQL of a value of duckdbType({ oid, typmod: -1 }) from PostgreSQL's text of it. Looks at `sql` once. */
export function fromPostgresText(sql: string, { oid }: Type): string {
  if (ELEMENT_OF.has(oid)) return `tl_in_${oid}(${sql})`;
  switch (oid) {
    case Oid.bool:
      return `(${sql} = 't')`;
    case Oid.int2:
    case Oid.int4:
    case Oid.int8:
    case Oid.oid:
    case Oid.float4:
    case Oid.float8:
    case Oid.uuid:
      return `CAST(${sql} AS ${duckdbType({ oid, typmod: -1 })})`;
    case Oid.bytea:
      return `unhex(substring(${sql}, 3))`;
    case Oid.date:
      return `tl_date_in(${sql})`;
    case Oid.time:
      return `tl_time_in(${sql})`;
    case Oid.timestamp:
      return `tl_timestamp_in(${sql})`;
    case Oid.timestamptz:
      return `tl_timestamptz_in(${sql})`;
    case Oid.interval:
      return `tl_interval_in(${sql})`;
    default:
      return sql;
  }
}
