import assert from 'node:assert/strict';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { History, type ReplayRecord } from '../../src/history.js';
import { tempFolder } from '../support/temp-folder.js';

function record(id: string, changes: Partial<ReplayRecord> = {}): ReplayRecord {
  return {
    id,
    driver: 'local',
    state: 'completed',
    user: 'u',
    sql: 'SELECT 1',
    startedAt: 1,
    endedAt: 2,
    stages: 1,
    tasks: 1,
    tasksDone: 1,
    rows: 1,
    bytesRead: 0,
    filesTotal: 0,
    filesRead: 0,
    sqlstate: undefined,
    error: undefined,
    ...changes,
  };
}

describe('history', () => {
  it('outlives the process, except what was still running', async () => {
    const folder = await tempFolder('history');
    try {
      const path = join(folder.path, 'a', 'history.ndjson');
      const first = await History.open(path);
      first.put(record('one', { state: 'running', endedAt: undefined }));
      first.put(record('one'));
      first.put(record('two', { state: 'running', endedAt: undefined }));
      await first.close();
      // A crash in the middle of a line.
      await appendFile(path, '{"id": "cut');
      const second = await History.open(path);
      assert.deepEqual(
        second.list().map((entry) => entry.id),
        ['one'],
      );
      await second.close();
      assert.equal((await readFile(path, 'utf8')).trim().split('\n').length, 1);
    } finally {
      await folder.remove();
    }
  });

  it('is bounded, and so is each text', async () => {
    const history = await History.open(undefined);
    for (let i = 0; i < 1100; i++) history.put(record(`r${i}`, { sql: 'x'.repeat(9000) }));
    assert.equal(history.list().length, 1000);
    assert.equal(history.get('r99'), undefined);
    assert.equal(history.get('r1099')?.sql.length, 4000);
  });
});
