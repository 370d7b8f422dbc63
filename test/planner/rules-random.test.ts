import assert from 'node:assert/strict';
import fc from 'fast-check';
import { cutStages } from '../../planner/fragment.js';
import { operatorsIn } from '../../planner/logical-plan.js';
import { optimize, RULES } from '../../planner/optimizer.js';
import { fieldsOf, type Operator, type PlanExpr } from '../../planner/physical-plan.js';
import { attempt, type Cell, type Row, run, runStages } from './mini-engine.js';
import { Growth, ROWS } from './random-plan.js';
import { BOOL, binary, column, filter } from './support.js';

/** The sorts of random plans are by all columns, so their order is the one right order. */
function isOrdered(op: Operator): boolean {
  return op.kind === 'sort' || ((op.kind === 'filter' || op.kind === 'project' || op.kind === 'limit') && isOrdered(op.input));
}

function sorted(rows: readonly (readonly Cell[])[]): string[] {
  return rows.map((row) => JSON.stringify(row)).sort();
}

describe('rules on random plans', () => {
  const choices = fc.array(fc.nat(1000), { minLength: 20, maxLength: 120 });

  for (const name of new Set(RULES.map((rule) => rule.name))) {
    it(`${name} alone keeps columns and rows`, () => {
      const rules = RULES.filter((rule) => rule.name === name);
      if (name === 'connector-columns') rules.unshift(...RULES.filter((rule) => rule.name === 'connector-pushdown'));
      check(choices, 150, rules);
    });
  }

  it('all together keep columns and rows', () => check(choices, 600, RULES));

  function check(source: fc.Arbitrary<number[]>, runs: number, rules: typeof RULES): void {
    fc.assert(
      fc.property(source, fc.integer({ min: 1, max: 4 }), (numbers, depth) => {
        const growth = new Growth(numbers);
        const plan = growth.operator(depth);
        const expected = attempt(plan, ROWS);
        if (expected === undefined || expected.length > 5000) return;
        const optimized = optimize(plan, { planning: growth.planning, rules });
        const rows = attempt(optimized, ROWS);
        if (rows === undefined) return;
        assert.deepEqual(sorted(rows), sorted(expected));
        if (isOrdered(plan)) assert.deepEqual(rows, expected);
      }),
      { numRuns: runs },
    );
  }

  it('cut into stages they give the same rows', () => {
    const FILES = 5;
    const splits = Array.from({ length: FILES }, (_, file) => ({ connector: 'test', data: { file }, bytes: 100, rows: 2 }));
    fc.assert(
      fc.property(choices, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 6 }), (numbers, depth, splitsPerTask) => {
        const growth = new Growth(numbers);
        const plan = optimize(growth.operator(depth), { planning: growth.planning });
        const expected = attempt(plan, ROWS);
        if (expected === undefined || expected.length > 5000) return;
        const scans = [...operatorsIn(plan)].flatMap((op) => (op.kind === 'scan' ? [op.scan] : []));
        const stages = cutStages(plan, {
          splits: new Map(scans.map((scan) => [scan, { splits }])),
          shared: new Map(),
          targets: { splitsPerTask, smallBytes: 0, partitions: 3 },
        });
        const root = stages.at(-1)?.root;
        assert.deepEqual(root && fieldsOf(root), fieldsOf(plan));
        const rows: Row[] = runStages(JSON.parse(JSON.stringify(stages)), ROWS, FILES);
        assert.deepEqual(sorted(rows), sorted(expected));
        if (isOrdered(plan)) assert.deepEqual(rows, expected);
        assert.equal(stages.at(-1)?.ordered, isOrdered(plan));
      }),
      { numRuns: 600 },
    );
  });

  it('IS TRUE and its like, and their opposites, keep what outer joins add', () => {
    const tests = (['true', 'false', 'unknown'] as const).flatMap((test) => [false, true].map((negated) => ({ test, negated })));
    for (const wrap of [(expr: PlanExpr): PlanExpr => expr, (arg: PlanExpr): PlanExpr => ({ kind: 'not', arg })]) {
      for (const { test, negated } of tests) {
        const growth = new Growth([]);
        const [left, right] = [growth.planning.scan('lake', 't'), growth.planning.scan('lake', 'u')];
        const arg = binary('=', column(right.fields[0]), column(right.fields[1]));
        const condition = binary('=', column(left.fields[0]), column(right.fields[0]));
        for (const type of ['left', 'right', 'full'] as const) {
          const plan = filter({ kind: 'join', type, left, right, condition }, wrap({ kind: 'is_bool', arg, test, negated }));
          const optimized = optimize(plan, { planning: growth.planning });
          assert.deepEqual(sorted(run(optimized, ROWS)), sorted(run(plan, ROWS)), `${type} join, ${test}, ${negated}, ${wrap.toString()}`);
        }
      }
    }
  });

  it('the interpreter tells a wrong rule', () => {
    const growth = new Growth([]);
    const left = growth.planning.scan('lake', 't');
    const right = growth.planning.scan('lake', 'u');
    const on = binary('=', column(left.fields[0]), column(right.fields[0]));
    const isNull: PlanExpr = { kind: 'is_null', arg: column(right.fields[1]), negated: false };
    const above = filter({ kind: 'join', type: 'left', left, right, condition: on }, isNull);
    const below: Operator = { kind: 'join', type: 'left', left, right: filter(right, isNull), condition: on };
    assert.notDeepEqual(sorted(run(above, ROWS)), sorted(run(below, ROWS)));
    assert.equal(
      fieldsOf(above).every((field) => field.type !== BOOL),
      true,
    );
  });
});
