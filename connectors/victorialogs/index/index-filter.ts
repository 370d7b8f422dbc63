import type { Expr } from '../../../sql/expression.js';
import type { CandidateRequest, TableColumn, TablePredicate } from '../../connector.js';
import type { LogsColumn } from '../encoding.js';
import type { LogsFilter } from '../logsql/syntax.js';
import { translate } from '../pushdown/translate.js';
import { FIELD, type IndexMapping, typeClass } from './layout.js';

/** What a mapping's documents can tell of the rows wanted. */
export interface IndexFilter {
  readonly filter: LogsFilter;
  /** Conjuncts that it stands for; those on the time alone are not counted. */
  readonly conjuncts: number;
}

/** Every document passes whose row passes all filters. Undefined: the documents tell nothing of the rows but their time. */
export function indexFilter(request: Pick<CandidateRequest, 'filters' | 'identity'>, mapping: IndexMapping): IndexFilter | undefined {
  const fields = new Map(mapping.fields.map((field) => [field.id, field]));
  const parts: LogsFilter[] = [];
  let conjuncts = 0;
  for (const predicate of request.filters) {
    const types = new Map(columnsIn(predicate).map(({ name, type }) => [name, type]));
    let beyondTime = false;
    const columnOf = (name: string): LogsColumn | undefined => {
      const id = request.identity.columns.get(name);
      const type = types.get(name);
      if (id === undefined || type === undefined) return undefined;
      if (id === mapping.time.id) return type.oid === mapping.time.oid ? { field: '_time', type, encoding: 'time' } : undefined;
      const field = fields.get(id);
      if (field === undefined || typeClass(field.oid) !== typeClass(type.oid)) return undefined;
      beyondTime = true;
      return { field: field.field, type, encoding: 'own' };
    };
    const translated = translate(predicate, columnOf);
    if (translated === undefined || translated.filter.kind === 'all') continue;
    parts.push(translated.filter);
    if (beyondTime) conjuncts++;
  }
  if (conjuncts === 0) return undefined;
  const marked: LogsFilter = { kind: 'equals', field: FIELD.marked, value: '1' };
  return { filter: { kind: 'or', args: [{ kind: 'and', args: parts }, marked] }, conjuncts };
}

/** The columns that a predicate reads, wherever they stand in it. */
export function columnsIn(predicate: TablePredicate): readonly TableColumn[] {
  const found: TableColumn[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const one of value) visit(one);
    else if (typeof value === 'object' && value !== null) {
      if ('kind' in value && value.kind === 'table_column') found.push(value as TableColumn);
      else for (const one of Object.values(value)) visit(one);
    }
  };
  visit(predicate satisfies Expr<TableColumn>);
  return found;
}
