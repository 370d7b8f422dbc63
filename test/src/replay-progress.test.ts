import assert from 'node:assert/strict';
import { progressLine, secondsLeft } from '../../src/replay-progress.js';

describe('progress of a run', () => {
  const run = { stage: 2, stages: 3, tasksDone: 120, tasks: 300, rows: 1_234_567, bytesRead: 340_000_000, secondsLeft: 12 };

  it('is a line for people', () => {
    assert.equal(progressLine(run), 'stage 2 of 3: 120 of 300 tasks, 1.2M rows, 340 MB read, about 12 s left');
    assert.equal(
      progressLine({ ...run, rows: 1, bytesRead: 0, secondsLeft: undefined }),
      'stage 2 of 3: 120 of 300 tasks, 1 row, 0 bytes read',
    );
    assert.equal(
      progressLine({ ...run, rows: 999, bytesRead: 1000, secondsLeft: 0.2 }),
      'stage 2 of 3: 120 of 300 tasks, 999 rows, 1 kB read, about 1 s left',
    );
    assert.match(progressLine({ ...run, secondsLeft: 119 }), /about 119 s left/);
    assert.match(progressLine({ ...run, secondsLeft: 600 }), /about 10 min left/);
    assert.match(progressLine({ ...run, secondsLeft: 36_000 }), /about 10 h left/);
    assert.equal(progressLine({ ...run, tasks: 1, tasksDone: 0 }, 'interval'), '0 of 1 interval, 1.2M rows, 340 MB read, about 12 s left');
  });

  it('estimates what is left from what is done, and not from too little', () => {
    assert.equal(secondsLeft({ tasksDone: 100, tasks: 300, milliseconds: 10_000 }), 20);
    assert.equal(secondsLeft({ tasksDone: 300, tasks: 300, milliseconds: 10_000 }), 0);
    assert.equal(secondsLeft({ tasksDone: 0, tasks: 300, milliseconds: 10_000 }), undefined);
    assert.equal(secondsLeft({ tasksDone: 1, tasks: 300, milliseconds: 10 }), undefined);
  });
});
