import { readFileSync, writeFileSync } from 'node:fs';
import { parquetMetadata, type SchemaElement } from 'hyparquet';
import { ByteWriter } from 'hyparquet-writer';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';

/** Rewrites the schema in a Parquet file's footer, for layouts that today's writers do not write. The pages stay as they are. */
export function patchSchema(path: string, edit: (schema: readonly SchemaElement[]) => readonly SchemaElement[]): void {
  const bytes = readFileSync(path);
  const footer = bytes.readUInt32LE(bytes.length - 8);
  const metadata = parquetMetadata(new Uint8Array(bytes).buffer);
  metadata.schema = edit(metadata.schema).map((element) => ({ ...element }));
  for (const { columns } of metadata.row_groups) {
    for (const chunk of columns) {
      // Made for the schema as it was.
      if (chunk.meta_data !== undefined) delete chunk.meta_data.statistics;
    }
  }
  const writer = new ByteWriter();
  writeMetadata(writer, metadata);
  const patched = Buffer.from(writer.getBuffer());
  writeFileSync(path, Buffer.concat([bytes.subarray(0, bytes.length - 8 - footer), patched, Buffer.from('PAR1')]));
}
