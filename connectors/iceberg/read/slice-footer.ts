import { fieldOf, intOf, structList, structOf, structsOf, type ThriftStruct, textOf, valuesOf, withFields } from './thrift-tree.js';

/** Numbers of fields in parquet.thrift. */
const FILE = { schema: 2, rows: 3, groups: 4, keyValues: 5, createdBy: 6, orders: 7, encryption: 8 } as const;
const GROUP = { columns: 1, bytes: 2, rows: 3, sorting: 4, offset: 5, compressed: 6, ordinal: 7 } as const;
const CHUNK = {
  path: 1,
  offset: 2,
  meta: 3,
  offsetIndex: 4,
  offsetIndexLength: 5,
  index: 6,
  indexLength: 7,
  crypto: 8,
  encrypted: 9,
} as const;
const META = {
  path: 3,
  codec: 4,
  values: 5,
  uncompressed: 6,
  compressed: 7,
  data: 9,
  indexPage: 10,
  dictionary: 11,
  statistics: 12,
  encodings: 13,
  bloom: 14,
  bloomLength: 15,
  sizes: 16,
} as const;
const ELEMENT = { type: 1, length: 2, repetition: 3, name: 4, children: 5 } as const;

/** A leaf column with what its levels are. */
export interface SliceLeaf {
  /** Place among the columns of each row group of the file. */
  readonly index: number;
  /** Place of its top-level column among the file's. */
  readonly column: number;
  readonly path: string;
  /** Parquet's number of the physical type. */
  readonly type: number;
  readonly typeLength: number;
  readonly maxDefinition: number;
  readonly maxRepetition: number;
  /** It is, or may be, part of a variant: parts of which only some are there cannot be read. */
  readonly inVariant: boolean;
}

/** A column chunk by its place in the file. */
export interface SliceChunk {
  readonly leaf: SliceLeaf;
  /** Parquet's number of it. */
  readonly codec: number;
  /** NULLs among them. */
  readonly values: number;
  readonly start: number;
  readonly end: number;
  readonly dictionary: number | undefined;
  readonly data: number;
  readonly offsetIndex: { readonly start: number; readonly end: number } | undefined;
}

/** Where a chunk lies in the slice, and what it has become. */
export interface PlacedChunk {
  readonly start: number;
  readonly end: number;
  /** Some of its pages are made up: nothing that counts or sums its values holds. */
  readonly padded?: boolean;
  /** With `padded`: of the first data page. */
  readonly data?: number;
  /** With `padded`: of all pages. */
  readonly values?: number;
}

/** The footer of a Parquet file of which some columns and row groups become a file of their own. */
export class SliceFooter {
  readonly #file: ThriftStruct;
  readonly #schema: readonly ThriftStruct[];
  readonly #orders: readonly ThriftStruct[] | undefined;
  readonly #leaves: readonly SliceLeaf[];
  readonly #size: number;

  /** `columns`: top-level ones, by name. `size`: the file's bytes before its footer. Throws plain errors. */
  constructor(file: ThriftStruct, columns: ReadonlySet<string>, size: number) {
    if (fieldOf(file, FILE.encryption) !== undefined) throw new Error('it is encrypted');
    this.#file = file;
    this.#size = size;
    const { elements, leaves } = keptSchema(structsOf(file, FILE.schema), columns);
    this.#schema = elements;
    this.#leaves = leaves;
    const orders = structsOf(file, FILE.orders);
    this.#orders = orders.length === 0 ? undefined : leaves.map((leaf) => structOf(orders[leaf.index]));
  }

