import assert from 'node:assert/strict';
import type { ErrorDetails } from '../../sql/errors.js';
import type { SchedulerCommand, SchedulerEvent, SchedulerSpec } from '../../src/replay/scheduler.js';

/**
 * What the scheduler promises, told by events and commands alone: it never looks into the scheduler's state, and shares no code with it.
 * Tasks are numbered through all stages.
 */
export class Referee {
  /** First task number of each stage, and one after the last. */
  private readonly first: readonly number[];
  private seen: readonly boolean[];
  private readonly done = new Set<number>();
  private flight = new Map<string, readonly number[]>();
  private failures: readonly number[];
  private readonly ids = new Set<string>();
  private bytes = 0;
  private readonly rows: number[];
  private paused = false;
  private draining = false;
  private fatal: ErrorDetails | 'attempts' | 'budget' | undefined;
  end: 'finish' | 'fail' | 'continue_as_new' | undefined;

  constructor(private readonly spec: SchedulerSpec) {
    const first = [0];
    for (const stage of spec.stages) first.push((first.at(-1) ?? 0) + stage.tasks);
    this.first = first;
    const tasks = first.at(-1) ?? 0;
    this.seen = new Array<boolean>(tasks).fill(false);
    this.failures = new Array<number>(tasks).fill(0);
    this.rows = spec.stages.map(() => 0);
  }

  /** What it knows now, for a run that goes on from the state of now. */
  copy(): Referee {
    const other = new Referee(this.spec);
    other.seen = this.seen;
    other.failures = this.failures;
    for (const stage of this.done) other.done.add(stage);
    for (const [id, tasks] of this.flight) other.flight.set(id, tasks);
    for (const id of this.ids) other.ids.add(id);
    for (const [stage, rows] of this.rows.entries()) other.rows[stage] = rows;
    other.bytes = this.bytes;
    other.paused = this.paused;
    other.draining = this.draining;
    other.fatal = this.fatal;
    other.end = this.end;
    return other;
  }

  /** Rows by stage, each committed task counted once. */
  sums(): { readonly rows: readonly number[]; readonly bytes: number; readonly tasks: number } {
    return { rows: this.rows, bytes: this.bytes, tasks: this.seen.filter((one) => one).length };
  }

  committed(stage: number, task: number): boolean {
    return this.seen[this.number(stage, task)] === true;
  }

  get holds(): boolean {
    return this.paused;
  }

  /** Fails where the commands are no proper answer to the event. */
  judge(event: SchedulerEvent, commands: readonly SchedulerCommand[]): void {
    if (this.end !== undefined && !(event.kind === 'start' && this.end === 'continue_as_new')) {
      assert.deepEqual(commands, [], `after the end: ${event.kind}`);
      return;
    }
    const flying = [...this.flight.keys()];
    const before = this.fatal;
    this.hear(event);
    const dying = before === undefined && this.fatal !== undefined;
    const cancelled = commands.filter((command) => command.kind === 'cancel_batches').flatMap((command) => command.batches);
    // A batch whose end is the cause flies no longer.
    const expected = dying ? flying.filter((id) => this.flight.has(id)) : [];
    // What the cause itself has completed may be among them.
    assert.ok(
      new Set(cancelled).size === cancelled.length && cancelled.every((id) => dying && flying.includes(id)),
      'cancelled though not in flight',
    );
    assert.ok(
      expected.every((id) => cancelled.includes(id)),
      'batches in flight are cancelled when the run fails',
    );
    for (const command of commands) this.obey(command);
    this.rest();
  }

