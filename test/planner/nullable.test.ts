import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { PlannedTable } from '../../planner/planning.js';
import { isNeverNull } from '../../planner/rules/nullable.js';
import { Oid, type } from '../../sql/types.js';
import { testPlanning } from './support.js';

/** Is column `id` of a table that was described as NOT NULL (version 1) never NULL, pinned with columns of the given version? */
function neverNull(pinned: string | undefined): boolean {
  const planning = testPlanning({ t: { columns: [['id', type(Oid.int8)]] } });
  const table = (schema: string, name: string): PlannedTable => {
    const { schemaVersion: _, ...found } = planning.table(schema, name);
    const columns = found.description.columns.map((column) => ({ ...column, nullable: false }));
    return { ...found, description: { ...found.description, columns }, ...(pinned === undefined ? {} : { schemaVersion: pinned }) };
  };
  const scan = planning.scan('lake', 't');
  const [id] = scan.fields;
  assert.ok(id);
  return isNeverNull({ kind: 'column', id: id.id, type: id.type }, scan, { ...planning, table });
}

describe('NOT NULL columns', () => {
  it('are believed if the columns that are read are those that were described', () => {
    assert.equal(neverNull('1'), true);
    assert.equal(neverNull(undefined), true, 'a connector whose columns never change');
  });

  // x NOT IN (SELECT id …) would answer rows where id has become NULL.
  it('are not believed if the table has other columns by now', () => assert.equal(neverNull('2'), false));
});
