import type { ErrorDetails } from '../../sql/errors.js';
import type { TaskOutput, TaskRequest } from './kernel.js';
import type { FeedChoice } from './timeline/event-feed.js';

/** What a kernel thread is started with. */
export interface KernelThreadOptions {
  readonly threads: number;
  /** Bytes: no task gets more. */
  readonly memoryLimit: number;
  readonly tempFolder: string;
  /** Bytes that a task may spill; undefined: as the disk allows. */
  readonly tempBytes: number | undefined;
  readonly batchRows: number;
  readonly feed: FeedChoice;
  /** Of the embedded Postgres. */
  readonly imagePath: string;
  /** One word, shared: the id of the last job that was given up. */
  readonly aborted: Int32Array;
}

export type KernelRequest =
  | { readonly kind: 'run'; readonly id: number; readonly request: TaskRequest }
  | { readonly kind: 'abort'; readonly id: number }
  | { readonly kind: 'close' };

export type KernelResponse =
  | { readonly kind: 'done'; readonly id: number; readonly output: TaskOutput }
  | { readonly kind: 'failed'; readonly id: number; readonly error: ErrorDetails }
  | { readonly kind: 'closed' };
