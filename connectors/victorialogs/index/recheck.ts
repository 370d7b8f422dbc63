import { type Certificate, daysOf, spanOf } from './certificate.js';
import { type Claim, certify } from './certify.js';
import { storedDigest } from './content.js';
import { ALTERED, ExpectedTotals, standingsOf, voidReason } from './coverage.js';
import { fileId } from './layout.js';
import { stateOf } from './life.js';
import type { IndexPlace, TableDocuments } from './table-documents.js';

/** Certificates that a restart of the server made void are read back in the background. */
export interface Rechecks {
  /** Returns at once. One table at a time; a table not again for a while. */
  start(documents: TableDocuments): void;
  close(): Promise<void>;
}

const AGAIN_MS = 60_000;
const QUERY_MS = 25_000;

export function createRechecks(place: IndexPlace): Rechecks {
  const stop = new AbortController();
  const last = new Map<TableDocuments, number>();
  let running: Promise<void> = Promise.resolve();
  return {
    start(documents) {
      const now = performance.now();
      if (stop.signal.aborted || now - (last.get(documents) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return;
      last.set(documents, now);
      // A server that does not answer is asked again by the next search that finds certificates void.
      running = running.then(() => recheck(place, documents, stop.signal).then(undefined, () => undefined));
    },
    async close() {
      stop.abort();
      await running;
    },
  };
}

/** Reads back what is certified and void now; gives what is certified again. */
export async function recheck(place: IndexPlace, documents: TableDocuments, signal: AbortSignal): Promise<readonly Certificate[]> {
  const options = { signal, timeout: QUERY_MS };
  const { segments } = await documents.store.load();
  const newest = [...standingsOf(segments).values()].flatMap((all) => {
    const mappings = new Set<string>();
    return all.filter(({ certificate: { mapping } }) => {
      const key = JSON.stringify(mapping);
      return !mappings.has(key) && mappings.add(key);
    });
  });
  if (newest.length === 0) return [];
  const days = daysOf(spanOf(newest.map(({ certificate }) => certificate)));
  const state = await stateOf(place.client, documents.key, days, options);
  const expected = new ExpectedTotals(segments, state.epoch.startedAt);
  const { altered } = documents;
  if (altered.startedAt !== state.epoch.startedAt) {
    altered.startedAt = state.epoch.startedAt;
    altered.files.clear();
  }
  const claims = newest.flatMap((standing): readonly Claim[] => {
    if (voidReason(standing, state, expected) === undefined) return [];
    const { certificate } = standing;
    const id = fileId(certificate.file, certificate.mapping);
    if (altered.files.has(id)) return [];
    const compared = async (): Promise<string | undefined> => {
      const stored = await storedDigest(place.client, { ...certificate, table: documents.key, id }, options);
      if (stored === certificate.digest) return undefined;
      altered.files.add(id);
      return ALTERED;
    };
    return [{ certificate, compared }];
  });
  return (await certify(place, documents, claims, options)).certified;
}
