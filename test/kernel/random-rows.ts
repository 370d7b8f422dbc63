import type { PlanExpr } from '../../planner/physical-plan.js';
import { Oid } from '../../sql/types.js';
import type { Random } from '../timeline/random.js';
import { C } from '../timeline/random-events.js';
import { call, constant } from './harness.js';

type ColumnOf = (id: number) => PlanExpr;

const BOOL = { oid: Oid.bool, typmod: -1 };
const COMPARISONS = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const;

/** Row expressions of the kinds that the kernel computes itself; some fail for some rows. */
export function randomRow(random: Random, column: ColumnOf): PlanExpr {
  switch (random.below(6)) {
    case 0:
      return randomTruth(random, column, 2);
    case 1:
      return randomNumber(random, column, 2);
    case 2:
      return {
        kind: 'case',
        whens: [
          { when: randomTruth(random, column, 1), result: column(C.state) },
          { when: randomTruth(random, column, 1), result: constant('other', Oid.text) },
        ],
        otherwise: random.chance(50) ? constant(null, Oid.text) : column(C.id),
        type: { oid: Oid.text, typmod: -1 },
      };
    case 3:
      return { kind: 'coalesce', args: [column(C.id), column(C.state), constant('none', Oid.text)], type: { oid: Oid.text, typmod: -1 } };
    case 4:
      return call(
        'textcat(text,text)',
        [column(C.state), { kind: 'cast', via: 'io', arg: column(C.number), type: { oid: Oid.text, typmod: -1 } }],
        Oid.text,
      );
    default:
      return {
        kind: 'minmax',
        op: random.pick(['greatest', 'least']),
        args: [column(C.float), constant('1', Oid.float8)],
        type: { oid: Oid.float8, typmod: -1 },
      };
  }
}

/** `number / seq - number` and the like: division by zero is among them. */
function randomNumber(random: Random, column: ColumnOf, depth: number): PlanExpr {
  const leaf = (): PlanExpr => random.pick([column(C.number), column(C.seq), constant(String(random.below(5) - 1), Oid.int4)]);
  if (depth === 0) return leaf();
  const fn = random.pick(['int4pl', 'int4mi', 'int4mul', random.chance(30) ? 'int4div' : 'int4pl']);
  return call(`${fn}(int4,int4)`, [randomNumber(random, column, depth - 1), randomNumber(random, column, depth - 1)], Oid.int4);
}

export function randomTruth(random: Random, column: ColumnOf, depth: number): PlanExpr {
  if (depth > 0 && random.chance(60)) {
    const kind = random.pick(['and', 'or', 'not'] as const);
    if (kind === 'not') return { kind, arg: randomTruth(random, column, depth - 1) };
    return { kind, args: Array.from({ length: 2 + random.below(2) }, () => randomTruth(random, column, depth - 1)) };
  }
  const compare = random.pick(COMPARISONS);
  const two = (a: PlanExpr, b: PlanExpr): PlanExpr[] => (random.chance(70) ? [a, b] : [b, a]);
  const texteq = compare === 'eq' || compare === 'ne' ? `text${compare}` : `text_${compare}`;
  switch (random.below(9)) {
    case 0:
      return call(`int4${compare}(int4,int4)`, two(column(C.number), constant(String(random.below(4)), Oid.int4)), Oid.bool);
    case 1:
      return call(`${texteq}(text,text)`, two(column(C.state), constant(random.pick(['x', 'y', '']), Oid.text)), Oid.bool);
    case 2:
      return call(
        `int8${compare}(int8,int8)`,
        two(column(C.id2), constant(random.pick(['1', '9007199254740992', '9007199254740993']), Oid.int8)),
        Oid.bool,
      );
    case 3:
      return call(
        `float8${compare}(float8,float8)`,
        two(column(C.float), constant(random.pick(['NaN', '0', '1.5']), Oid.float8)),
        Oid.bool,
      );
    case 4:
      return call(
        `timestamptz_${compare}(timestamptz,timestamptz)`,
        two(column(C.ts), constant(random.pick(['1970-01-01 00:00:20+00', 'infinity', '1970-01-01 00:00:07.5+00']), Oid.timestamptz)),
        Oid.bool,
      );
    case 5:
      return { kind: 'is_null', arg: column(random.pick([C.state, C.number, C.flag])), negated: random.chance(50) };
    case 6:
      return {
        kind: 'any_all',
        fn: 'texteq(text,text)',
        operator: '=',
        quantifier: 'any',
        arg: column(C.state),
        array: {
          kind: 'array',
          elements: [constant('x', Oid.text), random.chance(30) ? constant(null, Oid.text) : constant('', Oid.text)],
          type: { oid: 1009, typmod: -1 },
        },
      };
    case 7:
      return { kind: 'is_bool', arg: column(C.flag), test: random.pick(['true', 'false', 'unknown']), negated: random.chance(50) };
    default:
      return {
        kind: 'distinct',
        call: {
          kind: 'call',
          fn: 'texteq(text,text)',
          operator: '=',
          args: [column(C.state), column(C.id)],
          type: BOOL,
          volatility: 'immutable',
        },
        negated: random.chance(50),
      };
  }
}
