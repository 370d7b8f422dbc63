import { scanSync } from 'libpg-query';
import { internal } from './errors.js';
import { codePoints } from './parse.js';

interface Token {
  /** Bytes of the UTF-8 text. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A stretch of a rewritten text: taken from the user's text (`copied`), or ours, standing for what is at `from`. */
export interface Piece {
  readonly text: string;
  /** Byte offset in the user's text. */
  readonly from: number;
  readonly copied: boolean;
}

/** Bytes [start, end) replaced by pieces. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly pieces: readonly Piece[];
}

const COMMENTS: ReadonlySet<string> = new Set(['SQL_COMMENT', 'C_COMMENT']);

/** A statement's text with its tokens; places are byte offsets, as in libpg-query's trees. */
export class SourceText {
  readonly #bytes: Buffer;
  readonly #tokens: readonly Token[];
  readonly #indexAt: ReadonlyMap<number, number>;

  constructor(text: string) {
    this.#bytes = Buffer.from(text, 'utf8');
    this.#tokens = scanSync(text)
      .tokens.filter((token) => !COMMENTS.has(token.tokenName))
      .map(({ start, end, text: word }): Token => ({ start, end, text: word }));
    this.#indexAt = new Map(this.#tokens.map((token, n) => [token.start, n]));
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** 1-based position in code points, as errors give it. */
  position(offset: number): number {
    return codePoints(this.slice(0, offset)) + 1;
  }

  slice(start: number, end: number): string {
    return this.#bytes.subarray(start, end).toString('utf8');
  }

  /** End of a dotted name of `parts` parts that begins at `start`. */
  endOfName(start: number, parts: number): number {
    return this.#token(this.#at(start) + 2 * parts - 2).end;
  }

  /** The call whose function's name (of `parts` parts) begins at `start`: where its arguments are, and where it ends. */
  call(
    start: number,
    parts: number,
  ): { readonly args: readonly { readonly start: number; readonly end: number; readonly value: number }[]; readonly end: number } {
    let index = this.#at(start) + 2 * parts - 1;
    if (this.#token(index).text !== '(') throw internal('a call without parenthesis');
    const args: { start: number; end: number; value: number }[] = [];
    let depth = 1;
    let first = index + 1;
    for (;;) {
      index += 1;
      const { text, start: at, end } = this.#token(index);
      if (text === '(' || text === '[') depth += 1;
      if (text === ')' || text === ']') depth -= 1;
      const closes = depth === 0;
      if (!closes && !(depth === 1 && text === ',')) continue;
      if (index > first) args.push({ start: this.#token(first).start, end: this.#token(index - 1).end, value: this.#valueStart(first) });
      first = index + 1;
      if (closes) return { args, end: Math.max(at, end) };
    }
  }

  /** Copies [start, end) with some parts replaced; edits inside of others are dropped. */
  render(start: number, end: number, edits: readonly Edit[]): Piece[] {
    const pieces: Piece[] = [];
    let at = start;
    const inside = edits.filter((edit) => edit.start >= start && edit.end <= end).sort((a, b) => a.start - b.start || b.end - a.end);
    for (const edit of inside) {
      if (edit.start < at) continue;
      if (edit.start > at) pieces.push({ text: this.slice(at, edit.start), from: at, copied: true });
      pieces.push(...edit.pieces);
      at = edit.end;
    }
    if (end > at) pieces.push({ text: this.slice(at, end), from: at, copied: true });
    return pieces;
  }

  /** Byte offset where the value of `name => value` begins; of a plain argument, its start. */
  #valueStart(first: number): number {
    const arrow = this.#token(first + 1).text;
    return this.#token(arrow === '=>' || arrow === ':=' ? first + 2 : first).start;
  }

  #at(start: number): number {
    const index = this.#indexAt.get(start);
    if (index === undefined) throw internal(`no token at byte ${start}`);
    return index;
  }

  #token(index: number): Token {
    const token = this.#tokens[index];
    if (token === undefined) throw internal('the text ends in a call');
    return token;
  }
}

/** Joins pieces, and maps 1-based positions (code points) of the result to positions of the user's text. */
export function assemble(
  source: SourceText,
  pieces: readonly Piece[],
): { readonly text: string; readonly mapPosition: (position: number) => number } {
  const starts: { readonly at: number; readonly length: number; readonly position: number; readonly copied: boolean }[] = [];
  let at = 0;
  for (const piece of pieces) {
    const length = codePoints(piece.text);
    starts.push({ at, length, position: source.position(piece.from), copied: piece.copied });
    at += length;
  }
  const last = source.position(source.length);
  const mapPosition = (position: number): number => {
    const zero = position - 1;
    for (const start of starts) {
      if (zero >= start.at && zero < start.at + start.length) return start.copied ? start.position + zero - start.at : start.position;
    }
    return last;
  };
  return { text: pieces.map((piece) => piece.text).join(''), mapPosition };
}
