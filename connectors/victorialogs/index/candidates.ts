import type { CandidateRequest, Candidates } from '../../connector.js';
import { printFilter } from '../logsql/print.js';
import type { LogsFilter } from '../logsql/syntax.js';
import { daysOf, spanOf } from './certificate.js';
import {
  ExpectedTotals,
  FEWER,
  type LogsState,
  RESTARTED,
  RETENTION,
  refusalsOf,
  type Standing,
  standingsOf,
  voidReason,
} from './coverage.js';
import { type IndexFilter, indexFilter } from './index-filter.js';
import { fileId, fileKey } from './layout.js';
import { isUnchanged, stateOf } from './life.js';
import { troubleOf } from './odd-answer.js';
import { documentFilter, type SearchedFile, search } from './search.js';
import type { IndexPlace, TableDocuments } from './table-documents.js';

export interface CandidateSearch {
  readonly place: IndexPlace;
  readonly documents: TableDocuments;
  readonly request: CandidateRequest;
  /** Milliseconds that a search may take at most. */
  readonly timeout: number;
  /** Certificates were void that reading back could make good again. */
  readonly onVoid: () => void;
}

interface Worth {
  /** A scan of fewer bytes is not worth a search. */
  readonly leastBytes: number;
  /** What scans read in a millisecond, about. */
  readonly bytesPerMs: number;
  readonly leastMs: number;
}

const LOCAL: Worth = { leastBytes: 16 << 20, bytesPerMs: 100_000, leastMs: 50 };
/** From an object store, 25 ms a request, 54 MB in 31 files took 1.2 to 2.4 s. */
const REMOTE: Worth = { leastBytes: 4 << 20, bytesPerMs: 25_000, leastMs: 100 };
const BUDGET_SHARE = 0.05;
/** A filter may name so many files; more are told apart here. */
const MAX_NAMED_FILES = 64;
const MAX_SHOWN = 300;

/** The rows that may pass, as far as the index is certain of them; anything else is a scan. Rejects only when the request is aborted. */
export async function findCandidates(given: CandidateSearch): Promise<Candidates> {
  const { request, place, timeout } = given;
  const { bytesPerMs, leastMs } = worthOf(request);
  const milliseconds = request.always ? timeout : Math.min(timeout, Math.max(leastMs, (request.bytes / bytesPerMs) * BUDGET_SHARE));
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), milliseconds);
  const signal = AbortSignal.any([request.signal, late.signal]);
  let give: (() => void) | undefined;
  // What does not listen to the signal must not hold up the query, either.
  const ended = new Promise<never>((_, reject) => {
    give = () => reject(signal.reason);
    signal.addEventListener('abort', give, { once: true });
  });
  try {
    request.signal.throwIfAborted();
    return await Promise.race([find(given, signal, milliseconds), ended]);
  } catch (error) {
    request.signal.throwIfAborted();
    if (late.signal.aborted) return scan(`${place.name} gave no answer within ${Math.round(milliseconds)} ms`);
    return scan(troubleOf(error));
  } finally {
    clearTimeout(timer);
    if (give !== undefined) signal.removeEventListener('abort', give);
  }
}

function worthOf({ files }: CandidateRequest): Worth {
  return files.some(({ remote }) => remote === true) ? REMOTE : LOCAL;
}

function scan(reason: string): Candidates {
  return { kind: 'scan', reason };
}

/** A file with one of its certificates, and what its documents can tell. */
interface Choice {
  readonly path: string;
  readonly standing: Standing;
  readonly filter: IndexFilter;
}

