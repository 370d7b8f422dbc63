import { loadModule, parseSync, SqlError, scanSync } from 'libpg-query';
import { internal, TimelineError, tooDeep } from './errors.js';
import { listOf, nodeOf, taggedNode, textOf } from './parse-tree.js';

export { referencedFunctions, referencedRelations } from './references.js';

/** One statement of a text. */
export interface SourceStatement {
  /** Without the semicolon after it, and without the blanks and comments before it. */
  readonly text: string;
  /** Where it begins in the whole text, in code points. */
  readonly offset: number;
}

/** libpg-query's tree of one statement. */
export interface ParsedStatement {
  /** `{SelectStmt: …}` and so on. Its `location`s are byte offsets (UTF-8) into the text. */
  readonly statement: unknown;
  /** The statement that EXPLAIN, PREPARE, DECLARE or COPY wraps begins here, in code points of the text. */
  readonly innerStart: number | undefined;
  /** And ends before here; undefined: at the end of the text. */
  readonly innerEnd: number | undefined;
}

/** Must have completed once before anything here is used; about 30 ms. */
export async function loadParser(): Promise<void> {
  await loadModule();
}

/** Splits what a simple query sends. Empty statements are dropped. Throws 42601 with PostgreSQL's message and position. */
export function splitStatements(text: string): readonly SourceStatement[] {
  const statements = parseText(text);
  const bytes = Buffer.from(text, 'utf8');
  // Places are counted on from the statement before: a text may hold thousands.
  let counted = 0;
  let offset = 0;
  return statements.map((raw) => {
    const start = Number(raw['stmt_location'] ?? 0);
    const length = Number(raw['stmt_len'] ?? 0);
    const whole = bytes.subarray(start, length === 0 ? undefined : start + length).toString('utf8');
    const lead = leadingSpace(whole);
    offset += codePoints(bytes.subarray(counted, start).toString('utf8'));
    counted = start;
    return { text: whole.slice(lead).trimEnd(), offset: offset + codePoints(whole.slice(0, lead)) };
  });
}

/** Parses one statement; undefined when there is none. Throws 42601, also for more than one (as Parse does). */
export function parseOne(text: string): ParsedStatement | undefined {
  const [raw, second] = parseText(text);
  if (raw === undefined) return undefined;
  if (second !== undefined) throw syntaxError('cannot insert multiple commands into a prepared statement');
  const statement = raw['stmt'];
  return { statement, ...innerPlace(text, statement) };
}

/** The wrapped statement with blanks for what stands around it, so that positions in it stay right. */
export function innerText(text: string, { innerStart = 0, innerEnd }: Pick<ParsedStatement, 'innerStart' | 'innerEnd'>): string {
  return ' '.repeat(innerStart) + [...text].slice(innerStart, innerEnd).join('');
}

function parseText(text: string): readonly Readonly<Record<string, unknown>>[] {
  if (text.includes('\0')) {
    throw new TimelineError({ kind: 'data', sqlstate: '22021', message: 'invalid byte sequence for encoding "UTF8": 0x00' });
  }
  if (text.trim() === '') return [];
  if (hasNestedComments(text)) throw tooDeep();
  try {
    return listOf(nodeOf(parseSync(text))['stmts']).map(nodeOf);
  } catch (thrown) {
    const other = withFormatJson(text);
    if (other === undefined) throw parserError(thrown);
    try {
      return listOf(nodeOf(parseSync(other))['stmts']).map(nodeOf);
    } catch (again) {
      throw parserError(again);
    }
  }
}

/** What FORMAT JSON of COPY is called in the tree: as many characters, so that places stay right. */
export const FORMAT_JSON = 'ndjs';

/** PostgreSQL's grammar takes `FORMAT json` for a part of its JSON functions, also in COPY … (FORMAT json). Undefined: there is none. */
function withFormatJson(text: string): string | undefined {
  if (!/\bcopy\b/i.test(text) || !/\bformat\s+json\b/i.test(text)) return undefined;
  const bytes = Buffer.from(text, 'utf8');
  const tokens = scanSync(text).tokens;
  let found = false;
  tokens.forEach((token, n) => {
    const [before, format] = [tokens[n - 2]?.text, tokens[n - 1]?.text.toLowerCase()];
    if (token.text.toLowerCase() !== 'json' || format !== 'format' || (before !== '(' && before !== ',')) return;
    bytes.write(FORMAT_JSON, token.start);
    found = true;
  });
  return found ? bytes.toString('utf8') : undefined;
}

function parserError(thrown: unknown): TimelineError {
  if (thrown instanceof SqlError) {
    const position = thrown.sqlDetails?.cursorPosition;
    const error = syntaxError(thrown.message, position === undefined ? undefined : position + 1);
    // The parser's errors come without their SQLSTATE.
    return /^invalid byte sequence for encoding/.test(error.message) ? new TimelineError({ ...error.toJSON(), sqlstate: '22021' }) : error;
  }
  // The parser recurses: too deep a text exhausts its stack.
  if (thrown instanceof RangeError || (thrown instanceof Error && thrown.name === 'RuntimeError')) {
    return tooDeep(thrown);
  }
  return internal('the SQL parser failed', thrown);
}

