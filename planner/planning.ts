import type { Connector, Handle, PinnedTable, RecentPin, TableDescription, TableIndex, TableName } from '../connectors/connector.js';
import { internal, type TimelineError } from '../sql/errors.js';
import type { Constant, Expr } from '../sql/expression.js';
import type { AggregateCall, Cte, GroupingCall, Query, QueryExpr, SubLink, Var, WindowCall } from '../sql/query.js';
import type { Type } from '../sql/types.js';
import type { Field, Operator, PlanExpr, PlanSession, ScanOperator, ValuesOperator } from './physical-plan.js';

/** The part of a connector that planning needs. */
export type PlanningConnector = Pick<
  Connector,
  'name' | 'pushdown' | 'dataFiles' | 'aggregate' | 'readsPath' | 'splits' | 'narrow' | 'fingerprint' | 'ordered' | 'sequence'
>;

export interface TaskTargets {
  /** Bytes up to which a connector puts small files into one split; absent: as it likes. */
  readonly splitBytes?: number;
  /** Splits that one scan task reads at most. */
  readonly splitsPerTask: number;
  /** Bytes of splits under which the whole plan is one task. */
  readonly smallBytes: number;
  /** Tasks of a stage that reads a hash exchange. */
  readonly partitions: number;
  /** A join's input of fewer bytes than this (estimated) is read whole by the tasks of the other one. Absent: a quarter of smallBytes. */
  readonly broadcastBytes?: number;
  /** Events that one task of TIMELINE reads by itself at most; of more, parts go to several tasks by hash of the key. Absent: 64Mi. */
  readonly directRows?: number;
  /** `auto` (or absent): where the estimates promise something; `on`: wherever an answer cannot change. */
  readonly dynamicFilters?: DynamicFilterMode;
  /** `auto` (or absent): states are kept where they save reading `smallBytes` or more; `on`: wherever they can be. */
  readonly carry?: CarryMode;
  /** Whether ORDER BY … LIMIT reads a scan part by part. `auto` (or absent): where the scan is large enough to pay. */
  readonly topN?: 'auto' | 'on' | 'off';
}

export type CarryMode = 'auto' | 'on' | 'off';

export type DynamicFilterMode = 'auto' | 'on' | 'off';

/** What planning does about TIMELINE() beyond reading what it must; none of it changes an answer. */
export type TimelineRule = 'digest' | 'columns' | 'lookback' | 'relevance' | 'key_semi_join';

/** `auto` (or absent): where the estimates promise something; `on`: wherever an answer cannot change. */
export type TimelineRules = Readonly<Partial<Record<TimelineRule, 'auto' | 'on' | 'off'>>>;

/** A version of a table, and with it the rows that are on their way into it, where the statement wants them and there are any. */
export type PinnedVersion = PinnedTable & {
  readonly recent?: Pick<RecentPin, 'handle' | 'notices'> & { readonly connector: PlanningConnector };
};

/** What the engine lends the planner for one statement. */
export interface PlanContext {
  readonly session: PlanSession;
  connectorOf(schema: string, table: string): { readonly connector: PlanningConnector; readonly description: TableDescription } | undefined;
  /** Asked once per table and plan. */
  pin(
    connector: PlanningConnector,
    table: { readonly schema: string; readonly table: string },
  ): Promise<PinnedVersion & { readonly asOf?: string }>;
  /** Evaluates expressions without columns in PostgreSQL, all at once; an error stands for the one expression that raised it. */
  evaluate(exprs: readonly Expr<never>[]): Promise<readonly (Constant | TimelineError)[]>;
  /** All rows of a table or view of PostgreSQL's own catalogue, in text form; absent: there is no such catalogue. */
  systemRows?(schema: string, table: string, columns: readonly string[]): Promise<SystemTable>;
  readonly taskTargets: TaskTargets;
  readonly timelineRules?: TimelineRules;
  /** Whether connectors compute aggregates where they can; absent: `on`. */
  readonly connectorAggregates?: 'on' | 'off';
  /** The index of a table that users name so; undefined: it has none. */
  indexOf?(schema: string, table: string): PlannedIndex | undefined;
  /** Whether it is searched. `auto` (or absent): where it seems to pay; `on`: always. */
  readonly useIndex?: 'auto' | 'on' | 'off';
  /** For all searches of the statement; absent: a second, or ten of them (`on`). */
  readonly indexMilliseconds?: number;
  readonly signal: AbortSignal;
}

