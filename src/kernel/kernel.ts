import type { PruningStep, Readable } from '../../connectors/connector.js';
import type { Field, Operator, PlanSession, SinkColumn, Stage } from '../../planner/physical-plan.js';
import type { Batch } from '../../sql/result.js';

/** One task's work: a stage's operator tree over opened splits and the files of earlier stages. */
export interface TaskRequest {
  readonly root: Operator;
  readonly session: PlanSession;
  /** By ScanOperator.scan. */
  readonly scans: Readonly<Record<string, Readable>>;
  /** By stage id: local Parquet files to read (none: no rows). */
  readonly inputs: Readonly<Record<string, readonly string[]>>;
  /** States that timeline operators begin with, by TimelineCarry.scan; and the keys of those to be kept (TimelineCarry.save). */
  readonly carries?: { readonly begin: Readonly<Record<string, CarriedState>>; readonly missing: readonly string[] };
  /** Local folder for this attempt's output; exists and is empty. */
  readonly outputFolder: string;
  readonly exchange: Stage['exchange'];
  /** Fields whose values are written beside the rows (TaskOutput.keys). */
  readonly keys?: readonly number[];
  /** Present: one Parquet file for others to read, with these columns by name (not a stage file). */
  readonly named?: {
    readonly columns: readonly SinkColumn[];
    readonly compression: string;
    readonly relation: string;
    /** Key-value metadata of the file. */
    readonly metadata?: Readonly<Record<string, string>>;
  };
  /** Present: nobody but `read` of this process will see the rows. They are not written as Parquet, and up to so many bytes not at all. */
  readonly inlineBytes?: number;
  /**
   * Folders outside of which the task's DuckDB may not read. Tasks with the same ones share an instance; it helps when the output
   * folder lies in one of them.
   */
  readonly readableFolders: readonly string[];
}

/** A state from an earlier query, of all events before `at` (microseconds since 1970 as text). */
export interface CarriedState {
  readonly at: string;
  /** Local file. */
  readonly path: string;
}

/** The rows of one task: a file's path, or the rows themselves (TaskOutput.inline). */
export type ResultPart = string | Uint8Array;

export interface TaskOutput {
  readonly rows: number;
  /** Files in outputFolder; one, or one per non-empty partition. */
  readonly files: readonly {
    readonly name: string;
    readonly partition: number | undefined;
    readonly rows: number;
    readonly bytes: number;
  }[];
  /** A file in outputFolder: the StageKeys of the fields asked for. */
  readonly keys?: string;
  /** Instead of files, where the request allows it: the rows, for Kernel.read. */
  readonly inline?: Uint8Array;
  /** States to keep: files in outputFolder by CarryPoint.key. */
  readonly carries?: Readonly<Record<string, string>>;
  /** How TIMELINE's events came, for EXPLAIN ANALYZE. */
  readonly steps?: readonly PruningStep[];
  /** Remarks for the user: rows that TIMELINE skipped, … */
  readonly notices: readonly string[];
}

/** Runs operator trees; knows DuckDB and the timeline kernel, nothing of connectors or drivers. */
export interface Kernel {
  /** Aborting `signal` stops the work within 100 ms and rejects with the signal's reason. */
  run(request: TaskRequest, signal: AbortSignal): Promise<TaskOutput>;
  /** Reads results in order as columnar batches. */
  read(parts: readonly ResultPart[], fields: readonly Field[], signal: AbortSignal): AsyncIterable<Batch>;
  close(): Promise<void>;
}
