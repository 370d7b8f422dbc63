import assert from 'node:assert/strict';
import { advance, type SchedulerCommand, type SchedulerState } from '../../src/replay/scheduler.js';
import { type Advance, type Outcome, play, type Scenario, TROUBLES } from './scheduler-world.js';

const RUNS = Number(process.env['TIMELINE_SIMULATION_RUNS'] ?? 100_000);
/** `seed:trouble:step` of a run that failed, to see it alone. */
const ONLY = process.env['TIMELINE_SIMULATION'];

/** Each seed's plan and world, with each trouble at every step of it. */
function* scenarios(): Generator<Scenario, never, Outcome> {
  for (let seed = 1; ; seed++) {
    let steps = 0;
    for (const trouble of TROUBLES) {
      for (let step = 0; step <= Math.min(steps, 60); step++) {
        const outcome = yield { seed, trouble, step };
        if (trouble === 'plain' && step === 0) steps = outcome.steps;
      }
    }
  }
}

function run(runs: number, one: Advance): Record<string, number> {
  const seen: Record<string, number> = {};
  const all = scenarios();
  let scenario = all.next({ steps: 0, end: '', seen: {} }).value;
  for (let n = 0; n < runs; n++) {
    let outcome: Outcome;
    try {
      outcome = play(scenario, one);
    } catch (error) {
      const name = `${scenario.seed}:${scenario.trouble}:${scenario.step}`;
      throw new Error(`${error instanceof Error ? error.message : String(error)} (alone: TIMELINE_SIMULATION=${name})`, { cause: error });
    }
    for (const [what, count] of Object.entries({ ...outcome.seen, [outcome.end]: 1 })) seen[what] = (seen[what] ?? 0) + count;
    scenario = all.next(outcome).value;
  }
  return seen;
}

const every = (state: SchedulerState, change: (stage: SchedulerState['stages'][number]) => object): SchedulerState => ({
  ...state,
  stages: state.stages.map((stage) => ({ ...stage, ...change(stage) })),
});

/** Schedulers with a fault each; the simulation must see all of them. */
const FAULTY: Readonly<Record<string, Advance>> = {
  'forgets tasks that are to run again': (state, event) => {
    const step = advance(state, event);
    return { ...step, state: every(step.state, () => ({ again: [] })) };
  },
  'forgets a commit in a crash': (state, event) =>
    advance(
      event.kind === 'start' ? every(state, ({ committed, done }) => (done ? {} : { committed: committed.replace('1', '0') })) : state,
      event,
    ),
  'has one place too many': (state, event) => advance({ ...state, spec: { ...state.spec, window: state.spec.window + 1 } }, event),
  'has one place too few': (state, event) =>
    advance({ ...state, spec: { ...state.spec, window: Math.max(1, state.spec.window - 1) } }, event),
  'does not wait for the stage before': (state, event) =>
    advance(
      { ...state, spec: { ...state.spec, stages: state.spec.stages.map((stage) => ({ ...stage, deps: stage.deps.slice(1) })) } },
      event,
    ),
  'does not pause': (state, event) => (event.kind === 'pause' ? { state, commands: [] } : advance(state, event)),
  'does not resume': (state, event) => (event.kind === 'resume' ? { state, commands: [] } : advance(state, event)),
  'is paused no longer after a crash': (state, event) => advance(event.kind === 'start' ? { ...state, paused: false } : state, event),
  'believes that batches survive a crash': (state, event) => {
    const step = advance(state, event);
    return event.kind !== 'start' || state.inFlight.length === 0
      ? step
      : { state: { ...step.state, inFlight: state.inFlight }, commands: [] };
  },
  'goes on after a cancel': (state, event) => (event.kind === 'cancel' ? { state, commands: [] } : advance(state, event)),
  'ends at once when it is cancelled': (state, event) => {
    const step = advance(state, event);
    const fail: readonly SchedulerCommand[] = event.kind === 'cancel' ? [{ kind: 'fail', error: event.error }] : [];
    return { ...step, commands: [...step.commands.filter(({ kind }) => fail.length === 0 || kind !== 'fail'), ...fail] };
  },
  'tells the last cause': (state, event) =>
    advance(event.kind === 'cancel' && state.ending !== undefined ? { ...state, ending: event.error } : state, event),
  'finishes twice': (state, event) => {
    const step = advance(state, event);
    return { ...step, commands: [...step.commands, ...step.commands.filter(({ kind }) => kind === 'finish')] };
  },
  'has an end after the end': (state, event) => advance(state.ended === 'finished' ? { ...state, ended: undefined } : state, event),
  'counts what is told twice': (state, event) => {
    const step = advance(state, event);
    if (event.kind !== 'task_committed' || step.commands.length > 0 || step.state !== state) return step;
    return { ...step, state: every(state, (stage) => (stage.id === event.stage ? { rows: stage.rows + event.rows } : {})) };
  },
  'reads on beyond its budget': (state, event) => {
    const { maxBytes, ...spec } = state.spec;
    return advance({ ...state, spec: maxBytes === undefined ? spec : { ...spec, maxBytes: maxBytes + 1 } }, event);
  },
  'tries once more than it may': (state, event) =>
    advance({ ...state, spec: { ...state.spec, maxAttempts: state.spec.maxAttempts + 1 } }, event),
  'takes a failure for good as one to try again': (state, event) =>
    advance(state, event.kind === 'batch_failed' ? { ...event, retryable: true } : event),
  'does not drain': (state, event) => (event.kind === 'checkpoint' ? { state, commands: [] } : advance(state, event)),
  'changes the state it was given': (state, event) => {
    const step = advance(state, event);
    if (event.kind === 'pause') Object.assign(state, { paused: true });
    return step;
  },
};

describe('replay/scheduler simulation', () => {
  const alone = /^(\d+):(\w+):(\d+)$/.exec(ONLY ?? '');

  it('loses no task, doubles none, and always ends, whatever goes wrong at whatever step', function () {
    this.timeout(600_000);
    if (alone !== null) {
      const trouble = TROUBLES.find((one) => one === alone[2]) ?? 'plain';
      console.log(play({ seed: Number(alone[1]), trouble, step: Number(alone[3]) }, advance));
      return;
    }
    const seen = run(RUNS, advance);
    if (process.env['TIMELINE_SIMULATION_RUNS'] !== undefined) console.log(JSON.stringify(seen));
    for (const what of [
      'again',
      'twice',
      'commit lost',
      'end lost',
      'crash',
      'crash to an older state',
      'failed',
      'failed for good',
      'nonsense',
    ])
      assert.ok((seen[what] ?? 0) > RUNS / 100, `${what} happened`);
    for (const what of ['cancel', 'cancel_batches', 'pause', 'continued', 'finish', 'fail'])
      assert.ok((seen[what] ?? 0) > RUNS / 100, `${what} happened`);
  });

  for (const [fault, faulty] of Object.entries(FAULTY)) {
    it(`sees a scheduler that ${fault}`, () => {
      if (alone === null) assert.throws(() => run(30_000, faulty), /alone: TIMELINE_SIMULATION=/);
    });
  }
});
