import type { Batch, ResultColumn } from '../sql/result.js';

/** What the wire needs of the engine: one Session a connection, owned by src/session.ts. */
export interface Engine {
  /** PostgreSQL's own version, as ParameterStatus server_version tells it: `18.6`. */
  readonly serverVersion: string;
  /** Throws a TimelineError (3D000, 53300, …) when the connection may not be opened. */
  connect(options: ConnectOptions): Promise<Session>;
  close(): Promise<void>;
}

export interface ConnectOptions {
  readonly user: string;
  readonly database: string;
  /** Further start-up parameters: GUCs (`TimeZone`, `application_name`, `statement_timeout`, `options`, …). */
  readonly settings: Readonly<Record<string, string>>;
  /** Notices outside of any statement; and ParameterStatus after SET. */
  readonly onNotice: (notice: Notice) => void;
  readonly onParameterStatus: (name: string, value: string) => void;
}

export interface Notice {
  readonly severity: 'NOTICE' | 'WARNING' | 'INFO';
  readonly sqlstate: string;
  readonly message: string;
  readonly hint?: string;
}

export interface Session {
  /** For ReadyForQuery. */
  readonly transactionStatus: 'I' | 'T' | 'E';
  /** Reported at start-up: server_version, client_encoding, TimeZone, … in the order to send. */
  parameterStatuses(): readonly (readonly [name: string, value: string])[];
  /**
   * Splits a simple query into its statements (a statement's text, and `offset` in code points of the whole, for
   * positions). Throws 42601 with a position for the first syntax error. No statements: an empty list.
   */
  split(text: string): Promise<readonly { readonly text: string; readonly offset: number }[]>;
  /** Parses and analyses one statement. `parameterTypes`: OIDs, 0 or absent = infer. */
  prepare(text: string, parameterTypes: readonly number[]): Promise<Prepared>;
  /** Starts a statement. Parameters are text forms (the wire has decoded binary ones), null for NULL. */
  execute(prepared: Prepared, parameters: readonly (string | null)[], options: ExecuteOptions): Promise<Execution>;
  /** An implicit transaction (a simple query, or up to Sync) ended; `failed` when by an error. */
  endImplicitTransaction(failed: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface Prepared {
  /** Empty query: answered by EmptyQueryResponse. */
  readonly empty: boolean;
  readonly parameterTypes: readonly number[];
  /** Undefined: the statement returns no rows (NoData). */
  readonly columns: readonly ResultColumn[] | undefined;
}

export interface ExecuteOptions {
  /** Aborted by CancelRequest (reason a TimelineError 57014), a lost client, or the server's end. */
  readonly signal: AbortSignal;
}

export interface Execution {
  readonly columns: readonly ResultColumn[] | undefined;
  /** Rows as they become ready; must be read to the end or closed by return(). Empty for statements without rows. */
  readonly batches: AsyncIterable<Batch>;
  /** The command tag, after the last batch: `SELECT 5` needs the count that the wire sent. */
  tag(rowCount: number): string;
  readonly notices: readonly Notice[];
}