  get groups(): number {
    return structsOf(this.#file, FILE.groups).length;
  }

  rowsOf(group: number): number {
    return intOf(this.#group(group), GROUP.rows) ?? 0;
  }

  /** The kept columns' chunks of a row group, in the schema's order. */
  chunksOf(group: number): readonly SliceChunk[] {
    const chunks = structsOf(this.#group(group), GROUP.columns);
    // Ancient writers leave the header of the dictionary out of what they count.
    const slack = /^parquet-mr version 1\.[0-2]\./.test(textOf(fieldOf(this.#file, FILE.createdBy))) ? 100 : 0;
    return this.#leaves.map((leaf) => {
      const chunk = structOf(chunks[leaf.index]);
      const meta = structOf(fieldOf(chunk, CHUNK.meta));
      if ([CHUNK.path, CHUNK.crypto, CHUNK.encrypted].some((id) => fieldOf(chunk, id) !== undefined))
        throw new Error(`column "${leaf.path}" lies elsewhere or is encrypted`);
      const names = valuesOf(fieldOf(meta, META.path)).map(textOf);
      if (names.join('.') !== leaf.path) throw new Error(`column "${leaf.path}" is not where it should be`);
      const data = intOf(meta, META.data) ?? 0;
      const dictionary = intOf(meta, META.dictionary) ?? 0;
      const hasDictionary = dictionary > 0 && dictionary < data;
      const start = hasDictionary ? dictionary : data;
      const end = Math.min(this.#size, start + (intOf(meta, META.compressed) ?? 0) + slack);
      if (start < 4 || end < start || (intOf(meta, META.compressed) ?? -1) < 0 || start + (intOf(meta, META.compressed) ?? 0) > this.#size)
        throw new Error(`column "${leaf.path}" lies outside of it`);
      const [indexStart, indexLength] = [intOf(chunk, CHUNK.offsetIndex) ?? 0, intOf(chunk, CHUNK.offsetIndexLength) ?? 0];
      const offsetIndex = indexStart > 0 && indexLength > 0 && indexStart + indexLength <= this.#size;
      return {
        leaf,
        codec: intOf(meta, META.codec) ?? -1,
        values: intOf(meta, META.values) ?? -1,
        start,
        end,
        data,
        dictionary: hasDictionary ? dictionary : undefined,
        offsetIndex: offsetIndex ? { start: indexStart, end: indexStart + indexLength } : undefined,
      };
    });
  }

  /** The slice's footer. */
  build(groups: readonly { readonly group: number; readonly chunks: readonly PlacedChunk[] }[]): ThriftStruct {
    const keyValues = structsOf(this.#file, FILE.keyValues).filter((one) => textOf(fieldOf(one, 1)) !== 'ARROW:schema');
    return withFields(this.#file, {
      [FILE.schema]: structList(this.#schema),
      [FILE.rows]: BigInt(groups.reduce((sum, { group }) => sum + this.rowsOf(group), 0)),
      [FILE.groups]: structList(groups.map(({ group, chunks }) => this.#movedGroup(group, chunks))),
      [FILE.keyValues]: keyValues.length === 0 ? undefined : structList(keyValues),
      [FILE.orders]: this.#orders === undefined ? undefined : structList(this.#orders),
    });
  }

  #group(index: number): ThriftStruct {
    return structOf(structsOf(this.#file, FILE.groups)[index]);
  }

  #movedGroup(index: number, places: readonly PlacedChunk[]): ThriftStruct {
    const group = this.#group(index);
    const old = structsOf(group, GROUP.columns);
    const chunks = this.chunksOf(index);
    let [bytes, compressed] = [0, 0];
    const moved = chunks.map((chunk, position) => {
      const place = places[position];
      if (place === undefined) throw new Error('a chunk without a place');
      const from = structOf(old[chunk.leaf.index]);
      bytes += intOf(structOf(fieldOf(from, CHUNK.meta)), META.uncompressed) ?? 0;
      compressed += place.end - place.start;
      return movedChunk(from, chunk, place);
    });
    return withFields(group, {
      [GROUP.columns]: structList(moved),
      [GROUP.bytes]: BigInt(bytes),
      [GROUP.sorting]: undefined,
      [GROUP.offset]: undefined,
      [GROUP.compressed]: BigInt(compressed),
      [GROUP.ordinal]: undefined,
    });
  }
}

function movedChunk(from: ThriftStruct, chunk: SliceChunk, place: PlacedChunk): ThriftStruct {
  const meta = structOf(fieldOf(from, CHUNK.meta));
  const shift = BigInt(place.start - chunk.start);
  const padded = place.padded === true;
  const newMeta = withFields(meta, {
    [META.data]: padded ? BigInt(place.data ?? place.start) : BigInt(chunk.data) + shift,
    [META.indexPage]: undefined,
    [META.dictionary]: chunk.dictionary === undefined ? undefined : BigInt(chunk.dictionary) + shift,
    [META.bloom]: undefined,
    [META.bloomLength]: undefined,
    ...(padded
      ? {
          [META.values]: BigInt(place.values ?? chunk.values),
          [META.compressed]: BigInt(place.end - place.start),
          [META.statistics]: undefined,
          [META.encodings]: undefined,
          [META.sizes]: undefined,
        }
      : {}),
  });
  return withFields(from, {
    [CHUNK.offset]: 0n,
    [CHUNK.meta]: newMeta,
    [CHUNK.offsetIndex]: undefined,
    [CHUNK.offsetIndexLength]: undefined,
    [CHUNK.index]: undefined,
    [CHUNK.indexLength]: undefined,
  });
}

function keptSchema(
  elements: readonly ThriftStruct[],
  columns: ReadonlySet<string>,
): { readonly elements: readonly ThriftStruct[]; readonly leaves: readonly SliceLeaf[] } {
  const [root] = elements;
  if (root === undefined) throw new Error('it has no schema');
  const kept: ThriftStruct[] = [];
  const leaves: SliceLeaf[] = [];
  let at = 1;
  let index = 0;
  let column = 0;
  const walk = (path: readonly string[], keep: boolean, definition: number, repetition: number, depth: number): void => {
    const element = elements[at++];
    if (element === undefined || depth > 64) throw new Error('its schema is cut off or nested too deeply');
    const name = textOf(fieldOf(element, ELEMENT.name));
    const kind = intOf(element, ELEMENT.repetition) ?? 0;
    const here = { definition: definition + (kind === 0 ? 0 : 1), repetition: repetition + (kind === 2 ? 1 : 0) };
    const wanted = path.length === 0 ? columns.has(name) : keep;
    if (wanted) kept.push(element);
    const children = intOf(element, ELEMENT.children) ?? 0;
    const full = [...path, name];
    if (children > 0) {
      for (let child = 0; child < children; child++) walk(full, wanted, here.definition, here.repetition, depth + 1);
      return;
    }
    if (wanted) {
      leaves.push({
        index,
        column,
        path: full.join('.'),
        type: intOf(element, ELEMENT.type) ?? -1,
        typeLength: intOf(element, ELEMENT.length) ?? 0,
        maxDefinition: here.definition,
        maxRepetition: here.repetition,
        inVariant: false,
      });
    }
    index++;
  };
  const top = intOf(root, ELEMENT.children) ?? 0;
  let count = 0;
  for (; column < top; column++) {
    const [before, first] = [kept.length, leaves.length];
    walk([], false, 0, 0, 0);
    if (kept.length > before) count++;
    // The format wants a variant's group to have such a member.
    const mayBeVariant = leaves.slice(first).some(({ path }) => path.endsWith('.metadata'));
    if (mayBeVariant) for (const [at, leaf] of leaves.slice(first).entries()) leaves[first + at] = { ...leaf, inVariant: true };
  }
  return { elements: [withFields(root, { [ELEMENT.children]: BigInt(count) }), ...kept], leaves };
}
