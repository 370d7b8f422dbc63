import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'mocha';
import { Oid } from '../../sql/types.js';
import { KnownTexts } from '../../src/kernel/parquet/known-texts.js';
import { openParquet } from '../../src/kernel/parquet/parquet-file.js';
import { rowCountOf, valueReader } from '../../src/kernel/timeline/vectors.js';
import { parquetColumns, relationColumns } from '../connectors/typed-rows.js';
import { arrowFiles, duckdbFiles, type WrittenFile } from './parquet-files.js';

const FILES = Number(process.env['TIMELINE_FUZZ_CASES'] ?? 15);
const SEED = Number(process.env['TIMELINE_FUZZ_SEED'] ?? 1);

describe('Typed columns from Parquet files', function () {
  this.timeout(0);
  const folder = mkdtempSync(join(tmpdir(), 'timeline-typed-'));
  after(() => rmSync(folder, { recursive: true }));

  it("of DuckDB's, each codec and page version", async () => {
    for (const file of await duckdbFiles(folder, 9000)) await compare(file);
  });

  it("of Arrow's, each encoding, with NULLs, small pages and dictionaries that end early", async function () {
    const files = await arrowFiles(folder, SEED, FILES);
    if (files === undefined) this.skip();
    for (const file of files) await compare(file);
  });

  it('share the texts of row groups', async () => {
    const files = [...(await duckdbFiles(folder, 9000)), ...((await arrowFiles(folder, SEED, FILES)) ?? [])];
    let texts = 0;
    for (const file of files) texts += await checkShared(file);
    assert.ok(texts > files.length, `${texts} columns`);
  });

  it('have the bounds of instants that their statistics say', async () => {
    const files = [...(await duckdbFiles(folder, 9000)), ...((await arrowFiles(folder, SEED, FILES)) ?? [])];
    let known = 0;
    for (const file of files) known += await checkBounds(file);
    assert.ok(known > 2 * files.length, `${known} bounds`);
  });
});

/** Text columns of all row groups, with one dictionary that grows and without; gives how many. */
async function checkShared({ path, columns, drawn }: WrittenFile): Promise<number> {
  const file = await openParquet({ path, location: path });
  let texts = 0;
  for (const [leaf, { name, type }] of columns.entries()) {
    if (type.oid !== Oid.text && type.oid !== Oid.varchar) continue;
    const known = new KnownTexts();
    const both = file.rowGroups.map((_, group) =>
      file.read(group, [
        { leaf, type },
        { leaf, type, known },
      ]),
    );
    for (const [own, shared] of both) {
      if (own === undefined || shared?.kind !== 'codes') assert.fail(`${drawn}: ${name}`);
      assert.equal(shared.dictionary, known.dictionary);
      assert.deepEqual(shared.codes.length, rowCountOf(own));
      const [a, b] = [valueReader(own, type), valueReader(shared, type)];
      for (let row = 0; row < shared.codes.length; row++) assert.equal(b(row), a(row), `${drawn}: ${name}, row ${row}`);
    }
    assert.equal(new Set(known.dictionary).size, known.dictionary.length, 'a text is there twice');
    texts++;
  }
  file.close();
  return texts;
}

/** The least and the greatest instant and the number of NULLs, of each row group where they are told; gives how often. */
async function checkBounds({ path, columns, drawn }: WrittenFile): Promise<number> {
  const file = await openParquet({ path, location: path });
  let known = 0;
  for (const [index, group] of file.rowGroups.entries()) {
    for (const [leaf, { name, type }] of columns.entries()) {
      const bounds = group.bounds(leaf);
      if (bounds === undefined) continue;
      assert.ok(type.oid === Oid.timestamp || type.oid === Oid.timestamptz, name);
      const [vector] = file.read(index, [{ leaf, type }]);
      if (vector?.kind !== 'numbers') assert.fail(`${drawn}: ${name} has bounds and is no numbers`);
      const values = [...vector.values].filter((_, row) => vector.valid?.[row] !== 0);
      const found = values.reduce(({ min, max }, value) => ({ min: Math.min(min, value), max: Math.max(max, value) }), EMPTY);
      assert.deepEqual(bounds, { ...found, nulls: group.rows - values.length }, `${drawn}: ${name}`);
      known++;
    }
  }
  file.close();
  return known;
}

const EMPTY = { min: Infinity, max: -Infinity };

/** All rows in order, as DuckDB gives them. */
async function compare({ path, twin = path, columns, drawn }: WrittenFile): Promise<void> {
  const types = columns.map(({ type }) => type);
  const select = columns.map(({ name, sql }) => sql ?? `"${name}"`).join(', ');
  const expected = await relationColumns(`(SELECT ${select} FROM read_parquet('${twin}'))`, types);
  const found = await parquetColumns({ files: [{ path, location: path, columns: columns.map((_, i) => i) }] }, types);
  columns.forEach(({ name }, i) => {
    assert.equal(found[i]?.length, expected[i]?.length, `${drawn}: rows of ${name}`);
    const row = found[i]?.findIndex((value, at) => !same(value, expected[i]?.[at])) ?? -1;
    if (row >= 0) assert.fail(`${drawn}: column ${name}, row ${row}: ${String(found[i]?.[row])}, DuckDB ${String(expected[i]?.[row])}`);
  });
}

function same(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  return Object.is(a, b);
}
