import type { Type } from '../../sql/types.js';

/** `catalogs.<name>` of type victorialogs: one VictoriaLogs, shown as schema `<name>`. */
export interface VictoriaLogsConfig {
  readonly type: 'victorialogs';
  /** Put before the schema's name. */
  readonly prefix?: string;
  /** Without a path's slash at the end, user, password or query. */
  readonly url: string;
  /** Of the schema's `logs` and of the documents that are written; absent: 0:0. */
  readonly tenant?: { readonly account: number; readonly project: number };
  readonly auth: LogsAuth;
  /** Only for https. */
  readonly tls?: LogsTls;
  readonly limits: LogsLimits;
  readonly tables: readonly LogsTableConfig[];
  readonly indexes: readonly LogsIndexConfig[];
  readonly recent: readonly LogsRecentConfig[];
}

/** Never to be shown. */
export type LogsAuth =
  | { readonly type: 'none' }
  | { readonly type: 'basic'; readonly username: string; readonly password: string }
  | { readonly type: 'bearer'; readonly token: string };

/** PEM, read when the connector opens. */
export interface LogsTls {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly serverName?: string;
}

export interface LogsLimits {
  /** Queries at once; kept below the server's own slots. */
  readonly queries: number;
  /** Milliseconds of one request, 25,000 at most. */
  readonly timeout: number;
  /** Bytes of one answer. */
  readonly responseBytes: number;
  /** Milliseconds that a search of the index may take. */
  readonly indexTimeout: number;
}

/** A table that the configuration declares over some of the documents. */
export interface LogsTableConfig {
  readonly name: string;
  /** `own`: its values were written in our encoding. `foreign`: by anybody. */
  readonly encoding: 'own' | 'foreign';
  /** Besides `_time`. In order. */
  readonly columns: readonly { readonly name: string; readonly field: string; readonly type: Type }[];
  /** Documents whose fields have just these values. */
  readonly filter: Readonly<Record<string, string>>;
}

/** An index of a table of another catalog (`index_for`). */
export interface LogsIndexConfig {
  /** As users name it. */
  readonly schema: string;
  readonly table: string;
  /** Columns to index; absent: all whose types can be. */
  readonly columns?: readonly string[];
  /** The column that becomes `_time`; absent: the table's `timeline.ts`, or its first timestamptz column. */
  readonly time?: string;
  /** Columns of few values to make streams of. */
  readonly streams: readonly string[];
}

/** Where rows lie that are on their way into a table of another catalog (`recent_for`). */
export interface LogsRecentConfig {
  readonly schema: string;
  readonly table: string;
}
