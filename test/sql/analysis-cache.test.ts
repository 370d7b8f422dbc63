import assert from 'node:assert/strict';
import { before, describe, it } from 'mocha';
import { AnalysisCache } from '../../sql/analysis-cache.js';
import { loadParser } from '../../sql/parse.js';

const context = { user: 'u', database: 'd', timeZone: 'UTC', searchPath: ['public'], settings: {} };

describe('the analysis cache', () => {
  before(() => loadParser());

  async function analyses(cache: AnalysisCache<string>, sql: string, timeZone = 'UTC'): Promise<number> {
    let asked = 0;
    await cache.get({ sql, parameterTypes: [], context: { ...context, timeZone } }, async () => {
      asked += 1;
      return 'tree';
    });
    return asked;
  }

  it('asks once for a statement in a session of the same settings', async () => {
    const cache = new AnalysisCache<string>();
    const counts: number[] = [];
    for (const zone of ['UTC', 'UTC', 'Europe/Berlin', 'UTC']) counts.push(await analyses(cache, "select date '2025-01-01'", zone));
    assert.deepEqual(counts, [1, 0, 1, 0]);
    cache.clear();
    assert.equal(await analyses(cache, "select date '2025-01-01'"), 1);
  });

  it('asks each time where a literal stands for the moment of analysis, however it is spelt', async () => {
    const cache = new AnalysisCache<string>();
    for (const sql of [
      "select 'now'::timestamptz",
      "select E'n\\x6fw'::timestamptz",
      "select U&'to\\0064ay'::date",
      "select 'to'\n'morrow'::date",
    ]) {
      assert.deepEqual([await analyses(cache, sql), await analyses(cache, sql)], [1, 1], sql);
    }
  });

  it('keeps neither errors nor what was under way when the mirror changed', async () => {
    const cache = new AnalysisCache<string>();
    const statement = { sql: 'select 1', parameterTypes: [], context };
    await assert.rejects(cache.get(statement, () => Promise.reject(new Error('no'))));
    await cache.get(statement, async () => {
      cache.clear();
      return 'old';
    });
    assert.equal(await cache.get(statement, async () => 'new'), 'new');
  });
});
