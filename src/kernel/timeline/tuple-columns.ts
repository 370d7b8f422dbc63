import type { ColumnVector } from '../../../sql/column-vector.js';
import type { Type } from '../../../sql/types.js';
import type { Value } from '../../../sql/value.js';
import { exactKey } from '../../timeline/value-identity.js';
import { rowCountOf, valueReader } from './vectors.js';

type Codes = Extract<ColumnVector, { readonly kind: 'codes' }>;

/** Combinations of a part's codes up to so many are told apart by a table. */
const MOST_COMBINATIONS = 2 ** 16;
/** Columns are packed together as long as their first part has fewer combinations. */
const FEW_COMBINATIONS = 2 ** 12;

/** Arrays of codes that columns of a part share (what is computed of a column has its codes), and how many codes each has. */
interface Base {
  readonly codes: Codes['codes'];
  readonly valid: Uint8Array | undefined;
  /** One more than the greatest code; NULL, where `valid` tells of it, is the last one. */
  readonly size: number;
}

/**
 * Columns of few values, as one: each row has the number of its tuple of values, and each column is the tuples' values by that number.
 * So what is done row by row is done once for all of them.
 */
export class TupleColumns {
  readonly ids: readonly number[];
  readonly #types: readonly Type[];
  /** By column, values by tuple. */
  readonly #values: (Value | null)[][];
  readonly #byText = new Map<string, number>();
  #codes: Uint16Array | Uint32Array;
  #rows = 0;

  private constructor(ids: readonly number[], types: readonly Type[], capacity: number) {
    this.ids = ids;
    this.#types = types;
    this.#values = ids.map(() => []);
    this.#codes = new Uint16Array(capacity);
  }

  /** For those columns of a first part that have few values; `capacity`: rows at most. */
  static of(columns: ReadonlyMap<number, ColumnVector>, types: ReadonlyMap<number, Type>, capacity: number): TupleColumns {
    const ids: number[] = [];
    let bases: readonly Base[] = [];
    for (const [id, vector] of columns) {
      const codes = asCodes(vector);
      if (codes === undefined) continue;
      const more = withBase(bases, codes);
      if (combinations(more) > FEW_COMBINATIONS) continue;
      bases = more;
      ids.push(id);
    }
    return new TupleColumns(
      ids,
      ids.map((id) => types.get(id) as Type),
      capacity,
    );
  }

  /** By row: the tuple's number. */
  get codes(): Uint16Array | Uint32Array {
    return this.#codes;
  }

  get bytes(): number {
    return this.#codes.byteLength;
  }

  dictionary(column: number): readonly (Value | null)[] {
    return this.#values[column] ?? [];
  }

  append(columns: ReadonlyMap<number, ColumnVector>, count: number): void {
    if (this.ids.length === 0) return;
    const own = this.ids.map((id, n) => {
      const vector = columns.get(id) as ColumnVector;
      return asCodes(vector) ?? encoded(vector, this.#types[n] as Type);
    });
    const bases = own.reduce(withBase, [] as readonly Base[]);
    const baseOf = own.map(({ codes, valid }) => bases.findIndex((base) => base.codes === codes && base.valid === valid));
    const local = localCodes(bases, count);
    const tuple = (code: number): number => {
      let rest = code;
      const parts = bases.map(({ size }) => {
        const part = rest % size;
        rest = Math.floor(rest / size);
        return part;
      });
      return this.#tuple(own.map(({ dictionary }, n) => dictionary[parts[baseOf[n] as number] as number] ?? null));
    };
    const total = combinations(bases);
    if (total <= MOST_COMBINATIONS) {
      const known = new Int32Array(total).fill(-1);
      for (let row = 0; row < count; row++) {
        const code = local[row] as number;
        if (known[code] === -1) known[code] = tuple(code);
      }
      this.#widen();
      const out = this.#codes;
      const from = this.#rows;
      for (let row = 0; row < count; row++) out[from + row] = known[local[row] as number] as number;
    } else {
      const known = new Map<number, number>();
      for (let row = 0; row < count; row++) {
        const code = local[row] as number;
        let found = known.get(code);
        if (found === undefined) {
          found = tuple(code);
          known.set(code, found);
          this.#widen();
        }
        this.#codes[this.#rows + row] = found;
      }
    }
    this.#rows += count;
  }

  #tuple(values: readonly (Value | null)[]): number {
    const text = values.map((value) => framed(exactKey(value))).join('');
    let tuple = this.#byText.get(text);
    if (tuple === undefined) {
      tuple = this.#byText.size;
      this.#byText.set(text, tuple);
      for (const [n, value] of values.entries()) this.#values[n]?.push(value);
    }
    return tuple;
  }

  #widen(): void {
    if (this.#byText.size > 2 ** 16 && this.#codes instanceof Uint16Array) this.#codes = Uint32Array.from(this.#codes);
  }
}

function framed(text: string): string {
  return `${text.length}:${text}`;
}

function combinations(bases: readonly Base[]): number {
  return bases.reduce((product, { size }) => product * size, 1);
}

function withBase(bases: readonly Base[], { codes, dictionary, valid }: Codes): readonly Base[] {
  const known = bases.findIndex((base) => base.codes === codes && base.valid === valid);
  if (known < 0) return [...bases, { codes, valid, size: dictionary.length + 1 }];
  return bases.map((base, n) => (n === known ? { ...base, size: Math.max(base.size, dictionary.length + 1) } : base));
}

/** The combination of codes of each row: the first base's code counts one, the next one's as many as the first has. */
function localCodes(bases: readonly Base[], count: number): Float64Array | Uint16Array {
  const out = combinations(bases) <= MOST_COMBINATIONS ? new Uint16Array(count) : new Float64Array(count);
  let unit = 1;
  for (const { codes, valid, size } of bases) {
    if (valid === undefined) for (let row = 0; row < count; row++) out[row] = (out[row] as number) + unit * (codes[row] as number);
    else {
      for (let row = 0; row < count; row++) {
        out[row] = (out[row] as number) + unit * (valid[row] === 0 ? size - 1 : (codes[row] as number));
      }
    }
    unit *= size;
  }
  return out;
}

/** Booleans as codes; undefined for a vector that has other numbers or values. */
function asCodes(vector: ColumnVector): Codes | undefined {
  if (vector.kind === 'codes') return vector;
  if (vector.kind === 'numbers' && vector.values instanceof Uint8Array)
    return { kind: 'codes', codes: vector.values, dictionary: [false, true], valid: vector.valid };
  return undefined;
}

/** A part whose column came without a dictionary. */
function encoded(vector: ColumnVector, type: Type): Codes {
  const read = valueReader(vector, type);
  const byText = new Map<string, number>();
  const dictionary: (Value | null)[] = [];
  const codes = new Uint32Array(rowCountOf(vector));
  for (let row = 0; row < codes.length; row++) {
    const value = read(row);
    const text = exactKey(value);
    let code = byText.get(text);
    if (code === undefined) {
      code = dictionary.push(value) - 1;
      byText.set(text, code);
    }
    codes[row] = code;
  }
  return { kind: 'codes', codes, dictionary, valid: undefined };
}
