import type { Dialect } from '../../sql/dialect.js';

/** Random predicates as trees, their text by a dialect's own precedence, and their value by three-valued logic. */
export type Num =
  | { readonly kind: 'column'; readonly name: 'a' | 'b' | 'c' }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'arithmetic'; readonly op: '+' | '-' | '*'; readonly left: Num; readonly right: Num }
  | { readonly kind: 'negative'; readonly arg: Num };

export type Bool =
  | { readonly kind: 'compare'; readonly op: '=' | '<' | '>=' | '<>'; readonly left: Num; readonly right: Num }
  | { readonly kind: 'between'; readonly negated: boolean; readonly arg: Num; readonly low: Num; readonly high: Num }
  | { readonly kind: 'in'; readonly negated: boolean; readonly arg: Num; readonly items: readonly Num[] }
  | { readonly kind: 'null'; readonly negated: boolean; readonly arg: Num }
  | { readonly kind: 'not'; readonly arg: Bool }
  | { readonly kind: 'and' | 'or'; readonly left: Bool; readonly right: Bool };

export type Row = Readonly<Record<'a' | 'b' | 'c', number | null>>;
export type Dice = (sides: number) => number;

export function seeded(seed: number): Dice {
  let state = seed >>> 0;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

function pick<T>(dice: Dice, list: readonly T[]): T {
  return list[dice(list.length)] as T;
}

function randomNumber(dice: Dice, depth: number): Num {
  if (depth <= 0 || dice(3) === 0)
    return dice(3) === 0 ? { kind: 'number', value: dice(4) } : { kind: 'column', name: pick(dice, ['a', 'b', 'c']) };
  if (dice(5) === 0) return { kind: 'negative', arg: randomNumber(dice, depth - 1) };
  return { kind: 'arithmetic', op: pick(dice, ['+', '-', '*']), left: randomNumber(dice, depth - 1), right: randomNumber(dice, depth - 1) };
}

export function randomPredicate(dice: Dice, depth: number): Bool {
  const number = (): Num => randomNumber(dice, 2);
  if (depth > 0 && dice(4) > 0) {
    if (dice(4) === 0) return { kind: 'not', arg: randomPredicate(dice, depth - 1) };
    return { kind: pick(dice, ['and', 'or']), left: randomPredicate(dice, depth - 1), right: randomPredicate(dice, depth - 1) };
  }
  switch (dice(5)) {
    case 0:
      return { kind: 'between', negated: dice(2) === 0, arg: number(), low: number(), high: number() };
    case 1:
      return { kind: 'in', negated: dice(2) === 0, arg: number(), items: [number(), number()] };
    case 2:
      return { kind: 'null', negated: dice(2) === 0, arg: number() };
    default:
      return { kind: 'compare', op: pick(dice, ['=', '<', '>=', '<>']), left: number(), right: number() };
  }
}

/** With no more parentheses than the dialect needs, and a few that it doesn't. */
export function printed(tree: Bool, dialect: Dialect, dice: Dice): string {
  const or = dice;
  const wrap = (text: string, needed: boolean): string => (needed || or(12) === 0 ? `(${text})` : text);
  const word = (text: string): string => (dice(2) === 0 ? text : text.toUpperCase());
  const number = (num: Num, atLeast: number): string => {
    switch (num.kind) {
      case 'column':
        return dialect === 'mysql' || dialect === 'bigquery' ? pick(dice, [num.name, `\`${num.name}\``]) : num.name;
      case 'number':
        return String(num.value);
      case 'negative':
        return wrap(`- ${number(num.arg, 3)}`, atLeast > 3);
      case 'arithmetic': {
        const level = num.op === '*' ? 2 : 1;
        return wrap(`${number(num.left, level)} ${num.op} ${number(num.right, level + 1)}`, atLeast > level);
      }
    }
  };
  const bool = (node: Bool, atLeast: number): string => {
    const not = 'negated' in node && node.negated ? word('not ') : '';
    switch (node.kind) {
      case 'or':
        return wrap(`${bool(node.left, 1)} ${word('or')} ${bool(node.right, 2)}`, atLeast > 1);
      case 'and': {
        const and = dialect === 'mysql' && dice(2) === 0 ? '&&' : word('and');
        return wrap(`${bool(node.left, 2)} ${and} ${bool(node.right, 3)}`, atLeast > 2);
      }
      case 'not':
        return wrap(`${word('not')} ${bool(node.arg, 3)}`, atLeast > 3);
      case 'between':
        return wrap(
          `${number(node.arg, 1)} ${not}${word('between')} ${number(node.low, 1)} ${word('and')} ${number(node.high, 1)}`,
          atLeast > 4,
        );
      case 'in':
        return wrap(`${number(node.arg, 1)} ${not}${word('in')} (${node.items.map((item) => number(item, 1)).join(', ')})`, atLeast > 4);
      case 'null':
        return wrap(`${number(node.arg, 1)} ${word('is')} ${not}${word('null')}`, atLeast > 4);
      case 'compare':
        return wrap(`${number(node.left, 1)} ${node.op} ${number(node.right, 1)}`, atLeast > 4);
    }
  };
  return bool(tree, 1);
}

function numberOf(num: Num, row: Row): number | null {
  switch (num.kind) {
    case 'column':
      return row[num.name];
    case 'number':
      return num.value;
    case 'negative': {
      const value = numberOf(num.arg, row);
      return value === null ? null : -value;
    }
    case 'arithmetic': {
      const left = numberOf(num.left, row);
      const right = numberOf(num.right, row);
      if (left === null || right === null) return null;
      return num.op === '+' ? left + right : num.op === '-' ? left - right : left * right;
    }
  }
}

function negatedIf(value: boolean | null, negated: boolean): boolean | null {
  return value === null ? null : value !== negated;
}

function both(left: boolean | null, right: boolean | null): boolean | null {
  if (left === false || right === false) return false;
  return left === null || right === null ? null : true;
}

function compare(op: '=' | '<' | '>=' | '<>', left: number | null, right: number | null): boolean | null {
  if (left === null || right === null) return null;
  switch (op) {
    case '=':
      return left === right;
    case '<>':
      return left !== right;
    case '<':
      return left < right;
    case '>=':
      return left >= right;
  }
}

export function evaluate(tree: Bool, row: Row): boolean | null {
  switch (tree.kind) {
    case 'and':
      return both(evaluate(tree.left, row), evaluate(tree.right, row));
    case 'or': {
      const neither = both(negatedIf(evaluate(tree.left, row), true), negatedIf(evaluate(tree.right, row), true));
      return negatedIf(neither, true);
    }
    case 'not':
      return negatedIf(evaluate(tree.arg, row), true);
    case 'null':
      return (numberOf(tree.arg, row) === null) !== tree.negated;
    case 'compare':
      return compare(tree.op, numberOf(tree.left, row), numberOf(tree.right, row));
    case 'between': {
      const arg = numberOf(tree.arg, row);
      const inside = both(compare('>=', arg, numberOf(tree.low, row)), compare('>=', numberOf(tree.high, row), arg));
      return negatedIf(inside, tree.negated);
    }
    case 'in': {
      const arg = numberOf(tree.arg, row);
      const outside = tree.items.map((item) => compare('<>', arg, numberOf(item, row))).reduce(both, true);
      return negatedIf(outside, !tree.negated);
    }
  }
}
