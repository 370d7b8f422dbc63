import type { CopyFormat } from '../sql/copy-statement.js';
import type { TimelineError } from '../sql/errors.js';
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
  /** Statements by name: the wire's Parse and SQL's PREPARE share them. */
  readonly statements: NamedStatements;
  /** How long the client may leave the session waiting for a message as it stands now, and what it is told then. Undefined: for ever. */
  idleLimit(): IdleLimit | undefined;
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

/** A statement under a name; the empty name is the protocol's unnamed statement. */
export interface NamedStatement {
  readonly name: string;
  readonly text: string;
  readonly prepared: Prepared;
}

export interface NamedStatements {
  /** Throws 26000 when there is none. */
  get(name: string): NamedStatement;
  find(name: string): NamedStatement | undefined;
  /** Throws 42P05 when the name is taken. */
  checkFree(name: string): void;
  add(statement: NamedStatement): void;
  delete(name: string): void;
  clear(): void;
}

export interface IdleLimit {
  readonly milliseconds: number;
  readonly reason: TimelineError;
}

export interface Prepared {
  /** Empty query: answered by EmptyQueryResponse. */
  readonly empty: boolean;
  readonly parameterTypes: readonly number[];
  /** Undefined: the statement returns no rows (NoData). */
  readonly columns: readonly ResultColumn[] | undefined;
  /** Its columns hang on parameters (timeline.result($1)): what it is with their values. `columns` throws 0A000 until then. */
  bound?(parameters: readonly (string | null)[]): Promise<Prepared>;
  /** FETCH from a BINARY cursor: a simple query gets its rows in binary form. */
  readonly binary?: boolean;
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
  /** Rows go out as the data of COPY TO STDOUT; `columns` is undefined then. */
  readonly copy?: CopyOutput;
}

export interface CopyOutput {
  readonly columns: readonly ResultColumn[];
  readonly format: CopyFormat;
}
