import { type BackfillState, backfillTotals } from './backfill-scheduler.js';
import { isoTime } from './iso-time.js';

/** Markdown for Temporal's own UI; `total`: intervals in all, where that is known. */
export function backfillText(state: BackfillState, total: number | undefined): string {
  const { ended } = backfillTotals(state);
  const of = total === undefined ? '' : ` of ${total}`;
  const how = state.ending !== undefined ? 'ending' : state.paused ? 'paused' : 'running';
  const lines = [
    `**${state.ended ?? how}**: ${ended + state.skipped}${of} intervals done, ${state.rows} rows`,
    '',
    `| completed | failed | left out | running |`,
    '|---|---|---|---|',
    `| ${state.completed} | ${state.failed} | ${state.skipped} | ${state.running.length} |`,
  ];
  if (state.failures.length > 0) lines.push('', ...state.failures.map(({ from, error }) => `- ${isoTime(from)}: ${error.sqlstate}`));
  return lines.join('\n');
}
