import assert from 'node:assert/strict';
import type { ErrorDetails } from '../../sql/errors.js';
import { clearBitmap, hasBit, withBit } from '../../src/replay/bitmap.js';
import {
  advance,
  type Batch,
  initialState,
  type SchedulerEvent,
  type SchedulerSpec,
  type SchedulerState,
  totals,
} from '../../src/replay/scheduler.js';

const CANCEL: ErrorDetails = { kind: 'cancelled', sqlstate: '57014', message: 'canceling statement due to user request' };
const BROKEN: ErrorDetails = { kind: 'connector', sqlstate: '58030', message: 'the disk burns', retryable: true };

function spec(
  stages: readonly (readonly [tasks: number, batch: number, deps: readonly number[]])[],
  window = 3,
  maxAttempts = 3,
): SchedulerSpec {
  return { stages: stages.map(([tasks, batch, deps], id) => ({ id, tasks, batch, deps })), window, maxAttempts };
}

/** A driver's shell reduced to what tests look at. */
class Shell {
  state: SchedulerState;
  dispatched: Batch[] = [];
  cancelled: string[] = [];
  stagesDone: number[] = [];
  end: { readonly kind: string; readonly error?: ErrorDetails; readonly checkpoint?: SchedulerState } | undefined;

  constructor(of: SchedulerSpec | SchedulerState) {
    this.state = 'spec' in of ? of : initialState(of);
    this.take({ kind: 'start' });
  }

  take(event: SchedulerEvent): void {
    const before = JSON.stringify(this.state);
    const frozen = this.state;
    const { state, commands } = advance(this.state, event);
    assert.equal(JSON.stringify(frozen), before, 'the old state stays as it was');
    // Whatever a state is, it must survive as a checkpoint.
    this.state = JSON.parse(JSON.stringify(state)) as SchedulerState;
    for (const command of commands) {
      assert.equal(this.end, undefined, `${command.kind} after the end`);
      if (command.kind === 'dispatch') this.dispatched.push(command.batch);
      else if (command.kind === 'cancel_batches') this.cancelled.push(...command.batches);
      else if (command.kind === 'commit_stage') this.stagesDone.push(command.stage);
      else this.end = command;
    }
  }

  commit(stage: number, task: number, rows = 1, bytes = 10): void {
    this.take({ kind: 'task_committed', stage, task, rows, bytes, noticed: false });
  }

  next(): Batch {
    const batch = this.dispatched.shift();
    assert.ok(batch, 'a batch is dispatched');
    return batch;
  }
}

