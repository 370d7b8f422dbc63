import { setTimeout as delay } from 'node:timers/promises';
import type { DataFile, IndexBuildRequest, IndexBuildResult } from '../../connector.js';
import type { QueryOptions } from '../client/logs-client.js';
import type { LogsIndexConfig } from '../config.js';
import type { Certificate, Refusal } from './certificate.js';
import { type Claim, certify, record } from './certify.js';
import type { FileContent } from './content.js';
import { RETENTION } from './coverage.js';
import { judgedFiles } from './file-coverage.js';
import { fileId, fileKey, wantedMapping } from './layout.js';
import { isWhole, readBack } from './read-back.js';
import { recheck } from './recheck.js';
import type { IndexPlace, TableDocuments } from './table-documents.js';
import { writeFile } from './write-file.js';

export interface IndexBuild {
  readonly place: IndexPlace;
  readonly documents: TableDocuments;
  readonly request: IndexBuildRequest;
  readonly config: LogsIndexConfig;
  /** Milliseconds after which the server has what it took on its disk. */
  readonly settle: number;
}

const QUERY_MS = 25_000;
const PROGRESS_MS = 2000;
/** Written files are read back, so many together, while others are written. */
const CERTIFIED_TOGETHER = 64;
/** Or so many rows, of each of which four bytes are kept until then. */
const CERTIFIED_ROWS = 1_000_000;
/** A file whose documents are not all there is written again: once. */
const ATTEMPTS = 2;
/** Files asked for by one query, of a build that went before. */
const PROBED_TOGETHER = 128;

/**
 * Writes documents of the files that are not covered, and certifies those that can be read back whole. What an earlier build wrote and did not come
 * to certify is looked for first. Documents that are there twice do no harm.
 */
export async function buildIndex({ place, documents, request, config, settle }: IndexBuild): Promise<IndexBuildResult> {
  const { client } = place;
  const { signal } = request;
  const mapping = wantedMapping(config, request);
  const options: QueryOptions = { signal, timeout: QUERY_MS };
  await recheck(place, documents, signal);
  const judged = await judgedFiles({ place, documents, files: request.files, mapping, options });
  const reasons = new Map(judged.refused);
  const missing = request.files.filter((file) => file.rows > 0 && !judged.covered.has(file.path) && !reasons.has(file.path));
  const before = request.files.length - missing.length - reasons.size;

  const done = new Set<string>();
  const waiting: Waiting[] = [];
  let [rows, bytes, told] = [0, 0, performance.now()];
  const tell = (what: string): void => {
    if (performance.now() - told < PROGRESS_MS) return;
    told = performance.now();
    request.onProgress(`${done.size + before} of ${request.files.length} files are indexed, ${rows} rows written: ${what}`);
  };

  /** Reads back what has waited long enough, or (`all`) waits for it. */
  async function certifyWaiting(all: boolean): Promise<void> {
    while (waiting.length > 0) {
      const young = waiting.findIndex(({ since }) => performance.now() - since < settle);
      const ready = young < 0 ? waiting.length : young;
      const count = Math.min(CERTIFIED_TOGETHER, ready);
      if (!all && (ready === 0 || (ready < CERTIFIED_TOGETHER && rowsIn(waiting.slice(0, ready)) < CERTIFIED_ROWS))) return;
      if (all && count < Math.min(CERTIFIED_TOGETHER, waiting.length)) {
        const last = waiting[Math.min(CERTIFIED_TOGETHER, waiting.length) - 1];
        tell('waiting until VictoriaLogs has them on its disk');
        await delay(Math.max(1, settle - (performance.now() - (last?.since ?? 0))), undefined, { signal });
        continue;
      }
      const batch = waiting.splice(0, count);
      const claims = batch.map(({ file, certificate, content }): Claim => {
        const { from, to } = certificate;
        const compared = async (): Promise<string | undefined> => {
          const id = fileId(certificate.file, mapping);
          const lost = await content.missing(client, { table: documents.key, id, from, to }, options);
          return lost === 0 ? undefined : `VictoriaLogs has documents of ${file.rows - lost} of its ${file.rows} rows`;
        };
        return { certificate, compared };
      });
      const outcome = await certify(place, documents, claims, options);
      const certified = new Set(outcome.certified.map(({ file }) => file));
      for (const { file, certificate } of batch) {
        if (certified.has(certificate.file)) {
          done.add(file.path);
          reasons.delete(file.path);
        } else reasons.set(file.path, outcome.failed.get(certificate.file) ?? 'not indexed yet');
      }
    }
  }

  const there = new Set((await writtenBefore()).map(({ path }) => path));
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const { floor } = await client.epoch(options);
    for (const file of missing) {
      const reason = reasons.get(file.path);
      if (done.has(file.path) || reason === RETENTION || reason === NO_TIME) continue;
      signal.throwIfAborted();
      // What an earlier build wrote is only compared, unless something of it is wrong.
      const dry = attempt === 1 && there.has(file.path);
      const written = await writeFile({
        client,
        table: documents.key,
        file,
        mapping,
        streams: config.streams,
        floor,
        rows: request.rows,
        dry,
        signal,
      });
      if (written.kind === 'written') {
        const { from, to, content } = written;
        if (!dry) rows += written.rows;
        bytes += written.bytes;
        const size = dry ? undefined : written.bytes;
        const certificate = { file: fileKey(file), rows: file.rows, mapping, from, to, bytes: size, digest: content.digest() };
        waiting.push({ file, certificate, content, since: performance.now() });
      } else if (written.kind === 'too_old') {
        reasons.set(file.path, RETENTION);
      } else {
        reasons.set(file.path, NO_TIME);
        await refuse({ file: fileKey(file), mapping, reason: NO_TIME });
      }
      tell(`writing ${file.path}`);
      await certifyWaiting(false);
    }
    if (waiting.length === 0) break;
    await client.flush(signal);
    await certifyWaiting(true);
  }
  const { startedAt } = await client.epoch(options);
  await documents.store.merge(startedAt);
  const counted = new Map<string, number>();
  for (const reason of reasons.values()) counted.set(reason, (counted.get(reason) ?? 0) + 1);
  return {
    before,
    indexed: done.size,
    uncovered: reasons.size,
    rows,
    bytes,
    reasons: [...counted].sort(([, a], [, b]) => b - a),
  };

  async function writtenBefore(): Promise<readonly DataFile[]> {
    const found: DataFile[] = [];
    for (let at = 0; at < missing.length; at += PROBED_TOGETHER) {
      const part = missing.slice(at, at + PROBED_TOGETHER);
      const ids = part.map((file) => fileId(fileKey(file), mapping));
      const there = await readBack(client, { table: documents.key, files: ids }, options);
      found.push(...part.filter((file, n) => isWhole(there.get(ids[n] ?? ''), file.rows)));
    }
    return found;
  }

  async function refuse(refusal: Refusal): Promise<void> {
    const epoch = await client.epoch(options);
    await record(documents, { certified: [], refusals: [refusal], state: { epoch, totals: new Map() } });
  }
}

const NO_TIME = 'rows have no time that a document can have';

function rowsIn(waiting: readonly Waiting[]): number {
  return waiting.reduce((sum, { file }) => sum + file.rows, 0);
}

/** A file whose documents are read back when they are old enough. */
interface Waiting {
  readonly file: DataFile;
  readonly certificate: Certificate;
  readonly content: FileContent;
  readonly since: number;
}