async function find({ place, documents, request, onVoid }: CandidateSearch, signal: AbortSignal, timeout: number): Promise<Candidates> {
  if (request.files.length === 0) return scan('there is no file to read');
  if (request.filters.length === 0) return scan('there is no filter');
  if (!request.always && request.bytes < worthOf(request).leastBytes) return scan('the scan is small');
  const { segments, damaged } = await documents.store.load();
  const standings = standingsOf(segments);
  const refusals = refusalsOf(segments);
  const filters = new Map<string, IndexFilter | undefined>();
  const filterOf = ({ certificate: { mapping } }: Standing): IndexFilter | undefined => {
    const key = JSON.stringify(mapping);
    if (!filters.has(key)) filters.set(key, indexFilter(request, mapping));
    return filters.get(key);
  };
  const reasons = new Map<string, number>();
  let unbuilt = 0;
  const uncovered = (reason: string, buildable = false): void => {
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    if (buildable) unbuilt++;
  };
  const nothing = (): Candidates => ({
    kind: 'scan',
    reason: summary(reasons, request.files.length),
    ...(unbuilt === 0 ? {} : { unbuilt }),
  });
  const choices = new Map<string, readonly Choice[]>();
  for (const file of request.files) {
    const key = fileKey(file);
    // One path with two sizes: whoever says so is not believed.
    const own = (standings.get(key) ?? []).filter(({ certificate }) => certificate.rows === file.rows);
    const usable = own.flatMap((standing): readonly Choice[] => {
      const filter = filterOf(standing);
      return filter === undefined ? [] : [{ path: file.path, standing, filter }];
    });
    if (usable.length > 0)
      choices.set(
        file.path,
        [...usable].sort((a, b) => b.filter.conjuncts - a.filter.conjuncts),
      );
    else if (own.length > 0) uncovered('no filter on what is indexed');
    else {
      const refusal = refusals.get(key)?.at(-1)?.reason;
      uncovered(refusal ?? (damaged > 0 ? 'not indexed, or its certificate is damaged' : 'not indexed yet'), refusal === undefined);
    }
  }
  if (choices.size === 0) return nothing();

  const days = daysOf(spanOf([...choices.values()].flat().map(({ standing }) => standing.certificate)));
  const state = await stateOf(place.client, documents.key, days, { signal, timeout });
  const expected = expectedTotals(documents, segments, state);
  const chosen = new Map<string, Choice>();
  for (const [path, usable] of choices) {
    const voids = usable.map(({ standing }) => voidReason(standing, state, expected));
    const first = usable.find((_, n) => voids[n] === undefined);
    if (first !== undefined) chosen.set(path, first);
    else uncovered(voids[0] ?? FEWER, voids[0] !== RETENTION);
  }
  if (reasons.has(RESTARTED) || reasons.has(FEWER)) onVoid();
  const files = request.files.flatMap((file): readonly SearchedFile[] => {
    const choice = chosen.get(file.path);
    return choice === undefined ? [] : [{ file, id: fileId(choice.standing.certificate.file, choice.standing.certificate.mapping) }];
  });
  if (files.length !== chosen.size) return scan('a file is named twice');
  if (files.length === 0) return nothing();

  const used = distinct([...chosen.values()].map(({ filter: { filter } }) => filter));
  const range = spanOf([...chosen.values()].map(({ standing }) => standing.certificate));
  const filter = documentFilter({
    table: documents.key,
    range,
    filters: used,
    ...(files.length <= MAX_NAMED_FILES ? { files: files.map(({ id }) => id) } : {}),
  });
  const found = await search({ client: place.client, filter, files, always: request.always, options: { signal, timeout } });
  if ('kind' in found) return found;
  const after = await stateOf(place.client, documents.key, days, { signal, timeout });
  if (!isUnchanged(state, after)) return scan('VictoriaLogs was started anew, or lost documents, meanwhile');
  remember(documents, after, segments.at(-1)?.at ?? 0);
  const text = used.map((one) => printFilter(one)).join(' or ');
  return {
    kind: 'narrowed',
    ...found,
    used: text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text,
    ...(reasons.size === 0 ? {} : { uncovered: summary(reasons, request.files.length) }),
    ...(unbuilt === 0 ? {} : { unbuilt }),
  };
}

/** "3 of 10 files: not indexed yet". */
function summary(reasons: ReadonlyMap<string, number>, files: number): string {
  return [...reasons]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 4)
    .map(([reason, count]) => `${count} of ${files} files: ${reason}`)
    .join('; ');
}

function distinct(filters: readonly LogsFilter[]): readonly LogsFilter[] {
  return [
    ...new Map(
      filters.map((filter) => [JSON.stringify(filter, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)), filter]),
    ).values(),
  ];
}

/** What certificates say, and what searches have seen since. */
function expectedTotals(
  { seen }: TableDocuments,
  segments: ConstructorParameters<typeof ExpectedTotals>[0],
  { epoch }: LogsState,
): ExpectedTotals {
  return new ExpectedTotals([...segments, seen], epoch.startedAt);
}

function remember({ seen }: TableDocuments, { epoch, totals }: LogsState, newest: number): void {
  // What was certified since may have been after a loss: it counts from then on.
  if (seen.startedAt !== epoch.startedAt || newest > seen.at) {
    seen.startedAt = epoch.startedAt;
    seen.days = new Map();
  }
  seen.at = Math.max(Date.now(), newest);
  for (const [day, total] of totals) seen.days.set(day, Math.max(seen.days.get(day) ?? 0, total));
}
