import type { PhysicalPlan, StageFigures } from '../../planner/physical-plan.js';
import type { ResultPart } from '../kernel/kernel.js';

/** Runs physical plans: in this process, or as a Temporal workflow. Same plan, same rows. */
export interface Driver {
  readonly kind: 'local' | 'temporal';
  start(plan: PhysicalPlan, options: RunOptions): Promise<Run>;
  close(): Promise<void>;
}

export interface RunOptions {
  /** `replay-{uuid}`; the workflow id on Temporal. */
  readonly id: string;
  /** First line goes into the workflow's summary. Never contains secrets' values beyond what the user typed. */
  readonly sql: string;
  readonly user: string;
  /** Aborted with a TimelineError as reason (57014 cancel or timeout, 08006 lost client). */
  readonly signal: AbortSignal;
  readonly maxBytes: number | undefined;
  /** The plan holds rows, which must not come into a workflow's history: it goes by reference only. */
  readonly holdsRows?: boolean;
  readonly onProgress?: (progress: RunProgress) => void;
  /** What its reader should know while it waits: the durable engine is away, or back. */
  readonly onRemark?: (text: string) => void;
}

export interface RunProgress {
  readonly stage: number;
  readonly tasksDone: number;
  readonly tasks: number;
  readonly rows: number;
  readonly bytesRead: number;
}

export interface Run {
  readonly id: string;
  /**
   * What the last stage's tasks gave, in task order, each as soon as it and its predecessors are committed: local paths,
   * or the rows themselves. Throws the run's error. Closing it early cancels the run.
   */
  readonly files: AsyncIterable<ResultPart>;
  /** Settles when the run has ended and its stage files may be removed. */
  readonly summary: Promise<RunSummary>;
  /** Removes the run's stage files; call when the rows have been sent. */
  release(): Promise<void>;
}

export interface RunSummary {
  readonly rows: number;
  readonly bytesRead: number;
  readonly stages: readonly StageFigures[];
  readonly notices: readonly string[];
}
