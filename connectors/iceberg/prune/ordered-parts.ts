import type { Constant } from '../../../sql/expression.js';
import type { ConnectorSplit, OrderedParts, PruningStep, ScanOrder } from '../../connector.js';
import { asSplit, type IcebergSplit, rowsOf, type SplitFile } from '../handle.js';
import type { ParquetFooter } from '../read/parquet-footer.js';
import { chunkEvidence, leafColumn } from './leaf-columns.js';
import { bestRank, compareRanks, type Rank, rankOf } from './order-rank.js';
import type { Condition, ConditionColumn } from './predicate.js';
import { columnEvidence } from './prune.js';
import { groupsWith, type RowGroupPlace, rowGroups, rowsOfGroups } from './row-groups.js';
import { rowCount } from './row-ranges.js';
import { groupsByStatistics } from './row-selection.js';
import { asBounds, type FileBounds, statisticsOf } from './split-bounds.js';

/** Files of fewer bytes are read whole: their footers are not worth a look before. */
const WHOLE_BYTES = 128 << 10;
/** Footers read at once, where files overlap. */
const MOST_AT_ONCE = 8;

export interface OrderedFile {
  readonly file: SplitFile;
  readonly bounds: FileBounds | undefined;
}

/** The files of splits, each with its bounds where they are known. */
export function orderedFiles(splits: readonly Pick<ConnectorSplit, 'data' | 'bounds'>[]): readonly OrderedFile[] {
  return splits.flatMap(({ data, bounds }) => {
    const { files } = asSplit(data);
    const known = asBounds(bounds, files.length);
    return files.map((file, n): OrderedFile => ({ file, bounds: known?.[n] }));
  });
}

export interface PartsRequest {
  readonly files: readonly OrderedFile[];
  readonly column: ConditionColumn;
  readonly order: ScanOrder;
  readonly condition: Condition;
  /** Undefined: the file is read whole. */
  readonly footerOf: (file: SplitFile) => Promise<ParquetFooter | undefined>;
}

/** A file that was not looked into, or (`groups`) row groups of one that begin in its `part`. */
interface Part {
  readonly file: SplitFile;
  readonly rank: Rank;
  readonly rows: number;
  /** The place that it was found at: what is equal comes in this order. */
  readonly at: number;
  readonly groups?: number;
}

/** Row groups of files, best first by their bounds of one column; files are opened when nothing known may be better. */
export class FileParts implements OrderedParts {
  readonly #request: PartsRequest;
  readonly #queue: PartQueue;
  readonly #read = new Set<string>();
  #found = 0;
  readonly #groups = { before: 0, after: 0 };

  constructor(request: PartsRequest) {
    this.#request = request;
    const { column, order } = request;
    this.#queue = new PartQueue(
      request.files.map(({ file, bounds }): Part => {
        const evidence = columnEvidence(column, statisticsOf(file, bounds ?? {}));
        return { file, rank: bestRank(evidence, column, order), rows: rowsOf(file), at: this.#found++ };
      }),
    );
  }

  /** Looks into the files until there is more than one part, or nothing left to look into. */
  async hasMany(): Promise<boolean> {
    while (this.#queue.length < 2) {
      const first = this.#queue.peek();
      if (first === undefined || first.groups !== undefined || !isDivisible(first.file)) return false;
      this.#queue.pop();
      await this.#open([first]);
    }
    return true;
  }

  async next({ rows, last }: Parameters<OrderedParts['next']>[0]): Promise<readonly IcebergSplit[] | undefined> {
    const end = last === undefined ? undefined : this.#end(last);
    const chosen: Part[] = [];
    let [wanted, atOnce] = [rows, 1];
    for (;;) {
      const part = this.#queue.peek();
      if (part === undefined || end?.(part.rank) === true) break;
      if (part.groups === undefined && isDivisible(part.file)) {
        const opened: Part[] = [];
        for (let one = this.#queue.peek(); one !== undefined && opened.length < atOnce; one = this.#queue.peek()) {
          if (one.groups !== undefined || !isDivisible(one.file) || end?.(one.rank) === true) break;
          opened.push(one);
          this.#queue.pop();
        }
        await this.#open(opened);
        atOnce = Math.min(MOST_AT_ONCE, atOnce * 2);
        continue;
      }
      if (wanted <= 0) break;
      this.#queue.pop();
      chosen.push(part);
      wanted -= part.rows;
    }
    if (chosen.length === 0) return undefined;
    for (const { file, groups = 0 } of chosen) {
      this.#read.add(file.path);
      this.#groups.after += groups;
    }
    return [{ files: together(chosen) }];
  }

