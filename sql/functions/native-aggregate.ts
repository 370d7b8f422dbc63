import { ELEMENT_OF, numericModifier, Oid, type Type } from '../types.js';
import { isOrdered } from './native.js';

/** Argument types (as declared) of min and max that the kernel compares. */
const COMPARED: ReadonlySet<string> = new Set([
  'int2',
  'int4',
  'int8',
  'oid',
  'float4',
  'float8',
  'numeric',
  'text',
  'bpchar',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'interval',
  'bytea',
  'uuid',
]);
const SUMMED: ReadonlySet<string> = new Set(['int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'interval']);

export const VARIANCES: ReadonlySet<string> = new Set(['stddev', 'stddev_samp', 'stddev_pop', 'variance', 'var_samp', 'var_pop']);
/** Of two columns of floats, beside regr_count. */
export const REGRESSIONS: ReadonlySet<string> = new Set([
  'corr',
  'covar_pop',
  'covar_samp',
  'regr_avgx',
  'regr_avgy',
  'regr_intercept',
  'regr_r2',
  'regr_slope',
  'regr_sxx',
  'regr_sxy',
  'regr_syy',
]);

export interface AggregateShape {
  /** Signature as in AggregateCall.fn. */
  readonly fn: string;
  readonly argTypes: readonly Type[];
  readonly distinct: boolean;
  readonly orderTypes: readonly Type[];
  /** string_agg: is the separator the same for all rows? */
  readonly constantSeparator: boolean;
}

/** Does DuckDB compute this aggregate as PostgreSQL does? Any other one PostgreSQL computes, over the lists of its arguments. */
export function isNativeAggregate({ fn, argTypes, distinct, orderTypes, constantSeparator }: AggregateShape): boolean {
  const open = fn.indexOf('(');
  const name = fn.slice(0, open);
  const declared = fn.slice(open + 1, -1);
  const [arg] = argTypes;
  const [ordered] = orderTypes;
  if (!orderTypes.every(({ oid }) => isOrdered(oid) || oid === Oid.jsonb)) return false;
  switch (name) {
    case 'count':
      return !distinct || (arg !== undefined && (isOrdered(arg.oid) || arg.oid === Oid.jsonb));
    case 'bool_and':
    case 'bool_or':
    case 'every':
      return true;
    case 'min':
    case 'max':
      return COMPARED.has(declared);
    case 'sum':
    case 'avg':
      return SUMMED.has(declared) && !(distinct && (declared === 'interval' || isOfVaryingScale(arg)));
    case 'string_agg':
      if (declared !== 'text,text' || !constantSeparator) return !distinct && (declared === 'text,text' || declared === 'bytea,bytea');
      return true;
    case 'bit_and':
    case 'bit_or':
    case 'bit_xor':
      return isBitInteger(declared);
    case 'any_value':
      return arg !== undefined && isCarried(arg);
    case 'regr_count':
      return !distinct;
    case 'percentile_cont':
      return ordered !== undefined && (ordered.oid === Oid.float8 || ordered.oid === Oid.interval);
    case 'percentile_disc':
      return ordered !== undefined && !ELEMENT_OF.has(ordered.oid) && isOrdered(ordered.oid);
    case 'mode':
      return ordered !== undefined && (COUNTED.has(ordered.oid) || (ordered.oid === Oid.numeric && !isOfVaryingScale(ordered)));
    case 'array_agg':
      return (
        declared === 'anynonarray' &&
        arg !== undefined &&
        (isOrdered(arg.oid) || (!distinct && JSONS.has(arg.oid))) &&
        !(distinct && KEYED.has(arg.oid))
      );
    default:
      return (VARIANCES.has(name) || REGRESSIONS.has(name)) && !distinct;
  }
}

export function isBitInteger(declared: string): boolean {
  return declared === 'int2' || declared === 'int4' || declared === 'int8';
}

/** Types whose values the kernel holds as they are. */
export function isCarried({ oid }: Type): boolean {
  return isOrdered(oid) || JSONS.has(oid);
}

/** Types of which equal values look the same, and that DuckDB's maps keep in PostgreSQL's order. */
const COUNTED: ReadonlySet<number> = new Set([
  Oid.bool,
  Oid.int2,
  Oid.int4,
  Oid.int8,
  Oid.float4,
  Oid.float8,
  Oid.text,
  Oid.date,
  Oid.time,
  Oid.timestamp,
  Oid.timestamptz,
  Oid.uuid,
]);

const JSONS: ReadonlySet<number> = new Set([Oid.json, Oid.jsonb]);
/** Equal values of these types may look different. */
const KEYED: ReadonlySet<number> = new Set([Oid.numeric, Oid.interval, Oid.bpchar]);

function isOfVaryingScale(arg: Type | undefined): boolean {
  if (arg?.oid !== Oid.numeric) return false;
  const modifier = numericModifier(arg);
  return modifier === undefined || modifier.precision > 38 || modifier.scale < 0 || modifier.scale > 38;
}

/** Aggregates whose ORDER BY is WITHIN GROUP: ordered-set ones, and hypothetical-set ones. */
export function isWithinGroup(fn: string): boolean {
  return /^(mode|percentile_cont|percentile_disc|rank|dense_rank|percent_rank|cume_dist)\(/.test(fn);
}

export function isCompared(declared: string): boolean {
  return COMPARED.has(declared);
}
