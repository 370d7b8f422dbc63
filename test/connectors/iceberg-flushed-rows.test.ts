import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { flushedRows } from '../../connectors/iceberg/flushed-rows.js';
import type { Snapshot } from '../../connectors/iceberg/format/metadata.js';
import { parseFields } from '../../connectors/iceberg/format/schema.js';
import { newLake, SIGNAL, type TestLake, writeRows } from './iceberg-lake.js';

function snapshot(id: string, parentId: string | null, summary: Record<string, string>): Snapshot {
  return { id, parentId, timestampMs: 0, schemaId: 0, sequenceNumber: 1, manifestList: undefined, manifests: [], summary };
}

describe('what snapshots of Iceberg tell of writers', () => {
  it('is the newest word on each writer that leads to the snapshot', () => {
    const snapshots = [
      snapshot('1', null, { 'flushed_seq.a': '1', 'flushed_seq.b': '5', operation: 'append' }),
      snapshot('2', '1', { 'flushed_seq.a': '4' }),
      snapshot('3', '2', {}),
      // Rolled back.
      snapshot('4', '2', { 'flushed_seq.a': '9' }),
    ];
    const metadata = { snapshots };
    assert.deepEqual(flushedRows(metadata, '3'), { upTo: { a: '4', b: '5' }, complete: true });
    assert.deepEqual(flushedRows(metadata, '4'), { upTo: { a: '9', b: '5' }, complete: true });
    assert.deepEqual(flushedRows(metadata, '1'), { upTo: { a: '1', b: '5' }, complete: true });
    assert.deepEqual(flushedRows(metadata, null), { upTo: {}, complete: true });
    assert.deepEqual(flushedRows({ snapshots: snapshots.slice(1) }, '3'), { upTo: { a: '4' }, complete: false });
    assert.equal(flushedRows({ snapshots: [snapshot('1', '1', {})] }, '1').complete, false);
  });

  describe('in a lake', () => {
    const table = { schema: 'ns', table: 't' };
    let lake: TestLake;
    before(async () => {
      lake = await newLake();
    });
    after(() => lake?.close());

    const append = async (summary: Record<string, string>, rows = 1): Promise<void> => {
      const { handle } = await lake.writer.begin({ table }, SIGNAL);
      const written = await writeRows(lake, lake.writer, handle, `SELECT i AS id FROM range(${rows}) r(i)`);
      await lake.writer.commit(handle, { written, batch: `b${Math.random()}`, summary, signal: SIGNAL });
    };

    it('is carried on by commits that have nothing to do with it, and so outlives snapshots', async () => {
      await lake.writer.createNamespace('ns', SIGNAL);
      const fields = parseFields([{ id: 1, name: 'id', type: 'long' }]);
      const { handle } = await lake.writer.beginTable({ table, fields, options: {} }, SIGNAL);
      await lake.writer.commit(handle, { written: [], batch: 'made', summary: {}, signal: SIGNAL });
      await append({ 'flushed_seq.a': '3' });
      await append({ 'flushed_seq.b': '2' });
      for (let n = 0; n < 5; n++) await append({});
      const told = async () => (await lake.connector.pin(table)).flushed;
      assert.deepEqual(await told(), { upTo: { a: '3', b: '2' }, complete: true });
      await lake.writer.maintain('optimize', table, { min_input_files: '2' }, SIGNAL);
      assert.deepEqual((await told())?.upTo, { a: '3', b: '2' });
      await lake.writer.maintain('expire_snapshots', table, { older_than: '2100-01-01 00:00:00+00', retain_last: '1' }, SIGNAL);
      assert.deepEqual(await told(), { upTo: { a: '3', b: '2' }, complete: false });
    });
  });
});
