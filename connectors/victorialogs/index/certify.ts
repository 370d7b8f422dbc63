import { internal } from '../../../sql/errors.js';
import type { QueryOptions } from '../client/logs-client.js';
import { type Certificate, daysOf, type Refusal, spanOf } from './certificate.js';
import { FEWER, type LogsState, RETENTION } from './coverage.js';
import { fileId } from './layout.js';
import { isUnchanged, stateOf } from './life.js';
import { isWhole, type ReadBack, readBack } from './read-back.js';
import type { IndexPlace, TableDocuments } from './table-documents.js';

/** What is to be certified. */
export interface Claim {
  readonly certificate: Certificate;
  /** Compares the documents' values, which numbers say nothing of. Undefined: they are the rows'; or why they are not. */
  readonly compared: () => Promise<string | undefined>;
}

export interface CertifyOutcome {
  readonly certified: readonly Certificate[];
  /** By file key: why not. */
  readonly failed: ReadonlyMap<string, string>;
}

/** Files read back by one query. */
const BATCH = 128;
/** And rows: the server ends queries after some time. */
const BATCH_ROWS = 4_000_000;
/** Days whose documents are counted at once. */
const MAX_DAYS = 40_000;

/**
 * Reads back which of the claims are true, and writes certificates of those. Whoever has just written the documents waits before he calls, until
 * they are on the server's disk. Throws where the server does not answer, or not in a form that we know.
 */
export async function certify(
  place: IndexPlace,
  documents: TableDocuments,
  claims: readonly Claim[],
  options: QueryOptions,
): Promise<CertifyOutcome> {
  const certified: Certificate[] = [];
  const failed = new Map<string, string>();
  const sorted = [...claims].sort((a, b) => Number(a.certificate.from - b.certificate.from));
  for (let at = 0; at < sorted.length; ) {
    const batch: Claim[] = [];
    for (let rows = 0; at < sorted.length && batch.length < BATCH && (rows === 0 || rows < BATCH_ROWS); at++) {
      const claim = sorted[at];
      if (claim === undefined) break;
      batch.push(claim);
      rows += claim.certificate.rows;
    }
    const outcome = await certifyBatch(place, documents, batch, options);
    certified.push(...outcome.certified);
    for (const [file, reason] of outcome.failed) failed.set(file, reason);
  }
  return { certified, failed };
}

async function certifyBatch(
  place: IndexPlace,
  documents: TableDocuments,
  claims: readonly Claim[],
  options: QueryOptions,
): Promise<CertifyOutcome> {
  const { client } = place;
  const failed = new Map<string, string>();
  const idOf = ({ certificate: { file, mapping } }: Claim): string => fileId(file, mapping);
  const span = spanOf(claims.map(({ certificate }) => certificate));
  const days = daysOf(span);
  if (days.last - days.first > MAX_DAYS) throw internal('documents of too many days');
  const before = await stateOf(client, documents.key, days, options);
  const found = await readBack(client, { table: documents.key, files: claims.map(idOf), range: span }, options);
  const wrong = new Map<Claim, string>();
  for (const claim of claims) {
    const one = found.get(idOf(claim));
    const reason = isWhole(one, claim.certificate.rows) ? await claim.compared() : shortage(one, claim.certificate.rows);
    if (reason !== undefined) wrong.set(claim, reason);
  }
  // Of the same life of the server as all that was read.
  const after = await stateOf(client, documents.key, days, options);
  const unchanged = isUnchanged(before, after);
  const certified = claims.flatMap((claim): readonly Certificate[] => {
    const { certificate } = claim;
    const past = after.epoch.floor !== undefined && certificate.from < after.epoch.floor;
    const reason = wrong.get(claim) ?? (!unchanged ? FEWER : past ? RETENTION : undefined);
    if (reason !== undefined) failed.set(certificate.file, reason);
    return reason === undefined ? [certificate] : [];
  });
  await record(documents, { certified, refusals: [], state: after });
  return { certified, failed };
}

function shortage(one: ReadBack | undefined, rows: number): string {
  const kept = Math.min(rows, one?.positions ?? 0);
  return kept === 0 ? 'not indexed yet' : `VictoriaLogs has documents of ${kept} of its ${rows} rows`;
}

/** Writes a segment, later than every one known. */
export async function record(
  { key, store }: TableDocuments,
  what: { readonly certified: readonly Certificate[]; readonly refusals: readonly Refusal[]; readonly state: LogsState },
): Promise<void> {
  const { certified, refusals, state } = what;
  if (certified.length === 0 && refusals.length === 0) return;
  const touched = new Set<number>();
  for (const one of certified) for (let { first: day, last } = daysOf(one); day <= last; day++) touched.add(day);
  const { segments } = await store.load();
  await store.add({
    table: key,
    startedAt: state.epoch.startedAt,
    at: Math.max(Date.now(), (segments.at(-1)?.at ?? 0) + 1),
    days: new Map([...state.totals].filter(([day]) => touched.has(day))),
    certificates: certified,
    refusals,
  });
}
