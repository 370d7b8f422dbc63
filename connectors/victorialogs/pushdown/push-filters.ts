import type { PushdownAnswer, PushdownRequest, TablePredicate } from '../../connector.js';
import { type LogsTable, MARK_FIELD } from '../discover/logs-table.js';
import type { LogsHandle } from '../handle.js';
import type { LogsFilter } from '../logsql/syntax.js';
import { type TranslatedFilter, translate } from './translate.js';

/** Keeps the conjuncts that the server can be asked for. */
export function pushFilters(handle: LogsHandle, table: LogsTable, request: PushdownRequest): PushdownAnswer {
  const translated = request.filters.map((filter) => translatedFor(filter, table));
  const answers = translated.map((one) => (one === undefined ? 'unsupported' : one.verdict === 'exact' ? 'exact' : 'inexact'));
  const limited = request.limit !== undefined && answers.every((answer) => answer === 'exact');
  const { limit: _limit, ...rest } = handle;
  const pushed: LogsHandle = {
    ...rest,
    filters: [...handle.filters, ...request.filters.filter((_, index) => translated[index] !== undefined)],
    ...(limited && request.limit !== undefined ? { limit: request.limit } : {}),
    width: request.columns.length,
  };
  return { handle: pushed, answers, limitDone: false };
}

/** Does it test nothing but `_time`, which every row has? */
function isOfTime(filter: LogsFilter): boolean {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return filter.args.every(isOfTime);
    case 'not':
      return isOfTime(filter.arg);
    default:
      return filter.kind === 'time' || filter.kind === 'nothing';
  }
}

/** What the server is asked for: a superset of the rows that the predicates let pass. */
export function filterOf(table: LogsTable, predicates: readonly TablePredicate[]): LogsFilter {
  const pushed = predicates.flatMap((predicate) => {
    const one = translatedFor(predicate, table);
    if (one === undefined) return [];
    // A row that lacks a value must be seen, to be refused.
    return table.own && !isOfTime(one.filter)
      ? [{ kind: 'or', args: [one.filter, { kind: 'present', field: MARK_FIELD }] } as const]
      : [one.filter];
  });
  return pushed.length === 0 ? table.filter : { kind: 'and', args: [table.filter, ...pushed] };
}

/** Undefined: nothing can be said of the rows. */
export function translatedFor(predicate: TablePredicate, table: LogsTable): TranslatedFilter | undefined {
  return translate(predicate, (name) => table.column(name));
}
