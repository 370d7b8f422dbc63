import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TimelineError } from '../../sql/errors.js';
import type { ReplayControl, WorkflowState } from '../../src/replay/replay-control.js';
import type { ReplayEnd, ReplaySubmission } from '../../src/replay/replay-record.js';
import { createReplayRegistry, type ReplayRegistry } from '../../src/replay/replay-registry.js';
import { createFolderFiles } from '../../src/replay/stage-files.js';
import type { Manifest } from '../../src/replay/stage-store.js';
import { SubmittedReplays, submittedLine } from '../../src/submitted-replays.js';
import { temporaryFolder } from '../replay/support.js';

interface World {
  readonly known: SubmittedReplays;
  readonly asked: string[];
  end(id: string, more?: Partial<ReplayEnd>): void;
  commit(id: string, stage: number, tasks: number): void;
  state: (id: string) => Promise<WorkflowState | undefined>;
  control: boolean;
}

function submission(id: string, more: Partial<ReplaySubmission> = {}): ReplaySubmission {
  return {
    version: 1,
    id,
    name: null,
    kind: 'replay',
    user: 'ann',
    sql: 'SELECT 1',
    parameters: [],
    submittedAt: Date.now() - 10_000,
    columns: [],
    snapshots: [],
    stages: [
      { id: 0, tasks: 4 },
      { id: 1, tasks: 1 },
    ],
    result: { kind: 'inline' },
    reuse: null,
    ...more,
  };
}

function world(...submissions: readonly ReplaySubmission[]): World {
  const ends = new Map<string, ReplayEnd>();
  const committed = new Map<string, Map<number, number[]>>();
  const asked: string[] = [];
  const running = async (): Promise<WorkflowState> => ({ state: 'running', startedAt: Date.now() - 10_000, endedAt: undefined });
  const made: World = {
    asked,
    state: running,
    control: true,
    end: (id, more = {}) => void ends.set(id, { version: 1, id, state: 'completed', endedAt: Date.now(), rows: 7, ...more }),
    commit(id, stage, tasks) {
      const stages = committed.get(id) ?? new Map<number, number[]>();
      committed.set(
        id,
        stages.set(
          stage,
          Array.from({ length: tasks }, (_, n) => n),
        ),
      );
    },
    known: new SubmittedReplays({
      registry: {
        list: async () => submissions.map(({ id }) => ({ id, ended: ends.has(id) })),
        submission: async (id) => {
          asked.push(`submission ${id}`);
          return submissions.find((one) => one.id === id);
        },
        ended: async (id) => {
          asked.push(`end ${id}`);
          return ends.get(id);
        },
      } as Partial<ReplayRegistry> as ReplayRegistry,
      store: {
        committed: async (id) => committed.get(id) ?? new Map(),
        manifest: async (id, stage, task) => {
          asked.push(`manifest ${id} ${stage}.${task}`);
          return { rows: 10, bytesRead: 100 } as Manifest;
        },
      },
      control: () => (made.control ? ({ state: (id: string) => made.state(id) } as ReplayControl) : undefined),
    }),
  };
  return made;
}

