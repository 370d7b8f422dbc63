import type { TablePredicate } from '../../connectors/connector.js';
import { ARRAY_OF, Oid, type, typeName } from '../../sql/types.js';

/**
 * The typed expression of a simple filter text over the given columns, as the analyser would leave it: comparisons with a literal, IN,
 * IS [NOT] NULL, LIKE, joined by AND, OR, NOT and parentheses.
 */
export function parseFilter(sql: string, columns: ReadonlyMap<string, number>): TablePredicate {
  const tokens = sql.match(/'(?:[^']|'')*'|<=|>=|<>|[A-Za-z_][A-Za-z_0-9]*|-?\d+(?:\.\d+)?|[=<>(),]/g) ?? [];
  let at = 0;
  const peek = (word: string): boolean => tokens[at]?.toUpperCase() === word;
  const take = (word: string): boolean => {
    if (!peek(word)) return false;
    at++;
    return true;
  };
  const or = (): TablePredicate => {
    const args = [and()];
    while (take('OR')) args.push(and());
    return args.length === 1 ? args[0]! : { kind: 'or', args };
  };
  const and = (): TablePredicate => {
    const args = [factor()];
    while (take('AND')) args.push(factor());
    return args.length === 1 ? args[0]! : { kind: 'and', args };
  };
  const literal = (oid: number): TablePredicate => {
    let token = tokens[at++] ?? '';
    if (/^(DATE|TIMESTAMP|TIMESTAMPTZ)$/i.test(token)) token = tokens[at++] ?? '';
    const text = token.startsWith("'") ? token.slice(1, -1).replaceAll("''", "'") : token;
    const isTime = oid === Oid.timestamptz || oid === Oid.timestamp;
    return { kind: 'constant', type: type(oid), value: isTime && /^\d{4}-\d\d-\d\d$/.test(text) ? `${text} 00:00:00+00` : text };
  };
  const factor = (): TablePredicate => {
    if (take('NOT')) return { kind: 'not', arg: factor() };
    if (take('(')) {
      const inner = or();
      take(')');
      return inner;
    }
    const name = tokens[at++] ?? '';
    const oid = columns.get(name);
    if (oid === undefined) throw new Error(`no column ${name} in ${sql}`);
    const column: TablePredicate = { kind: 'table_column', name, type: type(oid) };
    if (take('IS')) {
      const negated = take('NOT');
      take('NULL');
      return { kind: 'is_null', arg: column, negated };
    }
    if (take('LIKE')) return call('textlike(text,text)', column, literal(Oid.text));
    if (take('IN')) {
      take('(');
      const elements: TablePredicate[] = [];
      do elements.push(literal(oid));
      while (take(','));
      take(')');
      return {
        kind: 'any_all',
        fn: operatorFunction('=', oid),
        operator: '=',
        quantifier: 'any',
        arg: column,
        array: { kind: 'array', elements, type: type(ARRAY_OF.get(oid) ?? 0) },
      };
    }
    const operator = tokens[at++] ?? '';
    return call(operatorFunction(operator, oid), column, literal(oid));
  };
  const result = or();
  if (at !== tokens.length) throw new Error(`cannot parse ${sql} after ${tokens.slice(0, at).join(' ')}`);
  return result;
}

export function call(fn: string, ...args: TablePredicate[]): TablePredicate {
  return { kind: 'call', fn, args, type: type(Oid.bool), volatility: 'immutable' };
}

export function constant(oid: number, value: string | null): TablePredicate {
  return { kind: 'constant', type: type(oid), value };
}

export function column(name: string, oid: number): TablePredicate {
  return { kind: 'table_column', name, type: type(oid) };
}

const NAMES: Readonly<Record<string, string>> = { '=': 'eq', '<>': 'ne', '<': 'lt', '<=': 'le', '>': 'gt', '>=': 'ge' };

/** pg_operator.oprcode with its argument types, for one type on both sides. */
function operatorFunction(operator: string, oid: number): string {
  const name = NAMES[operator];
  const typed = typeName(oid);
  const joined =
    oid === Oid.text && (operator === '=' || operator === '<>')
      ? `text${name}`
      : /^(int|float|bool)/.test(typed)
        ? `${typed}${name}`
        : `${typed}_${name}`;
  return `${joined}(${typed},${typed})`;
}
