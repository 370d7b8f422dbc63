import assert from 'node:assert/strict';
import type { ErrorDetails } from '../../sql/errors.js';
import {
  advanceBackfill,
  type BackfillCommand,
  type BackfillEvent,
  type BackfillState,
  type BackfillStep,
  type Bounds,
  initialBackfill,
} from '../../src/replay/backfill-scheduler.js';
import { backfillText } from '../../src/replay/backfill-text.js';
import { Dice } from '../e2e/oracle-dice.js';

const RUNS = Number(process.env['BACKFILL_RUNS'] ?? 30_000);
const SEED = Number(process.env['BACKFILL_SEED'] ?? 1);
const CANCEL: ErrorDetails = { kind: 'cancelled', sqlstate: '57014', message: 'enough' };

type Advance = (state: BackfillState, event: BackfillEvent) => BackfillStep;

/** An interval of the simulated world: its replay runs once, whoever asks how often, and then has an end. */
interface Interval {
  readonly bounds: Bounds;
  readonly fails: boolean;
  readonly rows: number;
  /** Has a completed replay of before: the list leaves it out. */
  readonly known: boolean;
  ended: 'completed' | 'failed' | 'cancelled' | undefined;
  runs: number;
}

/**
 * One backfill with every trouble that a driver can meet: reports late, out of order and twice, pauses, a cancel, checkpoints at any
 * step, a workflow that is reset to an earlier checkpoint while its intervals went on. Throws what must not be.
 */
