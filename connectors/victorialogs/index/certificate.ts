import { createHash } from 'node:crypto';
import { dayOf, earlier, later } from '../instant.js';
import type { IndexedField, IndexMapping } from './layout.js';

/** That all rows of one data file were in the store, with all fields of the mapping. */
export interface Certificate {
  /** fileKey. */
  readonly file: string;
  readonly rows: number;
  readonly mapping: IndexMapping;
  /** Of its documents, nanoseconds since 1970. */
  readonly from: bigint;
  /** The last one's; inclusive. */
  readonly to: bigint;
  /** Of the documents, as written; undefined: not known. */
  readonly bytes: number | undefined;
  /** FileContent.digest: another store's documents, or a backup's, may have the right numbers and other values. */
  readonly digest: string;
}

/** Why a file cannot be covered whatever is done. */
export interface Refusal {
  readonly file: string;
  readonly mapping: IndexMapping;
  readonly reason: string;
}

/** What was read back together. Written once, never changed. */
export interface CertificateSegment {
  /** tableKey. */
  readonly table: string;
  /** Of the server's life in which it was read back. */
  readonly startedAt: string;
  /** Milliseconds since 1970; later than every segment that its writer knew. */
  readonly at: number;
  /** Documents of the table by day then, of the days that the certificates touch. */
  readonly days: ReadonlyMap<number, number>;
  readonly certificates: readonly Certificate[];
  readonly refusals: readonly Refusal[];
}

const FORM = 2;

/** Two lines: the SHA-256 of the second, and JSON. */
export function printSegment(segment: CertificateSegment): Uint8Array {
  const mappings: IndexMapping[] = [];
  const texts = new Map<string, number>();
  const numberOf = (mapping: IndexMapping): number => {
    const text = JSON.stringify(mapping);
    const known = texts.get(text);
    if (known !== undefined) return known;
    texts.set(text, mappings.length);
    mappings.push(mapping);
    return mappings.length - 1;
  };
  const certificates = segment.certificates.map(({ file, rows, mapping, from, to, bytes, digest: content }) => [
    file,
    rows,
    numberOf(mapping),
    String(from),
    String(to),
    bytes ?? null,
    content,
  ]);
  const refusals = segment.refusals.map(({ file, mapping, reason }) => [file, numberOf(mapping), reason]);
  const body = JSON.stringify({
    form: FORM,
    table: segment.table,
    startedAt: segment.startedAt,
    at: segment.at,
    days: [...segment.days],
    mappings: mappings.map(({ time, fields }) => [flat(time), fields.map(flat)]),
    certificates,
    refusals,
  });
  return Buffer.from(`${digest(body)}\n${body}\n`, 'utf8');
}

function flat({ id, field, oid }: IndexedField): readonly unknown[] {
  return [id, field, oid];
}

function digest(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}

/** Undefined: damaged, of another form, or another table's. Nothing in it is believed then. */
export function readSegment(bytes: Uint8Array, table: string): CertificateSegment | undefined {
  try {
    const match = /^([0-9a-f]{64})\n(.*)\n$/s.exec(Buffer.from(bytes).toString('utf8'));
    const body = match?.[2];
    if (body === undefined || digest(body) !== match?.[1]) return undefined;
    const json = record(JSON.parse(body));
    if (json['form'] !== FORM || json['table'] !== table) return undefined;
    const mappings = list(json['mappings']).map((one): IndexMapping => {
      const [time, fields] = list(one);
      return { time: fieldOf(time), fields: list(fields).map(fieldOf) };
    });
    const mappingOf = (index: unknown): IndexMapping => mappings[whole(index)] ?? wrong();
    return {
      table,
      startedAt: text(json['startedAt']),
      at: whole(json['at']),
      days: new Map(
        list(json['days']).map((entry) => {
          const [day, total] = list(entry);
          return [whole(day), whole(total)] as const;
        }),
      ),
      certificates: list(json['certificates']).map((entry): Certificate => {
        const [file, rows, mapping, from, to, size, content] = list(entry);
        const certificate = {
          file: text(file),
          rows: whole(rows),
          mapping: mappingOf(mapping),
          from: instant(from),
          to: instant(to),
          bytes: size === null ? undefined : whole(size),
          digest: text(content),
        };
        return certificate.rows > 0 && certificate.from <= certificate.to ? certificate : wrong();
      }),
      refusals: list(json['refusals']).map((entry): Refusal => {
        const [file, mapping, reason] = list(entry);
        return { file: text(file), mapping: mappingOf(mapping), reason: text(reason) };
      }),
    };
  } catch {
    return undefined;
  }
}

/** Days since 1970 that the documents of a file lie on. */
export function daysOf({ from, to }: Pick<Certificate, 'from' | 'to'>): { readonly first: number; readonly last: number } {
  return { first: dayOf(from), last: dayOf(to) };
}

/** From the first document of any of the files to the last one's; there is one file at least. */
export function spanOf(files: readonly Pick<Certificate, 'from' | 'to'>[]): Pick<Certificate, 'from' | 'to'> {
  return files.reduce((span, { from, to }) => ({ from: earlier(span.from, from), to: later(span.to, to) }));
}

function wrong(): never {
  throw new RangeError('not a certificate');
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : wrong();
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : wrong();
}

function text(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : wrong();
}

function whole(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : wrong();
}

function instant(value: unknown): bigint {
  return typeof value === 'string' && /^\d{1,19}$/.test(value) ? BigInt(value) : wrong();
}

function fieldOf(value: unknown): IndexedField {
  const [id, field, oid] = list(value);
  return { id: text(id), field: text(field), oid: whole(oid) };
}
