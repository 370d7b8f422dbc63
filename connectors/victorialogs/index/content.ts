import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { LogsClient, LogsRow, QueryOptions } from '../client/logs-client.js';
import type { LogsFilter, LogsQuery } from '../logsql/syntax.js';
import { FIELD, type IndexMapping } from './layout.js';
import { readCount } from './read-back.js';

/** Documents asked for by one query: the server ends queries after some time. */
const WINDOW_ROWS = 500_000;

/** What the documents of one file should be, four bytes a row: what was counted may have been changed on its way. */
export class FileContent {
  readonly #sums: Uint32Array;

  constructor(
    rows: number,
    private readonly mapping: IndexMapping,
  ) {
    this.#sums = new Uint32Array(rows);
  }

  /** The document that row `position` has. */
  set(position: number, document: LogsRow): void {
    this.#sums[position] = sumOf(document, this.mapping);
  }

  /** Of all documents: what a certificate keeps of them. */
  digest(): string {
    return digestOf(this.#sums);
  }

  /** How many rows have no such document in the store. Others with their numbers do no harm: they only make more candidates. */
  async missing(client: LogsClient, of: StoredFile, options: QueryOptions): Promise<number> {
    const rows = this.#sums.length;
    const seen = new Places(rows);
    for await (const { position, sum } of storedSums(client, { ...of, rows, mapping: this.mapping }, options))
      if (this.#sums[position] === sum) seen.add(position);
    return rows - seen.size;
  }
}

/** The documents of one file. */
export interface StoredFile {
  readonly table: string;
  readonly id: string;
  readonly from: bigint;
  readonly to: bigint;
}

/** What `FileContent.digest` was of the documents that the store has; undefined: of some row it has none, or several that differ. */
export async function storedDigest(
  client: LogsClient,
  of: StoredFile & { readonly rows: number; readonly mapping: IndexMapping },
  options: QueryOptions,
): Promise<string | undefined> {
  const sums = new Uint32Array(of.rows);
  const seen = new Places(of.rows);
  for await (const { position, sum } of storedSums(client, of, options)) {
    if (seen.add(position)) sums[position] = sum;
    else if (sums[position] !== sum) return undefined;
  }
  return seen.size === of.rows ? digestOf(sums) : undefined;
}

async function* storedSums(
  client: LogsClient,
  of: StoredFile & { readonly rows: number; readonly mapping: IndexMapping },
  options: QueryOptions,
): AsyncGenerator<{ readonly position: number; readonly sum: number }> {
  const { rows, mapping } = of;
  for (let first = 0; first < rows; first += WINDOW_ROWS) {
    const window: readonly LogsFilter[] =
      rows <= WINDOW_ROWS
        ? []
        : [
            { kind: 'compare', field: FIELD.position, op: '>=', value: String(first) },
            { kind: 'compare', field: FIELD.position, op: '<', value: String(first + WINDOW_ROWS) },
          ];
    const query: LogsQuery = {
      filter: {
        kind: 'and',
        args: [
          { kind: 'time', from: of.from, to: of.to + 1n },
          { kind: 'equals', field: FIELD.table, value: of.table },
          { kind: 'equals', field: FIELD.file, value: of.id },
          ...window,
        ],
      },
      pipes: [{ kind: 'fields', fields: ['_time', FIELD.position, FIELD.marked, ...mapping.fields.map(({ field }) => field)] }],
    };
    for await (const batch of client.query(query, options)) {
      for (const document of batch) {
        const position = readCount(document[FIELD.position]);
        if (position !== undefined && position < rows) yield { position, sum: sumOf(document, mapping) };
      }
    }
  }
}

/** Rows of a file, a bit for each. */
class Places {
  size = 0;
  readonly #bits: Uint8Array;

  constructor(rows: number) {
    this.#bits = new Uint8Array(Math.ceil(rows / 8));
  }

  /** False: it was there. */
  add(position: number): boolean {
    const bit = 1 << (position & 7);
    const byte = this.#bits[position >> 3] ?? 0;
    if ((byte & bit) !== 0) return false;
    this.#bits[position >> 3] = byte | bit;
    this.size++;
    return true;
  }
}

function digestOf(sums: Uint32Array): string {
  return createHash('sha256').update(sums).digest('hex');
}

function sumOf(document: LogsRow, { fields }: IndexMapping): number {
  let text = `${withoutZeros(document['_time'] ?? '')}${document[FIELD.marked] ?? ''}`;
  // An absent field is none of any length; a text has a `~` at least.
  for (const { field } of fields) {
    const value = document[field];
    text += value === undefined ? '\0' : `\0${value.length}:${value}`;
  }
  return crc32(text);
}

/** As the server writes times. */
function withoutZeros(time: string): string {
  const dot = time.indexOf('.');
  if (dot < 0) return time;
  let end = time.length - 2;
  while (time.charCodeAt(end) === 48) end--;
  return `${time.slice(0, end === dot ? dot : end + 1)}Z`;
}