describe('replay/scheduler', () => {
  it('keeps bits as text', () => {
    let bitmap = clearBitmap(9);
    assert.equal(bitmap, '000');
    bitmap = withBit(withBit(bitmap, 8), 3);
    assert.deepEqual(
      [0, 3, 7, 8, 9, 100].map((bit) => hasBit(bitmap, bit)),
      [false, true, false, true, false, false],
    );
    assert.throws(() => withBit(bitmap, 12), RangeError);
  });

  it('starts a stage when all it depends on is committed', () => {
    const shell = new Shell(
      spec([
        [2, 2, []],
        [1, 1, []],
        [1, 1, [0, 1]],
      ]),
    );
    assert.deepEqual(
      shell.dispatched.map((batch) => batch.id),
      ['0.0.0', '1.0.1'],
    );
    shell.commit(0, 0);
    shell.commit(0, 1);
    assert.deepEqual(shell.stagesDone, [0]);
    assert.equal(shell.dispatched.length, 2);
    shell.commit(1, 0);
    assert.deepEqual(
      shell.dispatched.map((batch) => batch.stage),
      [0, 1, 2],
    );
    shell.commit(2, 0, 7);
    assert.deepEqual(shell.end, { kind: 'finish' });
    assert.deepEqual(totals(shell.state), { tasks: 4, tasksDone: 4, rows: 7, bytes: 40 });
  });

  it('commits stages without tasks at once', () => {
    const shell = new Shell(
      spec([
        [0, 1, []],
        [0, 1, [0]],
      ]),
    );
    assert.deepEqual(shell.stagesDone, [0, 1]);
    assert.deepEqual(shell.end, { kind: 'finish' });
  });

  it('keeps no more batches in flight than its window', () => {
    const shell = new Shell(spec([[10, 2, []]], 2));
    assert.deepEqual(
      shell.dispatched.map((batch) => batch.tasks),
      [
        [0, 1],
        [2, 3],
      ],
    );
    shell.commit(0, 0);
    assert.equal(shell.dispatched.length, 2);
    shell.commit(0, 1);
    assert.deepEqual(shell.dispatched.at(-1)?.tasks, [4, 5]);
  });

  it('counts a task once, whoever reports it and however often', () => {
    const shell = new Shell(spec([[2, 1, []]]));
    shell.commit(0, 0, 5);
    shell.commit(0, 0, 5);
    shell.commit(0, 9, 5);
    shell.commit(4, 0, 5);
    assert.equal(totals(shell.state).rows, 5);
    assert.equal(totals(shell.state).tasksDone, 1);
  });

  it('runs lost tasks of a batch again, and only those', () => {
    const shell = new Shell(spec([[4, 4, []]], 1));
    const first = shell.next();
    shell.commit(0, 1);
    shell.take({ kind: 'batch_ended', batch: first.id });
    const second = shell.next();
    assert.deepEqual([second.tasks, second.attempt], [[0, 2, 3], 2]);
    assert.notEqual(second.id, first.id);
    shell.take({ kind: 'batch_ended', batch: first.id });
    assert.equal(shell.dispatched.length, 0, 'a late end of the first batch is of no account');
    assert.equal(shell.state.stages[0]?.retries, 3);
  });

  it('blames no task of a batch that was called back, however often', () => {
    const shell = new Shell(spec([[4, 4, []]], 1, 1));
    shell.commit(0, 2);
    for (let n = 0; n < 3; n++) shell.take({ kind: 'batch_released', batch: shell.next().id });
    const last = shell.next();
    assert.deepEqual([last.tasks, last.attempt], [[0, 1, 3], 1]);
    shell.take({ kind: 'pause' });
    shell.take({ kind: 'batch_released', batch: last.id });
    assert.equal(shell.dispatched.length, 0);
    shell.take({ kind: 'cancel', error: CANCEL });
    assert.deepEqual(shell.end, { kind: 'fail', error: CANCEL });
  });

  it('gives up after the last attempt, with the error of it', () => {
    const shell = new Shell(spec([[1, 1, []]], 1, 2));
    shell.take({ kind: 'batch_failed', batch: shell.next().id, error: BROKEN, retryable: true });
    shell.take({ kind: 'batch_failed', batch: shell.next().id, error: BROKEN, retryable: true });
    assert.deepEqual(shell.end, { kind: 'fail', error: BROKEN });
  });

  it('fails when nothing is in flight any more', () => {
    const shell = new Shell(spec([[5, 1, []]], 3));
    const [first, second, third] = shell.dispatched;
    shell.take({ kind: 'batch_failed', batch: String(first?.id), error: CANCEL, retryable: false });
    assert.deepEqual(shell.cancelled, [second?.id, third?.id]);
    assert.equal(shell.end === undefined, true);
    shell.take({ kind: 'batch_failed', batch: String(second?.id), error: BROKEN, retryable: true });
    shell.take({ kind: 'batch_ended', batch: String(third?.id) });
    assert.deepEqual(shell.end, { kind: 'fail', error: CANCEL });
    assert.equal(shell.dispatched.length, 3);
  });

  it('ignores the failure of a batch whose tasks another attempt committed', () => {
    const shell = new Shell(spec([[2, 1, []]], 1));
    const first = shell.next();
    shell.commit(0, 0);
    shell.take({ kind: 'batch_failed', batch: first.id, error: CANCEL, retryable: false });
    assert.equal(shell.end === undefined, true);
    assert.deepEqual(shell.next().tasks, [1]);
  });

  it('stops where the bytes read pass the limit', () => {
    const shell = new Shell({ ...spec([[3, 1, []]], 1), maxBytes: 15 });
    shell.commit(0, 0);
    assert.equal(shell.end === undefined, true);
    shell.commit(0, 1);
    shell.take({ kind: 'batch_ended', batch: '0.1.1' });
    assert.equal(shell.end?.kind, 'fail');
    assert.equal(shell.end?.error?.sqlstate, '53400');
  });

  it('pauses and resumes', () => {
    const shell = new Shell(spec([[3, 1, []]], 1));
    shell.take({ kind: 'pause' });
    shell.commit(0, 0);
    assert.equal(shell.dispatched.length, 1);
    shell.take({ kind: 'resume' });
    assert.equal(shell.dispatched.length, 2);
  });

  it('drains before it continues as new, and goes on from there', () => {
    const shell = new Shell(spec([[4, 1, []]], 2));
    shell.take({ kind: 'checkpoint' });
    shell.commit(0, 0);
    assert.equal(shell.end === undefined, true);
    shell.commit(0, 1);
    assert.equal(shell.end?.kind, 'continue_as_new');
    const checkpoint = shell.end?.checkpoint;
    assert.ok(checkpoint);
    assert.deepEqual(checkpoint.inFlight, []);
    const next = new Shell(checkpoint);
    assert.deepEqual(
      next.dispatched.map((batch) => batch.tasks[0]),
      [2, 3],
    );
    next.commit(0, 2);
    next.commit(0, 3);
    assert.deepEqual(next.end, { kind: 'finish' });
    assert.equal(totals(next.state).rows, 4);
  });
});

