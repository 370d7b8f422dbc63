import type { DataFile, FileCoverage, IndexedTable } from '../../connector.js';
import type { QueryOptions } from '../client/logs-client.js';
import type { LogsIndexConfig } from '../config.js';
import { daysOf, spanOf } from './certificate.js';
import { ExpectedTotals, refusalsOf, type Standing, standingsOf, voidReason } from './coverage.js';
import { fileKey, type IndexMapping, satisfies, wantedMapping } from './layout.js';
import { stateOf } from './life.js';
import { troubleOf } from './odd-answer.js';
import type { IndexPlace, TableDocuments } from './table-documents.js';

const QUERY_MS = 10_000;

/** By path. */
export interface JudgedFiles {
  readonly covered: ReadonlyMap<string, Standing>;
  /** Files that have a certificate, or had one, but are not covered. */
  readonly void: ReadonlyMap<string, { readonly standing: Standing; readonly reason: string }>;
  /** What no build can cover, with the mapping wanted. */
  readonly refused: ReadonlyMap<string, string>;
}

/** Which files are covered just now, with all fields of the mapping where one is given. */
export async function judgedFiles(request: {
  readonly place: IndexPlace;
  readonly documents: TableDocuments;
  readonly files: readonly DataFile[];
  readonly mapping: IndexMapping | undefined;
  readonly options: QueryOptions;
}): Promise<JudgedFiles> {
  const { place, documents, files, mapping, options } = request;
  const { segments } = await documents.store.load();
  const standings = standingsOf(segments);
  const own = new Map(
    files.map((file) => [
      file.path,
      (standings.get(fileKey(file)) ?? []).filter(
        ({ certificate }) => certificate.rows === file.rows && (mapping === undefined || satisfies(certificate.mapping, mapping)),
      ),
    ]),
  );
  const refusals = refusalsOf(segments);
  const refused = new Map(
    files.flatMap((file): readonly (readonly [string, string])[] => {
      const found = refusals.get(fileKey(file))?.find((one) => mapping === undefined || one.mapping.time.id === mapping.time.id);
      return found === undefined ? [] : [[file.path, found.reason]];
    }),
  );
  const all = [...own.values()].flat();
  const covered = new Map<string, Standing>();
  const voided = new Map<string, { standing: Standing; reason: string }>();
  if (all.length === 0) return { covered, void: voided, refused };
  const days = daysOf(spanOf(all.map(({ certificate }) => certificate)));
  const state = await stateOf(place.client, documents.key, days, options);
  const expected = new ExpectedTotals(segments, state.epoch.startedAt);
  for (const [path, ones] of own) {
    for (const standing of ones) {
      const reason = voidReason(standing, state, expected);
      if (reason === undefined) {
        covered.set(path, standing);
        break;
      }
      if (!voided.has(path)) voided.set(path, { standing, reason });
    }
  }
  return { covered, void: voided, refused };
}

/** For people to read: also when the server does not answer. */
export async function coverageOf(request: {
  readonly place: IndexPlace;
  readonly documents: TableDocuments;
  readonly table: IndexedTable;
  readonly config: LogsIndexConfig | undefined;
}): Promise<readonly FileCoverage[]> {
  const { place, documents, table, config } = request;
  const { files, signal } = table;
  let judged: JudgedFiles | undefined;
  let wanted: IndexMapping | undefined;
  let trouble: string | undefined = config === undefined ? 'the table is not in index_for' : undefined;
  try {
    if (config !== undefined) wanted = wantedMapping(config, table);
    judged = await judgedFiles({ place, documents, files, mapping: undefined, options: { signal, timeout: QUERY_MS } });
  } catch (error) {
    signal.throwIfAborted();
    trouble = troubleOf(error);
  }
  return files.map((file): FileCoverage => {
    const standing = judged?.covered.get(file.path);
    const past = judged?.void.get(file.path);
    const certificate = (standing ?? past?.standing)?.certificate;
    const partly = certificate !== undefined && wanted !== undefined && !satisfies(certificate.mapping, wanted);
    const reason =
      standing !== undefined && trouble === undefined
        ? partly
          ? 'only for the columns of before'
          : null
        : (trouble ?? past?.reason ?? judged?.refused.get(file.path) ?? 'not indexed yet');
    return {
      path: file.path,
      rows: file.rows,
      covered: standing !== undefined && trouble === undefined,
      reason,
      columns: certificate === undefined ? [] : [certificate.mapping.time.field, ...certificate.mapping.fields.map(({ field }) => field)],
      bytes: certificate?.bytes ?? null,
      certifiedAt: (standing ?? past?.standing)?.at ?? null,
    };
  });
}
