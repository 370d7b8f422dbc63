import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AggregateOperator, Field, JoinOperator, Operator, PlanAggregate } from '../../planner/physical-plan.js';
import { TimelineError } from '../../sql/errors.js';
import { stateFields } from '../../sql/functions/aggregate-state.js';
import { Oid } from '../../sql/types.js';
import { TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY, type Value } from '../../sql/value.js';
import { type Bench, call, constant, field, numericType, openBench, ref, scanOf, values } from './harness.js';

const a = field(1, Oid.int4);
const b = field(2, Oid.text);

function failsWith(sqlstate: string, message?: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof TimelineError, String(error));
    assert.equal(error.sqlstate, sqlstate, error.message);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  };
}

describe('the kernel', () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench();
  });
  after(async () => {
    await bench.close();
  });

  const rowsOf = values(
    [a, b],
    [
      ['3', 'c'],
      ['1', 'a'],
      [null, 'z'],
      ['2', null],
    ],
  );

  it('gives VALUES back', async () => {
    assert.deepEqual(await bench.rows(rowsOf, [a, b]), [
      [3, 'c'],
      [1, 'a'],
      [null, 'z'],
      [2, null],
    ]);
  });

  it('gives no rows for empty VALUES, and counts rows without columns', async () => {
    assert.deepEqual(await bench.rows(values([a, b], []), [a, b]), []);
    const n = field(9, Oid.int8);
    const count: Operator = {
      kind: 'aggregate',
      phase: 'single',
      input: { kind: 'project', input: rowsOf, items: [] },
      keys: [],
      aggregates: [{ field: n, fn: 'count()', args: [], distinct: false, orderBy: [], filter: undefined, state: [] }],
    };
    assert.deepEqual(await bench.rows(count, [n]), [[4n]]);
  });

  it('filters with three-valued logic', async () => {
    const predicate = { kind: 'not', arg: call('int4gt(int4,int4)', [ref(a), constant('1', Oid.int4)], Oid.bool) } as const;
    assert.deepEqual(await bench.rows({ kind: 'filter', input: rowsOf, predicate }, [a, b]), [[1, 'a']]);
  });

  it('projects expressions', async () => {
    const c = field(3, Oid.int4);
    const root: Operator = {
      kind: 'project',
      input: rowsOf,
      items: [{ field: c, expr: call('int4pl(int4,int4)', [ref(a), constant('-5', Oid.int4)], Oid.int4) }],
    };
    assert.deepEqual(await bench.rows(root, [c]), [[-2], [-4], [null], [-3]]);
  });

  it('sorts with NULLS FIRST and LAST, limit and offset', async () => {
    const sort = (descending: boolean, nullsFirst: boolean, extra: object = {}): Operator => ({
      kind: 'sort',
      input: rowsOf,
      keys: [{ expr: ref(a), descending, nullsFirst }],
      ...extra,
    });
    const column = async (op: Operator): Promise<unknown> => (await bench.rows(op, [a, b])).map((row) => row[0]);
    assert.deepEqual(await column(sort(false, false)), [1, 2, 3, null]);
    assert.deepEqual(await column(sort(true, true)), [null, 3, 2, 1]);
    assert.deepEqual(await column(sort(true, false, { limit: 2, offset: 1 })), [2, 1]);
    assert.deepEqual(await column({ kind: 'limit', input: sort(false, true), limit: 1, offset: 1 }), [1]);
  });

  it('removes duplicates, comparing numerics of varying scale by value', async () => {
    const n = field(1, Oid.numeric);
    const rows = await bench.rows({ kind: 'distinct', input: values([n], [['1.0'], ['1.00'], ['2'], [null], [null]]) }, [n]);
    assert.equal(rows.length, 3);
    assert.deepEqual(
      await bench.rows({ kind: 'distinct', input: values([a], [['1'], ['1'], [null], [null]]) }, [a]).then((r) => r.length),
      2,
    );
  });

  it('orders numerics of varying scale by value', async () => {
    const n = field(1, Oid.numeric);
    const texts = [
      '10',
      '9.5',
      '-1',
      '-10.25',
      '0',
      '0.001',
      'NaN',
      '-0.001',
      '1e30',
      'Infinity',
      '-Infinity',
      '123456789012345678901234567890.123',
    ];
    const rows = await bench.rows(
      {
        kind: 'sort',
        input: values(
          [n],
          texts.map((text) => [text]),
        ),
        keys: [{ expr: ref(n), descending: false, nullsFirst: false }],
      },
      [n],
    );
    assert.deepEqual(
      rows.map(([x]) => x),
      [
        '-Infinity',
        '-10.25',
        '-1',
        '-0.001',
        '0',
        '0.001',
        '9.5',
        '10',
        '123456789012345678901234567890.123',
        '1000000000000000000000000000000',
        'Infinity',
        'NaN',
      ],
    );
  });

  it('concatenates inputs, bringing numerics to the type of the output', async () => {
    const n = field(5, Oid.numeric);
    const fixed = field(6, numericType(10, 2));
    const root: Operator = {
      kind: 'union_all',
      inputs: [values([field(1, Oid.numeric)], [['1.5']]), values([fixed], [['2.50']])],
      fields: [n],
    };
    assert.deepEqual((await bench.rows(root, [n])).map(([x]) => x).sort(), ['1.5', '2.50']);
  });

  it('raises the error of an assertion without rows, and passes rows on otherwise', async () => {
    const check = (input: Operator): Operator => ({ kind: 'assert', input, sqlstate: 'P0002', message: "no rows for 'it'" });
    await assert.rejects(bench.run(check(values([a, b], []))), failsWith('P0002', /no rows for 'it'/));
    assert.equal((await bench.rows(check(rowsOf), [a, b])).length, 4);
  });

  describe('joins', () => {
    const l = field(1, Oid.int4);
    const r = field(2, Oid.int4);
    const left = values([l], [['1'], ['2'], ['2'], [null]]);
    const right = values([r], [['2'], ['3'], [null]]);
    const equal = call('int4eq(int4,int4)', [ref(l), ref(r)], Oid.bool);
    const join = (type: JoinOperator['type'], condition: JoinOperator['condition']): Operator => ({
      kind: 'join',
      type,
      left,
      right,
      condition,
    });
    const sorted = async (op: Operator): Promise<readonly string[]> => (await bench.rows(op, [l, r])).map((row) => row.join('|')).sort();

    it('inner, left, right, full and cross', async () => {
      assert.deepEqual(await sorted(join('inner', equal)), ['2|2', '2|2']);
      assert.deepEqual(await sorted(join('left', equal)), ['1|', '2|2', '2|2', '|']);
      assert.deepEqual(await sorted(join('right', equal)), ['2|2', '2|2', '|', '|3']);
      assert.deepEqual(await sorted(join('full', equal)), ['1|', '2|2', '2|2', '|', '|', '|3']);
      assert.equal((await sorted(join('cross', undefined))).length, 12);
      assert.equal((await sorted(join('left', undefined))).length, 12);
    });

    it('on an inequality, and over nothing', async () => {
      assert.deepEqual(await sorted(join('left', call('int4gt(int4,int4)', [ref(l), ref(r)], Oid.bool))), ['1|', '2|', '2|', '|']);
      assert.deepEqual(await bench.rows({ kind: 'join', type: 'left', left: values([l], []), right, condition: equal }, [l, r]), []);
    });
  });

  describe('aggregates', () => {
    const k = field(1, Oid.text);
    const x = field(2, Oid.int4);
    const y = field(3, Oid.int8);
    const f = field(4, Oid.float8);
    const n = field(5, Oid.numeric);
    const d = field(6, numericType(12, 3));
    const t = field(7, Oid.text);
    const input = [k, x, y, f, n, d, t];

    /** Awkward and random rows, by a fixed linear congruence. */
    function randomRows(count: number): (string | null)[][] {
      let seed = 42;
      const random = (below: number): number => {
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
        return Math.floor((seed / 2_147_483_648) * below);
      };
      const maybe = (text: string): string | null => (random(10) === 0 ? null : text);
      return Array.from({ length: count }, () => [
        maybe(`k${random(7)}`),
        maybe(String(random(2_000_000_000) - 1_000_000_000)),
        maybe(`${random(2) === 0 ? '-' : ''}${random(900_000_000)}${random(900_000_000)}`),
        maybe(String(random(1000) / 4)),
        maybe(`${random(2) === 0 ? '-' : ''}${random(100_000)}.${'0'.repeat(random(4))}${random(1_000_000)}`),
        maybe(`${random(1_000_000)}.${String(random(1000)).padStart(3, '0')}`),
        maybe(`t${random(1000)}`),
      ]);
    }

    const SPLITTABLE: readonly (readonly [fn: string, arg: Field | undefined, result: number])[] = [
      ['count()', undefined, Oid.int8],
      ['count(any)', x, Oid.int8],
      ['sum(int4)', x, Oid.int8],
      ['sum(int8)', y, Oid.numeric],
      ['sum(float8)', f, Oid.float8],
      ['sum(numeric)', n, Oid.numeric],
      ['sum(numeric)', d, Oid.numeric],
      ['avg(int4)', x, Oid.numeric],
      ['avg(int8)', y, Oid.numeric],
      ['avg(float8)', f, Oid.float8],
      ['avg(numeric)', n, Oid.numeric],
      ['avg(numeric)', d, Oid.numeric],
      ['min(int4)', x, Oid.int4],
      ['max(numeric)', n, Oid.numeric],
      ['min(text)', t, Oid.text],
      ['max(float8)', f, Oid.float8],
      ['stddev(int4)', x, Oid.numeric],
      ['var_pop(int8)', y, Oid.numeric],
      ['variance(numeric)', n, Oid.numeric],
      ['stddev_pop(numeric)', d, Oid.numeric],
      ['bit_xor(int8)', y, Oid.int8],
    ];

    function aggregates(firstId: number): readonly PlanAggregate[] {
      let id = firstId;
      return SPLITTABLE.map(([fn, arg, result]): PlanAggregate => {
        const args = arg === undefined ? [] : [ref(arg)];
        const resultField = field(id++, result);
        const state = (
          stateFields(
            fn,
            args.map((e) => (e.kind === 'column' ? e.type : field(0, 0).type)),
          ) ?? []
        ).map((type) => field(id++, type));
        return { field: resultField, fn, args, distinct: false, orderBy: [], filter: undefined, state };
      });
    }

    const key = field(50, Oid.text);
    const list = aggregates(100);
    const keys = [{ field: key, expr: ref(k) }];
    const aggregate = (phase: AggregateOperator['phase'], from: Operator, by: AggregateOperator['keys']): AggregateOperator => ({
      kind: 'aggregate',
      phase,
      input: from,
      keys: by,
      aggregates: list,
    });
    const output = [key, ...list.map((item) => item.field)];
    const sortRows = (rows: (Value | null)[][]): readonly string[] => rows.map((row) => row.map(String).join('|')).sort();

    it('partial and final over exchanged partitions give what single gives', async () => {
      const rows = randomRows(600);
      const single = await bench.rows(aggregate('single', values(input, rows), keys), output);
      const partials = await Promise.all(
        [rows.slice(0, 250), rows.slice(250, 251), rows.slice(251), []].map((part) =>
          bench.run(aggregate('partial', values(input, part), keys), { exchange: { by: [key.id], partitions: 3 } }),
        ),
      );
      const combined: (Value | null)[][] = [];
      const stateOf = [key, ...list.flatMap((item) => item.state)];
      for (let partition = 0; partition < 3; partition++) {
        const files = partials.flatMap((p) => p.files.flatMap((file, i) => (file.partition === partition ? [p.paths[i] as string] : [])));
        const read: Operator = { kind: 'exchange_read', stage: 1, fields: stateOf };
        combined.push(...(await bench.rows(aggregate('final', read, [{ field: key, expr: ref(key) }]), output, { inputs: { 1: files } })));
      }
      assert.deepEqual(sortRows(combined), sortRows(single));
      assert.equal(single.length, 8);
    });

    it('sums exactly', async () => {
      const rows = randomRows(300);
      const [single] = await bench.rows(aggregate('single', values(input, rows), []), output.slice(1));
      const scaled = (index: number, scale: number): bigint =>
        rows.reduce((sum, row) => {
          const text = row[index];
          if (text === null || text === undefined) return sum;
          const [whole, fraction = ''] = text.split('.') as [string, string?];
          return sum + BigInt(`${whole}${fraction.padEnd(scale, '0')}`);
        }, 0n);
      assert.equal(single?.[3], String(scaled(2, 0)));
      const maxScale = Math.max(...rows.map((row) => (row[4] ?? '').split('.')[1]?.length ?? 0));
      assert.equal(BigInt(String(single?.[5]).replace('.', '')), scaled(4, maxScale));
      assert.equal(String(single?.[5]).split('.')[1]?.length, maxScale);
      assert.equal(BigInt(String(single?.[6]).replace('.', '')), scaled(5, 3));
    });

    it('over no rows: one row without keys, none with keys', async () => {
      const none = await bench.rows(aggregate('single', values(input, []), []), output.slice(1));
      assert.deepEqual(none, [[0n, 0n, ...new Array<null>(SPLITTABLE.length - 2).fill(null)]]);
      assert.deepEqual(await bench.rows(aggregate('single', values(input, []), keys), output), []);
      const partial = await bench.run(aggregate('partial', values(input, []), []));
      const read: Operator = { kind: 'exchange_read', stage: 1, fields: list.flatMap((item) => item.state) };
      const final = await bench.rows(aggregate('final', read, []), output.slice(1), { inputs: { 1: partial.paths } });
      assert.deepEqual(final, none);
    });

    it('avg shows as many digits as PostgreSQL; sum(int8) passes bigint', async () => {
      const avg = field(60, Oid.numeric);
      const one = (fn: string, arg: Field, rows: readonly string[]): Promise<(Value | null)[][]> =>
        bench.rows(
          {
            kind: 'aggregate',
            phase: 'single',
            input: values(
              [arg],
              rows.map((row) => [row]),
            ),
            keys: [],
            aggregates: [{ field: avg, fn, args: [ref(arg)], distinct: false, orderBy: [], filter: undefined, state: [] }],
          },
          [avg],
        );
      assert.deepEqual(await one('avg(int4)', x, ['1', '2']), [['1.5000000000000000']]);
      assert.deepEqual(await one('avg(int4)', x, ['10000', '20001']), [['15000.500000000000']]);
      assert.deepEqual(await one('sum(int8)', y, ['9223372036854775807', '9223372036854775807']), [['18446744073709551614']]);
    });

    it('filter, distinct, ordered string_agg and array_agg', async () => {
      const out = field(60, Oid.text);
      const one = async (item: Partial<PlanAggregate>, result: Field = out): Promise<unknown> =>
        (
          await bench.rows(
            {
              kind: 'aggregate',
              phase: 'single',
              input: values(
                [k, x],
                [
                  ['b', '1'],
                  ['a', '2'],
                  ['a', '2'],
                  [null, null],
                ],
              ),
              keys: [],
              aggregates: [
                {
                  field: result,
                  fn: 'string_agg(text,text)',
                  args: [ref(k), constant('-', Oid.text)],
                  distinct: false,
                  orderBy: [],
                  filter: undefined,
                  state: [],
                  ...item,
                },
              ],
            },
            [result],
          )
        )[0]?.[0];
      const byK = [{ expr: ref(k), descending: true, nullsFirst: false }];
      assert.equal(await one({ orderBy: byK }), 'b-a-a');
      assert.equal(await one({ orderBy: byK, distinct: true }), 'b-a');
      const n8 = field(61, Oid.int8);
      assert.equal(await one({ fn: 'count(any)', args: [ref(x)], distinct: true }, n8), 2n);
      assert.equal(
        await one({ fn: 'sum(int4)', args: [ref(x)], filter: call('texteq(text,text)', [ref(k), constant('a', Oid.text)], Oid.bool) }, n8),
        4n,
      );
      assert.deepEqual(await one({ fn: 'array_agg(anynonarray)', args: [ref(k)], orderBy: byK }, field(62, 1009)), ['b', 'a', 'a', null]);
    });
  });

  it('brings every type through stage files without loss', async () => {
    const columns: readonly (readonly [Field, string, Value])[] = [
      [field(1, Oid.bool), 't', true],
      [field(2, Oid.int2), '-32768', -32768],
      [field(3, Oid.int8), '-9223372036854775808', -9223372036854775808n],
      [field(4, Oid.float4), '1.5', 1.5],
      [field(5, Oid.float8), '-Infinity', -Infinity],
      [field(6, Oid.numeric), '-0.00100', '-0.00100'],
      [field(7, numericType(38, 3)), '-99999999999999999999999999999999999.999', '-99999999999999999999999999999999999.999'],
      [field(8, Oid.text), "it's ünï\n😀", "it's ünï\n😀"],
      [field(9, Oid.bytea), '\\x00ff', new Uint8Array([0, 255])],
      [field(10, Oid.date), '0044-03-15 BC', -735160],
      [field(11, Oid.time), '23:59:59.999999', 86_399_999_999n],
      [field(12, Oid.timestamp), '1969-12-31 23:59:59.999999', -1n],
      [field(13, Oid.timestamptz), '2025-03-30 01:59:59.000001+00', 1743299999000001n],
      [field(14, Oid.interval), '1 year 2 mons -3 days +04:05:06.000007', { months: 14, days: -3, micros: 14_706_000_007n }],
      [field(15, Oid.uuid), 'ffffffff-0000-4000-8000-00000000000a', 'ffffffff-0000-4000-8000-00000000000a'],
      [field(16, Oid.jsonb), '{"bb": 1.10, "a": [null, "x"]}', '{"a": [null, "x"], "bb": 1.10}'],
      [field(17, Oid.json), '{"b":1}', '{"b":1}'],
      [field(18, 1009), '{a,NULL,"b,c"}', ['a', null, 'b,c']],
      [field(19, Oid.date), 'infinity', Infinity],
      [field(20, Oid.date), '-infinity', -Infinity],
      [field(21, Oid.timestamptz), 'infinity', TIMESTAMP_INFINITY],
      [field(22, Oid.timestamp), '-infinity', TIMESTAMP_NEGATIVE_INFINITY],
      [field(23, Oid.interval), '-1 mons +1 days -00:00:00.000001', { months: -1, days: 1, micros: -1n }],
      [field(24, Oid.oid), '4294967295', 4294967295],
    ];
    const fields = columns.map(([f]) => f);
    const expected = [columns.map(([, , value]) => value), columns.map(() => null)];
    const first = await bench.run(values(fields, [columns.map(([, text]) => text), columns.map(() => null)]));
    assert.deepEqual(await bench.read(first.paths, fields), expected);
    const second = await bench.run({ kind: 'exchange_read', stage: 4, fields }, { inputs: { 4: first.paths } });
    assert.deepEqual(await bench.read(second.paths, fields), expected);
    const rows = await bench.rows(
      { kind: 'scan', scan: 's', connector: 'c', schema: 'x', table: 'y', handle: {}, fields, pushed: [], pruning: [] },
      fields,
      { scans: { s: { kind: 'rows', rows: [columns.map(([, text]) => text), columns.map(() => null)] } } },
    );
    assert.deepEqual(rows, expected);
  });

  it('reads a relation that a connector opened, and nothing outside the given folders', async () => {
    const made = await bench.run(rowsOf);
    const f = field(11, Oid.int8, 'c1');
    const scan = (relation: string): Partial<Parameters<Bench['run']>[1]> => ({
      scans: { s: { kind: 'sql', relation, release: async () => undefined } },
    });
    const op: Operator = scanOf('s', f);
    const rows = await bench.rows(op, [f], scan(`read_parquet('${made.paths[0]}')`));
    assert.deepEqual(rows, [[3n], [1n], [null], [2n]]);
    await assert.rejects(
      bench.run(op, scan("read_csv('/etc/passwd', columns = {'c1': 'VARCHAR'}, delim = '')")),
      failsWith('XX000', /Cannot access|disabled/),
    );
  });

  it('names the file that is corrupt, cut off, or missing', async () => {
    const made = await bench.run(rowsOf);
    const bad = join(bench.folder, 'bad.parquet');
    await writeFile(bad, 'PAR1 this is not Parquet at all');
    const read: Operator = { kind: 'exchange_read', stage: 1, fields: [a, b] };
    await assert.rejects(bench.run(read, { inputs: { 1: [made.paths[0] as string, bad] } }), failsWith('XX001', /bad\.parquet/));
    await assert.rejects(bench.read([bad], [a, b]), failsWith('XX001', /bad\.parquet/));
    await assert.rejects(bench.run(read, { inputs: { 1: [join(bench.folder, 'gone.parquet')] } }), failsWith('58P01', /gone\.parquet/));
  });

  it('gives PostgreSQL errors for overflow, division by zero and unknown functions', async () => {
    const project = (fn: string, args: readonly string[], type: number): Operator => ({
      kind: 'project',
      input: values([a], [['1']]),
      items: [
        {
          field: field(5, type),
          expr: call(
            fn,
            args.map((arg) => constant(arg, type)),
            type,
          ),
        },
      ],
    });
    await assert.rejects(
      bench.run(project('int4pl(int4,int4)', ['2147483647', '1'], Oid.int4)),
      failsWith('22003', /integer out of range/),
    );
    await assert.rejects(bench.run(project('int8div(int8,int8)', ['1', '0'], Oid.int8)), failsWith('22012', /division by zero/));
    await assert.rejects(bench.run(project('numeric_div(numeric,numeric)', ['1', '0'], Oid.numeric)), failsWith('22012'));
    await assert.rejects(bench.run(project('frobnicate(int4)', ['1'], Oid.int4)), failsWith('42883', /frobnicate/));
  });

  const big = (name: string): Operator => scanOf(name, field(name === 'l' ? 1 : 2, Oid.int8, 'range'));
  const endless: Operator = {
    kind: 'aggregate',
    phase: 'single',
    keys: [],
    aggregates: [{ field: field(3, Oid.int8), fn: 'count()', args: [], distinct: false, orderBy: [], filter: undefined, state: [] }],
    input: {
      kind: 'join',
      type: 'inner',
      left: big('l'),
      right: big('r'),
      condition: call(
        'int8lt(int8,int8)',
        [
          call(
            'int8mul(int8,int8)',
            [
              { kind: 'column', id: 1, type: field(0, Oid.int8).type },
              { kind: 'column', id: 2, type: field(0, Oid.int8).type },
            ],
            Oid.int8,
          ),
          constant('7', Oid.int8),
        ],
        Oid.bool,
      ),
    },
  };
  const ranges = {
    scans: {
      l: { kind: 'sql', relation: 'range(10000000)', release: async () => undefined },
      r: { kind: 'sql', relation: 'range(10000000)', release: async () => undefined },
    },
  } as const;

  it('stops on abort with the reason of the signal, and goes on with the next tasks', async () => {
    const controller = new AbortController();
    const reason = new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'canceling statement due to user request' });
    const running = bench.run(endless, ranges, controller.signal);
    setTimeout(() => controller.abort(reason), 150);
    await assert.rejects(running, (error) => error === reason);
    await Promise.all([1, 2, 3].map(async () => assert.equal((await bench.rows(rowsOf, [a, b])).length, 4)));
    await assert.rejects(bench.run(rowsOf, {}, AbortSignal.abort(reason)), (error) => error === reason);
  });

  it('spills a sort larger than its memory, and says 53200 when it cannot', async () => {
    const f = field(1, Oid.int8, 'range');
    const hash = field(2, Oid.text);
    const scan: Operator = scanOf('l', f);
    const wide: Operator = {
      kind: 'project',
      input: scan,
      items: [
        { field: f, expr: ref(f) },
        { field: hash, expr: { kind: 'cast', via: 'io', arg: ref(f), type: field(0, Oid.text).type } },
      ],
    };
    const sorted: Operator = { kind: 'sort', input: wide, keys: [{ expr: ref(hash), descending: true, nullsFirst: false }] };
    const scans = { l: { kind: 'sql', relation: 'range(3000000)', release: async () => undefined } } as const;
    const output = await bench.run(sorted, { scans, session: { timeZone: 'UTC', now: '0', memoryLimit: 64 * 1024 * 1024 } });
    assert.equal(output.rows, 3_000_000);
    await assert.rejects(
      bench.run(sorted, { scans, session: { timeZone: 'UTC', now: '0', memoryLimit: 1024 * 1024 } }),
      failsWith('53200'),
    );
  });
});
