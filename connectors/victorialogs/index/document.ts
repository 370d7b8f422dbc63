import { type } from '../../../sql/types.js';
import type { LogsRow } from '../client/logs-client.js';
import { encodeValue } from '../encoding.js';
import { instantOfTimestamp, printInstant } from '../instant.js';
import { FIELD, fileId, type IndexMapping } from './layout.js';

export interface DocumentMaker {
  /** Values: `_pos`, the time column, then the mapping's fields in order. Undefined: the row has no time that a document can have. */
  document(values: readonly (string | null)[]): { readonly row: LogsRow; readonly time: bigint } | undefined;
}

/** Bytes of one document; the store takes lines of less than 256 KiB. */
const MAX_DOCUMENT_BYTES = 120_000;

/** Columns to be read for `document`, after `_pos`. */
export function documentColumns({ time, fields }: IndexMapping): readonly string[] {
  return [time.field, ...fields.map(({ field }) => field)];
}

/** Makes the documents of one file's rows. */
export function createDocuments(options: { readonly table: string; readonly file: string; readonly mapping: IndexMapping }): DocumentMaker {
  const { fields } = options.mapping;
  const id = fileId(options.file, options.mapping);
  const types = fields.map(({ oid }) => type(oid));
  return {
    document(values) {
      const [position, at] = values;
      const time = at == null ? undefined : instantOfTimestamp(at);
      if (position == null || time === undefined || time < 0n) return undefined;
      const row: Record<string, string> = {
        _time: printInstant(time),
        _msg: '-',
        [FIELD.table]: options.table,
        [FIELD.file]: id,
        [FIELD.position]: position,
      };
      let marked = false;
      let most = 0;
      for (let n = 0; n < fields.length; n++) {
        const field = fields[n];
        const of = types[n];
        if (field === undefined || of === undefined) continue;
        const text = encodeValue(of, values[n + 2] ?? null);
        if (text === undefined) marked = true;
        if (text === undefined || text === null) continue;
        row[field.field] = text;
        // An escape of JSON takes six bytes for one.
        most += text.length * 6;
      }
      if (most > MAX_DOCUMENT_BYTES && shorten(row, fields)) marked = true;
      if (marked) row[FIELD.marked] = '1';
      return { row, time };
    },
  };
}

/** Takes the longest values out until the document is short enough; says whether it took any. */
function shorten(row: Record<string, string>, fields: IndexMapping['fields']): boolean {
  const sizes = fields
    .map(({ field }) => [field, row[field] === undefined ? 0 : Buffer.byteLength(JSON.stringify(row[field]))] as const)
    .sort(([, a], [, b]) => b - a);
  let bytes = sizes.reduce((sum, [, size]) => sum + size, 0);
  let taken = false;
  for (const [field, size] of sizes) {
    if (bytes <= MAX_DOCUMENT_BYTES) break;
    delete row[field];
    bytes -= size;
    taken = true;
  }
  return taken;
}