/** Small, seeded and good enough: mulberry32. */
function random(seed: number): (below: number) => number {
  let a = seed;
  return (below) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Workers that do everything wrong that the task commit has to bear; what they commit is counted. */
class World {
  /** Manifests: who wrote them. */
  readonly manifests = new Map<string, string>();
  runs = 0;
  /** Messages on their way; workers outlive the shell. */
  readonly mail: SchedulerEvent[] = [];
  readonly working: { readonly batch: Batch; at: number }[] = [];

  constructor(
    readonly roll: (below: number) => number,
    readonly plan: SchedulerSpec,
    readonly faults: boolean,
  ) {}

  accept(batch: Batch): void {
    for (const dep of this.plan.stages[batch.stage]?.deps ?? []) {
      for (let task = 0; task < (this.plan.stages[dep]?.tasks ?? 0); task++)
        assert.ok(this.manifests.has(`${dep}.${task}`), 'inputs are committed');
    }
    assert.ok(batch.tasks.length > 0 && batch.tasks.length <= (this.plan.stages[batch.stage]?.batch ?? 0));
    this.working.push({ batch, at: 0 });
  }

  /** One worker makes one step. */
  work(): void {
    const n = this.roll(this.working.length);
    const worker = this.working[n];
    if (worker === undefined) return;
    const { batch } = worker;
    const task = batch.tasks[worker.at++];
    if (task === undefined) {
      this.working.splice(n, 1);
      this.send({ kind: 'batch_ended', batch: batch.id });
      return;
    }
    if (this.faults && this.roll(12) === 0) {
      this.working.splice(n, 1);
      this.send({ kind: 'batch_failed', batch: batch.id, error: BROKEN, retryable: true });
      return;
    }
    const key = `${batch.stage}.${task}`;
    this.runs++;
    if (!this.manifests.has(key)) this.manifests.set(key, batch.id);
    if (this.faults && this.roll(8) === 0) return;
    this.send({ kind: 'task_committed', stage: batch.stage, task, rows: task + 1, bytes: 1, noticed: false });
  }

  send(event: SchedulerEvent): void {
    this.mail.push(event);
    if (this.faults && this.roll(6) === 0) this.mail.push(event);
  }

  receive(): SchedulerEvent | undefined {
    return this.mail.splice(this.faults ? this.roll(this.mail.length) : 0, 1)[0];
  }
}

function randomSpec(roll: (below: number) => number): SchedulerSpec {
  const stages = Array.from({ length: 1 + roll(4) }, (_, id) => ({
    id,
    tasks: roll(15),
    batch: 1 + roll(5),
    deps: Array.from({ length: id }, (_unused, dep) => dep).filter(() => roll(2) === 0),
  }));
  return { stages, window: 1 + roll(5), maxAttempts: 10_000 };
}

/** Runs a plan to its end; `stop` is called before every step and may replace the shell or send events. */
function simulate(
  seed: number,
  plan: SchedulerSpec,
  faults: boolean,
  each: (shell: Shell, step: number, world: World) => Shell,
): { shell: Shell; world: World; steps: number } {
  const roll = random(seed);
  const world = new World(roll, plan, faults);
  let shell = new Shell(plan);
  for (let step = 0; step < 20_000; step++) {
    for (const batch of shell.dispatched.splice(0)) world.accept(batch);
    assert.ok(shell.state.inFlight.length <= plan.window);
    if (shell.end?.kind === 'continue_as_new' && shell.end.checkpoint !== undefined) shell = new Shell(shell.end.checkpoint);
    else if (shell.end !== undefined) return { shell, world, steps: step };
    else shell = each(shell, step, world);
    const event = roll(2) === 0 ? world.receive() : undefined;
    if (event === undefined) world.work();
    else shell.take(event);
  }
  throw new Error(`seed ${seed} does not end`);
}

function assertComplete(plan: SchedulerSpec, shell: Shell, world: World): void {
  assert.deepEqual(shell.end, { kind: 'finish' });
  for (const stage of plan.stages) {
    for (let task = 0; task < stage.tasks; task++) assert.ok(world.manifests.has(`${stage.id}.${task}`));
    assert.equal(shell.state.stages[stage.id]?.count, stage.tasks);
    assert.equal(shell.state.stages[stage.id]?.rows, (stage.tasks * (stage.tasks + 1)) / 2, 'every task is counted once');
  }
}

describe('replay/scheduler in simulation', () => {
  it('runs every task exactly once where nothing goes wrong', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const plan = randomSpec(random(seed));
      const { shell, world } = simulate(seed, plan, false, (same) => same);
      assertComplete(plan, shell, world);
      assert.equal(
        world.runs,
        plan.stages.reduce((sum, stage) => sum + stage.tasks, 0),
      );
    }
  });

  it('commits every task exactly once under duplicate, late and lost messages and failing workers', () => {
    let again = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const plan = randomSpec(random(seed * 7));
      const { shell, world } = simulate(seed, plan, true, (same) => same);
      assertComplete(plan, shell, world);
      again += world.runs - world.manifests.size;
    }
    assert.ok(again > 0, 'the faults did hit');
  });

  it('survives a crash at every step, from an older checkpoint, while old workers still run', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const plan = randomSpec(random(seed * 13));
      const { steps } = simulate(seed, plan, true, (same) => same);
      for (let crash = 0; crash < steps; crash++) {
        let checkpoint: SchedulerState | undefined;
        const { shell, world } = simulate(seed, plan, true, (same, step) => {
          if (step === Math.floor(crash / 2)) checkpoint = same.state;
          return step === crash && checkpoint !== undefined ? new Shell(checkpoint) : same;
        });
        assertComplete(plan, shell, world);
      }
    }
  });

  it('ends after a cancel at every step: nothing is dispatched any more, and the reason is told', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const plan = randomSpec(random(seed * 17));
      const { steps } = simulate(seed, plan, true, (same) => same);
      for (let at = 0; at < steps; at++) {
        let dispatched: number | undefined;
        const { shell } = simulate(seed, plan, true, (same, step, world) => {
          if (step === at) {
            same.take({ kind: 'cancel', error: CANCEL });
            dispatched = same.state.dispatched;
            // A driver's shell reports every batch's end; only what workers say may be lost.
            for (const batch of same.state.inFlight) world.mail.push({ kind: 'batch_ended', batch: batch.id });
          }
          return same;
        });
        if (dispatched === undefined) continue;
        assert.deepEqual(shell.end, { kind: 'fail', error: CANCEL });
        assert.equal(shell.state.dispatched, dispatched);
      }
    }
  });

  it('continues as new at any step', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const plan = randomSpec(random(seed * 19));
      let asked = 0;
      const { shell, world } = simulate(seed, plan, true, (same, step) => {
        if (step % 9 === 8) {
          asked++;
          same.take({ kind: 'checkpoint' });
        }
        return same;
      });
      assertComplete(plan, shell, world);
      assert.ok(asked > 0 || world.manifests.size < 5);
    }
  });
});
