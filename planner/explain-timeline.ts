import { instantText } from './instant.js';
import { type CarryPoint, fieldsOf, type TimelineCarry, type TimelineOperator } from './physical-plan.js';
import type { PlanNames } from './plan-names.js';
import type { ColumnNames } from './print-expression.js';
import { count } from './units.js';

/** `Timeline spans of (session_id) over event_time: state, cdn` */
export function timelineText(op: TimelineOperator, names: ColumnNames): string {
  const { spec } = op;
  const direct = op.direct === true ? ' (direct)' : '';
  const what = op.digest === undefined ? spec.emit : 'digest';
  const signals = spec.signals.length === 0 ? '' : `: ${spec.signals.map((signal) => signal.name).join(', ')}`;
  return `Timeline${direct} ${what} of (${spec.keys.map(names).join(', ')}) over ${names(spec.ts)}${signals}`;
}

/** What an analyst asks of a call: from when to when, which events are read, what is kept of them, what comes out. */
export function timelineDetails(op: TimelineOperator, names: PlanNames): string[] {
  const { spec } = op;
  const lines: string[] = [];
  const until = spec.until.kind === 'at' ? instantText(spec.until.instant) : spec.until.kind === 'horizon' ? horizonText(op) : undefined;
  if (spec.at !== undefined)
    lines.push(`At: ${spec.at.slice(0, 3).map(instantText).join(', ')}${spec.at.length > 3 ? `, … (${spec.at.length})` : ''}`);
  if (spec.since !== undefined) lines.push(`Since: ${instantText(spec.since)}`);
  if (until !== undefined) lines.push(`Until: ${until}`);
  if (spec.every !== undefined) lines.push(`Every: ${intervalText(spec.every)} in ${spec.timeZone}`);
  if (spec.idle !== undefined) lines.push(`Idle: after ${lengthText(spec.idle)}`);
  if (spec.ends !== undefined) lines.push(`Ends: ${names.definition(spec.ends)}`);
  lines.push(...readingLines(op, names.definition));
  if (op.carry !== undefined) lines.push(`Carry: ${carryText(op.carry)}`);
  if (spec.leaves.length > 0) lines.push(`States: ${spec.leaves.map((leaf) => leafText(leaf, names.definition)).join(', ')}`);
  if (op.digest !== undefined) lines.push(`Digest: ${digestText(op, names.name)}`);
  else
    lines.push(
      `Columns: ${fieldsOf(op)
        .map((field) => names.name(field.id))
        .join(', ')}`,
    );
  return lines;
}

/** Which events are read. */
function readingLines({ spec, reading }: TimelineOperator, names: ColumnNames): string[] {
  const lines: string[] = [];
  const lookback = reading?.lookback;
  if (lookback?.kind === 'asked') lines.push(`Lookback: as asked, events from ${instantText(lookback.from)} on`);
  if (lookback?.kind === 'found') {
    const start = spec.since ?? spec.at?.[0] ?? lookback.from;
    const length = lengthText((BigInt(start) - BigInt(lookback.from)).toString());
    lines.push(`Lookback: ${length}, events from ${instantText(lookback.from)} on (nothing remembers longer)`);
  }
  if (lookback?.kind === 'unbounded') {
    const leaf = lookback.leaf === undefined ? undefined : spec.leaves[lookback.leaf];
    const { rows } = lookback;
    const reads = rows === undefined ? '' : `: ${count(rows.before, 'row')} before, ${count(rows.since, 'row')} from then on`;
    lines.push(`Lookback: unbounded (${leaf === undefined ? lookback.why : leafText(leaf, names)})${reads}`);
  }
  if (reading?.relevant === true) lines.push('Relevance: only events that can touch a state');
  if (reading?.keys === 'events') lines.push('Keys: only those with an event that the filter above needs, found first');
  if (reading?.keys === 'query') lines.push('Keys: only those that the query gives');
  return lines;
}

/** Which kept states may spare reading earlier events, and which the query keeps for later ones. */
function carryText({ load, save }: TimelineCarry): string {
  const days = (load.length > 1 ? [...load.slice(-1), ...load.slice(0, 1)] : load).map(dayText);
  const used = days.length === 0 ? [] : [`a kept state may be used (of ${days.join(' to ')})`];
  return [...used, ...(save.length === 0 ? [] : [`to be kept: ${save.map(dayText).join(', ')}`])].join('; ');
}

/** States are those of midnights in UTC. */
function dayText({ at }: CarryPoint): string {
  return instantText(at).slice(0, 'yyyy-mm-dd'.length);
}

/** `sum of seconds, number of spans, by session_id, state` */
function digestText({ digest, fields }: TimelineOperator, names: ColumnNames): string {
  const columns = digest?.columns.length ?? 0;
  const sums = (digest?.sums ?? [])
    .map((sum) => (sum === 'count' ? 'number of spans' : sum === 'micros' ? 'sum of seconds' : `sum of ${sum}`))
    .join(', ');
  const by = fields.slice(0, columns).map((field) => names(field.id));
  if (by.length === 0) return sums;
  return sums === '' ? `distinct ${by.join(', ')}` : `${sums} by ${by.join(', ')}`;
}

function horizonText({ horizon }: TimelineOperator): string {
  return horizon === undefined ? 'the last event (horizon, of the rows read)' : 'the last event (horizon)';
}

function leafText(leaf: TimelineOperator['spec']['leaves'][number], names: ColumnNames): string {
  switch (leaf.op) {
    case 'latest':
      return `latest(${names(leaf.value)}${leaf.ttl === undefined ? '' : `, ${lengthText(leaf.ttl)}`})`;
    case 'latest_when':
      return `latest_when(${names(leaf.when)}, ${names(leaf.value)})`;
    case 'sum_so_far':
      return `sum_so_far(${names(leaf.value)})`;
    case 'has_existed':
    case 'count_so_far':
      return `${leaf.op}(${names(leaf.when)})`;
    case 'has_existed_within':
      return `has_existed_within(${names(leaf.when)}, ${lengthText(leaf.within)})`;
    case 'last_event_time':
      return `last_event_time(${leaf.when === undefined ? '' : names(leaf.when)})`;
  }
}

function intervalText({ months, days, micros }: NonNullable<TimelineOperator['spec']['every']>): string {
  if (months !== 0) return count(months, 'month');
  return days !== 0 ? count(days, 'day') : lengthText(micros);
}

const UNITS = [
  [86_400_000_000n, 'day'],
  [3_600_000_000n, 'h'],
  [60_000_000n, 'min'],
  [1_000_000n, 's'],
  [1_000n, 'ms'],
] as const;

/** Microseconds in the largest unit that gives a whole number of them: `90 s`, `2 days`. */
function lengthText(micros: string): string {
  const length = BigInt(micros);
  if (length === 0n) return '0 s';
  for (const [unit, name] of UNITS) {
    if (length % unit !== 0n) continue;
    const number = length / unit;
    return name === 'day' ? count(Number(number), 'day') : `${number} ${name}`;
  }
  return `${length} µs`;
}
