import { unsupported } from '../sql/errors.js';
import type { FromItem, Query, RangeEntry, Var } from '../sql/query.js';
import { quoteIdentifier } from '../sql/quote.js';
import { Oid } from '../sql/types.js';
import type { PlanExpr } from './physical-plan.js';

/** A range's row as a value, with the names of its columns. */
export function wholeRow(v: Var, entry: RangeEntry, query: Query, ranges: ReadonlyMap<number, readonly PlanExpr[]>): PlanExpr {
  const columns = ranges.get(v.range);
  if (columns === undefined || !('columns' in entry) || entry.columns.length !== columns.length)
    throw unsupported('this whole row as a value');
  if (query.from.some((item) => isNullable(item, v.range))) throw unsupported('a whole row of the nullable side of an outer join');
  const open = columns.map((_, n) => `${n === 0 ? '(select x from (select ' : ', '}`);
  const names = entry.columns.map((name) => ` as ${quoteIdentifier(name)}`);
  const pieces = open.map((text, n) => `${n === 0 ? '' : names[n - 1]}${text}`);
  return {
    kind: 'template',
    name: 'row',
    pieces: [...pieces, `${names.at(-1)}) x)`],
    args: columns,
    type: { oid: Oid.record, typmod: -1 },
  };
}

/** Is a row of this range NULL as a whole where an outer join finds no match? */
function isNullable(from: FromItem, range: number): boolean {
  const within = (item: FromItem): boolean =>
    item.kind === 'range' ? item.range === range : item.kind === 'join' ? within(item.left) || within(item.right) : item.items.some(within);
  switch (from.kind) {
    case 'range':
      return false;
    case 'join':
      return (
        ((from.type === 'left' || from.type === 'full') && within(from.right)) ||
        ((from.type === 'right' || from.type === 'full') && within(from.left)) ||
        isNullable(from.left, range) ||
        isNullable(from.right, range)
      );
    case 'list':
      return from.items.some((item) => isNullable(item, range));
  }
}
