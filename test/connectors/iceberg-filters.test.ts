import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { TablePredicate } from '../../connectors/connector.js';
import { parseType } from '../../connectors/iceberg/format/schema.js';
import { type Evidence, mayPass } from '../../connectors/iceberg/prune/evidence.js';
import { conditionOf } from '../../connectors/iceberg/prune/filter-condition.js';
import { Oid, type } from '../../sql/types.js';
import { call, column, constant } from './filters.js';

const struct = (...fields: readonly (readonly [number, string, unknown])[]): unknown => ({
  type: 'struct',
  fields: fields.map(([id, name, fieldType]) => ({ id, name, required: false, type: fieldType })),
});
/** Members have ids of columns above. */
const COLUMNS: Readonly<Record<string, unknown>> = {
  i: 'int',
  n: 'decimal(9,2)',
  d: 'date',
  t: 'timestamp',
  z: 'timestamptz',
  s: 'string',
  f: 'double',
  b: 'boolean',
  u: 'uuid',
  o: struct([5, 'k', 'string'], [0, 'i', 'int'], [99, 'in', struct([5, 'x', 'string'])]),
  m: { type: 'map', 'key-id': 90, key: 'string', 'value-id': 5, value: 'string' },
};

/** A condition in few words: `3<=5` is column 3 at most 5. */
function shown(filter: TablePredicate): string {
  const names = Object.keys(COLUMNS);
  const condition = conditionOf(filter, (name) =>
    COLUMNS[name] === undefined ? undefined : { id: names.indexOf(name), type: parseType(COLUMNS[name]) },
  );
  const show = (one: typeof condition): string => {
    if (one.kind === 'and' || one.kind === 'or') return `(${one.args.map(show).join(` ${one.kind} `)})`;
    if (one.kind !== 'test') return one.kind;
    const value = (datum: unknown): string => (datum instanceof Uint8Array ? Buffer.from(datum).toString() : String(datum));
    const { test } = one;
    const name = names[one.column.id]!;
    if (test.kind === 'compare') return `${name}${test.op}${value(test.value)}`;
    if (test.kind === 'in') return `${name} in ${test.values.map(value).join()}`;
    return test.kind === 'prefix' ? `${name}^${value(test.prefix)}` : `${name} ${test.kind}`;
  };
  return show(condition);
}

const cast = (fn: string, arg: TablePredicate): TablePredicate => ({
  kind: 'call',
  fn,
  args: [arg],
  type: type(0),
  volatility: 'immutable',
  isCast: true,
});
const i = column('i', Oid.int4);
const member = (outer: TablePredicate, key: string, as: '' | '_text' = '_text'): TablePredicate =>
  call(`jsonb_object_field${as}(jsonb,text)`, outer, constant(Oid.text, key));
const [o, m] = [column('o', Oid.jsonb), column('m', Oid.jsonb)];
const isX = (arg: TablePredicate): TablePredicate => call('texteq(text,text)', arg, constant(Oid.text, 'x'));
const not = (arg: TablePredicate): TablePredicate => ({ kind: 'not', arg });

