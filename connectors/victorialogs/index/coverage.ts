import type { ServerEpoch } from '../client/logs-client.js';
import { type Certificate, type CertificateSegment, daysOf, type Refusal } from './certificate.js';

/** A certificate with the segment that it is from. */
export interface Standing {
  readonly certificate: Certificate;
  readonly startedAt: string;
  readonly at: number;
}

/** What the server says of itself and of a table's documents at one moment. */
export interface LogsState {
  readonly epoch: ServerEpoch;
  /** Documents of the table by day since 1970; days without are absent. */
  readonly totals: ReadonlyMap<number, number>;
}

/** Certificates by file key, the newest first. */
export function standingsOf(segments: readonly CertificateSegment[]): ReadonlyMap<string, readonly Standing[]> {
  const found = new Map<string, Standing[]>();
  for (const { certificates, startedAt, at } of [...segments].sort((a, b) => b.at - a.at)) {
    for (const certificate of certificates) {
      const standing = { certificate, startedAt, at };
      const all = found.get(certificate.file);
      if (all === undefined) found.set(certificate.file, [standing]);
      else all.push(standing);
    }
  }
  return found;
}

export function refusalsOf(segments: readonly CertificateSegment[]): ReadonlyMap<string, readonly Refusal[]> {
  const found = new Map<string, Refusal[]>();
  for (const { refusals } of segments) for (const one of refusals) found.set(one.file, [...(found.get(one.file) ?? []), one]);
  return found;
}

/** How many documents a table had on a day, as far back as certificates go: since then it must never have had fewer. */
export class ExpectedTotals {
  readonly #days = new Map<number, { readonly at: number; readonly total: number }[]>();

  constructor(segments: readonly Pick<CertificateSegment, 'startedAt' | 'at' | 'days'>[], startedAt: string) {
    for (const segment of segments) {
      if (segment.startedAt !== startedAt) continue;
      for (const [day, total] of segment.days) {
        const known = this.#days.get(day);
        if (known === undefined) this.#days.set(day, [{ at: segment.at, total }]);
        else known.push({ at: segment.at, total });
      }
    }
  }

  /** The greatest total seen since `at`. */
  since(day: number, at: number): number {
    let most = 0;
    for (const known of this.#days.get(day) ?? []) if (known.at >= at) most = Math.max(most, known.total);
    return most;
  }
}

export const RESTARTED = 'VictoriaLogs was started anew since, and its documents are not checked yet';
export const ALTERED = 'VictoriaLogs has other documents than it had';
export const FEWER = 'VictoriaLogs has fewer documents than it had';
export const RETENTION = "rows are older than VictoriaLogs' retention";

/** Why a certificate does not hold now; undefined: it does. */
export function voidReason({ certificate, startedAt, at }: Standing, state: LogsState, expected: ExpectedTotals): string | undefined {
  const { epoch, totals } = state;
  if (epoch.floor !== undefined && certificate.from < epoch.floor) return RETENTION;
  if (startedAt !== epoch.startedAt) return RESTARTED;
  const { first, last } = daysOf(certificate);
  // Each row had a document, whatever the totals said.
  let documents = 0;
  for (let day = first; day <= last; day++) {
    const total = totals.get(day) ?? 0;
    if (total < expected.since(day, at)) return FEWER;
    documents += total;
  }
  return documents < certificate.rows ? FEWER : undefined;
}
