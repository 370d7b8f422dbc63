import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type IcebergSplit, rowsOf } from '../../connectors/iceberg/handle.js';
import { type PlannedFile, splitsOf } from '../../connectors/iceberg/prune/splits.js';

const file = (path: string, bytes: number, offsets: readonly number[] = [], rows = bytes): PlannedFile => ({
  file: { path, rows, bytes },
  bounds: undefined,
  offsets,
});
const shown = (files: readonly PlannedFile[], most: number): string[] =>
  splitsOf(files, most).map((split) =>
    (split.data as IcebergSplit).files.map(({ path, part }) => `${path}${part === undefined ? '' : `[${part.join('-')})`}`).join(' '),
  );

describe('Iceberg splits', () => {
  it('puts small files together', () => {
    assert.deepEqual(shown([file('a', 40), file('b', 40), file('c', 40), file('d', 100), file('e', 1)], 100), ['a b', 'c', 'd', 'e']);
  });

  it('cuts large files between row groups, without a gap', () => {
    assert.deepEqual(shown([file('a', 250, [4, 50, 90, 130, 240])], 100), ['a[0-90)', 'a[90-130)', 'a[130-240)', 'a[240-250)']);
    assert.deepEqual(shown([file('a', 1000, [4, 500])], 100), ['a[0-500)', 'a[500-1000)']);
  });

  it('leaves files whole whose row groups are unknown or cannot lie there', () => {
    for (const offsets of [[], [4], [4, 300], [4, 90, 90], [90, 4], [4, 250]]) {
      assert.deepEqual(shown([file('a', 250, offsets)], 100), ['a'], offsets.join());
    }
    const avro: PlannedFile = { ...file('a', 250, [4, 100]), file: { path: 'a', rows: 1, bytes: 250, format: 'avro' } };
    assert.deepEqual(shown([avro], 100), ['a']);
  });

  it('estimates the rows of parts', () => {
    const splits = splitsOf([file('a', 300, [4, 100, 200], 30)], 100);
    assert.deepEqual(
      splits.map(({ bytes, rows }) => [bytes, rows]),
      [
        [100, 10],
        [100, 10],
        [100, 10],
      ],
    );
    assert.equal(rowsOf({ path: 'a', rows: 7, bytes: 10 }), 7);
  });
});
