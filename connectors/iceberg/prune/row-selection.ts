import type { ColumnChunk } from 'hyparquet';
import type { PruningStep, RowRuns } from '../../connector.js';
import type { ByteSource } from '../read/byte-source.js';
import type { RowRun } from '../read/opened-file.js';
import type { ParquetFooter } from '../read/parquet-footer.js';
import { type BloomFilter, hasBloomFilter, hashesOf, readBloom } from './bloom-filter.js';
import { mayPass } from './evidence.js';
import { chunkEvidence, type LeafColumn, leafColumn } from './leaf-columns.js';
import { type ColumnPages, indexedColumns, passingRows, readColumnPages } from './page-index.js';
import { type Condition, type ConditionColumn, mayMatch, type Test } from './predicate.js';
import { groupsWith, type RowGroupPlace, rowGroups, rowsOfGroups } from './row-groups.js';
import { intersection, rowCount } from './row-ranges.js';

/** Left out for their rows' numbers, which an index gave. */
const BY_INDEX = 'row groups by index';

/** What of one Parquet file is to be read. */
export interface RowSelection {
  /** Positions of row groups, ascending. */
  readonly groups: readonly number[];
  /** Rows that pages and `only` leave, ascending and inside of the groups; absent: all rows of the groups. */
  readonly ranges?: readonly RowRun[];
  /** `row groups by index`, `row groups`, `row groups by bloom filter`, `pages`. */
  readonly steps: readonly PruningStep[];
}

export interface SelectRequest {
  readonly footer: ParquetFooter;
  /** The file's bytes, for page indexes and bloom filters. */
  readonly source: ByteSource;
  readonly condition: Condition;
  readonly part?: readonly [from: number, to: number] | undefined;
  /** No others are wanted. */
  readonly only?: RowRuns | undefined;
  /** Use them where the file has them. */
  readonly pageIndex: boolean;
  readonly bloomFilters: boolean;
}

interface File extends SelectRequest {
  /** Of the condition's columns that the file has, by column id. A column that it does not have may hold anything: defaults, partition values. */
  readonly leaves: ReadonlyMap<number, LeafColumn>;
}

/**
 * Row groups and rows of a data file that may pass the condition: by statistics of row groups, bloom filters (only for tests of equality that
 * decide), then pages. Errors: XX001 naming the file for indexes that are damaged.
 */
export async function selectRows(request: SelectRequest): Promise<RowSelection> {
  const { footer, source, condition, part, only } = request;
  const inPart = rowGroups(footer, { bytes: source.size, ...(part === undefined ? {} : { part }) });
  const all = only === undefined ? inPart : groupsWith(inPart, rowsOfGroups(inPart, only));
  const file: File = { ...request, leaves: leavesOf(footer, condition) };
  const byStatistics = all.filter((group) => mayMatch(condition, (column, test) => mayPassGroup(file, group, column, test)));
  const steps = [...(only === undefined ? [] : [step(BY_INDEX, inPart, all)]), step('row groups', all, byStatistics)];
  const byBloom = await passBlooms(file, byStatistics);
  if (byBloom.tested) steps.push(step('row groups by bloom filter', byStatistics, byBloom.groups));
  const paged = await passPages(file, byBloom.groups);
  if (paged.step !== undefined) steps.push(paged.step);
  const left = only === undefined ? paged : onlyRows(paged, only);
  return { groups: left.groups.map(({ index }) => index), ...(left.ranges === undefined ? {} : { ranges: left.ranges }), steps };
}

/** Those of the groups and their rows that `only` has. */
function onlyRows(
  { groups, ranges }: { readonly groups: readonly RowGroupPlace[]; readonly ranges?: readonly RowRun[] },
  only: RowRuns,
): { readonly groups: readonly RowGroupPlace[]; readonly ranges: readonly RowRun[] } {
  const wanted = rowsOfGroups(groups, only);
  const rows = ranges === undefined ? wanted : intersection(ranges, wanted);
  return { groups: groupsWith(groups, rows), ranges: rows };
}

/** Those of the groups that may pass the condition by their statistics. */
export function groupsByStatistics(
  footer: ParquetFooter,
  condition: Condition,
  groups: readonly RowGroupPlace[],
): readonly RowGroupPlace[] {
  const leaves = leavesOf(footer, condition);
  return groups.filter((group) => mayMatch(condition, (column, test) => mayPassGroup({ footer, leaves }, group, column, test)));
}

function leavesOf(footer: ParquetFooter, condition: Condition): ReadonlyMap<number, LeafColumn> {
  const leaves = new Map<number, LeafColumn>();
  mayMatchAll(condition, (column) => {
    const leaf = leaves.has(column.id) ? undefined : leafColumn(footer, column);
    if (leaf !== undefined) leaves.set(column.id, leaf);
  });
  return leaves;
}

