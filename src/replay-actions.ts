import { setTimeout as sleep } from 'node:timers/promises';
import { type ActionName, positionInLiteral, type RowAction } from '../sql/action-call.js';
import { asTimelineError, TimelineError } from '../sql/errors.js';
import {
  type ActionContext,
  type Answer,
  endUnstarted,
  MOST_NAME,
  notice,
  requestOf,
  requireControl,
  semantic,
  type Texts,
} from './action-context.js';
import type { EngineContext } from './engine-context.js';
import type { ReplayControl } from './replay/replay-control.js';
import { isReplayId } from './replay/replay-record.js';
import { backfill, ofSchedule, schedule } from './schedule-actions.js';
import { submittedLine } from './submitted-replays.js';

const MOST_SQL = 1 << 20;

/** Does what one call of an action function asks for. Its arguments are as rewriteActionCalls made them. */
export async function runAction({ action, literal }: RowAction, args: Texts, context: ActionContext): Promise<Answer> {
  if (WRITING.has(action)) requireWritable(action, context);
  switch (action) {
    case 'submit':
      return submit(args, context).catch((thrown: unknown) => {
        throw ofSubmittedSql(thrown, literal, context);
      });
    case 'cancel':
      return ofReplay(args, context, (control, id) => {
        const message = args[1] ?? 'canceling statement due to user request';
        return control.cancel(id, { kind: 'cancelled', sqlstate: '57014', message: message.slice(0, 1000) });
      });
    case 'pause':
      return ofReplay(args, context, (control, id) => control.pause(id));
    case 'resume':
      return ofReplay(args, context, (control, id) => control.resume(id));
    case 'wait':
      return args[0] === null || args[0] === undefined ? null : waitFor(args[0], args[1] ?? null, context);
    case 'schedule':
      return schedule(args, context);
    case 'unschedule':
      return ofSchedule(args, context, (control, name) => control.deleteSchedule(name));
    case 'pause_schedule':
      return ofSchedule(args, context, (control, name) => control.pauseSchedule(name, true));
    case 'resume_schedule':
      return ofSchedule(args, context, (control, name) => control.pauseSchedule(name, false));
    case 'backfill':
      return backfill(args, context);
  }
}

/** What is refused in a read-only transaction. */
const WRITING: ReadonlySet<ActionName> = new Set(['submit', 'schedule', 'unschedule', 'pause_schedule', 'resume_schedule', 'backfill']);

function requireWritable(action: ActionName, { readOnly }: ActionContext): void {
  if (readOnly) throw semantic('25006', `cannot execute timeline.${action}() in a read-only transaction`);
}

async function submit([sql = null, name = null, result = null]: Texts, context: ActionContext): Promise<string> {
  const { engine, signal } = context;
  if (sql === null) throw semantic('22004', 'the SQL of a replay must not be null');
  if (sql.length > MOST_SQL) throw semantic('54000', `the SQL of a replay may have at most ${MOST_SQL} characters`);
  if (name !== null && (name === '' || name.length > MOST_NAME))
    throw semantic('22023', `the name of a replay must have 1 to ${MOST_NAME} characters`);
  const control = requireControl(engine);
  const request = { ...requestOf(context, sql, result), name, kind: 'replay' as const };
  let answer = await engine.replays.planner.plan(request, signal);
  if (answer.kind === 'exists' && !answer.ended && (await isLost(answer.id, control, engine)))
    answer = await engine.replays.planner.plan(request, signal);
  if (answer.kind === 'exists') {
    const what = answer.ended ? 'has the result already, over the same data' : 'is running already, over the same data';
    context.notice(notice(`replay "${answer.id}" ${what}`));
    return answer.id;
  }
  const { replay, notices = [] } = answer;
  for (const remark of notices) context.notice(notice(remark));
  try {
    await control.start(replay);
  } catch (thrown) {
    await endUnstarted(replay.id, thrown, engine);
    throw thrown;
  }
  return replay.id;
}

/**
 * A replay without an end: its gateway may have died between its record and its start, then it is started now; or its workflow was ended by
 * somebody, then that is its end.
 */