function simulate(advance: Advance, seed: number): BackfillState {
  const dice = new Dice(seed);
  const count = dice.whole(0, 14);
  const page = dice.whole(1, 5);
  const parallel = dice.whole(1, 4);
  const cancels = dice.chance(0.2);
  const listBreaks = dice.chance(0.05);
  const world: Interval[] = Array.from({ length: count }, (_, n) => ({
    bounds: [String(n * 10), String(n * 10 + 10)],
    fails: dice.chance(0.08),
    rows: dice.whole(0, 9),
    known: dice.chance(0.1),
    ended: undefined,
    runs: 0,
  }));
  const at = (from: string): Interval => world[Number(from) / 10]!;

  let state = initialBackfill({ from: '0', parallel });
  let saved = state;
  /** Reports on their way; of an interval its begin: how it ended is known when the report comes. */
  let mail: (BackfillEvent | string)[] = [];
  let active = new Set<string>();
  let dispatched = new Set<string>();
  let end: (BackfillCommand & { kind: 'finish' }) | undefined;
  let cancelled = false;
  let paused = false;
  let reset = false;
  let ordered: number[] = [];
  let stoppedInOrder = false;

  function run(interval: Interval): void {
    if (interval.ended !== undefined) return;
    interval.runs++;
    interval.ended = interval.fails ? 'failed' : 'completed';
  }

  const report = (interval: Interval): BackfillEvent => {
    const [from] = interval.bounds;
    run(interval);
    if (interval.ended === 'completed') return { kind: 'interval_completed', from, rows: interval.rows };
    const kind = interval.ended === 'cancelled' ? 'cancelled' : 'semantic';
    return { kind: 'interval_failed', from, error: { kind, sqlstate: '42P01', message: `no table at ${from}` } };
  };

  function take(event: BackfillEvent): void {
    if (event.kind === 'cancel') cancelled = true;
    if (event.kind === 'pause') paused = true;
    if (event.kind === 'resume') paused = false;
    if (event.kind === 'interval_failed' && parallel === 1 && active.has(event.from)) stoppedInOrder = true;
    if (event.kind === 'interval_completed' || event.kind === 'interval_failed') active.delete(event.from);
    const step = advance(state, event);
    state = JSON.parse(JSON.stringify(step.state)) as BackfillState;
    for (const command of step.commands) {
      assert.equal(end, undefined, 'a command after the end');
      act(command);
    }
  }

  function act(command: BackfillCommand): void {
    switch (command.kind) {
      case 'run': {
        const [from] = command.interval;
        assert.ok(!cancelled, 'started after a cancel');
        assert.ok(!paused, 'started while paused');
        assert.ok(!stoppedInOrder, 'started after a failure in order');
        assert.ok(!dispatched.has(from), `${from} started twice`);
        assert.deepEqual(command.interval, at(from).bounds);
        dispatched.add(from);
        active.add(from);
        assert.ok(active.size <= parallel, `${active.size} of ${parallel} at once`);
        if (parallel === 1) {
          assert.ok(
            ordered.every((before) => before < Number(from)),
            'out of order',
          );
          ordered.push(Number(from));
        }
        if (dice.chance(0.5)) run(at(from));
        mail.push(from);
        break;
      }
      case 'list': {
        const first = Number(command.from) / 10;
        const all = world.slice(first, first + page);
        const left = all.filter(({ known }) => !known);
        const next = first + page < count ? String((first + page) * 10) : null;
        const event: BackfillEvent =
          listBreaks && dice.chance(0.3)
            ? { kind: 'list_failed', from: command.from, error: { kind: 'connector', sqlstate: '08001', message: 'no list' } }
            : { kind: 'listed', from: command.from, intervals: left.map(({ bounds }) => bounds), skipped: all.length - left.length, next };
        mail.push(event);
        break;
      }
      case 'cancel_running':
        assert.ok(cancelled);
        for (const from of active) if (at(from).ended === undefined && dice.chance(0.5)) at(from).ended = 'cancelled';
        break;
      case 'continue_as_new':
        assert.equal(active.size, 0, 'continued while intervals run');
        restart(JSON.parse(JSON.stringify(command.checkpoint)) as BackfillState);
        break;
      case 'finish':
        end = command;
    }
  }

  /** A new run of the workflow, from a checkpoint. */
  function restart(from: BackfillState): void {
    saved = from;
    state = from;
    mail = [];
    active = new Set();
    const begun = new Set(from.running.map(([begin]) => begin));
    const left = new Set([...from.waiting.map(([begin]) => begin), ...begun]);
    // What had ended by then must not be started again; what came later may.
    dispatched = new Set(
      [...dispatched].filter((begin) => !left.has(begin) && (from.cursor === null || Number(begin) < Number(from.cursor))),
    );
    ordered = ordered.filter((begin) => dispatched.has(String(begin)));
    paused = from.paused;
    cancelled = from.ending?.kind === 'cancelled';
    stoppedInOrder = from.ending?.kind === 'stopped';
    take({ kind: 'start' });
  }

  take({ kind: 'start' });
  const troubles = dice.whole(0, 25);
  for (let step = 0; end === undefined; step++) {
    assert.ok(step < 2000, 'no end');
    const trouble = step < troubles ? dice.whole(0, 11) : 99;
    if (trouble === 0) take({ kind: 'pause' });
    else if (trouble === 1) take({ kind: 'resume' });
    else if (trouble === 2) take({ kind: 'checkpoint' });
    else if (trouble === 3 && cancels) take({ kind: 'cancel', error: CANCEL });
    else if (trouble === 4 && mail.length > 0) mail.push(dice.pick(mail));
    else if (trouble === 5) saved = JSON.parse(JSON.stringify(state)) as BackfillState;
    else if (trouble === 6 && dice.chance(0.3) && saved.ended === undefined) {
      reset = true;
      restart(saved);
    } else if (mail.length > 0) {
      const [letter] = mail.splice(dice.whole(0, mail.length - 1), 1);
      take(typeof letter === 'string' ? report(at(letter)) : letter!);
    } else if (paused) take({ kind: 'resume' });
    else assert.fail(`nothing on its way, and no end: ${JSON.stringify(state)}`);
  }

  const ends = (how: Interval['ended']): number => world.filter(({ ended, known }) => !known && ended === how).length;
  for (const interval of world)
    assert.ok(interval.runs <= 1 && !(interval.known && interval.runs > 0), 'ran twice, or though it was known');
  const all = world.filter(({ known }) => !known);
  // A reset may have undone the cancel that ended some.
  const failed = ends('failed') + ends('cancelled');
  switch (end.state) {
    case 'completed':
      assert.equal(ends('completed'), all.length, 'an interval was left out');
      break;
    case 'failed':
      if (end.error?.sqlstate === '08001') assert.ok(listBreaks);
      else {
        assert.ok(failed > 0);
        if (parallel > 1) assert.equal(failed + ends('completed'), all.length, 'others go on');
        else assert.equal(failed, 1);
        assert.match(end.error?.message ?? '', new RegExp(`^${failed} of ${failed + ends('completed')} intervals failed: no table at`));
      }
      break;
    case 'cancelled':
      assert.ok(cancelled);
      assert.deepEqual(end.error, CANCEL);
  }
  assert.equal(end.state === 'cancelled', cancelled);
  if (!reset && !cancelled) {
    assert.equal(
      state.rows,
      all.reduce((sum, { ended, rows }) => (ended === 'completed' ? sum + rows : sum), 0),
    );
    assert.equal(state.completed, ends('completed'));
    if (end.state === 'completed') assert.equal(state.skipped, count - all.length);
  }
  // Nothing moves it any more.
  for (const event of [
    ...mail.filter((letter) => typeof letter !== 'string'),
    { kind: 'resume' },
    { kind: 'cancel', error: CANCEL },
  ] as const)
    assert.deepEqual(advance(state, event), { state, commands: [] });
  return state;
}

