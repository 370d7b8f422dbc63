import assert from 'node:assert/strict';
import { TimelineError } from '../../sql/errors.js';
import { loadParser, parseOne, splitStatements } from '../../sql/parse.js';
import { taggedNode } from '../../sql/parse-tree.js';
import { referencedFunctions, referencedRelations, refusedClause } from '../../sql/references.js';

const tree = (text: string) => parseOne(text)?.statement;
const failure = (sqlstate: string, message: RegExp, position?: number) => (error: unknown) => {
  assert.ok(error instanceof TimelineError);
  assert.deepEqual([error.sqlstate, error.position], [sqlstate, position]);
  assert.match(error.message, message);
  return true;
};

describe('parse', () => {
  before(loadParser);

  it('splits statements and counts their places in code points', () => {
    const text = "select '😀é' ; ; -- c;omment\n /* a /* nested */ ; */ select 'x;y' as \";\"; select $$;$$ -- end";
    const statements = splitStatements(text);
    assert.deepEqual(
      statements.map((statement) => statement.text),
      ["select '😀é'", 'select \'x;y\' as ";"', 'select $$;$$ -- end'],
    );
    const points = [...text];
    for (const { text: part, offset } of statements) assert.equal(points.slice(offset, offset + [...part].length).join(''), part);
    assert.deepEqual(splitStatements(' ; -- nothing\n;'), []);
    assert.deepEqual(splitStatements(''), []);
  });

  it("tells errors in PostgreSQL's words, at their place", () => {
    assert.throws(() => splitStatements("select 'é'; selec 1"), failure('42601', /^syntax error at or near "selec"$/, 13));
    assert.throws(() => splitStatements('select a from b where'), failure('42601', /^syntax error at end of input$/, 22));
    assert.throws(() => splitStatements("select 'abc"), failure('42601', /^unterminated quoted string/, 8));
    assert.throws(() => splitStatements('select \0'), failure('22021', /invalid byte sequence/));
    assert.throws(() => parseOne('select 1; select 2'), failure('42601', /multiple commands/));
  });

  it('survives texts that are nested too deeply, again and again', () => {
    for (let i = 0; i < 5; i += 1) {
      assert.throws(() => parseOne(`select ${'1+'.repeat(60_000)}1`), failure('54001', /stack depth limit/));
      assert.throws(
        () => parseOne(`select ${'('.repeat(50_000)}1${')'.repeat(50_000)}`),
        (error) => error instanceof TimelineError && error.sqlstate === '42601',
      );
    }
    assert.equal(taggedNode(tree('select 1')).tag, 'SelectStmt');
  });

  it('finds the statement inside of EXPLAIN, PREPARE, DECLARE and COPY', () => {
    const inner = (text: string) => [...text].slice(parseOne(text)?.innerStart ?? 0).join('');
    assert.equal(inner('explain select 1'), 'select 1');
    assert.equal(inner("/* é */ EXPLAIN (analyze, format json) select 'é'"), "select 'é'");
    assert.equal(inner('explain (select 1)'), '(select 1)');
    assert.equal(inner('explain analyze verbose (select 1) union select 2'), '(select 1) union select 2');
    assert.equal(inner('explain analyze -- analyze\n values (1)'), 'values (1)');
    assert.equal(inner('prepare "as" (int, numeric(10,2)) as select $1'), 'select $1');
    assert.equal(inner('declare "for" scroll cursor with hold for select 1 as x'), 'select 1 as x');
    assert.equal(inner('copy (select 1) to stdout'), 'select 1) to stdout');
    assert.equal(parseOne('select 1')?.innerStart, undefined);
    assert.equal(parseOne(' -- nothing'), undefined);
  });

  it('lists relations without CTE names, as far as those reach', () => {
    const names = (text: string) =>
      referencedRelations(tree(text)).map(({ schema, name }) => (schema === undefined ? name : `${schema}.${name}`));
    assert.deepEqual(names('with a as (select * from b) select * from a join s.a on true where x in (select y from "C d")'), [
      'b',
      's.a',
      'C d',
    ]);
    assert.deepEqual(names('with a as (select * from b), b as (select * from a) select * from b'), ['b']);
    assert.deepEqual(names('with recursive a as (select 1 union all select * from a) select * from a'), []);
    assert.deepEqual(names('select * from (with a as (select 1) select * from a) x, a'), ['a']);
    assert.deepEqual(names('select 1 from a union select 2 from b except select 3 from c'), ['a', 'b', 'c']);
    assert.deepEqual(names('select exists (select from t) from lateral (select * from u) v'), ['t', 'u']);
    assert.deepEqual(names('explain select * from e'), ['e']);
    assert.deepEqual(names('table t'), ['t']);
    assert.deepEqual(names('copy t to stdout'), ['t']);
  });

  it('lists functions by name', () => {
    assert.deepEqual(referencedFunctions(tree("select now(), pg_catalog.lower('A') from timeline(source => table_x(), at => now())")), [
      { schema: undefined, name: 'now' },
      { schema: 'pg_catalog', name: 'lower' },
      { schema: undefined, name: 'timeline' },
      { schema: undefined, name: 'table_x' },
    ]);
  });

  it('names what would write or lock', () => {
    assert.equal(refusedClause(tree('with a as (insert into b values (1) returning *) select * from a')), 'INSERT in WITH');
    assert.equal(refusedClause(tree('select 1 into t')), 'SELECT INTO');
    assert.equal(refusedClause(tree('select * from (select * from t for update) x')), 'SELECT FOR UPDATE/SHARE');
    assert.equal(refusedClause(tree('select 1 from t')), undefined);
  });
});
