import assert from 'node:assert/strict';
import type { ErrorDetails } from '../../sql/errors.js';
import {
  type Batch,
  initialState,
  type SchedulerEvent,
  type SchedulerSpec,
  type SchedulerState,
  type SchedulerStep,
  totals,
} from '../../src/replay/scheduler.js';
import { Referee } from './scheduler-referee.js';

/** `plain`: nothing but what workers and messages do wrong; `storm`: everything below, again and again. */
export const TROUBLES = ['plain', 'crash', 'older', 'cancel', 'pause', 'checkpoint', 'storm'] as const;
export type Trouble = (typeof TROUBLES)[number];

export interface Scenario {
  readonly seed: number;
  readonly trouble: Trouble;
  /** When the trouble comes; of `plain` and `storm`, which have no such time, one more seed. */
  readonly step: number;
}

export interface Outcome {
  readonly steps: number;
  readonly end: string;
  /** How often something happened, by name. */
  readonly seen: Readonly<Record<string, number>>;
}

export type Advance = (state: SchedulerState, event: SchedulerEvent) => SchedulerStep;

const CANCEL: ErrorDetails = { kind: 'cancelled', sqlstate: '57014', message: 'canceling statement due to user request' };
const LATER: ErrorDetails = { kind: 'cancelled', sqlstate: '57014', message: 'canceled once more' };
const BROKEN: ErrorDetails = { kind: 'connector', sqlstate: '58030', message: 'the disk burns', retryable: true };
const WRONG: ErrorDetails = { kind: 'data', sqlstate: '22012', message: 'division by zero' };

/** Steps before the world becomes fair: nothing is lost any more. */
const UNFAIR_STEPS = 400;
const MOST_STEPS = 3000;

