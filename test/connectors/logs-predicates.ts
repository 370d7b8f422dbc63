import type { TablePredicate } from '../../connectors/connector.js';
import { ARRAY_OF, Oid, type Type, type, typeName } from '../../sql/types.js';
import type { Random } from '../timeline/random.js';
import { COLUMNS, FLOATS, TEXTS } from './logs-documents.js';

/** A predicate as the analyser leaves it, and as SQL: the two are made side by side, and share nothing with its translation. */
export interface RandomPredicate {
  readonly expr: TablePredicate;
  readonly sql: string;
}

const BOOL = type(Oid.bool);
const OPERATORS = [
  ['=', 'eq'],
  ['<>', 'ne'],
  ['<', 'lt'],
  ['<=', 'le'],
  ['>', 'gt'],
  ['>=', 'ge'],
] as const;

/** Functions of comparison by the types of both sides. */
const PREFIXES: Readonly<Record<string, string>> = {
  'int2,int2': 'int2',
  'int2,int4': 'int24',
  'int2,int8': 'int28',
  'int4,int4': 'int4',
  'int4,int8': 'int48',
  'int4,int2': 'int42',
  'int8,int8': 'int8',
  'int8,int4': 'int84',
  'float4,float4': 'float4',
  'float4,float8': 'float48',
  'float8,float8': 'float8',
  'bool,bool': 'bool',
  'uuid,uuid': 'uuid_',
  'date,date': 'date_',
  'time,time': 'time_',
  'timestamp,timestamp': 'timestamp_',
  'timestamptz,timestamptz': 'timestamptz_',
  'numeric,numeric': 'numeric_',
  'bytea,bytea': 'bytea',
};

export class PredicateMaker {
  readonly #random: Random;
  readonly #values: ReadonlyMap<string, readonly string[]>;
  readonly #columns: ReadonlyMap<string, Type>;

  /** `values`: what stands in the columns, to make constants of. */
  constructor(random: Random, columns: ReadonlyMap<string, Type>, values: ReadonlyMap<string, readonly string[]>) {
    this.#random = random;
    this.#columns = columns;
    this.#values = values;
  }

  predicate(depth = 3): RandomPredicate {
    const random = this.#random;
    const kind = random.below(10);
    if (depth === 0 || kind < 5) return this.#leaf();
    if (kind < 6) {
      const arg = this.predicate(depth - 1);
      return { expr: { kind: 'not', arg: arg.expr }, sql: `(NOT ${arg.sql})` };
    }
    if (kind < 7) {
      const arg = this.predicate(depth - 1);
      const test = (['true', 'false', 'unknown'] as const)[random.below(3)]!;
      const negated = random.below(2) === 0;
      return {
        expr: { kind: 'is_bool', arg: arg.expr, test, negated },
        sql: `(${arg.sql} IS ${negated ? 'NOT ' : ''}${test.toUpperCase()})`,
      };
    }
    const args = Array.from({ length: 2 + random.below(2) }, () => this.predicate(depth - 1));
    const joined = random.below(2) === 0 ? 'and' : 'or';
    return {
      expr: { kind: joined, args: args.map(({ expr }) => expr) },
      sql: `(${args.map(({ sql }) => sql).join(` ${joined.toUpperCase()} `)})`,
    };
  }