describe('Iceberg filter conditions', () => {
  const cases: readonly (readonly [string, TablePredicate, string])[] = [
    ['a constant on the left', call('int4lt(int4,int4)', constant(Oid.int4, '5'), i), 'i>5'],
    ["a struct's text", isX(member(o, 'k')), 's=x'],
    ["a struct's struct's text", isX(member(member(o, 'in', ''), 'x')), 's=x'],
    ["a struct's number as text, which is ordered otherwise", isX(member(o, 'i')), 'any'],
    ["a struct's member that is not there", isX(member(o, 'K')), 'any'],
    ["a map's value, whose bounds are of all keys", isX(member(m, 'k')), 'any'],
    ["whether a struct's text is there", { kind: 'is_null', arg: member(o, 'k'), negated: false }, 'any'],
    ['another width', call('int48ge(int4,int8)', i, constant(Oid.int8, '-7')), 'i>=-7'],
    [
      'an int against a fraction, below',
      call('numeric_lt(numeric,numeric)', cast('numeric(int4)', i), constant(Oid.numeric, '2.5')),
      'i<=2',
    ],
    [
      'an int against a fraction, above',
      call('numeric_ge(numeric,numeric)', cast('numeric(int4)', i), constant(Oid.numeric, '-2.5')),
      'i>-3',
    ],
    [
      'an int that no fraction equals',
      call('numeric_eq(numeric,numeric)', cast('numeric(int4)', i), constant(Oid.numeric, '2.5')),
      'never',
    ],
    ['a decimal at its scale', call('numeric_gt(numeric,numeric)', column('n', Oid.numeric), constant(Oid.numeric, '4.005')), 'n>400'],
    ['NaN', call('numeric_gt(numeric,numeric)', column('n', Oid.numeric), constant(Oid.numeric, 'NaN')), 'any'],
    [
      'a date against a time of day',
      call('date_lt_timestamp(date,timestamp)', column('d', Oid.date), constant(Oid.timestamp, '1970-01-03 12:00:00')),
      'd<=2',
    ],
    [
      'a date cast to timestamp',
      call(
        'timestamp_ge(timestamp,timestamp)',
        cast('timestamp(date)', column('d', Oid.date)),
        constant(Oid.timestamp, '1970-01-03 00:00:00'),
      ),
      'd>=2',
    ],
    [
      'a timestamp against a date',
      call('timestamp_lt_date(timestamp,date)', column('t', Oid.timestamp), constant(Oid.date, '1970-01-02')),
      't<86400000000',
    ],
    [
      'a timestamptz in another zone',
      call('timestamptz_eq(timestamptz,timestamptz)', column('z', Oid.timestamptz), constant(Oid.timestamptz, '1970-01-01 01:00:00+01')),
      'z=0',
    ],
    [
      "what the session's zone decides",
      call('timestamptz_lt_date(timestamptz,date)', column('z', Oid.timestamptz), constant(Oid.date, '1970-01-02')),
      'any',
    ],
    [
      'and so does the other way round',
      call('date_lt_timestamptz(date,timestamptz)', column('d', Oid.date), constant(Oid.timestamptz, '1970-01-02 00:00:00+00')),
      'any',
    ],
    [
      'infinity',
      call('timestamptz_lt(timestamptz,timestamptz)', column('z', Oid.timestamptz), constant(Oid.timestamptz, 'infinity')),
      'any',
    ],
    ['BC', call('date_lt(date,date)', column('d', Oid.date), constant(Oid.date, '0044-03-15 BC')), 'any'],
    ['NULL', call('int4eq(int4,int4)', i, constant(Oid.int4, null)), 'never'],
    ['NOT of a comparison', not(call('int4lt(int4,int4)', i, constant(Oid.int4, '5'))), 'i>=5'],
    [
      'NOT of OR',
      not({ kind: 'or', args: [call('int4lt(int4,int4)', i, constant(Oid.int4, '5')), { kind: 'is_null', arg: i, negated: false }] }),
      '(i>=5 and i not_null)',
    ],
    ['NOT LIKE', not(call('textlike(text,text)', column('s', Oid.text), constant(Oid.text, 'a%'))), 'any'],
    ['LIKE with escapes', call('textlike(text,text)', column('s', Oid.text), constant(Oid.text, 'a\\%b_c')), 's^a%b'],
    ['LIKE without a wildcard', call('textlike(text,text)', column('s', Oid.text), constant(Oid.text, 'abc')), 's=abc'],
    ['LIKE that ends in its escape', call('textlike(text,text)', column('s', Oid.text), constant(Oid.text, 'abc\\')), 'any'],
    ['LIKE that begins with a wildcard', call('textlike(text,text)', column('s', Oid.text), constant(Oid.text, '%abc')), 's not_null'],
    ['starts_with', call('starts_with(text,text)', column('s', Oid.text), constant(Oid.text, 'ab')), 's^ab'],
    ['a boolean column', column('b', Oid.bool), 'b=1'],
    ['NOT of a boolean column', not(column('b', Oid.bool)), 'b=0'],
    ['IS NOT TRUE', { kind: 'is_bool', arg: column('b', Oid.bool), test: 'true', negated: true }, 'any'],
    [
      'an array constant',
      {
        kind: 'any_all',
        fn: 'texteq(text,text)',
        operator: '=',
        quantifier: 'any',
        arg: column('s', Oid.text),
        array: constant(1009, '{a,"b,\\"c",NULL}'),
      },
      's in a,b,"c',
    ],
    [
      'NOT IN',
      {
        kind: 'any_all',
        fn: 'textne(text,text)',
        operator: '<>',
        quantifier: 'all',
        arg: column('s', Oid.text),
        array: constant(1009, '{a}'),
      },
      'any',
    ],
    [
      'a function of the column',
      call(
        'int4eq(int4,int4)',
        { kind: 'call', fn: 'int4abs(int4)', args: [i], type: type(23), volatility: 'immutable' },
        constant(Oid.int4, '1'),
      ),
      'any',
    ],
    ['a lossy cast', call('float8eq(float8,float8)', cast('float8(int8)', i), constant(Oid.float8, '1')), 'any'],
    ['two columns', call('int4eq(int4,int4)', i, i), 'any'],
    ['an unknown column', call('int4eq(int4,int4)', column('x', Oid.int4), constant(Oid.int4, '1')), 'any'],
    [
      'never OR something',
      { kind: 'or', args: [call('int4eq(int4,int4)', i, constant(Oid.int4, null)), call('int4eq(int4,int4)', i, constant(Oid.int4, '1'))] },
      'i=1',
    ],
    [
      'something OR anything',
      { kind: 'or', args: [column('b', Oid.bool), call('textlike(text,text)', column('s', Oid.text), column('s', Oid.text))] },
      'any',
    ],
  ];
  for (const [title, filter, wanted] of cases) it(title, () => assert.equal(shown(filter), wanted));
});