  get pruning(): readonly PruningStep[] {
    const files = new Set(this.#request.files.map(({ file }) => file.path)).size;
    const { before, after } = this.#groups;
    return [
      ...(files > 1 ? [{ step: 'files by top-N', before: files, after: this.#read.size }] : []),
      ...(before > 0 ? [{ step: 'row groups by top-N', before, after }] : []),
    ];
  }

  /** Is a part with this rank out, and so every one after it? */
  #end({ constant, ties }: { readonly constant: Constant; readonly ties: boolean }): ((rank: Rank) => boolean) | undefined {
    const { column, order } = this.#request;
    const last = rankOf(constant, column, order);
    if (last === undefined) return undefined;
    return (rank) => {
      const order = compareRanks(rank, last);
      return order > 0 || (order === 0 && !ties);
    };
  }

  async #open(parts: readonly Part[]): Promise<void> {
    const footers = await Promise.all(parts.map(({ file }) => this.#request.footerOf(file)));
    for (const [index, part] of parts.entries()) {
      const footer = footers[index];
      if (footer === undefined) this.#queue.push({ ...part, groups: 0 });
      else for (const one of this.#divided(part.file, footer)) this.#queue.push(one);
    }
  }

  #divided(file: SplitFile, footer: ParquetFooter): readonly Part[] {
    const { column, order, condition } = this.#request;
    const leaf = leafColumn(footer, column);
    const all = rowGroups(footer, file).filter(({ rows }) => rows > 0);
    const wanted = file.only === undefined ? all : groupsWith(all, rowsOfGroups(all, file.only));
    const passing = new Set(groupsByStatistics(footer, condition, wanted));
    this.#groups.before += all.length;
    const begins = new Map<number, RowGroupPlace[]>();
    for (const group of all) begins.set(group.begins, [...(begins.get(group.begins) ?? []), group]);
    const edges = [...begins.keys()].sort((a, b) => a - b);
    const [start, end] = file.part ?? [0, file.bytes];
    return edges.flatMap((edge, n): Part[] => {
      const groups = (begins.get(edge) ?? []).filter((group) => passing.has(group));
      const ranks = groups.map(({ index, rows }): Rank => {
        if (leaf === undefined) return bestRank(NOTHING, column, order);
        return bestRank(chunkEvidence(leaf, footer.statistics.groups[index]?.[leaf.chunk], rows), column, order);
      });
      const [rank] = ranks.sort(compareRanks);
      if (rank === undefined) return [];
      const part = { ...file, part: [n === 0 ? start : edge, edges[n + 1] ?? end] as const };
      return [{ file: part, rank, rows: rowCount(rowsOfGroups(groups, file.only)), at: this.#found++, groups: groups.length }];
    });
  }
}

const NOTHING = { lower: undefined, upper: undefined, mayHaveNull: true, mayHaveValue: true, mayHaveNaN: true };

function isDivisible({ format, bytes }: SplitFile): boolean {
  return format === undefined && bytes >= WHOLE_BYTES;
}

/** In the order of files and their rows; what lies side by side in a file is one. */
function together(parts: readonly Part[]): readonly SplitFile[] {
  const joined: SplitFile[] = [];
  for (const { file } of [...parts].sort((a, b) => a.at - b.at)) {
    const before = joined.at(-1);
    if (before?.part !== undefined && before.path === file.path && before.part[1] === file.part?.[0])
      joined[joined.length - 1] = { ...before, part: [before.part[0], file.part[1]] };
    else joined.push(file);
  }
  return joined;
}

/** A heap: the best rank first, of equal ones what was found first. */
class PartQueue {
  readonly #heap: Part[];

  constructor(parts: readonly Part[]) {
    // In order it is a heap.
    this.#heap = [...parts].sort(comesBefore);
  }

  get length(): number {
    return this.#heap.length;
  }

  peek(): Part | undefined {
    return this.#heap[0];
  }

  push(part: Part): void {
    const heap = this.#heap;
    let at = heap.push(part) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = heap[above];
      if (other === undefined || comesBefore(other, part) <= 0) break;
      heap[at] = other;
      at = above;
    }
    heap[at] = part;
  }

  pop(): Part | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      if (left === undefined) break;
      const child = right !== undefined && comesBefore(right, left) < 0 ? right : left;
      if (comesBefore(last, child) <= 0) break;
      heap[at] = child;
      at = 2 * at + (child === left ? 1 : 2);
    }
    heap[at] = last;
    return first;
  }
}

function comesBefore(a: Part, b: Part): number {
  return compareRanks(a.rank, b.rank) || a.at - b.at;
}
