import { createHash, randomBytes } from 'node:crypto';
import { type CertificateSegment, printSegment, readSegment } from './certificate.js';

/** Where certificates lie: stage files, for one (src/replay/stage-files.ts). Keys use `/`, and no characters but letters, digits, `.`, `_` and `-`. */
export interface IndexRecords {
  putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean>;
  /** Undefined: no such key. */
  read(key: string): Promise<Uint8Array | undefined>;
  list(folder: string): AsyncIterable<{ readonly key: string }>;
  remove(key: string): Promise<void>;
}

/** Everything known of one table's documents at one place. */
export interface KnownSegments {
  /** By `at`. */
  readonly segments: readonly CertificateSegment[];
  /** Objects that are there and cannot be believed. */
  readonly damaged: number;
}

/** So many segments are written as one at the end of a build. */
const MERGE_FROM = 24;
const MAX_SEGMENTS = 4096;
const MAX_SEGMENT_BYTES = 64 << 20;

/**
 * Certificates as segments: `index/{place and table}/{at}-{nonce}.seg`, each written once. Nothing is ever changed, so that several gateways may
 * build at once; the union of all segments is what is known.
 */
export class CertificateStore {
  readonly #folder: string;
  readonly #cache = new Map<string, CertificateSegment | undefined>();

  constructor(
    private readonly records: IndexRecords,
    /** Of the place: the store's address and tenant, of which another one has other documents. */
    place: string,
    private readonly table: string,
  ) {
    this.#folder = `index/${createHash('sha256')
      .update(JSON.stringify([place, table]))
      .digest('hex')
      .slice(0, 32)}`;
  }

  /** What is known now: one listing, and what is new. */
  async load(): Promise<KnownSegments> {
    for (let attempt = 0; ; attempt++) {
      const keys: string[] = [];
      for await (const { key } of this.records.list(this.#folder)) {
        if (key.endsWith('.seg')) keys.push(key);
        if (keys.length > MAX_SEGMENTS) break;
      }
      const present = new Set(keys);
      for (const key of this.#cache.keys()) if (!present.has(key)) this.#cache.delete(key);
      let gone = false;
      for (const key of keys) {
        if (this.#cache.has(key)) continue;
        const bytes = await this.records.read(key);
        // Merged by somebody else since it was listed: what was in it is elsewhere.
        if (bytes === undefined) gone = true;
        else this.#cache.set(key, bytes.byteLength > MAX_SEGMENT_BYTES ? undefined : readSegment(bytes, this.table));
      }
      if (gone && attempt < 3) continue;
      const segments = [...this.#cache.values()].filter((one) => one !== undefined).sort((a, b) => a.at - b.at);
      return { segments, damaged: this.#cache.size - segments.length };
    }
  }

  async add(segment: CertificateSegment): Promise<void> {
    for (;;) {
      const key = `${this.#folder}/${String(segment.at).padStart(16, '0')}-${randomBytes(6).toString('hex')}.seg`;
      if (!(await this.records.putIfAbsent(key, printSegment(segment)))) continue;
      this.#cache.set(key, segment);
      return;
    }
  }

  /** Writes segments of one life of the server as one, and removes what lives no more and damaged ones. Whoever dies on the way leaves doubles. */
  async merge(startedAt: string): Promise<void> {
    await this.load();
    const all = [...this.#cache];
    const alive = all.flatMap(([key, segment]) => (segment?.startedAt === startedAt ? [[key, segment] as const] : []));
    if (all.length < MERGE_FROM) return;
    if (alive.length > 0) {
      await this.add(mergedSegments(alive.map(([, segment]) => segment)));
      for (const [key] of alive) await this.#remove(key);
    }
    const certified = new Set(alive.flatMap(([, { certificates }]) => certificates.map(({ file }) => file)));
    for (const [key, segment] of all) {
      // Of an earlier life: its files may be certified again without being written again.
      const needless =
        segment === undefined || (segment.startedAt !== startedAt && segment.certificates.every(({ file }) => certified.has(file)));
      if (needless) await this.#remove(key);
    }
  }

  async #remove(key: string): Promise<void> {
    await this.records.remove(key);
    this.#cache.delete(key);
  }
}

/**
 * Of segments of one life. A certificate of an earlier segment holds only while no later total fell below its own: as `at` becomes that of the last
 * one, totals become the greatest.
 */
function mergedSegments(segments: readonly CertificateSegment[]): CertificateSegment {
  const [first] = segments;
  if (first === undefined) throw new RangeError('no segments');
  const days = new Map<number, number>();
  const certificates = new Map<string, CertificateSegment['certificates'][number]>();
  const refusals = new Map<string, CertificateSegment['refusals'][number]>();
  const sorted = [...segments].sort((a, b) => a.at - b.at);
  for (const segment of sorted) {
    for (const [day, total] of segment.days) days.set(day, Math.max(days.get(day) ?? 0, total));
    for (const one of segment.certificates) certificates.set(JSON.stringify([one.file, one.mapping]), one);
    for (const one of segment.refusals) refusals.set(JSON.stringify([one.file, one.mapping]), one);
  }
  return {
    table: first.table,
    startedAt: first.startedAt,
    at: Math.max(...sorted.map(({ at }) => at)),
    days,
    certificates: [...certificates.values()],
    refusals: [...refusals.values()],
  };
}
