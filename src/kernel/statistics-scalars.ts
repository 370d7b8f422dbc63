import { mergeMoments } from '../../sql/functions/moments.js';
import { writeNumeric } from '../../sql/functions/numeric.js';
import { sumsOf, type VarianceKind, variance } from '../../sql/functions/variance.js';
import { ARRAY_OF, Oid } from '../../sql/types.js';
import type { ScalarDefinition } from './scalar-definition.js';

const arrayOf = (element: number): number => ARRAY_OF.get(element) as number;
const NUMBER = Oid.numeric;

/** What finishes the states of print-statistics.ts: a call for each group. */
export const STATISTICS_SCALARS: readonly ScalarDefinition[] = [
  {
    // kind, n, scale, sum, and the limbs of the sum of squares by 2^64, 2^33 and 1
    name: 'tl_integer_variance',
    parameters: [Oid.text, Oid.int8, Oid.int4, NUMBER, NUMBER, NUMBER, NUMBER],
    result: NUMBER,
    compute: ([kind, n, scale, sum, high, middle, low]) => {
      const squares = (BigInt(high as string) << 64n) + (BigInt(middle as string) << 33n) + BigInt(low as string);
      const places = scale as number;
      const result = variance(
        kindOf(kind as string),
        n as bigint,
        { digits: BigInt(sum as string), scale: places },
        { digits: squares, scale: 2 * places },
        false,
      );
      return result === null ? null : writeNumeric(result);
    },
  },
  {
    // kind, n, scale, whole parts, fractions in 10^-18, seven limbs of the squares by 10^9, the other numbers
    name: 'tl_numeric_variance',
    parameters: [Oid.text, Oid.int8, Oid.int4, NUMBER, NUMBER, ...new Array<number>(7).fill(NUMBER), arrayOf(Oid.text)],
    result: NUMBER,
    compute: ([kind, n, scale, whole, fraction, ...rest]) => {
      const limbs = rest.slice(0, 7).map((limb) => BigInt(limb as string));
      const made = sumsOf(
        scale as number,
        BigInt(whole as string),
        BigInt(fraction as string),
        limbs,
        rest[7] as unknown as readonly string[],
      );
      const result = variance(kindOf(kind as string), n as bigint, made.sum, made.squares, made.special);
      return result === null ? null : writeNumeric(result);
    },
  },
  moments('tl_merge_moments', 3),
  moments('tl_merge_regression', 6),
];

function moments(name: string, width: 3 | 6): ScalarDefinition {
  const floats = arrayOf(Oid.float8);
  return {
    name,
    parameters: [floats],
    result: floats,
    compute: ([flat]) => mergeMoments(flat as unknown as readonly number[], width) as unknown as readonly number[],
  } as ScalarDefinition;
}

function kindOf(name: string): VarianceKind {
  return { sample: !name.endsWith('_pop'), root: name.startsWith('stddev') };
}
