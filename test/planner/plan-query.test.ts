import assert from 'node:assert/strict';
import { explainJson, explainText } from '../../planner/explain.js';
import { planQuery } from '../../planner/plan-query.js';
import type { PlanContext } from '../../planner/planning.js';
import { TimelineError } from '../../sql/errors.js';
import type { Constant } from '../../sql/expression.js';
import type { Query, QueryExpr } from '../../sql/query.js';
import { Oid, type } from '../../sql/types.js';
import { aggregate, call, int8, select, subquery, table, target, text, v } from './query-builder.js';
import { BOOL, INT, int, type TestTable, testContext } from './support.js';

const INT8 = type(Oid.int8);
const TEXT = type(Oid.text);
const SMALL: Readonly<Record<string, TestTable>> = {
  t: {
    columns: [
      ['a', INT],
      ['b', INT],
      ['name', TEXT],
    ],
    answers: { a: 'exact', b: 'inexact' },
    splits: [{ bytes: 100, rows: 10 }],
  },
};
const LARGE: Readonly<Record<string, TestTable>> = {
  t: { ...SMALL.t, columns: SMALL.t?.columns ?? [], splits: Array.from({ length: 8 }, () => ({ bytes: 1000, rows: 100 })) },
};
const T = table('t', ['a', 'b', 'name']);
const equals = (a: QueryExpr, b: QueryExpr): QueryExpr => call('int4eq(int4,int4)', '=', [a, b], BOOL);

async function explained(
  query: Query,
  tables = SMALL,
  parameters: readonly Constant[] = [],
  context: Partial<PlanContext> = {},
): Promise<string[]> {
  const plan = await planQuery({ query, parameters, context: testContext(tables, context) });
  assert.deepEqual(JSON.parse(JSON.stringify(plan)), JSON.parse(JSON.stringify(JSON.parse(JSON.stringify(plan)))));
  return explainText(plan);
}

function fails(query: Query, sqlstate: string, message: RegExp, context: Partial<PlanContext> = {}): Promise<void> {
  return assert.rejects(planQuery({ query, parameters: [], context: testContext(SMALL, context) }), (error) => {
    assert.ok(error instanceof TimelineError, String(error));
    assert.equal(error.sqlstate, sqlstate);
    assert.match(error.message, message);
    return true;
  });
}

