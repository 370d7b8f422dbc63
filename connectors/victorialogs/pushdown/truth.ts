import type { LogsFilter } from '../logsql/syntax.js';

/** A filter that lets pass every document whose row passes the predicate; `exact`: and no other. */
export interface TranslatedFilter {
  readonly filter: LogsFilter;
  readonly verdict: 'exact' | 'superset';
}

/** What is known of the documents for which a predicate is TRUE, and of those for which it is FALSE (those left give NULL). Absent: nothing. */
export interface Truth {
  readonly whenTrue?: TranslatedFilter | undefined;
  readonly whenFalse?: TranslatedFilter | undefined;
}

export const UNKNOWN: Truth = {};
/** Of a predicate that is NULL for every row. */
export const NEITHER: Truth = { whenTrue: exact({ kind: 'nothing' }), whenFalse: exact({ kind: 'nothing' }) };
export const ALWAYS: Truth = { whenTrue: exact({ kind: 'all' }), whenFalse: exact({ kind: 'nothing' }) };
export const NEVER: Truth = inverted(ALWAYS);

export function exact(filter: LogsFilter): TranslatedFilter {
  return { filter, verdict: 'exact' };
}

export function superset(filter: LogsFilter): TranslatedFilter {
  return { filter, verdict: 'superset' };
}

export function inverted({ whenTrue, whenFalse }: Truth): Truth {
  return { whenTrue: whenFalse, whenFalse: whenTrue };
}

/** Of a predicate that is TRUE for just these documents and FALSE for all others (never NULL). */
export function twoValued(whenTrue: TranslatedFilter | undefined): Truth {
  return { whenTrue, whenFalse: complement(whenTrue) };
}

/** All documents but these; unknown where some of these need not have been among them. */
export function complement(known: TranslatedFilter | undefined): TranslatedFilter | undefined {
  return known?.verdict === 'exact' ? exact(not(known.filter)) : undefined;
}

export function not(filter: LogsFilter): LogsFilter {
  if (filter.kind === 'not') return filter.arg;
  if (filter.kind === 'all') return { kind: 'nothing' };
  return filter.kind === 'nothing' ? { kind: 'all' } : { kind: 'not', arg: filter };
}

/** Documents that pass all: those that are not known may be any. */
export function allOf(args: readonly (TranslatedFilter | undefined)[]): TranslatedFilter | undefined {
  const known = args.filter((arg) => arg !== undefined);
  const nothing = known.find(({ filter }) => filter.kind === 'nothing');
  if (nothing !== undefined) return exact({ kind: 'nothing' });
  if (known.length === 0 && args.length > 0) return undefined;
  const filters = known.map(({ filter }) => filter).filter(({ kind }) => kind !== 'all');
  const verdict = known.length === args.length && known.every((arg) => arg.verdict === 'exact') ? 'exact' : 'superset';
  if (filters.length === 0) return verdict === 'exact' ? exact({ kind: 'all' }) : undefined;
  return { filter: joined('and', filters), verdict };
}

/** Documents that pass one of them: nothing is known where one is not. */
export function anyOf(args: readonly (TranslatedFilter | undefined)[]): TranslatedFilter | undefined {
  const known = args.filter((arg) => arg !== undefined);
  const all = known.find(({ filter, verdict }) => filter.kind === 'all' && verdict === 'exact');
  if (all !== undefined) return all;
  if (known.length < args.length) return undefined;
  const filters = known.map(({ filter }) => filter).filter(({ kind }) => kind !== 'nothing');
  const verdict = known.every((arg) => arg.verdict === 'exact') ? 'exact' : 'superset';
  return filters.length === 0 ? exact({ kind: 'nothing' }) : { filter: joined('or', filters), verdict };
}

function joined(kind: 'and' | 'or', filters: readonly LogsFilter[]): LogsFilter {
  const args = filters.flatMap((filter) => (filter.kind === kind ? filter.args : [filter]));
  const [only] = args;
  return only !== undefined && args.length === 1 ? only : { kind, args };
}
