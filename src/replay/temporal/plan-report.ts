import { type SchedulerState, totals } from '../scheduler.js';
import type { StageTimes } from '../stage-clock.js';
import type { WorkflowProgress } from './protocol.js';

export function progressOf(state: SchedulerState): WorkflowProgress {
  const { tasks, tasksDone, rows, bytes } = totals(state);
  return { state: state.ending !== undefined ? 'ending' : state.paused ? 'paused' : 'running', tasks, tasksDone, rows, bytesRead: bytes };
}

/** Markdown for Temporal's own UI. `now`: milliseconds since 1970. */
export function progressText(state: SchedulerState, times: StageTimes, now: number): string {
  const progress = progressOf(state);
  const left = timeLeft(progress, Math.min(...Object.values(times.started)), now);
  const lines = state.stages.map(
    (stage, n) =>
      `| ${stage.id} | ${stage.count} of ${state.spec.stages[n]?.tasks ?? 0} | ${stage.rows} | ${stage.bytes} | ${stage.retries} |`,
  );
  return [
    `**${progress.state}**: ${progress.tasksDone} of ${progress.tasks} tasks, ${progress.bytesRead} bytes read${left === undefined ? '' : `, about ${left} s left`}`,
    '',
    '| stage | tasks | rows | bytes read | retries |',
    '|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

/** Seconds, were all tasks alike; undefined: nothing to go by. */
function timeLeft(progress: WorkflowProgress, begun: number, now: number): number | undefined {
  const { tasks, tasksDone } = progress;
  if (progress.state !== 'running' || tasksDone === 0 || tasksDone === tasks || !Number.isFinite(begun)) return undefined;
  return Math.ceil(((now - begun) * (tasks - tasksDone)) / tasksDone / 1000);
}