describe('what is known of submitted replays', () => {
  it('shows a replay whose record nobody can read as unknown, and all others', async () => {
    const folder = temporaryFolder();
    const registry = createReplayRegistry(createFolderFiles(folder));
    await registry.submit(submission('good', { submittedAt: 5 }));
    await registry.end({ version: 1, id: 'good', state: 'completed', endedAt: 10, rows: 7 });
    await registry.submit(submission('bad-end', { sql: 'SELECT 2', submittedAt: 7 }));
    for (const [key, text] of [
      ['bad-end.end', '{"version":2,"id":"bad-end"}'],
      ['cut.submission', '{"version":1,"id":"c'],
      ['hollow.submission', '{"version":1,"id":"hollow"}'],
    ]) {
      writeFileSync(join(folder, 'registry', `${key}.json`), text ?? '');
    }
    const store = { committed: async () => new Map(), manifest: async () => undefined };
    const known = new SubmittedReplays({ registry, store, control: () => undefined });
    const shown = (await known.list()).map(({ submission: { id, sql }, state, unknown }) => ({ id, sql, state, unknown }));
    const malformed = 'is malformed, or of a newer version';
    assert.deepEqual(
      shown.sort((a, b) => (a.id < b.id ? -1 : 1)),
      [
        { id: 'bad-end', sql: 'SELECT 2', state: 'unknown', unknown: `the record registry/bad-end.end.json ${malformed}` },
        { id: 'cut', sql: '', state: 'unknown', unknown: 'the record registry/cut.submission.json is not readable JSON' },
        { id: 'good', sql: 'SELECT 1', state: 'completed', unknown: undefined },
        { id: 'hollow', sql: '', state: 'unknown', unknown: `the record registry/hollow.submission.json ${malformed}` },
      ],
    );
    assert.deepEqual(
      (await known.counts(0)).states,
      new Map([
        ['unknown', 3],
        ['completed', 1],
      ]),
    );
    await assert.rejects(known.get('cut'), { sqlstate: 'XX000' });
  });

  it('counts committed tasks, reads each manifest once, and estimates the rest', async () => {
    const here = world(submission('a'));
    here.commit('a', 0, 2);
    const [first] = await here.known.list();
    assert.deepEqual(
      [
        first?.state,
        first?.progress.stage,
        first?.progress.stages,
        first?.progress.tasksDone,
        first?.progress.tasks,
        first?.progress.bytesRead,
      ],
      ['running', 1, 2, 2, 5, 200],
    );
    assert.ok(Math.abs((first?.progress.secondsLeft ?? 0) - 15) < 2);
    here.commit('a', 0, 4);
    here.commit('a', 1, 1);
    const [second] = await here.known.list();
    assert.deepEqual(
      [second?.progress.stage, second?.progress.tasksDone, second?.progress.rows, second?.progress.bytesRead],
      [2, 5, 10, 500],
    );
    assert.deepEqual([...here.asked].sort(), [
      'manifest a 0.0',
      'manifest a 0.1',
      'manifest a 0.2',
      'manifest a 0.3',
      'manifest a 1.0',
      'submission a',
    ]);
  });

  it('reads records once, asks Temporal of nothing that has ended', async () => {
    const here = world(submission('a'), submission('b'));
    here.end('a');
    here.end('b', { state: 'failed', error: { kind: 'data', sqlstate: '22012', message: 'division by zero' } });
    here.state = async () => assert.fail('asked');
    await here.known.list();
    here.asked.length = 0;
    assert.deepEqual(
      (await here.known.list()).map(({ state }) => state),
      ['completed', 'failed'],
    );
    assert.deepEqual(here.asked, []);
    assert.deepEqual((await here.known.get('b'))?.end?.error?.message, 'division by zero');
    assert.equal(await here.known.get('c'), undefined);
  });

  it('tells what it knows, and since when it knows nothing, while Temporal hangs, refuses, or is off', async () => {
    const here = world(submission('a'), submission('b'));
    here.commit('a', 0, 3);
    here.state = () => sleep(600_000, undefined, { ref: false });
    const begun = performance.now();
    const hung = await here.known.list();
    assert.ok(performance.now() - begun < 5000, 'it does not wait');
    assert.deepEqual(
      hung.map(({ state, progress }) => [state, progress.tasksDone]),
      [
        ['unknown', 3],
        ['unknown', 0],
      ],
    );
    assert.match(hung[0]?.unknown ?? '', /^unknown since \d{4}-.*: Temporal does not answer$/);
    const since = hung[0]?.unknown?.slice(0, 38);
    here.state = async () => {
      throw new TimelineError({ kind: 'connector', sqlstate: '08001', message: 'Temporal is unreachable' });
    };
    const [refused] = await here.known.list();
    assert.equal(refused?.unknown?.slice(0, 38), since, 'since the first time');
    assert.match(submittedLine(refused ?? assert.fail()), /unknown since .*Temporal is unreachable/);
    here.control = false;
    assert.equal((await here.known.list())[0]?.state, 'unknown');
    here.control = true;
    here.state = async () => undefined;
    assert.deepEqual(
      (await here.known.list()).map(({ state, unknown }) => [state, unknown]),
      [
        ['submitted', undefined],
        ['submitted', undefined],
      ],
    );
  });

  it('shows a backfill by its intervals', async () => {
    const child = (n: number) => submission(`i${n}`, { kind: 'interval', parent: 'b' });
    const here = world(submission('b', { kind: 'backfill', stages: [{ id: 0, tasks: 4 }] }), child(1), child(2), child(3));
    here.end('i1');
    here.end('i2', { state: 'failed' });
    const backfill = (await here.known.get('b')) ?? assert.fail();
    assert.deepEqual([backfill.progress.tasksDone, backfill.progress.tasks, backfill.progress.rows], [2, 4, 14]);
    assert.match(submittedLine(backfill), /running, 2 of 4 intervals, 14 rows/);
    assert.deepEqual([...(await here.known.counts(60_000)).states].sort(), [
      ['completed', 1],
      ['failed', 1],
      ['running', 2],
    ]);
  });

  it('forgets what was swept', async () => {
    const all = [submission('a'), submission('b')];
    const here = world(...all);
    assert.equal((await here.known.list()).length, 2);
    const left = world(submission('a'));
    assert.equal((await left.known.list()).length, 1);
    assert.equal((await left.known.counts(0)).states.get('running'), 1);
  });
});
