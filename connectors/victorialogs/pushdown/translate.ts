import { internal } from '../../../sql/errors.js';
import type { TablePredicate } from '../../connector.js';
import type { LogsColumn } from '../encoding.js';
import type { LogsFilter } from '../logsql/syntax.js';

/** A filter that lets pass every document whose row passes the predicate; `exact`: and no other. */
export interface TranslatedFilter {
  readonly filter: LogsFilter;
  readonly verdict: 'exact' | 'superset';
}

/** Undefined: nothing can be said of the rows (every document may pass). `columnOf`: undefined for a column that documents do not have. */
export function translate(_predicate: TablePredicate, _columnOf: (name: string) => LogsColumn | undefined): TranslatedFilter | undefined {
  throw internal('not written yet');
}
