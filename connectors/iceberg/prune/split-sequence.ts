import type { ScanOrder } from '../../connector.js';
import { bestRank, compareRanks, type Rank, worstRank } from './order-rank.js';
import type { OrderedFile } from './ordered-parts.js';
import type { ConditionColumn } from './predicate.js';
import { columnEvidence } from './prune.js';
import { statisticsOf } from './split-bounds.js';

/**
 * Groups of splits (by index) of which each one's rows all come before the next one's, in no case beside them. `splits`: the files of each. Bounds that
 * are not known make one group of everything.
 */
export function splitSequence(
  splits: readonly (readonly OrderedFile[])[],
  column: ConditionColumn,
  order: ScanOrder,
): readonly (readonly number[])[] {
  const ranges = splits.flatMap((files, index) => {
    const evidence = files.map(({ file, bounds }) => columnEvidence(column, statisticsOf(file, bounds ?? {})));
    const [first] = evidence.map((one) => bestRank(one, column, order)).sort(compareRanks);
    return first === undefined ? [] : [{ index, first, last: worst(evidence.map((one) => worstRank(one, column, order))) }];
  });
  ranges.sort((a, b) => compareRanks(a.first, b.first) || a.index - b.index);
  const groups: number[][] = [];
  let end: Rank | undefined;
  for (const { index, first, last } of ranges) {
    const group = groups.at(-1);
    if (group === undefined || (end !== undefined && compareRanks(first, end) > 0)) {
      groups.push([index]);
      end = last;
    } else {
      group.push(index);
      end = worst([end, last]);
    }
  }
  return groups;
}

/** Undefined: there may be rows at any place. */
function worst(ranks: readonly (Rank | undefined)[]): Rank | undefined {
  return ranks.reduce((a, b) => (a === undefined || b === undefined ? undefined : compareRanks(a, b) >= 0 ? a : b));
}
