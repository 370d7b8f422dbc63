import { TimelineError } from '../errors.js';

/**
 * Moments of floats as PostgreSQL keeps them (Youden and Cramer): n, Sx, Sxx of one column; n, Sx, Sxx, Sy, Syy, Sxy of two.
 * Sxx is the sum of squared differences from the mean. Combines as many as the list holds, by PostgreSQL's formula.
 */
export function mergeMoments(flat: readonly (number | null)[], width: 3 | 6): readonly number[] {
  let total: readonly number[] = new Array<number>(width).fill(0);
  for (let at = 0; at < flat.length; at += width) {
    const part = flat.slice(at, at + width) as readonly number[];
    if (part[0] === 0) continue;
    total = total[0] === 0 ? part : combine(total, part);
  }
  return total;
}

type Moments = readonly number[];

function combine(a: Moments, b: Moments): Moments {
  const [n1 = 0, x1 = 0, xx1 = 0, y1 = 0, yy1 = 0, xy1 = 0] = a;
  const [n2 = 0, x2 = 0, xx2 = 0, y2 = 0, yy2 = 0, xy2 = 0] = b;
  const n = n1 + n2;
  const dx = x1 / n1 - x2 / n2;
  const x = checked(x1 + x2, x1, x2);
  const xx = checked(xx1 + xx2 + (n1 * n2 * dx * dx) / n, xx1, xx2);
  if (a.length === 3) return [n, x, xx];
  const dy = y1 / n1 - y2 / n2;
  const y = checked(y1 + y2, y1, y2);
  const yy = checked(yy1 + yy2 + (n1 * n2 * dy * dy) / n, yy1, yy2);
  return [n, x, xx, y, yy, checked(xy1 + xy2 + (n1 * n2 * dx * dy) / n, xy1, xy2)];
}

function checked(result: number, left: number, right: number): number {
  if (Math.abs(result) === Number.POSITIVE_INFINITY && Number.isFinite(left) && Number.isFinite(right))
    throw new TimelineError({ kind: 'data', sqlstate: '22003', message: 'value out of range: overflow' });
  return result;
}
