import { internal } from '../../../sql/errors.js';
import type { DataFile, IndexBuildRequest } from '../../connector.js';
import type { LogsClient, LogsRow } from '../client/logs-client.js';
import { FileContent } from './content.js';
import { createDocuments, documentColumns } from './document.js';
import { FIELD, fileKey, type IndexMapping } from './layout.js';

export type WrittenFile =
  | {
      readonly kind: 'written';
      readonly from: bigint;
      readonly to: bigint;
      readonly rows: number;
      readonly bytes: number;
      readonly content: FileContent;
    }
  /** Documents cannot have a time that a row has. */
  | { readonly kind: 'no_time' }
  /** The store would drop a row. */
  | { readonly kind: 'too_old' };

export interface FileWriting {
  readonly client: LogsClient;
  /** `_t`. */
  readonly table: string;
  readonly file: DataFile;
  readonly mapping: IndexMapping;
  readonly streams: readonly string[];
  /** The store refuses what is older. */
  readonly floor: bigint | undefined;
  readonly rows: IndexBuildRequest['rows'];
  /** The documents may be there already, and are only made to compare them. */
  readonly dry?: boolean;
  readonly signal: AbortSignal;
}

/** Sends a document for each row of a file; what the server took of them says nothing of what it keeps. XX000 where the rows are not those of the file. */
export async function writeFile(writing: FileWriting): Promise<WrittenFile> {
  const { client, file, mapping, streams, floor, signal } = writing;
  const maker = createDocuments({ table: writing.table, file: fileKey(file), mapping });
  const content = new FileContent(file.rows, mapping);
  const seen = new Uint8Array(Math.ceil(file.rows / 8));
  let rows = 0;
  let [from, to]: [bigint | undefined, bigint | undefined] = [undefined, undefined];
  let stopped: 'no_time' | 'too_old' | undefined;
  const broken = (): never => {
    throw internal(`the rows of ${file.path} are not numbered from 0 to ${file.rows - 1}`);
  };
  async function* documents(): AsyncGenerator<LogsRow> {
    for await (const batch of writing.rows(file, documentColumns(mapping), signal)) {
      for (const values of batch) {
        const position = Number(values[0]);
        if (!Number.isSafeInteger(position) || position < 0 || position >= file.rows || String(position) !== values[0]) broken();
        const bit = 1 << (position & 7);
        const byte = seen[position >> 3] ?? 0;
        if ((byte & bit) !== 0) broken();
        seen[position >> 3] = byte | bit;
        const made = maker.document(values);
        if (made === undefined || (floor !== undefined && made.time < floor)) {
          stopped = made === undefined ? 'no_time' : 'too_old';
          return;
        }
        if (from === undefined || made.time < from) from = made.time;
        if (to === undefined || made.time > to) to = made.time;
        rows++;
        content.set(position, made.row);
        yield made.row;
      }
    }
  }
  const streamFields = [FIELD.table, ...streams.filter((name) => mapping.fields.some(({ field }) => field === name))];
  const { bytes } = writing.dry === true ? await made(documents()) : await client.insert(documents(), { streamFields, signal });
  if (stopped !== undefined) return { kind: stopped };
  if (rows !== file.rows || from === undefined || to === undefined) return broken();
  return { kind: 'written', from, to, rows, bytes, content };
}

async function made(documents: AsyncIterable<LogsRow>): Promise<{ readonly bytes: number }> {
  for await (const _ of documents);
  return { bytes: 0 };
}
