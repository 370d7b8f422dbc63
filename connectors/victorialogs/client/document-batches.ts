import { TimelineError } from '../../../sql/errors.js';
import type { LogsRow } from './logs-client.js';

/** Larger bodies hold more of the server's memory, and more is lost with a bad one. */
const BATCH_BYTES = 1_000_000;
const LINE_BYTES = 200 << 10;
const FIELDS = 500;
const NAME_BYTES = 128;
/** Two thousand names in one block of the server's make rows vanish. */
const NAMES = 1000;
/** Other spellings the server takes for "now", or drops. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{9}Z$/;
const LONE_SURROGATE = /\p{Cs}/u;

export interface DocumentBatch {
  readonly body: Buffer;
  readonly documents: number;
}

/** Documents as bodies of lines. Throws 22023 or 54000 for a document that the server would lose or change without a word. */
export async function* documentBatches(documents: AsyncIterable<LogsRow> | Iterable<LogsRow>): AsyncGenerator<DocumentBatch> {
  const names = new Set<string>();
  let [lines, bytes]: [string[], number] = [[], 0];
  const take = (): DocumentBatch => {
    const batch = { body: Buffer.from(lines.join('')), documents: lines.length };
    [lines, bytes] = [[], 0];
    return batch;
  };
  for await (const document of documents) {
    const line = lineOf(document, names);
    const length = Buffer.byteLength(line);
    if (length > LINE_BYTES) throw refusal('54000', `a document of ${length} bytes is too long: ${LINE_BYTES} at most`);
    if (bytes > 0 && bytes + length > BATCH_BYTES) yield take();
    lines.push(line);
    bytes += length;
  }
  if (bytes > 0) yield take();
}

function lineOf(document: LogsRow, names: Set<string>): string {
  let fields = 0;
  for (const name in document) {
    fields += 1;
    if (!names.has(name)) {
      checkName(name);
      names.add(name);
      if (names.size > NAMES) throw refusal('54000', `documents with more than ${NAMES} different fields`);
    }
    const value: unknown = document[name];
    if (typeof value !== 'string' || LONE_SURROGATE.test(value))
      throw refusal('22023', `field ${JSON.stringify(name)} of a document is no well-formed text`);
  }
  if (fields > FIELDS) throw refusal('54000', `a document of ${fields} fields: ${FIELDS} at most`);
  if (!TIME.test(document['_time'] ?? '')) throw refusal('22023', 'the _time of a document is not written with nine digits and Z');
  return `${JSON.stringify('_msg' in document ? document : { ...document, _msg: '-' })}\n`;
}

function checkName(name: string): void {
  if (name === '' || name === '_stream' || name === '_stream_id' || Buffer.byteLength(name) > NAME_BYTES || LONE_SURROGATE.test(name))
    throw refusal('22023', `a document cannot have the field ${JSON.stringify(name.slice(0, NAME_BYTES))}`);
}

function refusal(sqlstate: string, message: string): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate, message });
}
