import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { parseFields } from '../../connectors/iceberg/format/schema.js';
import { postgresType } from '../../connectors/iceberg/format/types.js';
import type { DeletedRows } from '../../connectors/iceberg/read/deletes/deleted-rows.js';
import type { MetadataColumn } from '../../connectors/iceberg/read/metadata-columns.js';
import type { OpenedFile, RowRun } from '../../connectors/iceberg/read/opened-file.js';
import { readFooter } from '../../connectors/iceberg/read/parquet-footer.js';
import { type BoundColumn, relationOf } from '../../connectors/iceberg/read/relation.js';
import { Oid, type } from '../../sql/types.js';
import { Dice } from '../e2e/oracle-dice.js';
import { temporaryFolder } from './iceberg-fixtures.js';
import { runDuck } from './relation-rows.js';

const ROWS = 5000;
const FIELDS = parseFields([
  { id: 1, name: 'n', required: false, type: 'long' },
  { id: 2, name: 'k', required: false, type: 'int' },
]);
const DROPPED = parseFields([{ id: 3, name: 'gone', required: false, type: 'string' }]);

describe('Iceberg rows of one data file', () => {
  const folder = temporaryFolder();
  after(() => rmSync(folder, { recursive: true }));

  /** Row i: n = i, k = i % 7 or NULL for 6, gone = 'g' || i % 5 or NULL for 4. */
  const write = async (name: string, where = 'true', extra = ''): Promise<OpenedFile> => {
    const path = join(folder, name);
    const values = `range AS n, CAST(nullif(range % 7, 6) AS INTEGER) AS k, 'g' || nullif(range % 5, 4) AS gone${extra}`;
    const ids = `n: 1, k: 2, gone: 3${extra === '' ? '' : ', rid: 2147483540, seq: 2147483539'}`;
    await runDuck(
      `COPY (SELECT ${values} FROM range(${ROWS}) WHERE ${where}) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 1024, FIELD_IDS {${ids}})`,
    );
    return { location: `s3://b/${name}`, path, footer: await readFooter({ path, file: name, charge: () => undefined }) };
  };
  const column = (name: string): BoundColumn => {
    const field = FIELDS.find((one) => one.name === name)!;
    return { kind: 'field', field, wanted: { name, type: postgresType(field.type), nullable: true, comment: undefined } };
  };
  const beside = (name: MetadataColumn): BoundColumn => ({
    kind: 'metadata',
    name,
    wanted: { name, type: type(name === '_file' ? Oid.text : Oid.int8), nullable: true, comment: undefined },
  });
  const read = async (columns: readonly BoundColumn[], files: readonly OpenedFile[]): Promise<(string | null)[][]> =>
    runDuck(`SELECT * FROM ${relationOf(columns, files)} AS r ORDER BY 1`);
  const numbers = async (file: OpenedFile): Promise<number[]> => (await read([column('n')], [file])).map(([n]) => Number(n));
  const all = Array.from({ length: ROWS }, (_, index) => index);
  const among =
    (ranges: readonly RowRun[]) =>
    (n: number): boolean =>
      ranges.some(({ start, rows }) => n >= start && n < start + rows);

  let file: OpenedFile;
  before(async () => {
    file = await write('whole.parquet');
  });

  it('are all of them without conditions', async () => {
    assert.deepEqual(await numbers(file), all);
  });

  it('are those of the ranges, few or many', async () => {
    const few = [
      { start: 0, rows: 3 },
      { start: 1020, rows: 10 },
      { start: 4999, rows: 1 },
    ];
    const many = Array.from({ length: 100 }, (_, index) => ({ start: index * 37, rows: (index % 5) + 1 }));
    const wide = [
      { start: 5, rows: 900 },
      { start: 2000, rows: 700 },
      { start: 4100, rows: 20 },
    ];
    // Enough of them, and of rows, for each way to say it.
    const runs = (count: number, rows: number) => Array.from({ length: count }, (_, n) => ({ start: n * Math.floor(ROWS / count), rows }));
    for (const ranges of [[], few, many, wide, runs(20, 240), runs(50, 90), runs(1000, 1), runs(2, 1)])
      assert.deepEqual(await numbers({ ...file, ranges }), all.filter(among(ranges)));
  });

  it("are a slice's, numbered as in the data file", async () => {
    const runs = Array.from({ length: 40 }, (_, index) => ({ start: index * 111 + 7, rows: 30 + (index % 3) * 20 }));
    const slice = {
      ...(await write('slice.parquet', runs.map(({ start, rows }) => `range BETWEEN ${start} AND ${start + rows - 1}`).join(' OR '))),
      runs,
    };
    const rows = await read([beside('_pos'), column('n')], [slice]);
    assert.equal(rows.length, all.filter(among(runs)).length);
    for (const [pos, n] of rows) assert.equal(pos, n);
    const ranges = Array.from({ length: 60 }, (_, index) => ({ start: index * 83, rows: 41 }));
    const positions: DeletedRows[] = [
      { kind: 'runs', runs: Array.from({ length: Math.ceil(ROWS / 3) }, (_, index) => ({ start: index * 3, rows: 1 })) },
    ];
    assert.deepEqual(
      await numbers({ ...slice, ranges, deletes: { positions, fields: [], equality: [] } }),
      all
        .filter(among(runs))
        .filter(among(ranges))
        .filter((n) => n % 3 !== 0),
    );
  });

  it('are those that no position or equality delete takes, NULL being equal to NULL', async () => {
    const deletes = {
      positions: [{ kind: 'runs', runs: [0, 17, 4999].map((start) => ({ start, rows: 1 })) } as const],
      fields: [...FIELDS, ...DROPPED],
      equality: [
        { columns: [2], relation: '(SELECT unnest([1, NULL]) AS f2)' },
        { columns: [2, 3], relation: `(SELECT * FROM (VALUES (2, 'g3'), (3, NULL)) AS v(f2, f3))` },
      ],
    };
    const kept = all.filter(
      (n) => ![0, 17, 4999].includes(n) && n % 7 !== 1 && n % 7 !== 6 && !(n % 7 === 2 && n % 5 === 3) && !(n % 7 === 3 && n % 5 === 4),
    );
    assert.deepEqual(await numbers({ ...file, deletes }), kept);
    assert.equal((await read([], [{ ...file, deletes }])).length, kept.length);
    // Beside a file without deletes.
    assert.equal((await read([column('k')], [{ ...file, deletes }, file])).length, kept.length + ROWS);
  });

  it('are told apart by file where many files are read at once, with deletes of every kind', async () => {
    const dice = new Dice(20261121);
    const some = (chance: number): number[] => all.filter(() => dice.chance(chance));
    const positionFile = join(folder, 'named.parquet');
    const lines: string[] = [];
    const equality = [{ columns: [2], relation: '(SELECT unnest([1, NULL]) AS f2)' }];
    const wanted: string[] = [];
    const files: OpenedFile[] = [];
    for (let at = 0; at < 24; at++) {
      const written = await write(`many[${at}].parquet`);
      const location = `s3://b/${at}`;
      const gone = new Set<number>();
      const positions: DeletedRows[] = [];
      const remove = (rows: readonly number[]): void => {
        for (const row of rows) gone.add(row);
      };
      if (at % 2 === 0) {
        const starts = some(0.002);
        const long = at % 6 === 0 ? [{ start: at * 10, rows: 20_000 }] : [];
        positions.push({ kind: 'runs', runs: [...starts.map((start) => ({ start, rows: 3 })), ...long] });
        remove(starts.flatMap((start) => [start, start + 1, start + 2]));
        if (long.length > 0) remove(all.filter((n) => n >= at * 10));
      }
      if (at % 3 === 0) {
        const rows = some(0.1);
        const path = join(folder, `vector${at}.parquet`);
        const list = rows.map((row) => `(${row})`).join(', ');
        await runDuck(`COPY (SELECT v.pos::BIGINT AS pos FROM (VALUES ${list}) AS v(pos)) TO '${path}' (FORMAT parquet)`);
        positions.push({ kind: 'file', path });
        remove(rows);
      }
      if (at % 4 < 2) {
        const rows = some(0.05);
        for (const [index, row] of rows.entries()) lines.push(`('${index % 2 === 0 ? location : `x:${at}`}', ${row})`);
        positions.push({ kind: 'named', path: positionFile, place: 'in', pos: 'Pos', spellings: [location, `x:${at}`] });
        remove(rows);
      } else lines.push(`('${location}', ${at})`); // names a file that it does not apply to
      const byValue = at % 5 === 0 ? equality : [];
      if (byValue.length > 0) remove(all.filter((n) => n % 7 === 1 || n % 7 === 6));
      const deletes = { positions, fields: FIELDS, equality: byValue };
      files.push({ ...written, location, firstRowId: String(at * 100_000), sequence: at, ...(at === 23 ? {} : { deletes }) });
      wanted.push(...(at === 23 ? all : all.filter((n) => !gone.has(n))).map((n) => `${location} ${n} ${n} ${at * 100_000 + n} ${at}`));
    }
    const values = `(SELECT v."in", v.pos::BIGINT AS "Pos" FROM (VALUES ${lines.join(', ')}) AS v("in", pos))`;
    await runDuck(`COPY ${values} TO '${positionFile}' (FORMAT parquet)`);
    const columns = [...(['_file', '_pos'] as const).map(beside), column('n'), beside('_row_id'), beside('_last_updated_sequence_number')];
    const relation = relationOf(columns, files);
    assert.equal(relation.split('union_by_name').length - 1, 2 + 2 * 2, 'one scan a group of files, with its delete files');
    const rows = (await runDuck(`SELECT * FROM ${relation} AS r`)).map((row) => row.join(' '));
    assert.deepEqual(rows.sort(), wanted.sort());
  });

  it('have columns of names that differ in case only', async () => {
    const [n, k] = [column('n'), column('k')];
    const upper = { ...n, wanted: { ...n.wanted, name: 'K' } } as BoundColumn;
    const rows = await runDuck(
      `SELECT a, b FROM ${relationOf([k, upper], [file, { ...file, ranges: [{ start: 1, rows: 1 }] }])} AS s(a, b) WHERE b = 1`,
    );
    assert.deepEqual(rows, [
      ['1', '1'],
      ['1', '1'],
    ]);
  });

  it('show where they are and whence they come', async () => {
    const columns = [column('n'), ...(['_file', '_pos', '_row_id', '_last_updated_sequence_number'] as const).map(beside)];
    const bare = await read(columns, [file]);
    assert.deepEqual(bare[17], ['17', 's3://b/whole.parquet', '17', null, null]);
    const inherited = await read(columns, [{ ...file, firstRowId: '9007199254740993', sequence: 5 }]);
    assert.deepEqual(inherited[17], ['17', 's3://b/whole.parquet', '17', '9007199254741010', '5']);
    const moved = await write('moved.parquet', 'true', ', nullif(range + 100, 117) AS rid, nullif(3::BIGINT, range - 14) AS seq');
    const kept = await read(columns, [{ ...moved, firstRowId: '1000', sequence: 5 }]);
    assert.deepEqual(kept[16], ['16', 's3://b/moved.parquet', '16', '116', '3']);
    assert.deepEqual(kept[17], ['17', 's3://b/moved.parquet', '17', '1017', '5']);
  });

  it('are compared with deletes by a member of a struct, NULL where the struct is', async () => {
    const path = join(folder, 'structs.parquet');
    const values = `(VALUES (0, {x: 1, y: 'a'}), (1, {x: 2, y: 'b'}), (2, {x: NULL, y: 'c'}), (3, NULL), (4, {x: 1, y: 'd'})) v(n, s)`;
    const ids = '{n: 1, s: {__duckdb_field_id: 10, x: 11, y: 12}}';
    await runDuck(`COPY (SELECT n::BIGINT AS n, s FROM ${values}) TO '${path}' (FORMAT parquet, FIELD_IDS ${ids})`);
    const structs: OpenedFile = { location: 'structs', path, footer: await readFooter({ path, file: 'structs', charge: () => undefined }) };
    const fields = parseFields([
      { id: 11, name: 'x', required: false, type: 'int' },
      { id: 12, name: 'y', required: false, type: 'string' },
    ]);
    const left = async (columns: readonly number[], relation: string): Promise<number[]> =>
      numbers({ ...structs, deletes: { fields, equality: [{ columns, relation: `(${relation})` }] } });
    assert.deepEqual(await left([11], 'SELECT 1 AS f11'), [1, 2, 3]);
    assert.deepEqual(await left([11], 'SELECT NULL::INTEGER AS f11'), [0, 1, 4]);
    assert.deepEqual(await left([11, 12], `SELECT 1 AS f11, 'd' AS f12`), [0, 1, 2, 3]);
  });

  it('are compared with deletes as Iceberg does: NaN is NaN, NULL is NULL, but zeros of two signs differ', async () => {
    const path = join(folder, 'zeros.parquet');
    const values = `(VALUES (0, 0.0::DOUBLE), (1, '-0.0'::DOUBLE), (2, 'nan'::DOUBLE), (3, NULL), (4, 1.0)) v(n, x)`;
    await runDuck(`COPY (SELECT n::BIGINT AS n, x FROM ${values}) TO '${path}' (FORMAT parquet, FIELD_IDS {n: 1, x: 9})`);
    const zeros: OpenedFile = { location: 'zeros', path, footer: await readFooter({ path, file: 'zeros', charge: () => undefined }) };
    const fields = parseFields([{ id: 9, name: 'x', required: false, type: 'double' }]);
    const left = async (deleted: string): Promise<number[]> => {
      const relation = `(SELECT x::DOUBLE AS f9 FROM (VALUES ${deleted}) e(x))`;
      return numbers({ ...zeros, deletes: { fields, equality: [{ columns: [9], relation }] } });
    };
    assert.deepEqual(await left(`('-0.0'), ('nan'), (NULL)`), [0, 4]);
    assert.deepEqual(await left(`('0.0')`), [1, 2, 3, 4]);
    assert.deepEqual(await left(`('-nan'), ('1')`), [0, 1, 3]);
  });
});
