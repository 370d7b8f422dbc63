import type { ColumnVector } from '../../../sql/column-vector.js';
import type { Value } from '../../../sql/value.js';
import { rowCountOf } from './vectors.js';

/** Three-valued truth of rows: 0 false, 1 true, 2 unknown. */
export type Truths = Uint8Array;

const UNKNOWN = 2;
/** What Truths are codes of. */
const VALUES: readonly (Value | null)[] = [false, true, null];

export function truthOf(value: Value | null | undefined): number {
  return value === null || value === undefined ? UNKNOWN : value === true ? 1 : 0;
}

export function truthVector(truths: Truths): ColumnVector {
  return { kind: 'codes', codes: truths, dictionary: VALUES, valid: undefined };
}

export function truthsOf(vector: ColumnVector): Truths {
  const rowCount = rowCountOf(vector);
  const out = new Uint8Array(rowCount);
  switch (vector.kind) {
    case 'values':
      for (let row = 0; row < rowCount; row++) out[row] = truthOf(vector.values[row]);
      return out;
    case 'numbers': {
      const { values, valid } = vector;
      for (let row = 0; row < rowCount; row++) out[row] = valid !== undefined && valid[row] === 0 ? UNKNOWN : values[row] === 0 ? 0 : 1;
      return out;
    }
    case 'codes': {
      const { codes, dictionary, valid } = vector;
      if (dictionary === VALUES && valid === undefined) return codes as Uint8Array;
      const truths = Uint8Array.from(dictionary, truthOf);
      for (let row = 0; row < rowCount; row++) {
        out[row] = valid !== undefined && valid[row] === 0 ? UNKNOWN : (truths[codes[row] as number] as number);
      }
      return out;
    }
  }
}

/** By a * 3 + b. */
const AND = Uint8Array.of(0, 0, 0, 0, 1, 2, 0, 2, 2);
const OR = Uint8Array.of(0, 1, 2, 1, 1, 1, 2, 1, 2);

export function and3(a: ColumnVector, b: ColumnVector): ColumnVector {
  return joined(a, b, AND);
}

export function or3(a: ColumnVector, b: ColumnVector): ColumnVector {
  return joined(a, b, OR);
}

function joined(a: ColumnVector, b: ColumnVector, table: Uint8Array): ColumnVector {
  const left = truthsOf(a);
  const right = truthsOf(b);
  const out = new Uint8Array(left.length);
  for (let row = 0; row < out.length; row++) out[row] = table[(left[row] as number) * 3 + (right[row] as number)] as number;
  return truthVector(out);
}

export function not3(a: ColumnVector): ColumnVector {
  const truths = truthsOf(a);
  const out = new Uint8Array(truths.length);
  for (let row = 0; row < out.length; row++) {
    const truth = truths[row] as number;
    out[row] = truth === UNKNOWN ? UNKNOWN : 1 - truth;
  }
  return truthVector(out);
}

export function isNull(vector: ColumnVector, negated: boolean): ColumnVector {
  const rowCount = rowCountOf(vector);
  const [absent, present] = negated ? [0, 1] : [1, 0];
  const out = new Uint8Array(rowCount).fill(present);
  const valid = vector.kind === 'values' ? undefined : vector.valid;
  if (valid !== undefined) for (let row = 0; row < rowCount; row++) if (valid[row] === 0) out[row] = absent;
  if (vector.kind === 'values') {
    for (let row = 0; row < rowCount; row++) if ((vector.values[row] ?? null) === null) out[row] = absent;
  } else if (vector.kind === 'codes' && vector.dictionary.includes(null)) {
    for (let row = 0; row < rowCount; row++) if (vector.dictionary[vector.codes[row] as number] === null) out[row] = absent;
  }
  return truthVector(out);
}

export type Comparison = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';

/** Numbers beside a constant; none of them NaN. */
export function compareNumbers(
  vector: Extract<ColumnVector, { readonly kind: 'numbers' }>,
  comparison: Comparison,
  constant: number,
): ColumnVector {
  const { values, valid } = vector;
  const rowCount = values.length;
  const out = new Uint8Array(rowCount);
  // by whether the number is less than, equal to or greater than the constant
  const less = comparison === 'lt' || comparison === 'le' || comparison === 'ne' ? 1 : 0;
  const equal = comparison === 'eq' || comparison === 'le' || comparison === 'ge' ? 1 : 0;
  const greater = comparison === 'gt' || comparison === 'ge' || comparison === 'ne' ? 1 : 0;
  for (let row = 0; row < rowCount; row++) {
    const value = values[row] as number;
    out[row] = value < constant ? less : value > constant ? greater : equal;
  }
  if (valid !== undefined) for (let row = 0; row < rowCount; row++) if (valid[row] === 0) out[row] = UNKNOWN;
  return truthVector(out);
}
