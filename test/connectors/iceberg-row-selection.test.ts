import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { after, before, describe, it } from 'mocha';
import { type IcebergType, parseType } from '../../connectors/iceberg/format/schema.js';
import { postgresType } from '../../connectors/iceberg/format/types.js';
import { conditionOf } from '../../connectors/iceberg/prune/filter-condition.js';
import type { ConditionColumn } from '../../connectors/iceberg/prune/predicate.js';
import { rowGroups } from '../../connectors/iceberg/prune/row-groups.js';
import { type RowSelection, selectRows } from '../../connectors/iceberg/prune/row-selection.js';
import type { ByteSource } from '../../connectors/iceberg/read/byte-source.js';
import { readFooter } from '../../connectors/iceberg/read/parquet-footer.js';
import { parseFilter } from './filters.js';
import { pyicebergPython, runPython } from './pyiceberg.js';

const ROWS = 3000;
const MIDDLE = '00000000-0000-0000-0000-000000000';

/** Name, Iceberg type, value of row i in DuckDB's SQL, literals to compare with. Rows come in order, so that groups and pages differ. */
const COLUMNS: readonly (readonly [name: string, type: string, value: string, literals: readonly string[]])[] = [
  ['i', 'int', 'i - 1000', ['-1001', '-1000', '0', '37', '1999', '2000', '99999999999']],
  ['l', 'long', 'i * 10000000000', ['0', '10000000000', '15', '29990000000000', '-1']],
  [
    's',
    'string',
    `CASE WHEN i % 7 = 0 THEN NULL ELSE 'k' || lpad(i::VARCHAR, 5, '0') END`,
    ["'k00001'", "'k01500'", "'k02'", "''", "'zz'", "'k0299'"],
  ],
  ['w', 'string', `repeat('é', 100) || chr((65 + i // 100)::INT)`, [`'${'é'.repeat(100)}C'`, `'${'é'.repeat(100)}'`, "'é'", "'z'"]],
  ['e', 'decimal(9, 2)', '(i - 1500) / 4.0', ['0', '-375.00', '12.25', '374.755', '400']],
  ['f', 'decimal(18, 3)', '(i - 1500) * 100000000.001::DECIMAL(18,3)', ['0', '100000000.001', '-150000000001.5']],
  ['g', 'decimal(38, 4)', '(i - 1500) * 10000000000000000000.0001::DECIMAL(38,4)', ['0', '10000000000000000000.0001', '-1']],
  ['r', 'float', 'CASE WHEN i % 500 = 3 THEN NULL ELSE (i - 1500) / 2.0 END', ['0', '-750', '3.5', '1000']],
  [
    'd',
    'double',
    `CASE WHEN i = 2500 THEN 'nan'::DOUBLE WHEN i = 100 THEN -0.0::DOUBLE ELSE i - 100.5 END`,
    ['0', '-0.5', '50.5', '2899.5', '3000'],
  ],
  ['b', 'boolean', 'i >= 1000', ['true', 'false']],
  ['dt', 'date', `DATE '1969-12-01' + (i // 30)::INT`, ["'1969-12-01'", "'1969-12-31'", "'1970-01-01'", "'1970-03-10'", "'2000-01-01'"]],
  [
    'ts',
    'timestamp',
    `TIMESTAMP '1969-12-31 23:30:00.000001' + to_seconds(i)`,
    ["'1969-12-31 23:59:59.000001'", "'1970-01-01 00:00:00'", "'1970-01-01 00:10:00.000001'"],
  ],
  [
    'tz',
    'timestamptz',
    `TIMESTAMPTZ '1969-12-31 23:30:00.000001+00' + to_seconds(i)`,
    ["'1969-12-31 23:59:59.000001+00'", "'1970-01-01 00:10:00+00'"],
  ],
  ['tm', 'time', `TIME '00:00:00.5' + to_seconds(i)`, ["'00:00:00.5'", "'00:10:00.5'", "'00:49:00'"]],
  [
    'u',
    'uuid',
    `CASE WHEN i % 2 = 0 THEN ('${MIDDLE}' || (100 + i // 100))::UUID ELSE ('f${MIDDLE.slice(1)}' || (100 + i // 100))::UUID END`,
    [`'${MIDDLE}101'`, `'f${MIDDLE.slice(1)}115'`, `'7${MIDDLE.slice(1)}000'`],
  ],
  ['x', 'binary', `encode('k' || lpad(i::VARCHAR, 5, '0'))`, [`'\\x6b3030303031'`, `'\\x6b3031'`, `'\\xff'`]],
  ['n', 'int', 'CASE WHEN i < 2000 THEN NULL ELSE i END', ['2000', '0']],
];
const TYPES = new Map<string, IcebergType>(COLUMNS.map(([name, type]) => [name, parseType(type)]));
const OIDS = new Map([...TYPES].map(([name, type]) => [name, postgresType(type).oid]));
const lookup = (name: string): ConditionColumn | undefined => {
  const type = TYPES.get(name);
  return type === undefined ? undefined : { id: COLUMNS.findIndex((one) => one[0] === name) + 1, type };
};

