import { type Annotation, annotationOf } from './annotation.js';
import { Damage } from './damage.js';
import { bytesField, intField, listField, readStruct, structField, structsField, type ThriftStruct } from './thrift.js';

/** Parquet's numbers of physical types. */
export const Physical = { boolean: 0, int32: 1, int64: 2, int96: 3, float: 4, double: 5, bytes: 6, fixed: 7 } as const;

/** A leaf column of the schema. */
export interface Leaf {
  /** Names from the top, joined by points. */
  readonly path: string;
  readonly physical: number;
  /** Of values of fixed length; 0 of others. */
  readonly length: number;
  readonly optional: boolean;
  /** Top-level and not repeated: a value for each row, or NULL. */
  readonly flat: boolean;
  readonly annotation: Annotation;
}

/** A leaf's values in a row group, in the file's bytes [start, end). */
export interface Chunk {
  readonly start: number;
  readonly end: number;
  readonly values: number;
  readonly codec: number;
  readonly statistics: ThriftStruct | undefined;
}

export interface FooterGroup {
  readonly rows: number;
  readonly bytes: number;
  /** Throws Damage where the chunk cannot lie there. */
  chunk(leaf: number): Chunk;
}

export interface Footer {
  readonly leaves: readonly Leaf[];
  readonly groups: readonly FooterGroup[];
}

const REPETITION = { required: 0, optional: 1 } as const;
const MAX_SCHEMA_DEPTH = 64;
/** Ancient writers leave the header of the dictionary out of what they count. */
const ANCIENT = /^parquet-mr version 1\.[0-2]\./;
const ANCIENT_SLACK = 100;

/** `bytes`: the footer's struct. `dataEnd`: where it begins in the file. Throws Damage. */
export function parseFooter(bytes: Uint8Array, dataEnd: number): Footer {
  const { struct } = readStruct(bytes, 0);
  if (struct.has(8)) throw new Damage('it is encrypted');
  const leaves = schemaLeaves(structsField(struct, 2));
  const slack = ANCIENT.test(text(bytesField(struct, 6))) ? ANCIENT_SLACK : 0;
  return { leaves, groups: structsField(struct, 4).map((group) => rowGroup(group, leaves, dataEnd, slack)) };
}

function rowGroup(group: ThriftStruct, leaves: readonly Leaf[], dataEnd: number, slack: number): FooterGroup {
  const chunks = structsField(group, 1);
  const rows = intField(group, 3) ?? -1;
  if (rows < 0) throw new Damage('a row group has no number of rows');
  if (chunks.length !== leaves.length) throw new Damage(`a row group has ${chunks.length} columns, the schema ${leaves.length}`);
  const bytes = chunks.reduce((sum, chunk) => sum + Math.max(0, intField(structField(chunk, 3), 7) ?? 0), 0);
  return {
    rows,
    bytes,
    chunk(index) {
      const [chunk, leaf] = [chunks[index], leaves[index]];
      const meta = structField(chunk, 3);
      if (leaf === undefined || chunk === undefined || meta === undefined) throw new Damage('its place is not in the footer');
      if (chunk.has(1) || chunk.has(8) || chunk.has(9)) throw new Damage('it lies in another file or is encrypted');
      const path = listField(meta, 3).map((name) => (name instanceof Uint8Array ? text(name) : ''));
      if (path.join('.') !== leaf.path || intField(meta, 1) !== leaf.physical) throw new Damage('the footer has another one in its place');
      // Without rows there may be no pages, and no place for them.
      if (rows === 0) return { start: dataEnd, end: dataEnd, values: 0, codec: intField(meta, 4) ?? -1, statistics: undefined };
      const data = intField(meta, 9) ?? 0;
      const dictionary = intField(meta, 11) ?? 0;
      const start = dictionary > 0 && dictionary < data ? dictionary : data;
      const length = intField(meta, 7) ?? -1;
      if (start < 4 || length < 0 || start + length > dataEnd) throw new Damage('it lies outside of the file');
      const values = intField(meta, 5) ?? -1;
      if (leaf.flat && values !== rows) throw new Damage(`it has ${values} values in a row group of ${rows} rows`);
      const end = Math.min(dataEnd, start + length + slack);
      return { start, end, values, codec: intField(meta, 4) ?? -1, statistics: structField(meta, 12) };
    },
  };
}

function schemaLeaves(elements: readonly ThriftStruct[]): readonly Leaf[] {
  const leaves: Leaf[] = [];
  let at = 1;
  const walk = (path: readonly string[], depth: number): void => {
    const element = elements[at++];
    if (element === undefined) throw new Damage('its schema is cut off');
    if (depth > MAX_SCHEMA_DEPTH) throw new Damage('its schema is nested too deeply');
    const here = [...path, text(bytesField(element, 4))];
    if (!element.has(1)) {
      const children = intField(element, 5) ?? 0;
      for (let child = 0; child < children; child++) walk(here, depth + 1);
      return;
    }
    const repetition = intField(element, 3) ?? REPETITION.required;
    const isSingle = repetition === REPETITION.required || repetition === REPETITION.optional;
    leaves.push({
      path: here.join('.'),
      physical: intField(element, 1) ?? -1,
      length: Math.max(0, intField(element, 2) ?? 0),
      optional: repetition === REPETITION.optional,
      flat: depth === 0 && isSingle,
      annotation: annotationOf(element),
    });
  };
  const top = intField(elements[0], 5) ?? 0;
  for (let child = 0; child < top; child++) walk([], 0);
  if (at !== elements.length) throw new Damage('its schema has more elements than it says');
  return leaves;
}

function text(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