  #leaf(): RandomPredicate {
    const random = this.#random;
    const names = [...this.#columns.keys()];
    // Texts are half of all.
    const name =
      random.below(2) === 0 && this.#columns.has('t') ? (['t', 'v'] as const)[random.below(2)]! : names[random.below(names.length)]!;
    const column = this.#column(name);
    const columnType = this.#columns.get(name)!;
    switch (random.below(name === 't' || name === 'v' ? 14 : 8)) {
      case 0: {
        const negated = random.below(2) === 0;
        return { expr: { kind: 'is_null', arg: column, negated }, sql: `(${name} IS ${negated ? 'NOT ' : ''}NULL)` };
      }
      case 1:
        return this.#list(name, columnType);
      case 2: {
        const right = this.#constant(name, columnType);
        const negated = random.below(2) === 0;
        return {
          expr: { kind: 'distinct', call: comparison('=', this.#side(column, columnType), right.expr) as never, negated },
          sql: `(${name} IS ${negated ? 'NOT ' : ''}DISTINCT FROM ${right.sql})`,
        };
      }
      case 3:
        if (columnType.oid === Oid.bool) return { expr: column, sql: `(${name})` };
        return this.#comparison(name, column, columnType);
      case 8:
      case 9:
      case 10:
      case 11:
        return this.#like(name, column);
      case 12:
        return this.#pattern(name, column, 'starts_with(text,text)', this.#piece(), (text) => `starts_with(${name}, ${text})`);
      case 13: {
        const pattern = this.#regex();
        return random.below(2) === 0
          ? this.#pattern(name, column, 'textregexeq(text,text)', pattern, (text) => `(${name} ~ ${text})`)
          : this.#pattern(name, column, 'textregexne(text,text)', pattern, (text) => `(${name} !~ ${text})`);
      }
      default:
        return this.#comparison(name, column, columnType);
    }
  }

  #comparison(name: string, column: TablePredicate, columnType: Type): RandomPredicate {
    const [symbol] = OPERATORS[this.#random.below(6)]!;
    const constant = this.#constant(name, columnType);
    const left = this.#side(column, columnType);
    if (this.#random.below(6) === 0) {
      return { expr: comparison(symbol, constant.expr, left, true), sql: `(${constant.sql} ${symbol} ${name})` };
    }
    return { expr: comparison(symbol, left, constant.expr), sql: `(${name} ${symbol} ${constant.sql})` };
  }

  #list(name: string, columnType: Type): RandomPredicate {
    const random = this.#random;
    const elements = Array.from({ length: random.below(5) }, () => this.#constant(name, columnType, true));
    const any = random.below(2) === 0;
    const [symbol] = random.below(3) > 0 ? OPERATORS[any ? 0 : 1]! : OPERATORS[random.below(6)]!;
    const elementType = elements[0]?.type ?? compareType(columnType);
    const side = this.#side(this.#column(name), columnType);
    const call = comparison(symbol, side, { kind: 'constant', type: elementType, value: null }) as Extract<
      TablePredicate,
      { kind: 'call' }
    >;
    const array: TablePredicate = {
      kind: 'array',
      elements: elements.map(({ expr }) => expr),
      type: type(ARRAY_OF.get(elementType.oid) ?? 0),
    };
    return {
      expr: { kind: 'any_all', fn: call.fn, operator: symbol, quantifier: any ? 'any' : 'all', arg: side, array },
      sql: `(${name} ${symbol} ${any ? 'ANY' : 'ALL'} (ARRAY[${elements.map(({ sql }) => sql).join(', ')}]::${typeName(elementType)}[]))`,
    };
  }

  #like(name: string, column: TablePredicate): RandomPredicate {
    const [fn, symbol] = (
      [
        ['textlike(text,text)', 'LIKE'],
        ['textnlike(text,text)', 'NOT LIKE'],
        ['texticlike(text,text)', 'ILIKE'],
        ['texticnlike(text,text)', 'NOT ILIKE'],
      ] as const
    )[this.#random.below(4)]!;
    let pattern = '';
    for (let parts = this.#random.below(4); parts >= 0; parts--) {
      pattern += ['%', '_', this.#piece().replace(/[\\%_]/g, '\\$&'), this.#piece().replace(/[\\%_]/g, '\\$&')][this.#random.below(4)];
    }
    return this.#pattern(name, column, fn, pattern, (text) => `(${name} ${symbol} ${text})`);
  }

  #pattern(name: string, column: TablePredicate, fn: string, pattern: string | null, sql: (text: string) => string): RandomPredicate {
    const value = this.#random.below(40) === 0 ? null : pattern;
    const left = this.#side(column, this.#columns.get(name)!);
    return { expr: call(fn, left, { kind: 'constant', type: type(Oid.text), value }), sql: sql(literal(value, type(Oid.text))) };
  }

  /** Some characters of a text. */
  #piece(): string {
    const characters = [...this.#text()].slice(0, 30);
    const from = this.#random.below(characters.length + 1);
    return characters.slice(from, from + 1 + this.#random.below(6)).join('');
  }

  #regex(): string {
    const quoted = (text: string): string =>
      text.replace(/[^A-Za-z0-9 ]/gu, (c) => (/[./\-+*?()[\]{}|^$\\]/.test(c) ? `\\${c}` : c > '\x7f' ? c : '.'));
    const body = [
      () => quoted(this.#piece()),
      () => '[a-c0-5]+',
      () => '.*',
      () => `(${quoted(this.#piece()) || 'a'}|x.)?`,
      () => '[^a]',
      () => 'o{2}',
    ];
    let pattern = this.#random.below(3) === 0 ? '^' : '';
    for (let parts = this.#random.below(3); parts >= 0; parts--) pattern += body[this.#random.below(body.length)]!();
    return pattern + (this.#random.below(3) === 0 ? '$' : '') || 'a';
  }

  #text(): string {
    const values = this.#values.get('t') ?? TEXTS;
    return this.#random.below(3) === 0 ? TEXTS[this.#random.below(TEXTS.length)]! : (values[this.#random.below(values.length)] ?? '');
  }

  #constant(name: string, columnType: Type, plain = false): RandomPredicate & { readonly type: Type } {
    const random = this.#random;
    const constantType = plain ? compareType(columnType) : this.#otherType(columnType);
    const value = random.below(plain ? 12 : 30) === 0 ? null : this.#value(name, constantType);
    return { expr: { kind: 'constant', type: constantType, value }, sql: literal(value, constantType), type: constantType };
  }

  #otherType(columnType: Type): Type {
    const others: Readonly<Record<number, readonly number[]>> = {
      [Oid.int2]: [Oid.int2, Oid.int4, Oid.int8],
      [Oid.int4]: [Oid.int4, Oid.int8],
      [Oid.int8]: [Oid.int8, Oid.int4, Oid.int8],
      [Oid.float4]: [Oid.float8, Oid.float4],
    };
    const list = others[columnType.oid];
    return list === undefined ? compareType(columnType) : type(list[this.#random.below(list.length)]!);
  }

  #value(name: string, constantType: Type): string {
    const random = this.#random;
    const values = this.#values.get(name) ?? [];
    const known = values[random.below(values.length)] ?? '0';
    switch (constantType.oid) {
      case Oid.text: {
        const text = this.#text();
        return [text, text, text, `${text}a`, text.slice(0, 1), `${text}\u{10ffff}`][random.below(6)]!.replace(/[\ud800-\udbff]$/, '');
      }
      case Oid.int2:
        return String(BigInt.asIntN(16, BigInt(known) + BigInt(random.below(3) - 1)));
      case Oid.int4:
        return String(BigInt.asIntN(32, BigInt(known) + BigInt(random.below(3) - 1)));
      case Oid.int8: {
        const edges = [
          '9007199254740991',
          '9007199254740992',
          '9007199254740993',
          '-9007199254740992',
          '9223372036854775807',
          '-9223372036854775808',
          '0',
        ];
        if (random.below(4) === 0) return edges[random.below(edges.length)]!;
        return String(BigInt.asIntN(64, BigInt(known) + BigInt(random.below(3) - 1)));
      }
      case Oid.float4:
        return random.below(20) === 0 ? 'NaN' : name === 'f4' ? known : '0.1';
      case Oid.float8:
        return random.below(20) === 0 ? 'Infinity' : random.below(2) === 0 ? FLOATS[random.below(FLOATS.length)]! : known;
      case Oid.numeric:
        return [known, known.replace(/0+$/, '0'), `${known}00`, `${known}1`, 'NaN'][random.below(5)]!;
      case Oid.date:
        return random.below(30) === 0 ? 'infinity' : known;
      default:
        return known;
    }
  }

  #column(name: string): TablePredicate {
    return { kind: 'table_column', name, type: this.#columns.get(name)! };
  }

  #side(column: TablePredicate, columnType: Type): TablePredicate {
    return columnType.oid === Oid.varchar ? { kind: 'cast', via: 'relabel', arg: column, type: type(Oid.text) } : column;
  }
}

function compareType(columnType: Type): Type {
  return columnType.oid === Oid.varchar ? type(Oid.text) : type(columnType.oid);
}

function comparison(symbol: string, left: TablePredicate, right: TablePredicate, isFlipped = false): TablePredicate {
  const [, suffix] = OPERATORS.find(([operator]) => operator === symbol)!;
  const types = [left, right].map((side) => typeName('type' in side && side.type !== undefined ? side.type : BOOL));
  const key = types.join(',');
  const ordering = suffix !== 'eq' && suffix !== 'ne';
  if (key === 'text,text') return call(`${ordering ? 'text_' : 'text'}${suffix}(text,text)`, left, right);
  const prefix = PREFIXES[key] ?? PREFIXES[[...types].reverse().join(',')];
  if (prefix === undefined) throw new Error(`no comparison of ${key}`);
  // Functions of the other side first have their own names.
  const swapped = isFlipped && types[0] !== types[1] ? prefix.replace(/(\d)(\d)$/, '$2$1') : prefix;
  return call(`${swapped}${suffix}(${key})`, left, right);
}

function call(fn: string, ...args: TablePredicate[]): TablePredicate {
  return { kind: 'call', fn, args, type: BOOL, volatility: 'immutable' };
}

function literal(value: string | null, constantType: Type): string {
  const name = constantType.oid === Oid.numeric ? 'numeric' : typeName(constantType);
  return value === null ? `NULL::${name}` : `'${value.replaceAll("'", "''")}'::${name}`;
}

/** The SQL of the table that predicates are evaluated over. */
export function tableSql(name: string, columns: ReadonlyMap<string, Type>): string {
  const items = [...columns].map(([column, columnType]) => {
    const text = columnType.oid === Oid.text || columnType.oid === Oid.varchar;
    return `${column} ${columnType.oid === Oid.numeric ? 'numeric(12,3)' : typeName(columnType)}${text ? ' COLLATE "C"' : ''}`;
  });
  return `CREATE TABLE ${name} (id int4, ${items.join(', ')})`;
}

export const OWN_COLUMNS: ReadonlyMap<string, Type> = new Map([...Object.entries(COLUMNS), ['at', type(Oid.timestamptz)]]);