export interface PlannedIndex {
  /** The connector's that keeps it. */
  readonly name: string;
  readonly index: TableIndex;
  /** The table as the configuration of the index names it. */
  readonly table: TableName;
}

/** A table of pg_catalog or information_schema as it was when the plan was made. */
export interface SystemTable {
  readonly columns: readonly { readonly name: string; readonly type: Type }[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** A table of this plan: described and pinned before conversion begins. */
export interface PlannedTable {
  /** Names as PostgreSQL sees them; a catalog may know its namespace by another name. */
  readonly schema: string;
  readonly table: string;
  readonly connector: PlanningConnector;
  readonly description: TableDescription;
  readonly handle: Handle;
  readonly snapshot: string | null;
  /** Of the pinned columns, which may be newer than the description's. */
  readonly schemaVersion?: string;
  /** The version that was asked for; absent: the current one. */
  readonly asOf?: string;
  /** The name, in this plan, of the rows on their way into it. */
  readonly recent?: string;
  /** For the user, where it is read. */
  readonly notices?: readonly string[];
}

/** WITH queries in sight: one frame per query level, the innermost first; `outer` is the scope round the query that they belong to. */
export type CteFrames = readonly { readonly ctes: readonly Cte[]; readonly outer: Scope | undefined }[];

/** What a query's expressions may name, once its FROM is planned. */
export interface Scope {
  column(v: Var): PlanExpr;
  /** Undefined where aggregates cannot stand. */
  readonly aggregate?: (call: AggregateCall) => PlanExpr;
  readonly grouping?: (call: GroupingCall) => PlanExpr;
  /** Undefined where window functions cannot stand. */
  readonly window?: (call: WindowCall) => PlanExpr;
  /** A query in an expression of a scope: its level-1 names are `inside`'s, which is this scope or one made from it. */
  readonly subquery?: (link: SubLink, inside: Scope) => PlanExpr;
  /** In the comparison of `x = ANY (SELECT …)`: a column of the query. */
  readonly subqueryColumn?: (column: number) => PlanExpr;
  /** The rows that a query inside is computed for, as far as they have these ranges, read once more, and names for them; undefined: that cannot be. */
  readonly rows?: (ranges: ReadonlySet<number>) => OuterRows | undefined;
  /** For a query in FROM that is being planned: what WHERE or ON sets its n-th column (from 1) equal to, in this scope's names. */
  readonly equalTo?: (column: number) => QueryExpr | undefined;
  /** The query round this one: names with level 1 are its, with level 2 its outer's. */
  readonly outer: Scope | undefined;
}

export interface OuterRows {
  readonly input: Operator;
  readonly scope: Scope;
}

/** For a query between: it has names of its own, but none that a query inside it could use (a set operation, a query with a WITH list). */
export function between(outer: Scope | undefined): Scope {
  return {
    outer,
    column: () => {
      throw internal('a column of a query that has none to name');
    },
  };
}

/**
 * The state of converting one statement: the supply of column ids, its tables, its notices.
 * Conversion itself is synchronous; all that needs waiting (pinning, folding) has happened before.
 */
export interface Planning {
  readonly session: PlanSession;
  readonly notices: string[];
  readonly timelineRules?: TimelineRules;
  readonly connectorAggregates?: 'on' | 'off';
  /** Plans of WITH queries that several places read, by SharedRead.id; each reads only ones with lower ids. */
  readonly shared: Map<number, Operator>;
  newField(name: string, type: Type): Field;
  /** A fresh scan of all columns of a table; 42P01 if no connector has it. */
  scan(schema: string, table: string): ScanOperator;
  /** All rows of a table, those on their way into it with them. */
  rows(schema: string, table: string): Operator;
  table(schema: string, table: string): PlannedTable;
  /** The rows of a table of PostgreSQL's catalogue; undefined: it is none. */
  systemTable(schema: string, table: string): ValuesOperator | undefined;
  /** A whole query; the result's fields are the query's output columns, in order, with ids of their own. */
  query(query: Query, ctes: CteFrames, outer: Scope | undefined): Operator;
  /** A query's FROM list and WHERE (no grouping, no targets), and the scope of its ranges. */
  from(query: Query, ctes: CteFrames, outer: Scope | undefined): { readonly input: Operator; readonly scope: Scope };
}

/** How planner/from-timeline.ts is called: `planTimeline(request)` gives the operator whose fields are the query's output columns. */
export interface TimelineRequest {
  readonly query: Query;
  readonly planning: Planning;
  readonly ctes: CteFrames;
  readonly outer: Scope | undefined;
}