describe('Iceberg evidence', () => {
  const of = (lower: Evidence['lower'], upper: Evidence['upper'], more: Partial<Evidence> = {}): Evidence => ({
    lower,
    upper,
    mayHaveNull: true,
    mayHaveValue: true,
    mayHaveNaN: false,
    ...more,
  });
  const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

  it('lets NaN pass above every bound, and nowhere else', () => {
    const some = of(1, 2, { mayHaveNaN: true });
    assert.ok(mayPass({ kind: 'compare', op: '>', value: 5 }, some));
    assert.ok(!mayPass({ kind: 'compare', op: '>', value: 5 }, of(1, 2)));
    assert.ok(!mayPass({ kind: 'compare', op: '=', value: 5 }, some));
    assert.ok(!mayPass({ kind: 'compare', op: '<', value: 0 }, some));
    assert.ok(mayPass({ kind: 'compare', op: '<', value: 0 }, of(Number.NaN, Number.NaN)));
  });

  it('knows prefixes inside of truncated bounds', () => {
    const some = of(utf8('abc'), utf8('abd'));
    for (const [prefix, may] of [
      ['ab', true],
      ['abc', true],
      ['abcz', true],
      ['abd', true],
      ['abe', false],
      ['abb', false],
      ['a', true],
      ['b', false],
      ['abdx', false],
    ] as const) {
      assert.equal(mayPass({ kind: 'prefix', prefix: utf8(prefix) }, some), may, prefix);
    }
  });

  it('concludes nothing without bounds, or from bounds of another kind', () => {
    assert.ok(mayPass({ kind: 'compare', op: '=', value: 5n }, of(undefined, undefined)));
    assert.ok(mayPass({ kind: 'compare', op: '=', value: 5n }, of(utf8('a'), 1)));
  });

  it('knows that only NULL is NULL', () => {
    assert.ok(!mayPass({ kind: 'is_null' }, of(1n, 2n, { mayHaveNull: false })));
    assert.ok(!mayPass({ kind: 'compare', op: '=', value: 1n }, of(undefined, undefined, { mayHaveValue: false })));
  });
});