/** Comments opened in comments, with nothing between but characters of operators. */
const MOST_COMMENTS = 1000;

/** PostgreSQL's scanner reads to the end of such a run once for each of them: hours for some megabytes, and nothing interrupts it. */
function hasNestedComments(text: string): boolean {
  let opened = 0;
  let at = text.indexOf('/*');
  while (at >= 0) {
    const next = text.indexOf('/*', at + 2);
    opened = next >= 0 && /^[-+*/<>=~!@#%^&|`?]*$/.test(text.slice(at + 2, next)) ? opened + 1 : 0;
    if (opened > MOST_COMMENTS) return true;
    at = next;
  }
  return false;
}

function syntaxError(message: string, position?: number): TimelineError {
  return new TimelineError({ kind: 'syntax', sqlstate: '42601', message, ...(position === undefined ? {} : { position }) });
}

/** Token kinds of comments in PostgreSQL's scanner. */
const COMMENTS: ReadonlySet<string> = new Set(['SQL_COMMENT', 'C_COMMENT']);

interface Token {
  /** Bytes. */
  readonly start: number;
  /** As written; keywords in any case. */
  readonly text: string;
  readonly keyword: boolean;
}

/**
 * The grammar keeps no place for a wrapped statement, so it is found by its tokens: after `EXPLAIN (options)` or
 * `EXPLAIN ANALYZE VERBOSE`, after the AS of PREPARE, the FOR of DECLARE, the parenthesis of COPY.
 */
function innerPlace(text: string, statement: unknown): Pick<ParsedStatement, 'innerStart' | 'innerEnd'> {
  const { tag, body } = taggedNode(statement);
  const wraps =
    tag === 'ExplainStmt' ||
    tag === 'ViewStmt' ||
    tag === 'PrepareStmt' ||
    tag === 'DeclareCursorStmt' ||
    (tag === 'CopyStmt' && body['query'] !== undefined);
  if (!wraps) return { innerStart: undefined, innerEnd: undefined };
  const tokens = scanSync(text)
    .tokens.filter((token) => !COMMENTS.has(token.tokenName))
    .map((token): Token => ({ start: token.start, text: token.text, keyword: token.keywordName !== 'NO_KEYWORD' }));
  const index = innerToken(tag, tokens, listOf(body['options']).length > 0);
  const token = tokens[index];
  if (token === undefined) throw internal(`no statement inside of ${textOf(tag)}`);
  const bytes = Buffer.from(text, 'utf8');
  const place = (at: Token | undefined): number | undefined =>
    at === undefined ? undefined : codePoints(bytes.subarray(0, at.start).toString('utf8'));
  return { innerStart: place(token), innerEnd: tag === 'CopyStmt' ? place(tokens[afterParenthesis(tokens, index - 1) - 1]) : undefined };
}

function innerToken(tag: string, tokens: readonly Token[], hasOptions: boolean): number {
  const first = tokens.findIndex((token) => token.text !== ';');
  const is = (index: number, ...words: readonly string[]): boolean => {
    const token = tokens[index];
    return token?.keyword === true && words.includes(token.text.toLowerCase());
  };
  if (tag === 'ExplainStmt') {
    let index = first + 1;
    if (hasOptions && tokens[index]?.text === '(') return afterParenthesis(tokens, index);
    while (is(index, 'analyze', 'analyse', 'verbose')) index += 1;
    return index;
  }
  // AS is reserved: the first one, as options in parentheses know none.
  if (tag === 'ViewStmt') return tokens.findIndex((_, index) => is(index, 'as')) + 1;
  if (tag === 'CopyStmt') return tokens.findIndex((token, index) => index > first && token.text === '(') + 1;
  // The name comes second and may look like the keyword.
  let index = first + 2;
  if (tag === 'PrepareStmt' && tokens[index]?.text === '(') index = afterParenthesis(tokens, index);
  while (index < tokens.length && !is(index, tag === 'PrepareStmt' ? 'as' : 'for')) index += 1;
  return index + 1;
}

function afterParenthesis(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let index = open; index < tokens.length; index += 1) {
    if (tokens[index]?.text === '(') depth += 1;
    if (tokens[index]?.text === ')') depth -= 1;
    if (depth === 0) return index + 1;
  }
  return tokens.length;
}

/** Length of the blanks and comments that a statement's text begins with; block comments nest. */
function leadingSpace(text: string): number {
  let index = 0;
  for (;;) {
    const blank = /^(?:\s+|--[^\n\r]*)/.exec(text.slice(index));
    if (blank !== null) {
      index += blank[0].length;
    } else if (text.startsWith('/*', index)) {
      let depth = 0;
      do {
        if (text.startsWith('/*', index)) depth += 1;
        else if (text.startsWith('*/', index)) depth -= 1;
        else {
          index += 1;
          continue;
        }
        index += 2;
      } while (depth > 0 && index < text.length);
    } else {
      return index;
    }
  }
}

export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
