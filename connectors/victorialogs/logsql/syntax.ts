/**
 * The part of LogsQL that we send, as a tree. Text of it is made in print.ts only, where names and values are quoted by construction: an unknown
 * word or pipe is no error to the server but a filter by that word, so nothing else may write LogsQL.
 */
export interface LogsQuery {
  readonly filter: LogsFilter;
  readonly pipes: readonly LogsPipe[];
}

export type LogsFilter =
  | { readonly kind: 'all' }
  | { readonly kind: 'nothing' }
  /** `F:="v"`. With '' : the field is absent or empty. */
  | { readonly kind: 'equals'; readonly field: string; readonly value: string }
  | { readonly kind: 'in'; readonly field: string; readonly values: readonly string[] }
  /** `F:*`: the field is there and not empty. */
  | { readonly kind: 'present'; readonly field: string }
  | { readonly kind: 'prefix'; readonly field: string; readonly prefix: string }
  /** RE2; whoever makes it quotes what is text in it. */
  | { readonly kind: 'regex'; readonly field: string; readonly pattern: string }
  /** From (inclusive), to (exclusive), by bytes. */
  | { readonly kind: 'string_range'; readonly field: string; readonly from: string; readonly to: string }
  /** Of numbers, as canonical text. */
  | { readonly kind: 'compare'; readonly field: string; readonly op: '<' | '<=' | '>' | '>='; readonly value: string }
  | { readonly kind: 'word'; readonly field: string; readonly word: string }
  /** `_time`, nanoseconds since 1970: from (inclusive), to (exclusive). Absent: open. */
  | { readonly kind: 'time'; readonly from?: bigint; readonly to?: bigint }
  /** A user's own filter, checked to have no pipe at its top level. */
  | { readonly kind: 'raw'; readonly text: string }
  | { readonly kind: 'and' | 'or'; readonly args: readonly LogsFilter[] }
  | { readonly kind: 'not'; readonly arg: LogsFilter };

export type LogsPipe =
  | { readonly kind: 'fields'; readonly fields: readonly string[] }
  | { readonly kind: 'stats'; readonly by: readonly LogsGroup[]; readonly calls: readonly LogsStat[] }
  | { readonly kind: 'uniq'; readonly fields: readonly string[]; readonly limit?: number }
  | {
      readonly kind: 'sort';
      readonly by: readonly { readonly field: string; readonly descending: boolean }[];
      readonly offset?: number;
      readonly limit?: number;
    }
  | { readonly kind: 'limit'; readonly rows: number }
  | { readonly kind: 'filter'; readonly filter: LogsFilter };

export type LogsGroup =
  | { readonly kind: 'field'; readonly field: string }
  /** `offset` in seconds, with the server's sign: opposite to the zone's. */
  | { readonly kind: 'time'; readonly step: 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year'; readonly offset?: number };

export interface LogsStat {
  readonly fn: 'count' | 'count_uniq' | 'min' | 'max' | 'sum';
  /** Absent: `count()`. */
  readonly field?: string;
  readonly as: string;
}
