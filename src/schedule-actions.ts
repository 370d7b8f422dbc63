import { randomUUID } from 'node:crypto';
import { instantText } from '../planner/instant.js';
import { type ActionContext, endUnstarted, MOST_NAME, notice, requestOf, requireControl, semantic, type Texts } from './action-context.js';
import { type BackfillRequest, isScheduleName, type ReplayControl, type ScheduleRecord } from './replay/replay-control.js';
import type { ReplayInterval } from './replay/replay-record.js';
import { timeZone } from './settings.js';

/** Of a schedule: it travels in one message of Temporal's. */
const MOST_SCHEDULE_SQL = 64 << 10;
const MOST_PARALLEL = 100;
const MOST_CATCH_UP = 10 * 366 * 86_400_000;
const OVERLAPS = ['skip', 'queue', 'parallel'] as const;
const CHUNKS = ['interval', 'hour', 'day', 'week', 'month'] as const;

export async function schedule(args: Texts, context: ActionContext): Promise<string> {
  const [name = null, cron = null, sql = null, result = null, overlap = null, catchUp = null, zone = null] = args;
  const { engine, settings, signal } = context;
  if (name === null || cron === null || sql === null) throw semantic('22004', 'name, cron and sql of a schedule must not be null');
  if (!isScheduleName(name))
    throw semantic('22023', `invalid name of a schedule: "${name.slice(0, MOST_NAME)}"`, 'Up to 100 letters, digits, "_", "." and "-".');
  if (cron.length > MOST_NAME) throw semantic('22023', 'the cron expression is too long');
  if (Buffer.byteLength(sql) > MOST_SCHEDULE_SQL)
    throw semantic('54000', `the SQL of a schedule may have at most ${MOST_SCHEDULE_SQL} bytes`);
  const late = catchUp === null ? 86_400_000 : Number(catchUp);
  if (!(late >= 0 && late <= MOST_CATCH_UP)) throw semantic('22023', 'catch_up must be between 0 and 10 years');
  const record: ScheduleRecord = {
    version: 1,
    name,
    cron: cron.trim(),
    timeZone: zone === null ? settings.own('TimeZone') : timeZone(zone),
    ...requestOf(context, sql, result),
    overlap: oneOf(overlap ?? 'skip', OVERLAPS, 'overlap'),
    catchUp: late,
    createdAt: Date.now(),
  };
  const control = requireControl(engine);
  await engine.replays.planner.check(
    { ...requestOf(context, sql, result), name: null, kind: 'interval', interval: intervalOfNow(name) },
    signal,
  );
  await control.createSchedule(record);
  return name;
}

/** Some interval, to look at the SQL. */
function intervalOfNow(schedule: string): ReplayInterval {
  const until = BigInt(Date.now()) * 1000n;
  return { schedule, from: String(until - 3_600_000_000n), until: String(until) };
}

export async function backfill(args: Texts, context: ActionContext): Promise<string> {
  const [name = null, from = null, until = null, missingOnly = null, chunk = null, parallel = null] = args;
  const { engine, user } = context;
  if (name === null || from === null || until === null) throw semantic('22004', 'schedule, from and until of a backfill must not be null');
  for (const bound of [from, until]) if (!/^-?\d{1,18}$/.test(bound)) throw semantic('22008', 'the bounds of a backfill must be finite');
  if (BigInt(from) >= BigInt(until)) throw semantic('22023', 'a backfill must begin before it ends');
  const atOnce = Number(parallel ?? 4);
  if (atOnce < 1 || atOnce > MOST_PARALLEL) throw semantic('22023', `parallel must be between 1 and ${MOST_PARALLEL}`);
  const control = requireControl(engine);
  const found = isScheduleName(name) ? await control.schedule(name) : undefined;
  if (found === undefined) throw semantic('42704', `schedule "${name.slice(0, MOST_NAME)}" does not exist`);
  const request: BackfillRequest = {
    id: `backfill-${randomUUID()}`,
    schedule: found.record,
    from,
    until,
    chunk: oneOf(chunk ?? 'interval', CHUNKS, 'chunk'),
    missingOnly: missingOnly === 'true',
    parallel: atOnce,
  };
  const intervals = await control.countIntervals(request);
  const { record } = found;
  await engine.registry.submit({
    version: 1,
    id: request.id,
    name: null,
    kind: 'backfill',
    interval: { schedule: name, from, until },
    user,
    sql: record.sql,
    parameters: [instantText(from), instantText(until)],
    submittedAt: Date.now(),
    columns: [],
    snapshots: [],
    stages: [{ id: 0, tasks: intervals }],
    result: await engine.replays.planner.resultOf(record.result),
    reuse: null,
  });
  try {
    await control.startBackfill({ ...request, intervals });
  } catch (thrown) {
    await endUnstarted(request.id, thrown, engine);
    throw thrown;
  }
  return request.id;
}

function oneOf<W extends string>(value: string, words: readonly W[], what: string): W {
  const found = words.find((one) => one === value.toLowerCase());
  if (found !== undefined) return found;
  throw semantic('22023', `invalid ${what}: "${value.slice(0, MOST_NAME)}"`, `One of ${words.join(', ')}.`);
}

/** False, with a notice, where there is no such schedule. */
export async function ofSchedule(
  [name = null]: Texts,
  { engine, notice: tell }: ActionContext,
  work: (control: ReplayControl, name: string) => Promise<boolean>,
): Promise<boolean | null> {
  if (name === null) return null;
  const done = isScheduleName(name) && (await work(requireControl(engine), name));
  if (!done) tell(notice(`schedule "${name.slice(0, MOST_NAME)}" does not exist`));
  return done;
}
