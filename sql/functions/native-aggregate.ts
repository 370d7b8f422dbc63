import { numericModifier, Oid, type Type } from '../types.js';
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
const SUMMED: ReadonlySet<string> = new Set(['int2', 'int4', 'int8', 'float8', 'numeric']);

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
  if (!orderTypes.every(({ oid }) => isOrdered(oid) || oid === Oid.jsonb)) return false;
  // PostgreSQL's DISTINCT gives its values sorted.
  const sorted = !distinct || orderTypes.length > 0;
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
      return SUMMED.has(declared) && !(distinct && isOfVaryingScale(arg));
    case 'avg':
      return (SUMMED.has(declared) || declared === 'float4') && !(distinct && isOfVaryingScale(arg));
    case 'string_agg':
      return declared === 'text,text' && constantSeparator && sorted;
    case 'array_agg':
      return (
        declared === 'anynonarray' &&
        sorted &&
        arg !== undefined &&
        (isOrdered(arg.oid) || (!distinct && JSONS.has(arg.oid))) &&
        !(distinct && KEYED.has(arg.oid))
      );
    default:
      return false;
  }
}

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