function mayMatchAll(condition: Condition, visit: (column: ConditionColumn, test: Test) => void): void {
  if (condition.kind === 'test') visit(condition.column, condition.test);
  if (condition.kind === 'and' || condition.kind === 'or') for (const arg of condition.args) mayMatchAll(arg, visit);
}

function mayPassGroup(
  { leaves, footer }: Pick<File, 'leaves' | 'footer'>,
  group: RowGroupPlace,
  column: ConditionColumn,
  test: Test,
): boolean {
  const leaf = leaves.get(column.id);
  if (group.rows === 0) return false;
  return leaf === undefined || mayPass(test, chunkEvidence(leaf, footer.statistics.groups[group.index]?.[leaf.chunk], group.rows));
}

function chunksOf(file: File, group: RowGroupPlace): readonly ColumnChunk[] {
  return file.footer.metadata.row_groups[group.index]?.columns ?? [];
}

async function passBlooms(file: File, groups: readonly RowGroupPlace[]): Promise<{ groups: readonly RowGroupPlace[]; tested: boolean }> {
  if (!file.bloomFilters) return { groups, tested: false };
  const hashes = new Map<Test, readonly bigint[]>();
  mayMatchAll(file.condition, (column, test) => {
    const leaf = file.leaves.get(column.id);
    const found = leaf === undefined ? undefined : hashesOf(test, leaf.encoding);
    if (found !== undefined) hashes.set(test, found);
  });
  if (hashes.size === 0) return { groups, tested: false };
  let tested = false;
  const kept = await Promise.all(
    groups.map(async (group) => {
      const chunks = chunksOf(file, group);
      const asks = (column: ConditionColumn, test: Test): boolean =>
        hashes.has(test) && hasBloomFilter(chunks[file.leaves.get(column.id)?.chunk ?? -1]);
      // If the group stays whatever the filters say, they are not worth a request.
      if (mayMatch(file.condition, (column, test) => !asks(column, test) && mayPassGroup(file, group, column, test))) return true;
      const wanted = new Set<number>();
      mayMatchAll(file.condition, (column, test) => {
        if (asks(column, test) && mayPassGroup(file, group, column, test)) wanted.add(column.id);
      });
      const filters = new Map<number, BloomFilter>();
      await Promise.all(
        [...wanted].map(async (id) => {
          const filter = await readBloom(file.source, chunks[file.leaves.get(id)?.chunk ?? -1], group.bytes);
          if (filter !== undefined) filters.set(id, filter);
        }),
      );
      if (filters.size === 0) return true;
      tested = true;
      return mayMatch(
        file.condition,
        (column, test) =>
          mayPassGroup(file, group, column, test) && (!hashes.has(test) || filters.get(column.id)?.(hashes.get(test) ?? []) !== false),
      );
    }),
  );
  return { groups: groups.filter((_, index) => kept[index]), tested };
}

async function passPages(
  file: File,
  groups: readonly RowGroupPlace[],
): Promise<{ groups: readonly RowGroupPlace[]; ranges?: readonly RowRun[]; step?: PruningStep }> {
  if (!file.pageIndex) return { groups };
  let [before, after] = [0, 0];
  const kept: RowGroupPlace[] = [];
  const ranges: RowRun[] = [];
  const found = await Promise.all(groups.map((group) => pagesOfGroup(file, group)));
  for (const [index, group] of groups.entries()) {
    const pages = found[index] ?? new Map<number, ColumnPages>();
    const rows = passingRows(file.condition, group, (column) => pages.get(column.id));
    for (const one of pages.values()) {
      before += one.pages.length;
      after += one.pages.filter((page) =>
        rows.some((run) => run.start < page.start + page.rows && page.start < run.start + run.rows),
      ).length;
    }
    if (rows.length === 0) continue;
    kept.push(group);
    ranges.push(...rows);
  }
  if (before === 0) return { groups };
  const step: PruningStep = { step: 'pages', before, after };
  const whole = rowCount(ranges) === kept.reduce((sum, { rows }) => sum + rows, 0);
  return { groups: kept, step, ...(whole ? {} : { ranges }) };
}

async function pagesOfGroup(file: File, group: RowGroupPlace): Promise<ReadonlyMap<number, ColumnPages>> {
  const chunks = chunksOf(file, group);
  const indexed = new Set(indexedColumns(file.condition, file.leaves, chunks));
  const pages = new Map<number, ColumnPages>();
  await Promise.all(
    [...file.leaves].map(async ([id, leaf]) => {
      const read = indexed.has(leaf) ? await readColumnPages(file.source, chunks[leaf.chunk], leaf, group) : undefined;
      if (read !== undefined) pages.set(id, read);
    }),
  );
  return pages;
}

function step(name: string, before: readonly RowGroupPlace[], after: readonly RowGroupPlace[]): PruningStep {
  const bytes = (groups: readonly RowGroupPlace[]): number => groups.reduce((sum, group) => sum + group.bytes, 0);
  return { step: name, before: before.length, after: after.length, bytesBefore: bytes(before), bytesAfter: bytes(after) };
}
