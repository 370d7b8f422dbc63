import type { Readable } from '../../connectors/connector.js';
import type { Field, Operator, PlanSession, Stage } from '../../planner/physical-plan.js';
import type { Batch } from '../../sql/result.js';

/** One task's work: a stage's operator tree over opened splits and the files of earlier stages. */
export interface TaskRequest {
  readonly root: Operator;
  readonly session: PlanSession;
  /** By ScanOperator.scan. */
  readonly scans: Readonly<Record<string, Readable>>;
  /** By stage id: local Parquet files to read (none: no rows). */
  readonly inputs: Readonly<Record<string, readonly string[]>>;
  /** Local folder for this attempt's output; exists and is empty. */
  readonly outputFolder: string;
  readonly exchange: Stage['exchange'];
  /**
   * Folders outside of which the task's DuckDB may not read. Tasks with the same ones share an instance; it helps when the output
   * folder lies in one of them.
   */
  readonly readableFolders: readonly string[];
}

export interface TaskOutput {
  readonly rows: number;
  /** Files in outputFolder; one, or one per non-empty partition. */
  readonly files: readonly {
    readonly name: string;
    readonly partition: number | undefined;
    readonly rows: number;
    readonly bytes: number;
  }[];
  /** Remarks for the user: rows that TIMELINE skipped, … */
  readonly notices: readonly string[];
}

/** Runs operator trees; knows DuckDB and the timeline kernel, nothing of connectors or drivers. */
export interface Kernel {
  /** Aborting `signal` stops the work within 100 ms and rejects with the signal's reason. */
  run(request: TaskRequest, signal: AbortSignal): Promise<TaskOutput>;
  /** Reads result files in order as columnar batches of sql/value.ts values. */
  read(files: readonly string[], fields: readonly Field[], signal: AbortSignal): AsyncIterable<Batch>;
  close(): Promise<void>;
}