  private hear(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'start':
        this.flight.clear();
        this.draining = false;
        this.end = undefined;
        return;
      case 'task_committed': {
        const number = this.number(event.stage, event.task);
        if (number < 0 || this.seen[number] === true) return;
        this.seen = this.seen.with(number, true);
        this.bytes += event.bytes;
        this.rows[event.stage] = (this.rows[event.stage] ?? 0) + event.rows;
        for (const [id, tasks] of this.flight) if (tasks.every((task) => this.seen[task])) this.flight.delete(id);
        if (this.spec.maxBytes !== undefined && this.bytes > this.spec.maxBytes) this.fatal ??= 'budget';
        return;
      }
      case 'batch_ended':
      case 'batch_failed': {
        const tasks = this.flight.get(event.batch);
        if (tasks === undefined) return;
        this.flight.delete(event.batch);
        const missing = tasks.filter((task) => this.seen[task] !== true);
        if (missing.length === 0 || this.fatal !== undefined) return;
        if (event.kind === 'batch_failed' && !event.retryable) {
          this.fatal = event.error;
          return;
        }
        this.failures = this.failures.map((count, task) => (missing.includes(task) ? count + 1 : count));
        if (missing.some((task) => (this.failures[task] ?? 0) >= this.spec.maxAttempts))
          this.fatal = event.kind === 'batch_failed' ? event.error : 'attempts';
        return;
      }
      case 'cancel':
        this.fatal ??= event.error;
        return;
      case 'pause':
        this.paused = true;
        return;
      case 'resume':
        this.paused = false;
        return;
      case 'checkpoint':
        this.draining = true;
        return;
    }
  }

  private obey(command: SchedulerCommand): void {
    assert.equal(this.end, undefined, `${command.kind} after the end`);
    switch (command.kind) {
      case 'dispatch': {
        const { id, stage, tasks, attempt } = command.batch;
        const shape = this.spec.stages[stage];
        assert.ok(shape, `dispatch of a stage that is none: ${stage}`);
        assert.ok(!this.paused && !this.draining && this.fatal === undefined, 'dispatched although paused, draining or failed');
        assert.ok(!this.ids.has(id), `batch ${id} twice`);
        this.ids.add(id);
        for (const dep of shape.deps) assert.ok(this.done.has(dep), `stage ${stage} before stage ${dep} was committed`);
        assert.ok(tasks.length > 0 && tasks.length <= shape.batch && new Set(tasks).size === tasks.length, 'tasks of a batch');
        const numbers = tasks.map((task) => this.number(stage, task));
        for (const number of numbers) {
          assert.ok(number >= 0, 'a task that is none');
          assert.ok(this.seen[number] !== true, `committed task ${number} dispatched again`);
          for (const others of this.flight.values()) assert.ok(!others.includes(number), `task ${number} dispatched while in flight`);
        }
        assert.equal(attempt, 1 + Math.max(...numbers.map((number) => this.failures[number] ?? 0)), 'number of the attempt');
        this.flight.set(id, numbers);
        assert.ok(this.flight.size <= this.spec.window, 'more batches than the window');
        return;
      }
      case 'commit_stage': {
        const shape = this.spec.stages[command.stage];
        assert.ok(shape && !this.done.has(command.stage), `stage ${command.stage} committed twice, or is none`);
        assert.ok(this.complete(command.stage), `stage ${command.stage} committed without all of its tasks`);
        for (const dep of shape.deps) assert.ok(this.done.has(dep), `stage ${command.stage} committed before stage ${dep}`);
        this.done.add(command.stage);
        return;
      }
      case 'finish':
        assert.equal(this.done.size, this.spec.stages.length, 'finished before all stages were committed');
        assert.equal(this.fatal, undefined, 'finished although failed');
        this.end = 'finish';
        return;
      case 'fail':
        assert.ok(this.fatal !== undefined, 'failed without a cause');
        assert.equal(this.flight.size, 0, 'failed while batches were in flight');
        if (this.fatal === 'budget') assert.equal(command.error.sqlstate, '53400');
        else if (this.fatal === 'attempts') assert.match(command.error.message, /ended \d+ times without a result/);
        else assert.deepEqual(command.error, this.fatal, 'the first cause counts');
        this.end = 'fail';
        return;
      case 'continue_as_new':
        assert.ok(this.draining && this.flight.size === 0 && this.fatal === undefined, 'continued while batches were in flight');
        this.end = 'continue_as_new';
        return;
      case 'cancel_batches':
        return;
    }
  }

  /** What must have happened by now: nothing that could be done is left undone. */
  private rest(): void {
    if (this.end !== undefined) return;
    if (this.fatal !== undefined) {
      assert.ok(this.flight.size > 0, 'failed, nothing in flight, and no end');
      return;
    }
    for (const [position, shape] of this.spec.stages.entries()) {
      const ready = shape.deps.every((dep) => this.done.has(dep));
      if (!ready) continue;
      assert.ok(this.done.has(position) || !this.complete(position), `stage ${position} is complete and was not committed`);
    }
    assert.ok(this.done.size < this.spec.stages.length, 'all is done, and no end');
    assert.ok(!this.draining || this.flight.size > 0, 'drained, and not continued');
    if (this.draining || this.paused || this.flight.size === this.spec.window) return;
    const flying = new Set([...this.flight.values()].flat());
    for (const [position, shape] of this.spec.stages.entries()) {
      if (!shape.deps.every((dep) => this.done.has(dep))) continue;
      for (let task = this.first[position] ?? 0; task < (this.first[position + 1] ?? 0); task++)
        assert.ok(
          this.seen[task] === true || flying.has(task),
          `task ${task} is neither committed nor in flight, and there is room for it`,
        );
    }
  }

  private complete(stage: number): boolean {
    for (let task = this.first[stage] ?? 0; task < (this.first[stage + 1] ?? 0); task++) if (this.seen[task] !== true) return false;
    return true;
  }

  /** Below 0: there is no such task. */
  private number(stage: number, task: number): number {
    const shape = this.spec.stages[stage];
    return shape === undefined || !(task >= 0 && task < shape.tasks) ? -1 : (this.first[stage] ?? 0) + task;
  }
}