/** mulberry32: below 1 for 0. */
function dice(seed: number): (below: number) => number {
  let a = Math.imul(seed, 0x9e3779b1) | 0;
  return (below) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return below < 1 ? 0 : ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function anySpec(roll: (below: number) => number): SchedulerSpec {
  const shapes = Array.from({ length: 1 + roll(4) }, (_, id) => ({
    id,
    tasks: roll(6),
    batch: 1 + roll(3),
    deps: Array.from({ length: id }, (_unused, dep) => dep).filter(() => roll(2) === 0),
  }));
  const attempts = roll(4) === 0 ? 1 + roll(3) : 1_000_000;
  const budget = roll(5) === 0 ? { maxBytes: roll(40) } : {};
  return { stages: shapes, window: 1 + roll(4), maxAttempts: attempts, ...budget };
}

/** Runs one plan to its end in a world of its own; throws where the scheduler breaks a promise. */
export function play({ seed, trouble, step: when }: Scenario, advance: Advance): Outcome {
  const everywhere = trouble === 'plain' || trouble === 'storm';
  const roll = dice(everywhere ? seed + 1_000_003 * when : seed);
  const spec = anySpec(roll);
  const careful = seed % 16 === 0;
  const wrong = roll(3) === 0;
  const seen: Record<string, number> = {};
  const note = (what: string): void => {
    seen[what] = (seen[what] ?? 0) + 1;
  };
  let referee = new Referee(spec);
  let state = initialState(spec);
  let older = { state, referee: referee.copy() };
  let epoch = 0;
  /** Ends of batches that are of earlier epochs go nowhere. */
  let known = 0;
  let endsLost = 0;
  let mail: SchedulerEvent[] = [];
  const working: { readonly batch: Batch; readonly epoch: number; at: number }[] = [];
  /** Manifests: the first writer wins. */
  const manifests = new Set<string>();

  function take(event: SchedulerEvent): void {
    const before = careful ? JSON.stringify(state) : '';
    const answer = advance(state, event);
    if (careful) assert.equal(JSON.stringify(state), before, 'the old state stays as it was');
    state = careful ? (JSON.parse(JSON.stringify(answer.state)) as SchedulerState) : answer.state;
    referee.judge(event, answer.commands);
    for (const command of answer.commands) {
      if (command.kind === 'dispatch') {
        note(command.batch.attempt > 1 ? 'again' : 'dispatch');
        working.push({ batch: command.batch, epoch, at: 0 });
      } else if (command.kind === 'cancel_batches') {
        note('cancel_batches');
        // Workers hear of it now, later, or have ended before.
        for (const one of working) if (command.batches.includes(one.batch.id) && roll(2) === 0) one.at = Number.POSITIVE_INFINITY;
      } else if (command.kind === 'continue_as_new') {
        note('continued');
        state = JSON.parse(JSON.stringify(command.checkpoint)) as SchedulerState;
        epoch++;
        take({ kind: 'start' });
        return;
      }
    }
  }

  function crash(from: { readonly state: SchedulerState; readonly referee: Referee }, old: boolean): void {
    note(old ? 'crash to an older state' : 'crash');
    state = JSON.parse(JSON.stringify(from.state)) as SchedulerState;
    referee = from.referee.copy();
    epoch++;
    // An older state gives ids of batches a second time: whose end it is, a driver knows by its run. Commits count always.
    if (old) {
      mail = mail.filter((event) => event.kind === 'task_committed');
      known = epoch;
    }
    take({ kind: 'start' });
  }

  function send(event: SchedulerEvent, from: number, fair: boolean): void {
    const commit = event.kind === 'task_committed';
    if (!commit && from < known) return;
    if (!fair && roll(commit ? 8 : 60) === 0) {
      if (!commit) endsLost++;
      note(commit ? 'commit lost' : 'end lost');
      return;
    }
    mail.push(event);
    if (roll(7) > 0) return;
    note('twice');
    mail.push(event);
  }

  /** One worker makes one step. */
  function work(fair: boolean): void {
    const n = roll(working.length);
    const worker = working[n];
    if (worker === undefined) return;
    const { batch } = worker;
    const task = batch.tasks[worker.at++];
    const dies = !fair && roll(14) === 0;
    if (task === undefined || dies) {
      working.splice(n, 1);
      const fatal = dies && wrong && roll(6) === 0;
      const error = fatal ? WRONG : BROKEN;
      if (dies) note(fatal ? 'failed for good' : 'failed');
      send(
        dies ? { kind: 'batch_failed', batch: batch.id, error, retryable: !fatal } : { kind: 'batch_ended', batch: batch.id },
        worker.epoch,
        fair,
      );
      return;
    }
    manifests.add(`${batch.stage}.${task}`);
    send(
      { kind: 'task_committed', stage: batch.stage, task, rows: task + 1, bytes: 1 + (task % 3), noticed: task === 2 },
      worker.epoch,
      fair,
    );
  }

  function nonsense(): SchedulerEvent {
    note('nonsense');
    const task = { rows: 1000, bytes: 100_000, noticed: true } as const;
    const many: readonly SchedulerEvent[] = [
      { kind: 'batch_ended', batch: '0.0.999' },
      { kind: 'batch_failed', batch: 'none', error: WRONG, retryable: false },
      { kind: 'batch_failed', batch: '7.0.0', error: BROKEN, retryable: true },
      { kind: 'task_committed', stage: 99, task: 0, ...task },
      { kind: 'task_committed', stage: 0, task: -1, ...task },
      { kind: 'task_committed', stage: spec.stages.length - 1, task: spec.stages.at(-1)?.tasks ?? 0, ...task },
    ];
    return many[roll(many.length)] ?? { kind: 'batch_ended', batch: '' };
  }

  function bring(what: Trouble): void {
    if (what === 'crash') crash({ state, referee }, false);
    else if (what === 'older') crash(older, true);
    else if (what === 'cancel') {
      note('cancel');
      take({ kind: 'cancel', error: CANCEL });
      if (roll(3) === 0) take({ kind: 'cancel', error: LATER });
    } else if (what === 'pause') {
      note('pause');
      take({ kind: 'pause' });
      if (roll(3) === 0) take({ kind: 'pause' });
    } else if (what === 'checkpoint') {
      note('checkpoint');
      take({ kind: 'checkpoint' });
    }
  }

  take({ kind: 'start' });
  let step = 0;
  for (; ; step++) {
    assert.ok(step < MOST_STEPS, 'it does not end');
    const fair = step >= UNFAIR_STEPS;
    if (step === Math.floor(when / 2)) older = { state, referee: referee.copy() };
    if (trouble !== 'storm' && step === when) bring(trouble);
    if (trouble === 'storm' && !fair && roll(12) === 0) {
      const what = TROUBLES[roll(TROUBLES.length)] ?? 'plain';
      // Cancels would end most storms at once.
      bring(what === 'cancel' && roll(5) > 0 ? 'checkpoint' : what);
      if (roll(3) === 0) older = { state, referee: referee.copy() };
    }
    if (referee.end !== undefined) break;
    if (referee.holds && roll(12) === 0) take({ kind: 'resume' });
    if (!fair && roll(40) === 0) take(nonsense());
    if (referee.end !== undefined) break;
    const quiet = mail.length === 0 && working.length === 0;
    if (quiet && referee.holds) take({ kind: 'resume' });
    else if (quiet) {
      // Only an end that got lost may leave the scheduler waiting for ever: then the run is begun again, as after a crash.
      assert.ok(endsLost > 0, 'nothing is on its way, nobody works, and there is no end');
      endsLost = 0;
      crash({ state, referee }, false);
    } else if (mail.length > 0 && roll(2) === 0) {
      const [event] = mail.splice(roll(mail.length), 1);
      if (event !== undefined) take(event);
    } else work(fair);
  }
  // After the end nothing: neither what was still on its way, nor workers, nor the user, nor a crash brings anything about.
  for (let n = 0; n < 6 && working.length > 0; n++) work(true);
  for (const event of mail) take(event);
  for (const kind of ['pause', 'resume', 'checkpoint', 'start'] as const) take({ kind });
  take({ kind: 'cancel', error: CANCEL });

  const sums = referee.sums();
  const told = totals(state);
  assert.equal(told.bytes, sums.bytes, 'bytes of committed tasks, each counted once');
  assert.equal(told.tasksDone, sums.tasks, 'committed tasks');
  assert.deepEqual(
    state.stages.map((stage) => stage.rows),
    sums.rows,
    'rows of committed tasks, each counted once',
  );
  if (referee.end === 'finish')
    for (const stage of spec.stages)
      for (let task = 0; task < stage.tasks; task++) assert.ok(manifests.has(`${stage.id}.${task}`), 'a result without its manifest');
  return { steps: step, end: referee.end ?? 'none', seen };
}