const REWRITE = `
import sys, json, pyarrow as pa, pyarrow.parquet as pq
source, folder = sys.argv[1:]
table = pq.read_table(source).combine_chunks()
def write(name, table, **options):
    pq.write_table(table, folder + '/' + name, row_group_size=1000, **options)
names = table.schema.names
write('pages.parquet', table, write_page_index=True, max_rows_per_page=100, data_page_size=1, write_batch_size=100)
write('dictionary-pages.parquet', table, write_page_index=True, max_rows_per_page=70, use_dictionary=['s', 'u'], data_page_version='2.0')
write('integers.parquet', table, write_page_index=True, max_rows_per_page=100, store_decimal_as_integer=True, use_dictionary=False)
write('blooms.parquet', table, use_dictionary=False, store_decimal_as_integer=True,
      bloom_filter_options={name: {'ndv': 1000, 'fpp': 0.01} for name in names if name != 'b'})
write('bare.parquet', table, write_statistics=False)
write('int96.parquet', table, use_deprecated_int96_timestamps=True, write_page_index=True, max_rows_per_page=100)
promoted = table.set_column(names.index('l'), table.schema.field('l').with_type(pa.int32()), pa.array([i - 5 for i in range(len(table))], pa.int32()))
write('promoted.parquet', promoted, write_page_index=True, max_rows_per_page=100)
millis = table.set_column(names.index('ts'), table.schema.field('ts').with_type(pa.timestamp('ms')), table.column('ts').cast(pa.timestamp('ms'), safe=False))
write('millis.parquet', millis, write_page_index=True, max_rows_per_page=100)
print(json.dumps(True))
`;

function filterText(): fc.Arbitrary<string> {
  const leaf = fc.constantFrom(...COLUMNS).chain(([name, , , literals]) => {
    const literal = fc.constantFrom(...literals);
    const forms = [
      fc.tuple(fc.constantFrom('=', '<>', '<', '<=', '>', '>='), literal).map(([op, value]) => `${name} ${op} ${value}`),
      fc.constantFrom(`${name} IS NULL`, `${name} IS NOT NULL`),
      fc.array(literal, { minLength: 1, maxLength: 3 }).map((values) => `${name} IN (${values.join(', ')})`),
    ];
    if (name === 's' || name === 'w') forms.push(literal.map((value) => `${name} LIKE ${value.slice(0, -1)}%'`));
    return fc.oneof(...forms);
  });
  return fc.letrec<{ filter: string }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.tuple(tie('filter'), fc.constantFrom('AND', 'OR'), tie('filter')).map(([a, op, b]) => `(${a} ${op} ${b})`),
      tie('filter').map((inner) => `NOT (${inner})`),
    ),
  })).filter;
}

