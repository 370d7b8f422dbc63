import type { FileHandle } from 'node:fs/promises';
import { asTimelineError } from '../../../sql/errors.js';
import type { LogsClient, QueryOptions } from '../client/logs-client.js';
import type { LogsWindow } from '../handle.js';
import type { LogsFilter } from '../logsql/syntax.js';
import type { LineTexts } from './line-texts.js';
import type { LineForm } from './relation.js';
import { type ScratchFile, scratchFile } from './scratch-file.js';

/** Windows that take too long one after the other: then it is the server that is slow, not a window too large. */
const MOST_LATE = 4;
/** Smaller windows than this are not halved: microseconds are the least that tells rows apart for us. */
const LEAST_WINDOW = 2_000n;

export interface LinesFile extends ScratchFile {
  readonly form: LineForm;
}

export interface LinesRequest {
  readonly client: Pick<LogsClient, 'lines'>;
  readonly folder: string;
  readonly parts: readonly { readonly windows: readonly LogsWindow[]; readonly filter: LogsFilter }[];
  readonly fields: readonly string[];
  readonly texts: LineTexts;
  /** Rows that suffice. */
  readonly limit: number | undefined;
  readonly options: QueryOptions;
}

/**
 * The entries of some windows, in a file of JSON lines. A window that takes the server too long is read in halves. Errors: the client's;
 * there is no file then.
 */
export async function writeLines(request: LinesRequest): Promise<LinesFile> {
  const made = await scratchFile(request.folder, 'logs', async (file) => {
    const written: Written = { file, bytes: 0, rows: 0, late: 0 };
    const enough = (): boolean => request.limit !== undefined && written.rows >= request.limit;
    for (const { windows, filter } of request.parts) {
      for (const [from, to] of windows) {
        if (!enough()) await writeWindow({ ...request, filter }, BigInt(from), BigInt(to), written);
      }
    }
  });
  return { ...made, form: request.texts.form };
}

interface Written {
  readonly file: FileHandle;
  bytes: number;
  rows: number;
  /** Windows that took too long since one did not. */
  late: number;
}

type WindowRequest = LinesRequest & { readonly filter: LogsFilter };

async function writeWindow(request: WindowRequest, from: bigint, to: bigint, written: Written): Promise<void> {
  const { client, filter, fields, texts, limit, options } = request;
  const before = { bytes: written.bytes, rows: written.rows };
  const time: LogsFilter = { kind: 'time', from, to };
  const left = limit === undefined ? [] : ([{ kind: 'limit', rows: limit - written.rows }] as const);
  try {
    const query = { filter: { kind: 'and', args: [time, filter] }, pipes: [{ kind: 'fields', fields }, ...left] } as const;
    for await (const lines of client.lines(query, options)) {
      const text = texts.convert(lines);
      await writeAll(written.file, text, written.bytes);
      written.bytes += text.byteLength;
      written.rows += countLines(text);
    }
    written.late = 0;
  } catch (error) {
    options.signal.throwIfAborted();
    if (asTimelineError(error).sqlstate !== '57014' || to - from < LEAST_WINDOW || ++written.late >= MOST_LATE) throw error;
    await written.file.truncate(before.bytes);
    Object.assign(written, before);
    const middle = from + ((to - from) / 2_000n) * 1_000n;
    await writeWindow(request, from, middle, written);
    if (limit === undefined || written.rows < limit) await writeWindow(request, middle, to, written);
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) at += (await file.write(bytes, at, bytes.byteLength - at, position + at)).bytesWritten;
}

function countLines(text: Uint8Array): number {
  let lines = 0;
  for (let at = text.indexOf(10); at >= 0; at = text.indexOf(10, at + 1)) lines++;
  return lines;
}