describe('replay/backfill-scheduler', () => {
  it(`runs each interval once and comes to an end, ${RUNS} times`, function () {
    this.timeout(120_000);
    const ends = new Map<string, number>();
    for (let seed = SEED; seed < SEED + RUNS; seed++) {
      try {
        const { ended } = simulate(advanceBackfill, seed);
        ends.set(String(ended), (ends.get(String(ended)) ?? 0) + 1);
      } catch (error) {
        throw new Error(`BACKFILL_SEED=${seed} BACKFILL_RUNS=1: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      }
    }
    for (const how of ['completed', 'failed', 'cancelled']) assert.ok((ends.get(how) ?? 0) > RUNS / 50, `${how}: ${ends.get(how)}`);
  });

  const faulty: Record<string, Advance> = {
    'counts a report twice': (state, event) => {
      const step = advanceBackfill(state, event);
      const twice = event.kind === 'interval_completed' && step.state === state && state.ended === undefined;
      return twice ? { state: { ...state, completed: state.completed + 1 }, commands: [] } : step;
    },
    'forgets what ran when it continues': (state, event) =>
      advanceBackfill(event.kind === 'start' ? { ...state, running: [] } : state, event),
    'forgets to pause': (state, event) => advanceBackfill({ ...state, paused: false }, event),
    'starts one too many': (state, event) => {
      const step = advanceBackfill({ ...state, window: state.window + 1 }, event);
      return { ...step, state: { ...step.state, window: state.window } };
    },
    'forgets a page': (state, event) =>
      advanceBackfill(state, event.kind === 'listed' ? { ...event, intervals: event.intervals.slice(1) } : event),
    'does not hear a cancel': (state, event) => (event.kind === 'cancel' ? { state, commands: [] } : advanceBackfill(state, event)),
    'continues while something runs': (state, event) =>
      event.kind === 'checkpoint' && state.running.length > 0 && state.ended === undefined && state.ending === undefined
        ? { state, commands: [{ kind: 'continue_as_new', checkpoint: state }] }
        : advanceBackfill(state, event),
  };
  for (const [what, advance] of Object.entries(faulty)) {
    it(`sees a scheduler that ${what}`, () => {
      assert.throws(() => {
        for (let seed = 0; seed < 3000; seed++) simulate(advance, seed);
      });
    });
  }

  it('tells how it stands', () => {
    let state = initialBackfill({ from: '0', parallel: 2 });
    const take = (event: BackfillEvent): void => {
      state = advanceBackfill(state, event).state;
    };
    take({ kind: 'start' });
    take({
      kind: 'listed',
      from: '0',
      intervals: [
        ['0', '1'],
        ['1', '2'],
        ['2', '3'],
      ],
      skipped: 1,
      next: null,
    });
    take({ kind: 'interval_failed', from: '0', error: { kind: 'semantic', sqlstate: '42P01', message: 'a secret', detail: 'more' } });
    take({ kind: 'interval_completed', from: '1', rows: 5 });
    const text = backfillText(state, 4);
    assert.match(text, /^\*\*running\*\*: 3 of 4 intervals done, 5 rows\n/);
    assert.match(text, /\| 1 \| 1 \| 1 \| 1 \|/);
    assert.match(text, /- 1970-01-01T00:00:00.000Z: 42P01/);
    assert.ok(!text.includes('secret'));
    take({ kind: 'pause' });
    assert.match(backfillText(state, undefined), /^\*\*paused\*\*: 3 intervals done/);
  });

  it('keeps its state small', () => {
    let state = initialBackfill({ from: '0', parallel: 300 });
    const intervals = Array.from({ length: 200 }, (_, n) => [String(n), String(n + 1)] as const);
    for (const event of [
      { kind: 'start' },
      { kind: 'listed', from: '0', intervals, skipped: 0, next: null },
      ...intervals.map(([from]) => ({
        kind: 'interval_failed' as const,
        from,
        error: { kind: 'internal' as const, sqlstate: 'XX000', message: 'x'.repeat(5000), detail: 'y'.repeat(50_000) },
      })),
    ] as BackfillEvent[])
      state = advanceBackfill(state, event).state;
    assert.equal(state.ended, 'failed');
    assert.ok(JSON.stringify(state).length < 20_000);
  });
});