async function isLost(id: string, control: ReplayControl, { replays, registry }: EngineContext): Promise<boolean> {
  const state = await control.state(id);
  if (state === undefined) {
    const replay = await replays.planner.planned(id);
    if (replay !== undefined) await control.start(replay);
    return false;
  }
  if (state.endedAt === undefined || Date.now() - state.endedAt < LOST_MS) return false;
  const error = { kind: 'internal', sqlstate: 'XX000', message: 'the workflow of the replay ended without a record of its end' } as const;
  await registry.end({ version: 1, id, state: 'failed', endedAt: state.endedAt, rows: 0, error });
  return true;
}

/** An error's position is one of the SQL in the string. */
function ofSubmittedSql(thrown: unknown, literal: RowAction['literal'], { settings }: ActionContext): TimelineError {
  const error = asTimelineError(thrown);
  const { position } = error;
  if (position === undefined) return error;
  if (literal !== undefined && settings.own('timeline.dialect') === 'postgres') return error.at(positionInLiteral(literal, position));
  const detail = [error.detail, `In the submitted SQL, at character ${position}.`].filter((part) => part !== undefined).join('\n');
  return new TimelineError({ ...error.toJSON(), cause: error.cause, detail, position: undefined });
}

async function ofReplay(
  [id = null]: Texts,
  context: ActionContext,
  work: (control: ReplayControl, id: string) => Promise<boolean>,
): Promise<boolean | null> {
  if (id === null) return null;
  const { engine, notice: tell } = context;
  const running = engine.history.get(id);
  const durable = running?.state === 'running' && running.driver === 'temporal';
  if (!durable) {
    if (!isReplayId(id) || (await engine.registry.submission(id)) === undefined) {
      tell(notice(`replay "${id.slice(0, MOST_NAME)}" does not exist`));
      return false;
    }
    if ((await engine.registry.ended(id)) !== undefined) return false;
  }
  return work(requireControl(engine), id);
}

const WAIT_LEAST_MS = 40;
const WAIT_MOST_MS = 500;
const PROGRESS_MS = 1000;
/** What has not changed is told again after this. */
const QUIET_MS = 10_000;
/** How long a workflow that has ended may take to be seen to have. */
const LOST_MS = 15_000;

/** The state at the end, or when the time is over. */
async function waitFor(id: string, timeout: string | null, context: ActionContext): Promise<string> {
  const { engine, signal, onProgress, notice: tell } = context;
  const { registry, replays } = engine;
  const unknown = (): TimelineError => semantic('42704', `replay "${id.slice(0, MOST_NAME)}" does not exist`);
  if (!isReplayId(id) || (await registry.submission(id)) === undefined) throw unknown();
  const until = timeout === null ? Number.POSITIVE_INFINITY : Date.now() + Number(timeout);
  let pause = WAIT_LEAST_MS;
  let looked = Date.now();
  let lost: number | undefined;
  let told: string | undefined;
  let toldAt = 0;
  for (;;) {
    signal.throwIfAborted();
    const end = await registry.ended(id);
    if (end !== undefined) {
      if (end.state !== 'completed')
        tell(notice(`replay "${id}" ${end.state}: ${end.error?.message ?? 'without a reason'}`, end.error?.hint));
      return end.state;
    }
    const now = Date.now();
    if (now >= until || now - looked >= PROGRESS_MS) {
      looked = now;
      const known = await replays.known.get(id);
      // Somebody has removed its records: nobody will write its end.
      if (known === undefined) throw unknown();
      const line = onProgress === undefined ? undefined : submittedLine(known);
      if (line !== undefined && (line !== told || now - toldAt > QUIET_MS)) {
        onProgress?.(line);
        told = line;
        toldAt = now;
      }
      const over = known.state === 'completed' || known.state === 'failed' || known.state === 'cancelled';
      lost = over && known.end === undefined ? (lost ?? now) : undefined;
      if (now >= until || (lost !== undefined && now - lost > LOST_MS)) return known.state;
    }
    await sleep(Math.max(1, Math.min(pause, until - now)), undefined, { signal }).catch(() => undefined);
    pause = Math.min(WAIT_MOST_MS, pause * 1.5);
  }
}
