import assert from 'node:assert/strict';
import { formBytes, printFilter, printQuery } from '../../connectors/victorialogs/logsql/print.js';
import type { LogsFilter, LogsPipe } from '../../connectors/victorialogs/logsql/syntax.js';
import { TimelineError } from '../../sql/errors.js';

function code(sqlstate: string): (error: unknown) => boolean {
  return (error) => error instanceof TimelineError && error.sqlstate === sqlstate;
}

const equals = (field: string, value: string): LogsFilter => ({ kind: 'equals', field, value });

describe('LogsQL from its tree', () => {
  const filters: readonly (readonly [LogsFilter, string])[] = [
    [{ kind: 'all' }, '(* )'],
    [{ kind: 'nothing' }, '(!* )'],
    [equals('level', 'a "b" | c\n'), '("level":="a \\"b\\" | c\\n" )'],
    [{ kind: 'in', field: 'f', values: ['a', '*'] }, '("f":in("a","*") )'],
    [{ kind: 'in', field: 'f', values: ['*'] }, '("f":="*" )'],
    [{ kind: 'in', field: 'f', values: [] }, '(!* )'],
    [{ kind: 'present', field: 'or' }, '("or":* )'],
    [{ kind: 'prefix', field: 'f', prefix: '~p' }, '("f":="~p"* )'],
    [{ kind: 'regex', field: 'f', pattern: '(?s)^~.*\\.' }, '("f":~"(?s)^~.*\\\\." )'],
    [{ kind: 'string_range', field: 'f', from: '', to: '~v\0' }, '("f":string_range("","~v\\u0000") )'],
    [{ kind: 'compare', field: 'n', op: '>=', value: '-5' }, '("n":>="-5" )'],
    [{ kind: 'word', field: '_msg', word: 'not' }, '("_msg":"not" )'],
    [
      { kind: 'time', from: 0n, to: 1_740_823_200_000_000_001n },
      '(_time:[1970-01-01T00:00:00.000000000Z,2025-03-01T10:00:00.000000001Z) )',
    ],
    [{ kind: 'time', from: -1n }, '(_time:>=1969-12-31T23:59:59.999999999Z )'],
    [{ kind: 'time', to: 10n ** 9n }, '(_time:<1970-01-01T00:00:01.000000000Z )'],
    [{ kind: 'time' }, '(* )'],
    [{ kind: 'time', from: 5n, to: 5n }, '(!* )'],
    [{ kind: 'time', from: 2n ** 63n }, '(!* )'],
    [{ kind: 'time', from: -(2n ** 70n), to: 2n ** 70n }, '(* )'],
    [{ kind: 'raw', text: 'error # all of it' }, '(error # all of it\n)'],
    [{ kind: 'and', args: [equals('a', '1'), { kind: 'not', arg: equals('b', '2') }] }, '(("a":="1" ) (!("b":="2" ) ) )'],
    [{ kind: 'or', args: [equals('a', '1'), equals('b', '2')] }, '(("a":="1" ) or ("b":="2" ) )'],
    [{ kind: 'and', args: [] }, '(* )'],
    [{ kind: 'or', args: [] }, '(!* )'],
  ];
  for (const [filter, text] of filters) it(text, () => assert.equal(printFilter(filter), text));

  it('prints pipes', () => {
    const pipes: readonly LogsPipe[] = [
      { kind: 'filter', filter: { kind: 'compare', field: 'n', op: '>', value: '5' } },
      {
        kind: 'stats',
        by: [
          { kind: 'field', field: 'a b' },
          { kind: 'time', step: 'day', offset: -19_800 },
        ],
        calls: [
          { fn: 'count', as: 'n' },
          { fn: 'max', field: 'F', as: 'm' },
        ],
      },
      { kind: 'uniq', fields: ['a', 'b'], limit: 3 },
      {
        kind: 'sort',
        by: [
          { field: '_time', descending: true },
          { field: 'a', descending: false },
        ],
        offset: 2,
        limit: 7,
      },
      { kind: 'fields', fields: ['_time', 'a'] },
      { kind: 'limit', rows: 0 },
    ];
    assert.equal(
      printQuery({ filter: { kind: 'all' }, pipes }),
      '(* ) | filter ("n":>"5" ) | stats by ("a b", _time:day offset -19800s) count() as "n", max("F") as "m" | uniq by ("a", "b") limit 3' +
        ' | sort by ("_time" desc, "a") offset 2 limit 7 | fields "_time", "a" | limit 0',
    );
  });

  it('refuses names that LogsQL takes for something else', () => {
    for (const name of ['', 'x*', '*', '_time', '_stream', '_stream_id', 'a\ud800'])
      assert.throws(() => printFilter(equals(name, 'v')), code('XX000'), name);
    for (const name of ['', 'x*', '\udc00']) {
      assert.throws(() => printQuery({ filter: { kind: 'all' }, pipes: [{ kind: 'fields', fields: [name] }] }), code('XX000'), name);
    }
  });

  it('refuses halves of surrogate pairs, depth and length', () => {
    assert.throws(() => printFilter(equals('f', '\ud83d')), code('22021'));
    assert.equal(printFilter(equals('f', '\u{1f600}')), '("f":="\u{1f600}" )');
    let deep: LogsFilter = { kind: 'all' };
    for (let level = 0; level < 100_000; level++) deep = { kind: 'not', arg: deep };
    assert.throws(() => printFilter(deep), code('54001'));
    assert.throws(() => printFilter({ kind: 'in', field: 'f', values: Array.from({ length: 600_000 }, (_, n) => `~${n}`) }), code('54000'));
  });

  it('refuses a limit of nothing where the server would take it for none', () => {
    const sort: LogsPipe = { kind: 'sort', by: [{ field: '_time', descending: false }] };
    assert.throws(() => printQuery({ filter: { kind: 'all' }, pipes: [sort, { kind: 'limit', rows: 0 }] }), code('XX000'));
    assert.throws(() => printQuery({ filter: { kind: 'all' }, pipes: [{ ...sort, limit: 0 }] }), code('XX000'));
    assert.throws(() => printQuery({ filter: { kind: 'all' }, pipes: [{ kind: 'uniq', fields: ['a'], limit: 0 }] }), code('XX000'));
  });

  it('counts what a form makes of a text', () => {
    for (const text of ['abc', 'é', '€', '\u{1f600}', '~"a', '\0'])
      assert.equal(formBytes(text), encodeURIComponent(text).replaceAll('~', '%7E').length);
  });
});
