import { scanSync } from 'libpg-query';
import { TimelineError, tooDeep, unsupported } from '../errors.js';
import { DIALECT_LABELS, type Dialect } from './names.js';
import { type DialectToken, scanDialect } from './scan.js';

/** How tightly PostgreSQL binds what was written: an operand that binds less is put in parentheses. */
export const Bind = { or: 1, and: 2, not: 3, compare: 4, other: 5, add: 6, multiply: 7, unary: 8, primary: 9 } as const;

/** An expression, written for PostgreSQL. */
export interface Written {
  readonly sql: string;
  readonly bind: number;
  /** A literal's kind and value, without quotes. */
  readonly literal?: { readonly kind: 'string' | 'integer' | 'number' | 'other'; readonly value: string };
  /** The name of a column that stands alone. */
  readonly column?: string;
  /** A truth value by its form: MySQL shows it as a number. */
  readonly truth?: boolean;
  /** A DATE by its form. */
  readonly date?: boolean;
  /** May only be a whole item of the select list: why. */
  readonly wholeItem?: string;
}

/** Position marks (of code points that the scanner refuses): \ue000 offset \ue001. They are taken out when the text is finished, and become the map of positions. */
export function mark(token: DialectToken): string {
  return `\ue000${token.start}\ue001`;
}

export function unmarked(text: string): string {
  return text.replace(/\ue000\d+\ue001/g, '');
}

export function grouped(written: Written, atLeast: number): string {
  return written.bind < atLeast ? `(${written.sql})` : written.sql;
}

export function primary(sql: string, extra: Omit<Written, 'sql' | 'bind'> = {}): Written {
  return { sql, bind: Bind.primary, ...extra };
}

export function quoteString(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

const reserved = new Map<string, boolean>();

/** A name for PostgreSQL, quoted where its grammar would take the word for something else. */
export function quoteName(name: string): string {
  if (!/^[a-z_][a-z0-9_]*$/.test(name)) return `"${name.replaceAll('"', '""')}"`;
  let known = reserved.get(name);
  if (known === undefined) {
    const [token] = scanSync(name).tokens;
    known = token !== undefined && !/^(?:NO|UNRESERVED)_KEYWORD$/.test(token.keywordName);
    reserved.set(name, known);
  }
  return known ? `"${name}"` : name;
}

/** Reads tokens in order; every error names the place in the user's own text. */
export class Cursor {
  readonly tokens: readonly DialectToken[];
  readonly label: string;
  /** What the user should know of the answer although it is carried over. */
  readonly notes = new Set<string>();
  /** Names that stand for an expression of the select list where they are read now. */
  aliases: ReadonlyMap<string, Written> = new Map();
  /** Expressions that may only be whole items of a select list: made, and found to be one. */
  readonly wholeItems = { created: 0, accepted: 0 };
  /** Names of WITH queries: they hide tables. */
  readonly ctes = new Set<string>();
  #at = 0;
  #parameters = 0;
  #depth = 0;
  readonly #quotedNames = new Map<string, 'quoted' | 'folded'>();

  constructor(
    readonly text: string,
    readonly dialect: Dialect,
    /** A table's columns by its written path; undefined: no such table is known. */
    readonly columnsOf: (path: readonly string[]) => readonly string[] | undefined,
  ) {
    this.tokens = scanDialect(text, dialect);
    this.label = DIALECT_LABELS[dialect];
  }

  get index(): number {
    return this.#at;
  }

  get isTrino(): boolean {
    return this.dialect === 'trino' || this.dialect === 'athena';
  }

  peek(ahead = 0): DialectToken {
    return this.tokens[Math.min(this.#at + ahead, this.tokens.length - 1)] as DialectToken;
  }

  next(): DialectToken {
    const token = this.peek();
    this.#at += 1;
    return token;
  }

  /** Is one of these words or operators next? */
  is(...texts: readonly string[]): boolean {
    return this.isAt(0, ...texts);
  }

  isAt(ahead: number, ...texts: readonly string[]): boolean {
    const token = this.peek(ahead);
    return (token.kind === 'word' || token.kind === 'operator') && texts.includes(token.text);
  }

  /** Takes these, one after the other, if they are next. */
  take(...texts: readonly string[]): boolean {
    if (!texts.every((text, ahead) => this.isAt(ahead, text))) return false;
    this.#at += texts.length;
    return true;
  }

  expect(text: string): void {
    if (!this.take(text)) throw this.unexpected(`${text} expected`);
  }

  /** Runs `read` one level deeper: a text that is nested without end must not exhaust the stack. */
  deeper<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > 500) throw tooDeep();
    const result = read();
    this.#depth -= 1;
    return result;
  }

  parameter(token: DialectToken): string {
    if (token.text !== '?') return `${mark(token)}${token.text}`;
    this.#parameters += 1;
    return `${mark(token)}$${this.#parameters}`;
  }

  /** A name as it is called here: lower case, as unquoted names are in PostgreSQL. */
  name(token: DialectToken): string {
    if (token.kind !== 'word' && token.kind !== 'quoted') throw this.unexpected('a name expected', token);
    if (token.kind === 'word') return this.#fold(token.raw.toLowerCase(), 'folded', token);
    // Snowflake's unquoted names are upper case inside, ours lower case: they are the same names.
    if (this.dialect === 'snowflake')
      return token.text === token.text.toUpperCase()
        ? this.#fold(token.text.toLowerCase(), 'folded', token)
        : this.#fold(token.text, 'quoted', token);
    return token.text;
  }

  #fold(name: string, how: 'quoted' | 'folded', token: DialectToken): string {
    if (this.dialect !== 'snowflake') return name;
    const before = this.#quotedNames.get(name);
    if (before !== undefined && before !== how)
      throw this.refuse(`the name ${token.raw} in two cases, which Snowflake tells apart,`, token);
    this.#quotedNames.set(name, how);
    return name;
  }

  position(token: DialectToken): number {
    return [...this.text.slice(0, token.start)].length + 1;
  }

  refuse(what: string, token = this.peek(), hint?: string): TimelineError {
    return unsupported(what, { position: this.position(token), ...(hint === undefined ? {} : { hint }) });
  }

  unexpected(message: string, token = this.peek()): TimelineError {
    const near = token.kind === 'end' ? 'at end of input' : `at or near "${token.raw}"`;
    return new TimelineError({
      kind: 'syntax',
      sqlstate: '42601',
      message: `syntax error ${near}`,
      detail: `${this.label}: ${message}.`,
      position: this.position(token),
    });
  }
}

/** What expressions and clauses need of each other. */
export interface Grammar {
  expression(): Written;
  /** A query without its parentheses. */
  query(): string;
  /** `ORDER BY` is taken; the items, each with its place of NULLs. */
  orderItems(outputNames: ReadonlySet<string>): readonly string[];
}
