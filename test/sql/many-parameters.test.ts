import assert from 'node:assert/strict';
import { TimelineError } from '../../sql/errors.js';
import { readQuery } from '../../sql/node-tree.js';
import type { EmbeddedPostgres } from '../../sql/postgres.js';
import { Oid } from '../../sql/types.js';
import { CONTEXT, embedded } from './embedded.js';

/** Parameter numbers and types in an analysed query, in order of appearance. */
function parametersIn(value: unknown, found: string[] = []): string[] {
  if (typeof value !== 'object' || value === null) return found;
  const node = value as { readonly kind?: unknown; readonly number?: unknown; readonly type?: { readonly oid: number } };
  if (node.kind === 'parameter') found.push(`${node.number}:${node.type?.oid}`);
  for (const child of Object.values(value)) parametersIn(child, found);
  return found;
}

describe('a statement with more parameters than a function has arguments', function () {
  this.timeout(30_000);
  let postgres: EmbeddedPostgres;
  before(async () => {
    postgres = await embedded();
  });

  const TYPES = Array.from({ length: 300 }, (_, n) => (n === 0 ? 1007 : n % 2 === 0 ? Oid.text : Oid.int4));
  const list = (oid: number): string => TYPES.flatMap((type, n) => (type === oid ? [`$${n + 1}`] : [])).join(', ');

  it('is read with the numbers and types that were written', async () => {
    const sql = `select ($1)[2] as "$9", '$7' from events where seq in (${list(Oid.int4)}) and event_type in (${list(Oid.text)}) /* $3 */`;
    const { parameterTypes } = await postgres.describe(sql, TYPES, CONTEXT);
    assert.deepEqual(parameterTypes, TYPES);
    const query = readQuery(await postgres.analyse(sql, TYPES, CONTEXT), postgres.names);
    const expected = [0, ...TYPES.keys()].slice(1).filter((n) => TYPES[n] === Oid.int4);
    const found = parametersIn(query);
    assert.ok(found.includes('1:1007'));
    for (const n of expected) assert.ok(found.includes(`${n + 1}:${Oid.int4}`), `$${n + 1}`);
    assert.equal(new Set(found).size, 300);
    assert.equal(query.targets[0]?.name, '$9');
  });

  it('names the place of an error in the text that was written', async () => {
    const sql = `select 'ä' from events where seq in (${list(Oid.int4)}) and event_type in (${list(Oid.text)}) and nope = 1 and $1 is null`;
    await assert.rejects(postgres.analyse(sql, TYPES, CONTEXT), (error: unknown) => {
      assert.ok(error instanceof TimelineError);
      assert.equal(error.sqlstate, '42703');
      assert.equal(error.position, sql.indexOf('nope') + 1);
      return true;
    });
  });
});
