import { blockDecoder } from './avro-codec.js';
import { AvroCursor } from './avro-cursor.js';
import { AvroCompiler, type AvroField, type AvroRecord } from './avro-decoder.js';
import { corrupt } from './corrupt.js';

export type { AvroField, AvroPick, AvroRecord, AvroSelection, AvroValue } from './avro-decoder.js';

export interface AvroFile {
  /** The fields of the record schema. */
  readonly fields: readonly AvroField[];
  readonly metadata: ReadonlyMap<string, Uint8Array>;
  readonly records: readonly AvroRecord[];
}

/** An Avro object container file whose header has been read. What it gives throws plain errors for anything cut off or out of bounds. */
export interface AvroContainer {
  readonly fields: readonly AvroField[];
  readonly metadata: ReadonlyMap<string, Uint8Array>;
  readonly schema: unknown;
  readonly compiler: AvroCompiler;
  /** Unpacked one at a time, with the number of records that each holds. */
  blocks(): AsyncIterable<{ readonly cursor: AvroCursor; readonly count: number }>;
}

const SYNC_BYTES = 16;
/** Of one file, all of which are kept. */
const MOST_RECORDS = 2_000_000;
/** Of all blocks of one file, unpacked: packed ones may say a thousand times as much. */
const MOST_BYTES = 2 ** 30;

/**
 * Reads an Avro object container file of records (codecs null, deflate, snappy, zstandard).
 * `skip`: ids of fields whose values are not kept. Errors: XX001 naming `file` for anything cut off or out of bounds.
 */
export async function readAvro(options: {
  readonly bytes: Uint8Array;
  readonly file: string;
  readonly skip?: ReadonlySet<number>;
}): Promise<AvroFile> {
  const { file, skip = new Set() } = options;
  try {
    const container = await openAvro(options.bytes);
    const { fields, metadata, compiler, schema } = container;
    const decode = compiler.decoder(schema);
    const dropped = fields.filter((field) => field['field-id'] !== undefined && skip.has(field['field-id'])).map((field) => field.name);
    const records: AvroRecord[] = [];
    for await (const { cursor, count } of container.blocks()) {
      for (let index = 0; index < count; index++) {
        cursor.startRecord(index, count);
        const record = decode(cursor) as Record<string, AvroRecord[string]>;
        for (const name of dropped) delete record[name];
        if (records.push(record) > MOST_RECORDS) throw new Error(`it has more than ${MOST_RECORDS} records`);
      }
    }
    return { fields, metadata, records };
  } catch (error) {
    throw corrupt(file, error instanceof Error ? error.message : String(error), error);
  }
}

/** Throws plain errors. */
export async function openAvro(bytes: Uint8Array): Promise<AvroContainer> {
  const cursor = new AvroCursor(bytes);
  if (Buffer.from(cursor.take(4)).toString('latin1') !== 'Obj\x01') throw new Error('it is not an Avro file');
  const metadata = new Map<string, Uint8Array>();
  for (let count = cursor.blockCount(); count > 0; count = cursor.blockCount()) {
    for (let index = 0; index < count; index++) metadata.set(cursor.text(), cursor.bytes().slice());
  }
  const sync = cursor.take(SYNC_BYTES);
  const schema = JSON.parse(new TextDecoder().decode(metadata.get('avro.schema') ?? new Uint8Array())) as AvroField & {
    fields?: readonly AvroField[];
  };
  if (schema.type !== ('record' as unknown) || !Array.isArray(schema.fields)) throw new Error('its schema is not a record');
  const unpack = await blockDecoder(new TextDecoder().decode(metadata.get('avro.codec') ?? new Uint8Array()) || 'null');
  async function* blocks(): AsyncIterable<{ readonly cursor: AvroCursor; readonly count: number }> {
    for (let total = 0; !cursor.atEnd; ) {
      const count = cursor.int();
      const block = new AvroCursor(await unpack(cursor.bytes()));
      total += block.left;
      if (total > MOST_BYTES) throw new Error(`it unpacks to more than ${MOST_BYTES} bytes`);
      if (Buffer.compare(cursor.take(SYNC_BYTES), sync) !== 0) throw new Error('a block does not end with its marker');
      if (count < 0) throw new Error('a block has a negative number of records');
      yield { cursor: block, count };
    }
  }
  return { fields: schema.fields, metadata, schema, compiler: new AvroCompiler(schema), blocks };
}