function sourceOf(path: string, log?: (bytes: number) => void): ByteSource {
  const bytes = readFileSync(path);
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    log?.(end - start);
    return bytes.subarray(start, end);
  };
  return { name: path, size: bytes.length, etag: '', read, readOnce: read };
}

describe('Iceberg row selection', () => {
  const folder = mkdtempSync(join(tmpdir(), 'timeline-row-selection-'));
  let instance: DuckDBInstance;
  let duck: DuckDBConnection;
  let python: string | undefined;
  const path = (name: string): string => join(folder, `${name}.parquet`);

  before(async function () {
    this.timeout(300_000);
    instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    duck = await instance.connect();
    await duck.run(`SET TimeZone = 'UTC'`);
    const select = COLUMNS.map(([name, type, value]) => `CAST(${value} AS ${duckType(type)}) AS ${name}`).join(', ');
    const ids = COLUMNS.map(([name], index) => `${name}: ${index + 1}`).join(', ');
    const copy = (name: string, options: string): Promise<unknown> =>
      duck.run(`COPY (SELECT ${select} FROM range(${ROWS}) t(i)) TO '${path(name)}' (FORMAT parquet, FIELD_IDS {${ids}}, ${options})`);
    await copy('duckdb', 'ROW_GROUP_SIZE 1000');
    await copy('duckdb-blooms', 'ROW_GROUP_SIZE 1000, DICTIONARY_SIZE_LIMIT 2000, PARQUET_VERSION v2');
    python = await pyicebergPython();
    if (python !== undefined) await runPython(python, REWRITE, [path('duckdb'), folder]);
  });

  after(() => {
    duck.closeSync();
    instance.closeSync();
    rmSync(folder, { recursive: true });
  });

  const select = async (name: string, filter: string, more: Partial<Parameters<typeof selectRows>[0]> = {}): Promise<RowSelection> => {
    const footer = await readFooter({ path: path(name), file: name, charge: () => undefined });
    const condition = conditionOf(parseFilter(filter, OIDS), lookup);
    return selectRows({ footer, source: sourceOf(path(name)), condition, pageIndex: true, bloomFilters: true, ...more });
  };
  const selected = async (name: string, selection: RowSelection): Promise<Set<number>> => {
    const footer = await readFooter({ path: path(name), file: name, charge: () => undefined });
    const groups = rowGroups(footer, { bytes: readFileSync(path(name)).length }).filter(({ index }) => selection.groups.includes(index));
    const runs = selection.ranges ?? groups.map(({ firstRow, rows }) => ({ start: firstRow, rows }));
    return new Set(runs.flatMap(({ start, rows }) => Array.from({ length: rows }, (_, row) => start + row)));
  };
  const matching = async (name: string, filter: string): Promise<number[]> => {
    // The file's own types differ from the table's where it is older: compared as the table's.
    const columns = COLUMNS.map(([column, type]) => `CAST(${column} AS ${duckType(type)}) AS ${column}`).join(', ');
    const sql = `SELECT n FROM (SELECT file_row_number AS n_, ${columns} FROM read_parquet('${path(name)}', file_row_number = true)) t(n_, ${COLUMNS.map(([column]) => column).join(', ')})`;
    const reader = await duck.runAndReadAll(`${sql.replace('SELECT n FROM', 'SELECT n_ FROM')} WHERE ${filter}`);
    return reader.getRows().map(([row]) => Number(row));
  };

  const files: readonly (readonly [name: string, leastPruned: number, python?: boolean])[] = [
    ['duckdb', 40],
    ['duckdb-blooms', 40],
    ['pages', 40, true],
    ['dictionary-pages', 40, true],
    ['integers', 40, true],
    ['blooms', 40, true],
    ['bare', 0, true],
    ['int96', 30, true],
    ['promoted', 40, true],
    ['millis', 40, true],
  ];
  for (const [name, leastPruned, needsPython] of files) {
    it(`${name}: random filters keep every matching row`, async function () {
      this.timeout(120_000);
      if (needsPython === true && python === undefined) this.skip();
      let pruned = 0;
      await fc.assert(
        fc.asyncProperty(filterText(), async (filter) => {
          const selection = await select(name, filter);
          const rows = await selected(name, selection);
          if (rows.size < ROWS) pruned++;
          const lost = (await matching(name, filter)).filter((row) => !rows.has(row));
          assert.deepEqual(lost, [], `${filter}: ${JSON.stringify(selection)}`);
        }),
        { numRuns: 200, seed: 11 },
      );
      assert.ok(pruned >= leastPruned, `${pruned} filters pruned`);
    });
  }

  it('prunes by every type that has an order', async function () {
    if (python === undefined) this.skip();
    for (const [filter, groups] of [
      ['i < 0', [0]],
      ['l > 20000000000000', [2]],
      ["s >= 'k02000'", [2]],
      ['e < -300', [0]],
      ['f > 100000000000', [2]],
      ['g < -1', [0, 1]],
      ['r < -700', [0]],
      // NaN is above every number, and no statistics tell of it.
      ['r > 700', [0, 1, 2]],
      ['d <= 0', [0]],
      ['b = false', [0]],
      ["dt < '1969-12-20'", [0]],
      ["ts < '1969-12-31 23:40:00'", [0]],
      ["tz >= '1970-01-01 00:10:00+00'", [2]],
      ["tm > '00:40:00'", [2]],
      [`x < '\\x6b3030'`, []],
      ['n IS NOT NULL', [2]],
      ['n IS NULL', [0, 1]],
      ["s LIKE 'k00%' AND (i < -900 OR i > 1900)", [0]],
    ] as const) {
      for (const name of ['pages', 'integers']) assert.deepEqual((await select(name, filter, { pageIndex: false })).groups, groups, filter);
    }
  });

  it('takes rows of pages, and fewer with AND than with OR', async function () {
    if (python === undefined) this.skip();
    const rows = async (filter: string): Promise<unknown> => (await select('pages', filter)).ranges;
    assert.deepEqual(await rows('i >= 0 AND i < 150'), [{ start: 1000, rows: 200 }]);
    assert.deepEqual(await rows("i < -950 AND s > 'k00099'"), undefined);
    assert.deepEqual((await select('pages', "i < -950 AND s > 'k00199'")).groups, []);
    assert.deepEqual(await rows('i < -950 OR i = 1999'), [
      { start: 0, rows: 100 },
      { start: 2900, rows: 100 },
    ]);
    assert.deepEqual(
      (await select('pages', 'i >= 0 AND i < 150')).steps.map(({ step, before: some, after: left }) => [step, some, left]),
      [
        ['row groups', 3, 1],
        ['pages', 10, 2],
      ],
    );
    assert.deepEqual(await select('pages', 'i >= 0 AND i < 150', { pageIndex: false }).then(({ groups, ranges }) => [groups, ranges]), [
      [1],
      undefined,
    ]);
  });

  it('asks bloom filters only where they decide', async function () {
    if (python === undefined) this.skip();
    const steps = async (filter: string, more = {}): Promise<unknown> =>
      (await select('blooms', filter, more)).steps.map(({ step, before: some, after: left }) => `${step} ${some} -> ${left}`);
    // Between the bounds of the second group, but not in it: its keys are those not divisible by 7.
    assert.deepEqual(await steps("s = 'k01001'"), ['row groups 3 -> 1', 'row groups by bloom filter 1 -> 0']);
    assert.deepEqual(await steps("s IN ('k01001', 'k01002')"), ['row groups 3 -> 1', 'row groups by bloom filter 1 -> 1']);
    assert.deepEqual(await steps('f = 100000000.002'), ['row groups 3 -> 1', 'row groups by bloom filter 1 -> 0']);
    assert.deepEqual(await steps("ts = '1970-01-01 00:00:00'"), ['row groups 3 -> 1', 'row groups by bloom filter 1 -> 0']);
    assert.deepEqual(await steps('d = 0'), ['row groups 3 -> 1', 'row groups by bloom filter 1 -> 1'], 'minus zero is zero');
    assert.deepEqual(await steps("s > 'k01001'"), ['row groups 3 -> 2']);
    assert.deepEqual(await steps("s = 'k01001' OR i > -1000"), ['row groups 3 -> 3']);
    assert.deepEqual(await steps("s = 'k01001'", { bloomFilters: false }), ['row groups 3 -> 1']);
    let reads = 0;
    await select('blooms', "s = 'nothing'", { source: sourceOf(path('blooms'), () => reads++) });
    assert.equal(reads, 0);
  });

  it('divides the row groups among parts', async () => {
    const footer = await readFooter({ path: path('duckdb'), file: 'duckdb', charge: () => undefined });
    const bytes = readFileSync(path('duckdb')).length;
    const cuts = [0, 5, 5000, 60_000, 100_000, bytes - 1, bytes].filter((cut) => cut <= bytes);
    const found: number[] = [];
    for (const [index, to] of cuts.entries()) {
      if (index > 0) found.push(...(await select('duckdb', 'i > -99999', { part: [cuts[index - 1]!, to] })).groups);
    }
    assert.deepEqual(found, [0, 1]);
    assert.equal(footer.metadata.row_groups.length, 2);
  });

  it('prunes nothing by a column that the file does not have', async () => {
    const footer = await readFooter({ path: path('duckdb'), file: 'duckdb', charge: () => undefined });
    for (const test of [{ kind: 'is_null' }, { kind: 'not_null' }, { kind: 'compare', op: '=', value: 1n }] as const) {
      const condition = { kind: 'test', column: { id: 99, type: parseType('long') }, test } as const;
      const selection = await selectRows({ footer, source: sourceOf(path('duckdb')), condition, pageIndex: true, bloomFilters: true });
      assert.deepEqual(selection.groups, [0, 1]);
    }
  });

  it('names a file whose page index or bloom filter is damaged', async function () {
    this.timeout(60_000);
    if (python === undefined) this.skip();
    for (const [name, filter] of [
      ['pages', 'i >= 0 AND i < 150'],
      ['blooms', "s = 'k01001'"],
    ] as const) {
      const reads: [number, number][] = [];
      const bytes = readFileSync(path(name));
      const whole = sourceOf(path(name));
      await select(name, filter, {
        source: {
          ...whole,
          read: (start, end) => {
            reads.push([start, end]);
            return whole.read(start, end);
          },
        },
      });
      const damaged = Buffer.from(bytes);
      for (const [start] of reads) damaged.fill(0xff, start, start + 12);
      writeFileSync(path(`damaged-${name}`), damaged);
      await assert.rejects(select(`damaged-${name}`, filter), { sqlstate: 'XX001', message: /damaged-/ });
      // Any one byte: the answer, or an error that names the file.
      for (const [start, end] of reads) {
        for (let at = start; at < end; at += 3) {
          const changed = Buffer.from(bytes);
          changed[at] = (changed[at] ?? 0) ^ 0x55;
          try {
            await select(name, filter, { source: { ...whole, read: async (from, to) => changed.subarray(from, to) } });
          } catch (error) {
            assert.equal((error as { sqlstate?: string }).sqlstate, 'XX001', String(error));
          }
        }
      }
    }
  });
});

function duckType(type: string): string {
  const names: Readonly<Record<string, string>> = {
    int: 'INTEGER',
    long: 'BIGINT',
    string: 'VARCHAR',
    binary: 'BLOB',
    timestamptz: 'TIMESTAMPTZ',
    double: 'DOUBLE',
  };
  return names[type] ?? type.toUpperCase();
}