describe('planQuery', () => {
  it('keeps the residual of inexact answers and drops that of exact ones', async () => {
    const where: QueryExpr = {
      kind: 'and',
      args: [equals(v(1, 1), int(1)), equals(v(1, 2), int(2)), call('texteq(text,text)', '=', [v(1, 3, TEXT), text("it's")], BOOL)],
    };
    assert.deepEqual(await explained(select([v(1, 2)], [T], { where })), [
      'Stage 1 (final): 1 task · 1 split, 100 B',
      '  Project: b AS t1',
      "    Residual filter: b = 2 AND name = 'it''s'",
      '      Scan lake.t (test): b, name',
      '          Snapshot: 7',
      '          Pushed exact: a = 1',
      '          Pushed inexact: b = 2',
      "          Not pushed: name = 'it''s'",
      '          Pruning, files by column statistics: 1 -> 1 (100 B -> 100 B)',
    ]);
  });

  it('aggregates in part where it reads, and again over the parts', async () => {
    const query = select(
      [
        target(v(2, 1, TEXT), 'name', 1),
        target(aggregate('count()', [], INT8), 'count'),
        target(aggregate('sum(int4)', [v(1, 1)], INT8), 'sum'),
      ],
      [T, { kind: 'group', exprs: [v(1, 3, TEXT)] }],
      { groupBy: [1], hasAggregates: true, orderBy: [{ ref: 1, descending: true, nullsFirst: true }], limit: int8('5') },
    );
    assert.deepEqual(await explained(query, LARGE), [
      'Stage 2 (final): 1 task · in order',
      '  Top 5: name DESC',
      '    Project: name, count, sum',
      '      Final aggregate by name: count(…), sum(…)',
      '        Rows of stage 1: name, count_1, sum_1',
      '',
      'Stage 1 (scan): 4 tasks · 8 splits, 7.8 kB',
      '  Partial aggregate by name: count(*), sum(a)',
      '    Scan lake.t (test): a, name',
      '        Snapshot: 7',
      '        Pruning, files by column statistics: 8 -> 8 (7.8 kB -> 7.8 kB)',
    ]);
  });

  it('gathers raw rows where an aggregate cannot be split', async () => {
    const query = select([aggregate('count(any)', [v(1, 1)], INT8, { distinct: true })], [T], { hasAggregates: true });
    const lines = await explained(query, LARGE);
    assert.ok(
      lines.some((line) => line.includes('  Aggregate: count(DISTINCT a)')),
      lines.join('\n'),
    );
    assert.ok(!lines.some((line) => line.includes('Partial')), lines.join('\n'));
  });

  it('reads nothing where no row can pass', async () => {
    for (const rest of [
      { where: { kind: 'constant', type: BOOL, value: 'false' } as const },
      { where: { kind: 'constant', type: BOOL, value: null } as const },
      { limit: int8('0') },
    ]) {
      assert.deepEqual(await explained(select([v(1, 1)], [T], rest)), ['Stage 1 (final): 1 task', '  No rows']);
    }
  });

  it('lets an order of a subselect be the order of the result', async () => {
    const inner = select([target(v(1, 1), 'a'), target(v(1, 2), 'b', 1, true)], [T], {
      orderBy: [{ ref: 1, descending: false, nullsFirst: false }],
    });
    const query = select([v(1, 1)], [subquery(inner)], { where: equals(v(1, 1), int(1)) });
    const plan = await planQuery({ query, parameters: [], context: testContext(LARGE) });
    assert.equal(plan.stages.at(-1)?.ordered, true);
    assert.deepEqual(
      plan.output.map((field) => field.name),
      ['t1'],
    );
    const counted = select([aggregate('count()', [], INT8)], [subquery(inner)], { hasAggregates: true });
    assert.ok(!(await explained(counted)).some((line) => line.includes('Sort')));
  });

  it('sends LIMIT to the connector, but not past an inexact filter', async () => {
    const limitOf = async (where: QueryExpr | undefined): Promise<unknown> => {
      const plan = await planQuery({
        query: select([v(1, 1)], [T], { where, limit: int8('3'), offset: int8('2') }),
        parameters: [],
        context: testContext(SMALL),
      });
      const text = JSON.stringify(plan.stages);
      return /"limit":(\d+)\}/.exec(text.slice(text.indexOf('"handle"')))?.[1];
    };
    assert.equal(await limitOf(undefined), '5');
    assert.equal(await limitOf(equals(v(1, 1), int(1))), '5');
    assert.equal(await limitOf(equals(v(1, 2), int(1))), undefined);
  });

  it('binds parameters and folds what is constant in one call', async () => {
    const asked: unknown[] = [];
    const sum = call('int4pl(int4,int4)', '+', [{ kind: 'parameter', number: 1, type: INT }, int(1)], INT);
    const where: QueryExpr = { kind: 'and', args: [equals(v(1, 1), sum), equals(v(1, 2), sum)] };
    const lines = await explained(select([v(1, 1)], [T], { where }), SMALL, [{ kind: 'constant', type: INT, value: '4' }], {
      evaluate: async (exprs) => {
        asked.push(exprs);
        return exprs.map(() => int(5));
      },
    });
    assert.equal(asked.length, 1);
    assert.ok(
      lines.some((line) => line.includes('Pushed exact: a = 5')),
      lines.join('\n'),
    );
  });

  it('raises what folding raises, but not where it may never be reached', async () => {
    const division = call('int4div(int4,int4)', '/', [int(1), int(0)], INT);
    const evaluate: PlanContext['evaluate'] = async (exprs) =>
      exprs.map(() => new TimelineError({ kind: 'data', sqlstate: '22012', message: 'division by zero' }));
    await fails(select([division], [T]), '22012', /division by zero/, { evaluate });
    const guarded: QueryExpr = { kind: 'case', whens: [{ when: equals(v(1, 1), int(1)), result: division }], otherwise: int(0), type: INT };
    const lines = await explained(select([guarded], [T]), SMALL, [], { evaluate });
    assert.ok(
      lines.some((line) => line.includes('CASE WHEN a = 1 THEN 1 / 0 ELSE 0 END')),
      lines.join('\n'),
    );
  });

  it('unfolds a CTE once per use, with columns of its own', async () => {
    const cte = { name: 'w', query: select([target(v(1, 1), 'a')], [T]), recursive: false, materialized: 'default' } as const;
    const use = { kind: 'cte', name: 'w', level: 0, alias: 'w', columns: ['a'], selfReference: false } as const;
    const plan = await planQuery({
      query: select([v(1, 1), v(2, 1)], [use, use], { ctes: [cte], where: equals(v(1, 1), v(2, 1)) }),
      parameters: [],
      context: testContext(SMALL),
    });
    const text = explainText(plan).join('\n');
    assert.equal(text.match(/Scan lake\.t/g)?.length, 2);
    assert.match(text, /Join: a#\d+ = a#\d+/);
  });

  it('plans a CTE that is worth it once for all who read it, and where one reads it', async () => {
    const counted = select([target(aggregate('count()', [], INT8), 'a')], [T], { hasAggregates: true });
    const cte = { name: 'w', query: counted, recursive: false, materialized: 'default' } as const;
    const use = { kind: 'cte', name: 'w', level: 0, alias: 'w', columns: ['a'], selfReference: false } as const;
    const twice = (await explained(select([v(1, 1, INT8), v(2, 1, INT8)], [use, use], { ctes: [cte] }))).join('\n');
    assert.equal(twice.match(/Scan lake\.t/g)?.length, 1, twice);
    assert.equal(twice.match(/Rows of stage 1/g)?.length, 2, twice);
    const once = (await explained(select([v(1, 1, INT8)], [use], { ctes: [cte] }))).join('\n');
    assert.ok(!once.includes('Rows of stage'), once);
  });

  it('casts the columns of a UNION as PostgreSQL does', async () => {
    const leaf = (expr: QueryExpr): ReturnType<typeof subquery> => subquery(select([target(expr, 'x')], [T]));
    const ranges = [leaf(v(1, 1)), leaf(call('int8(int4)', undefined, [v(1, 2)], INT8))];
    const setOperation = {
      kind: 'set',
      op: 'union',
      all: true,
      left: { kind: 'leaf', range: 1 },
      right: { kind: 'leaf', range: 2 },
      types: [INT8],
    } as const;
    const query = { ...select([target(v(1, 1, INT8), 'x')], ranges), from: [], setOperation };
    const plan = await planQuery({ query, parameters: [], context: testContext(SMALL) });
    assert.equal(plan.output[0]?.type.oid, Oid.int8);
    assert.match(explainText(plan).join('\n'), /Project: a::int8 AS x/);
  });

  it('joins of two large tables meet in partitions of their keys', async () => {
    const query: Query = {
      ...select([v(1, 1), v(2, 2)], [T, T, { kind: 'join', columns: [], aliasVars: [] }]),
      from: [
        {
          kind: 'join',
          type: 'left',
          left: { kind: 'range', range: 1 },
          right: { kind: 'range', range: 2 },
          on: equals(v(1, 1), v(2, 1)),
          range: 3,
        },
      ],
    };
    const plan = await planQuery({ query, parameters: [], context: testContext(LARGE) });
    assert.deepEqual(
      plan.stages.map((stage) => [stage.id, stage.kind, stage.tasks.length, stage.exchange?.partitions, stage.deps]),
      [
        [1, 'scan', 4, 3, []],
        [2, 'scan', 4, 3, []],
        [3, 'final', 3, undefined, [1, 2]],
      ],
    );
  });

  it('shows what ran beside what was planned', async () => {
    const plan = await planQuery({ query: select([v(1, 1)], [T]), parameters: [], context: testContext(SMALL) });
    const stage = { id: 1, tasks: 1, rows: 12345, bytesRead: 1536, milliseconds: 3.21, retries: 2 };
    const summary = { rows: 12345, bytesRead: 1536, stages: [stage], notices: ['2 rows without a key were skipped'] };
    const actuals = { summary, driver: 'temporal', runId: 'replay-1', milliseconds: 9 };
    const lines = explainText(plan, actuals);
    assert.equal(lines[1], '  Actual: 12,345 rows · read 1.5 kB · 3.2 ms · 1 task · 2 retries');
    assert.deepEqual(lines.slice(-4), [
      '',
      'Rows: 12,345 rows · read 1.5 kB · 9.0 ms',
      'Driver: temporal · workflow replay-1',
      'Notice: 2 rows without a key were skipped',
    ]);
    const json = JSON.parse(JSON.stringify(explainJson(plan, actuals)));
    assert.deepEqual(json.stages[0].actual, stage);
    assert.equal(json.stages[0].tasks, 1);
    assert.equal(json.actual.run, 'replay-1');
  });

  it('names what it cannot plan', async () => {
    const of = (expr: QueryExpr): Query => select([expr], [T]);
    await fails(
      of({ kind: 'sublink', link: 'scalar', query: select([v(1, -1)], [T]), test: undefined, type: BOOL }),
      '0A000',
      /system column/,
    );
    await fails(of({ kind: 'window', fn: 'rank()', args: [], star: false, filter: undefined, window: 1, type: INT8 }), '0A000', /rank\(\)/);
    await fails(of({ kind: 'unknown_node', what: 'XMLEXPR', type: TEXT }), '0A000', /XMLEXPR/);
    await fails(of(call('query_to_xml(text)', undefined, [v(1, 3, TEXT)], TEXT)), '0A000', /query_to_xml\(text\)/);
    await fails(select([v(1, 1)], [T], { limit: int8('-1') }), '2201W', /LIMIT must not be negative/);
    await fails(select([v(1, 1)], [T], { offset: int8('-1') }), '2201X', /OFFSET must not be negative/);
    await fails(select([v(1, 1)], [T], { hasForUpdate: true }), '0A000', /FOR UPDATE/);
    await fails(
      select(
        [v(1, 1)],
        [{ kind: 'table', relid: 1, schema: 'pg_catalog', name: 'pg_class', alias: 'c', columns: ['oid'], sample: undefined }],
      ),
      '0A000',
      /pg_catalog\.pg_class/,
    );
  });

  it('refuses a statement that unfolds without end', async () => {
    const ctes = Array.from({ length: 30 }, (_, n) => {
      const use = (name: string) => ({ kind: 'cte', name, level: 1, alias: name, columns: ['a'], selfReference: false }) as const;
      const query = n === 0 ? select([target(v(1, 1), 'a')], [T]) : select([target(v(1, 1), 'a')], [use(`w${n - 1}`), use(`w${n - 1}`)]);
      return { name: `w${n}`, query, recursive: false, materialized: 'never' } as const;
    });
    await fails(
      select([v(1, 1)], [{ kind: 'cte', name: 'w29', level: 0, alias: 'w', columns: ['a'], selfReference: false }], { ctes }),
      '54001',
      /too complex/,
    );
  });
});
