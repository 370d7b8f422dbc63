import type { AvroCursor } from './avro-cursor.js';
import {
  type AvroCompiler,
  type AvroPick,
  type AvroValue,
  branchOf,
  type Decoder,
  fieldsOf,
  isObject,
  type Skipper,
} from './avro-decoder.js';

/**
 * Where the fields of a record begin: a record is walked over once, and of its values only those are made that are asked for. Fields are
 * those of the record and of the records in it that `into` names, by field id. Throws plain errors like the cursor's.
 */
export class AvroOutline {
  readonly #walk: Skipper;
  readonly #starts: Int32Array;
  readonly #fields = new Map<number, { readonly slot: number; readonly decode: Decoder }>();
  #cursor: AvroCursor | undefined;

  constructor(compiler: AvroCompiler, schema: unknown, options: { picks: ReadonlyMap<number, AvroPick>; into: ReadonlySet<number> }) {
    this.#walk = this.#walker(compiler, schema, options, 0);
    this.#starts = new Int32Array(this.#fields.size);
  }

  /** Walks over a record, which is then the one that value() is about. The cursor is behind it. */
  pass(cursor: AvroCursor): void {
    this.#cursor = cursor;
    this.#starts.fill(-1);
    this.#walk(cursor);
  }

  /** Null: the schema or the record does not have the field. The cursor is left where it was. */
  value(id: number): AvroValue {
    const field = this.#fields.get(id);
    const cursor = this.#cursor;
    const start = field === undefined ? -1 : (this.#starts[field.slot] ?? -1);
    if (field === undefined || cursor === undefined || start < 0) return null;
    const { position } = cursor;
    cursor.rewind(start);
    const value = field.decode(cursor);
    cursor.rewind(position);
    return value;
  }

  #walker(
    compiler: AvroCompiler,
    schema: unknown,
    options: { picks: ReadonlyMap<number, AvroPick>; into: ReadonlySet<number> },
    depth: number,
  ): Skipper {
    if (Array.isArray(schema) && depth < 8) {
      const branches = schema.map((branch: unknown) => this.#walker(compiler, branch, options, depth + 1));
      return (cursor) => branchOf(branches, cursor)(cursor);
    }
    if (!isObject(schema) || schema['type'] !== 'record') return compiler.skipper(schema);
    const steps = fieldsOf(schema).map((field) => {
      const id = field['field-id'] ?? -1;
      const pick = options.picks.get(id);
      const slot = pick === undefined || this.#fields.has(id) ? -1 : this.#fields.size;
      if (pick !== undefined && slot >= 0) this.#fields.set(id, { slot, decode: compiler.decoder(field.type, pick) });
      const skip =
        options.into.has(id) && depth < 8 ? this.#walker(compiler, field.type, options, depth + 1) : compiler.skipper(field.type);
      return { slot, skip };
    });
    return (cursor) => {
      for (const { slot, skip } of steps) {
        if (slot >= 0) this.#starts[slot] = cursor.position;
        skip(cursor);
      }
    };
  }
}
