import assert from 'node:assert/strict';
import { mayBeTrue, type Possible, possibleValues } from '../../planner/possible-values.js';
import type { StateExpr, StateLeaf } from '../../planner/timeline-spec.js';
import { Oid, type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { compileScalar } from '../../src/timeline/scalar.js';
import { Dice } from '../e2e/oracle-dice.js';

const BOOL = type(Oid.bool);
const INT4 = type(Oid.int4);

/** Grows expressions over leaves 0 to 3: two of bool, two of int4. */
class Growth {
  constructor(private readonly dice: Dice) {}

  bool(depth: number): StateExpr {
    const { dice } = this;
    const sub = (): StateExpr => this.bool(depth - 1);
    if (depth === 0) {
      return dice.chance(0.6)
        ? { kind: 'leaf', index: dice.whole(0, 1), type: BOOL }
        : { kind: 'constant', type: BOOL, value: dice.pick(['t', 'f', null]) };
    }
    switch (dice.whole(0, 9)) {
      case 0:
      case 1:
        return { kind: 'and', args: [sub(), sub()] };
      case 2:
      case 3:
        return { kind: 'or', args: [sub(), sub()] };
      case 4:
        return { kind: 'not', arg: sub() };
      case 5:
        return { kind: 'is_null', arg: dice.chance(0.5) ? sub() : this.int(depth - 1), negated: dice.chance(0.5) };
      case 6:
        return { kind: 'is_bool', arg: sub(), test: dice.pick(['true', 'false', 'unknown']), negated: dice.chance(0.5) };
      case 7:
        return { kind: 'case', whens: [{ when: sub(), result: sub() }], otherwise: sub(), type: BOOL };
      case 8:
        return { kind: 'coalesce', args: [sub(), sub()], type: BOOL };
      default:
        return {
          kind: 'call',
          fn: `int4${dice.pick(['eq', 'lt', 'ge', 'ne'])}(int4,int4)`,
          args: [this.int(depth - 1), this.int(depth - 1)],
          type: BOOL,
          volatility: 'immutable',
        };
    }
  }

  int(depth: number): StateExpr {
    const { dice } = this;
    if (depth > 0 && dice.chance(0.4)) {
      if (dice.chance(0.5)) return { kind: 'coalesce', args: [this.int(depth - 1), this.int(depth - 1)], type: INT4 };
      return {
        kind: 'case',
        whens: [{ when: this.bool(depth - 1), result: this.int(depth - 1) }],
        otherwise: this.int(depth - 1),
        type: INT4,
      };
    }
    return dice.chance(0.6)
      ? { kind: 'leaf', index: dice.whole(2, 3), type: INT4 }
      : { kind: 'constant', type: INT4, value: dice.pick(['0', '1', null]) };
  }
}

describe('values that a state may have', () => {
  it('are among them whatever its leaves are', () => {
    const dice = new Dice(3);
    const growth = new Growth(dice);
    let decided = 0;
    for (let n = 0; n < 20_000; n += 1) {
      const expr = growth.bool(dice.whole(1, 4));
      const values: (Value | null)[] = [
        dice.pick([true, false, null]),
        dice.pick([true, false, null]),
        dice.pick([0, 1, null]),
        dice.pick([0, 1, null]),
      ];
      // what is said of a leaf is its value, or more
      const said = values.map((value): Possible => {
        if (dice.chance(0.3)) return { null: true, values: 'any' };
        return value === null ? { null: true, values: [] } : { null: dice.chance(0.2), values: [value] };
      });
      const index = (leaf: StateLeaf): number => (leaf.kind === 'leaf' ? leaf.index : -1);
      const possible = possibleValues(expr, (leaf) => said[index(leaf)] as Possible);
      const value = compileScalar(expr, { timeZone: 'UTC', leaf: (leaf) => () => values[index(leaf)] ?? null, instead: () => undefined })(
        0,
      );
      const among = value === null ? possible.null : possible.values === 'any' || possible.values.includes(value);
      assert.ok(among, `${JSON.stringify(expr)} of ${JSON.stringify(values)} is ${String(value)}, not among ${JSON.stringify(possible)}`);
      if (!mayBeTrue(possible)) decided += 1;
    }
    assert.ok(decided > 5000, `${decided} can be told not to be TRUE`);
  });
});
