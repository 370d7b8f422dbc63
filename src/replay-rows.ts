import { instantText } from '../planner/instant.js';
import type { ReplayRecord } from './history.js';
import type { ResultWish } from './replay/replay-record.js';
import type { SubmittedReplay } from './submitted-replays.js';

/** A row of timeline.replays; texts are in PostgreSQL's form. */
export interface ReplayRow {
  readonly id: string;
  readonly driver: 'local' | 'temporal';
  readonly state: string;
  readonly user: string;
  readonly sql: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly tasks: number;
  readonly tasksDone: number;
  readonly rows: number;
  readonly bytesRead: number;
  readonly error: string | null;
  readonly name: string | null;
  readonly kind: 'query' | 'replay' | 'interval' | 'backfill';
  readonly stage: string | null;
  readonly secondsLeft: string | null;
  readonly result: string | null;
  readonly schedule: string | null;
  readonly intervalFrom: string | null;
  readonly intervalUntil: string | null;
  readonly parent: string | null;
}

/** Queries of sessions, then what was submitted. */
export function replayRows(queries: readonly ReplayRecord[], submitted: readonly SubmittedReplay[]): readonly ReplayRow[] {
  return [...queries.map(ofQuery), ...submitted.map(ofSubmitted)];
}

const NOT_SUBMITTED = {
  name: null,
  kind: 'query',
  stage: null,
  secondsLeft: null,
  result: null,
  schedule: null,
  intervalFrom: null,
  intervalUntil: null,
  parent: null,
} as const;

function ofQuery(record: ReplayRecord): ReplayRow {
  const { id, driver, state, user, sql, startedAt, endedAt, tasks, tasksDone, rows, bytesRead, error = null } = record;
  return { ...NOT_SUBMITTED, id, driver, state, user, sql, startedAt, endedAt, tasks, tasksDone, rows, bytesRead, error };
}

function ofSubmitted({ submission, end, state, unknown, startedAt, endedAt, progress }: SubmittedReplay): ReplayRow {
  const { id, user, sql, name, kind, interval, parent = null } = submission;
  const { stage, stages, tasks, tasksDone, rows, bytesRead, secondsLeft } = progress;
  return {
    id,
    driver: 'temporal',
    state,
    user,
    sql,
    startedAt,
    endedAt,
    tasks,
    tasksDone,
    rows,
    bytesRead,
    error: end?.error?.message ?? unknown ?? null,
    name,
    kind,
    stage: `${stage} of ${stages}`,
    secondsLeft: secondsLeft === undefined ? null : String(secondsLeft),
    result: resultText(end?.place ?? submission.result),
    schedule: interval?.schedule ?? null,
    intervalFrom: interval === undefined ? null : instantText(interval.from),
    intervalUntil: interval === undefined ? null : instantText(interval.until),
    parent,
  };
}

/** Where its rows are, or shall be. */
function resultText(of: ResultWish): string {
  switch (of.kind) {
    case 'inline':
      return 'inline';
    case 'file':
      return of.location;
    case 'table':
      return of.schema === '' ? of.table : `${of.schema}.${of.table}`;
  }
}
