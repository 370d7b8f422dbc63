import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { Field, Operator, PlanExpr, TimelineOperator } from '../../planner/physical-plan.js';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { Oid, type } from '../../sql/types.js';
import { timelineOutput } from '../../src/kernel/timeline-output.js';

const oids = [Oid.text, Oid.timestamptz, Oid.timestamptz, Oid.interval, Oid.float8, Oid.bool, Oid.text, Oid.bool];
const fields = oids.map((oid, i): Field => ({ id: i + 1, name: `f${i + 1}`, type: type(oid) }));
const column = (id: number): PlanExpr => ({ kind: 'column', id, type: type(oids[id - 1] ?? Oid.text) });
const text = (value: string): PlanExpr => ({ kind: 'constant', type: type(Oid.text), value });
const equal = (a: PlanExpr, b: PlanExpr): PlanExpr => ({
  kind: 'call',
  fn: 'texteq(text,text)',
  args: [a, b],
  type: type(Oid.bool),
  volatility: 'immutable',
});
const timeline: TimelineOperator = {
  kind: 'timeline',
  input: { kind: 'values', rows: [], fields: [] },
  horizon: undefined,
  spec: { emit: 'spans', keys: [1], signals: [{}, {}] } as unknown as TimelineSpec,
  fields,
};
const seconds = (input: Operator): Operator => ({
  kind: 'project',
  input,
  items: [{ field: { id: 20, name: 's', type: type(Oid.float8) }, expr: column(5) }],
});
const wantedIds = (root: Operator): number[] => fields.filter((_, i) => timelineOutput(root, timeline).wanted[i]).map((field) => field.id);

describe('what is used of a timeline operator', () => {
  it('is every column at the top, and of a projection what it and filters below it read', () => {
    assert.deepEqual(wantedIds(timeline), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.deepEqual(wantedIds(seconds({ kind: 'filter', input: timeline, predicate: equal(column(7), text('x')) })), [5, 7]);
    assert.deepEqual(wantedIds(seconds({ kind: 'distinct', input: timeline })), [1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('is bound by the simple conjuncts of the filter above', () => {
    const predicate: PlanExpr = {
      kind: 'and',
      args: [
        equal(text('rebuffer'), column(7)),
        { kind: 'not', arg: column(8) },
        equal(column(1), text('key')),
        { kind: 'or', args: [column(8), column(6)] },
      ],
    };
    assert.deepEqual(timelineOutput({ kind: 'filter', input: timeline, predicate }, timeline).required, [
      { signal: 0, value: 'rebuffer' },
      { signal: 1, value: false },
    ]);
  });

  it('is not bound by a filter above something else', () => {
    const limited: Operator = { kind: 'filter', input: { kind: 'limit', input: timeline, limit: 1 }, predicate: column(8) };
    assert.deepEqual(timelineOutput(limited, timeline).required, []);
    const joined: Operator = {
      kind: 'join',
      type: 'left',
      left: { kind: 'values', rows: [], fields: [] },
      right: timeline,
      condition: column(8),
    };
    assert.deepEqual(timelineOutput({ kind: 'filter', input: joined, predicate: column(8) }, timeline).required, []);
  });

  it('is everything when two operators read it', () => {
    const both: Operator = { kind: 'join', type: 'cross', left: seconds(timeline), right: timeline, condition: undefined };
    assert.deepEqual(wantedIds(both), [1, 2, 3, 4, 5, 6, 7, 8]);
  });
});
