import { ARRAY_OF, numericModifier, Oid, type Type, type as typeOf } from '../types.js';
import { isBitInteger, isCarried, isCompared, REGRESSIONS, VARIANCES } from './native-aggregate.js';
import { functionName } from './signature.js';

/** numeric(38, 0): exact whole numbers in the kernel. */
const WHOLE: Type = typeOf(Oid.numeric, (38 << 16) + 4);
const BIGINT = typeOf(Oid.int8);

/** Sum of numerics of any scale, in three limbs: whole part, two times 18 digits of fraction, then largest scale and flags. */
export const NUMERIC_SUM_STATE: readonly Type[] = [WHOLE, WHOLE, WHOLE, typeOf(Oid.int4), typeOf(Oid.int4), BIGINT];

/** Sum, whether an infinity was among the numbers, count. */
const FLOAT_SUM_STATE: readonly Type[] = [typeOf(Oid.float8), typeOf(Oid.bool), BIGINT];

/** n, Sx, Sxx; n, Sx, Sxx, Sy, Syy, Sxy. */
const MOMENTS: readonly Type[] = new Array<Type>(3).fill(typeOf(Oid.float8));
const PAIR_MOMENTS: readonly Type[] = new Array<Type>(6).fill(typeOf(Oid.float8));

/** Months, days, microseconds, count. */
const INTERVAL_SUM_STATE: readonly Type[] = [WHOLE, WHOLE, WHOLE, BIGINT];

/** Numbers that are integers of 64 bits when their point is left out. */
export function isScaledInteger(arg: Type | undefined): boolean {
  const modifier = arg === undefined ? undefined : numericModifier(arg);
  return modifier !== undefined && modifier.precision <= 18 && modifier.scale >= 0 && modifier.scale <= modifier.precision;
}

function varianceState(declared: string, arg: Type | undefined): readonly Type[] {
  switch (declared) {
    case 'int2':
    case 'int4':
      return [BIGINT, WHOLE, WHOLE];
    case 'int8':
      return [BIGINT, WHOLE, WHOLE, WHOLE, WHOLE];
    case 'numeric':
      // Else: whole parts, fractions, seven limbs of the squares, and the texts of numbers that do not fit into these.
      if (isScaledInteger(arg)) return [BIGINT, WHOLE, WHOLE, WHOLE, WHOLE];
      return [BIGINT, typeOf(Oid.int4), ...new Array<Type>(9).fill(WHOLE), typeOf(ARRAY_OF.get(Oid.text) as number)];
    default:
      return MOMENTS;
  }
}

/** numeric(p, s) of at most 38 digits adds up in one DECIMAL(38, s); any other numeric needs limbs. */
function numericState(arg: Type | undefined): readonly Type[] {
  const modifier = arg === undefined ? undefined : numericModifier(arg);
  if (modifier === undefined) return NUMERIC_SUM_STATE;
  const { precision, scale } = modifier;
  if (precision > 38 || scale < 0 || scale > 38) return NUMERIC_SUM_STATE;
  return [typeOf(Oid.numeric, (38 << 16) + scale + 4), BIGINT];
}

/**
 * Columns that hold the state of an aggregate between its partial and its final phase; undefined: the aggregate can't be
 * split (its rows must meet in one task). `fn` as in AggregateCall.fn, `argTypes` the types of its actual arguments.
 * DISTINCT and ORDER BY aggregates can't be split whatever `fn` is.
 */
export function stateFields(fn: string, argTypes: readonly Type[]): readonly Type[] | undefined {
  const name = functionName(fn);
  const declared = fn.slice(fn.indexOf('(') + 1, -1);
  const arg = argTypes[0];
  switch (name) {
    case 'count':
      return [BIGINT];
    case 'bool_and':
    case 'bool_or':
    case 'every':
      return [typeOf(Oid.bool)];
    case 'min':
    case 'max':
      return arg === undefined || !isCompared(declared) ? undefined : [arg];
    case 'sum':
      switch (declared) {
        case 'int2':
        case 'int4':
        case 'int8':
          return [WHOLE];
        case 'float4':
        case 'float8':
          return FLOAT_SUM_STATE;
        case 'interval':
          return INTERVAL_SUM_STATE;
        case 'numeric':
          return numericState(arg);
        default:
          return undefined;
      }
    case 'avg':
      switch (declared) {
        case 'int2':
        case 'int4':
        case 'int8':
          return [WHOLE, BIGINT];
        case 'float4':
        case 'float8':
          return FLOAT_SUM_STATE;
        case 'interval':
          return INTERVAL_SUM_STATE;
        case 'numeric':
          return numericState(arg);
        default:
          return undefined;
      }
    case 'bit_and':
    case 'bit_or':
    case 'bit_xor':
      return arg === undefined || !isBitInteger(declared) ? undefined : [arg];
    case 'any_value':
      return arg === undefined || !isCarried(arg) ? undefined : [arg];
    case 'regr_count':
      return [BIGINT];
    default:
      if (VARIANCES.has(name)) return varianceState(declared, arg);
      return REGRESSIONS.has(name) ? PAIR_MOMENTS : undefined;
  }
}
