import { TimelineError, unsupported } from '../errors.js';
import { DIALECT_LABELS, type Dialect } from './names.js';

export interface DialectToken {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'operator' | 'parameter' | 'end';
  /** Words in upper case, operators as written, names and strings without their quotes and escapes. */
  readonly text: string;
  /** As written. */
  readonly raw: string;
  /** UTF-16 offsets in the source. */
  readonly start: number;
  readonly end: number;
}

interface Lexicon {
  readonly stringQuotes: string;
  readonly nameQuote: string;
  readonly backslash: boolean;
  /** Is a doubled quote inside of a string one quote? */
  readonly doubled: boolean;
  readonly lineComments: RegExp;
}

const LEXICONS: Readonly<Record<Dialect, Lexicon>> = {
  trino: { stringQuotes: "'", nameQuote: '"', backslash: false, doubled: true, lineComments: /--/y },
  athena: { stringQuotes: "'", nameQuote: '"', backslash: false, doubled: true, lineComments: /--/y },
  bigquery: { stringQuotes: '\'"', nameQuote: '`', backslash: true, doubled: false, lineComments: /--|#/y },
  snowflake: { stringQuotes: "'", nameQuote: '"', backslash: true, doubled: true, lineComments: /--|\/\//y },
  mysql: { stringQuotes: '\'"', nameQuote: '`', backslash: true, doubled: true, lineComments: /--(?=\s|$)|#/y },
};

const OPERATOR = /<=>|<>|!=|<=|>=|\|\||&&|<<|>>|->>|->|=>|:=|::|[-+*/%=<>(),.;[\]{}|&^~!:@]/y;
const NUMBER = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const WORD = /[\p{L}_][\p{L}\p{N}_$]*/uy;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b' };

/** The tokens of a text in the given engine's own notation. The last one is `end`. */
export function scanDialect(text: string, dialect: Dialect): readonly DialectToken[] {
  const lexicon = LEXICONS[dialect];
  const label = DIALECT_LABELS[dialect];
  const tokens: DialectToken[] = [];
  const fail = (message: string, at: number): TimelineError =>
    new TimelineError({ kind: 'syntax', sqlstate: '42601', message, position: [...text.slice(0, at)].length + 1 });
  const refuse = (what: string, at: number): TimelineError => unsupported(what, { position: [...text.slice(0, at)].length + 1 });
  const push = (kind: DialectToken['kind'], value: string, start: number, end: number): number => {
    tokens.push({ kind, text: value, raw: text.slice(start, end), start, end });
    return end;
  };
  for (let at = 0; at < text.length; ) {
    const character = text[at] ?? '';
    if (/\s/.test(character)) {
      at += 1;
      continue;
    }
    if (matched(lexicon.lineComments, text, at) !== undefined) {
      const end = text.slice(at).search(/[\r\n]/);
      at = end < 0 ? text.length : at + end;
      continue;
    }
    if (text.startsWith('/*', at)) {
      if (/^\/\*[!+]/.test(text.slice(at, at + 3))) throw refuse(`a ${label} hint or conditional comment`, at);
      const end = text.indexOf('*/', at + 2);
      if (end < 0) throw fail('unterminated /* comment', at);
      at = end + 2;
      continue;
    }
    if (lexicon.stringQuotes.includes(character)) {
      if (dialect === 'bigquery' && text.startsWith(character.repeat(3), at)) throw refuse('a triple-quoted string', at);
      at = quotedEnd(text, at, character, { ...lexicon, fail, refuse, label }, (value, end) => push('string', value, at, end));
      const last = tokens.at(-2);
      if (last?.kind === 'string') throw refuse('a string in several parts', last.start);
      continue;
    }
    if (character === lexicon.nameQuote) {
      const rules = { backslash: false, doubled: dialect !== 'bigquery', fail, refuse, label };
      at = quotedEnd(text, at, character, rules, (value, end) => push('quoted', value, at, end));
      if (tokens.at(-1)?.text === '') throw fail('a name of no length', tokens.at(-1)?.start ?? 0);
      continue;
    }
    if (character === '`' || character === '"') throw fail(`${label} does not quote with ${character}`, at);
    if (text.startsWith('$$', at)) throw refuse('a $$ string', at);
    const parameter = /^(?:\$\d+|\?)/.exec(text.slice(at, at + 12));
    if (parameter !== null) {
      at = push('parameter', parameter[0], at, at + parameter[0].length);
      continue;
    }
    const number = matched(NUMBER, text, at);
    if (number !== undefined) {
      const end = at + number.length;
      if (matched(WORD, text, end) !== undefined) throw refuse('a number or name that begins with digits', at);
      at = push('number', number, at, end);
      continue;
    }
    const word = matched(WORD, text, at);
    if (word !== undefined) {
      const end = at + word.length;
      if (
        lexicon.stringQuotes.includes(text[end] ?? ' ') &&
        !/^(?:DATE|TIME|TIMESTAMP|DATETIME|INTERVAL|LIKE|AS|IN|SEPARATOR|AND|OR|THEN|ELSE|WHEN|BETWEEN|SELECT|BY|ESCAPE)$/i.test(word)
      )
        throw refuse(`a string after ${word} without a blank`, at);
      at = push('word', word.toUpperCase(), at, end);
      continue;
    }
    const operator = matched(OPERATOR, text, at);
    if (operator === undefined) throw fail(`${label} has no ${JSON.stringify(character)} here`, at);
    at = push('operator', operator, at, at + operator.length);
  }
  tokens.push({ kind: 'end', text: '', raw: '', start: text.length, end: text.length });
  return tokens;
}

function quotedEnd(
  text: string,
  start: number,
  quote: string,
  rules: {
    readonly backslash: boolean;
    readonly doubled: boolean;
    readonly label: string;
    readonly fail: (message: string, at: number) => TimelineError;
    readonly refuse: (what: string, at: number) => TimelineError;
  },
  found: (value: string, end: number) => number,
): number {
  let value = '';
  for (let at = start + 1; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (character === '\0' || character === '\ue000' || character === '\ue001') throw rules.refuse('this character in a string', at);
    if (character === '\\' && rules.backslash) {
      at += 1;
      const escaped = text[at] ?? '';
      // In patterns MySQL keeps the backslash of these two.
      if (escaped === '%' || escaped === '_') value += `\\${escaped}`;
      else if (/[0-9a-zA-Z]/.test(escaped) && !Object.hasOwn(ESCAPES, escaped))
        throw rules.refuse(`the escape \\${escaped} in a string`, at);
      else value += ESCAPES[escaped] ?? escaped;
      continue;
    }
    if (character !== quote) {
      value += character;
      continue;
    }
    if (text[at + 1] !== quote) return found(value, at + 1);
    if (!rules.doubled) throw rules.refuse(`a doubled quote in a string of ${rules.label}`, at);
    value += quote;
    at += 1;
  }
  throw rules.fail('unterminated quoted string or name', start);
}

function matched(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}
