import assert from 'node:assert/strict';
import { TimelineError } from '../../sql/errors.js';
import { assertRows, conformanceCases, inlined } from './cases.js';
import { Pipeline } from './pipeline.js';

describe('conformance cases through rewriting, planner and kernel', () => {
  let pipeline: Pipeline;
  before(async function () {
    this.timeout(60_000);
    pipeline = await Pipeline.open();
  });
  after(async () => {
    await pipeline?.close();
  });

  for (const example of conformanceCases()) {
    it(`${example.id}: ${example.title}`, async () => {
      const sql = inlined(example);
      const { expect, expect_error: error } = example;
      if (expect !== undefined) assertRows(await pipeline.rows(sql), expect.rows);
      else
        await assert.rejects(
          pipeline.rows(sql),
          (thrown: unknown) => thrown instanceof TimelineError && thrown.sqlstate === error?.sqlstate,
          sql,
        );
    });
  }
});
