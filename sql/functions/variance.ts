import {
  addNumeric,
  divideNumeric,
  type Finite,
  integerSqrt,
  multiplyNumeric,
  type Numeric,
  pow10,
  readNumeric,
  roundTo,
  subtractNumeric,
} from './numeric.js';

/** What a variance asks for: of a sample (divided by n - 1) or of the population, and whether its square root. */
export interface VarianceKind {
  readonly sample: boolean;
  readonly root: boolean;
}

/** Of n numbers with these sums, all exact; null: too few numbers. `special`: a NaN or an infinity was among them. */
export function variance(kind: VarianceKind, n: bigint, sum: Finite, squares: Finite, special: boolean): Numeric | null {
  if (n === 0n || (kind.sample && n === 1n)) return null;
  if (special) return 'NaN';
  const count: Finite = { digits: n, scale: 0 };
  const difference = subtractNumeric(multiplyNumeric(count, roundTo(squares, sum.scale * 2)), multiplyNumeric(sum, sum)) as Finite;
  if (difference.digits <= 0n) return { digits: 0n, scale: 0 };
  const divisor: Finite = { digits: n * (kind.sample ? n - 1n : n), scale: 0 };
  const quotient = divideNumeric(difference, divisor) as Finite;
  return kind.root ? rootAtScale(quotient) : quotient;
}

/** The square root with as many digits after the point as the number has. */
function rootAtScale({ digits, scale }: Finite): Finite {
  // Twice as many digits under the root, and two more, of which the last one of the root rounds.
  const root = integerSqrt(digits * pow10(scale + 2));
  return { digits: (root + 5n) / 10n, scale };
}

/** Sums of numerics of any size: those of limbs, which are of up to 18 digits before and after the point, and the other numbers. */
export function sumsOf(
  scale: number,
  whole: bigint,
  fraction: bigint,
  squares: readonly bigint[],
  others: readonly string[],
): { readonly sum: Finite; readonly squares: Finite; readonly special: boolean } {
  let sum: Finite = roundTo({ digits: whole * pow10(18) + fraction, scale: 18 }, Math.max(scale, 18));
  let squared: Finite = { digits: squares.reduce((total, limb) => total * 1_000_000_000n + limb, 0n), scale: 36 };
  let special = false;
  for (const text of others) {
    const n = readNumeric(text);
    if (typeof n === 'string') {
      special = true;
      continue;
    }
    sum = addNumeric(sum, n) as Finite;
    squared = addNumeric(squared, multiplyNumeric(n, n)) as Finite;
  }
  return { sum: cut(sum, scale), squares: cut(squared, scale * 2), special };
}

/** Digits after `scale` are zeros. */
function cut(n: Finite, scale: number): Finite {
  return n.scale <= scale ? roundTo(n, scale) : { digits: n.digits / pow10(n.scale - scale), scale };
}
