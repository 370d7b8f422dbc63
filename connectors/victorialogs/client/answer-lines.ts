/** Longer lines cannot come from documents that the server takes (2 MiB). */
const MAX_LINE_BYTES = 4 << 20;

/** Why an answer's lines cannot be taken. `tooLong`: a limit; else it is not what a whole answer has. */
export class BadLine extends Error {
  constructor(
    message: string,
    /** The line's beginning, where it may be what the server says of its trouble. */
    readonly line: string,
    readonly tooLong = false,
  ) {
    super(message);
  }
}

const [QUOTE, COLON, COMMA, OPEN, CLOSE, BACKSLASH, NEWLINE, SMALL_U] = [0x22, 0x3a, 0x2c, 0x7b, 0x7d, 0x5c, 0x0a, 0x75];
const ESCAPED = new Set([...'"\\/bfnrt'].map((one) => one.charCodeAt(0)));

/**
 * Parts a stream of bytes into whole lines, each of which is one JSON object whose values are all text, as the server writes them: anything else
 * is the end of an answer that broke off. Texts need not be UTF-8: the server hands on what it was given.
 */
export class AnswerLines {
  #carry: Buffer[] = [];
  #carried = 0;

  /** The whole lines so far that were not given yet, with their breaks, if any; and how many lines and fields these are. */
  push(chunk: Buffer): { readonly bytes: Buffer; readonly lines: number; readonly fields: number } | undefined {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end === 0) {
      this.#keep(chunk);
      return undefined;
    }
    const bytes = this.#carried === 0 ? chunk.subarray(0, end) : Buffer.concat([...this.#carry, chunk.subarray(0, end)]);
    this.#carry = [];
    this.#carried = 0;
    if (end < chunk.length) this.#keep(chunk.subarray(end));
    return { bytes, ...check(bytes) };
  }

  /** Throws where the last line has no end. */
  end(): void {
    if (this.#carried > 0) throw bad(Buffer.concat(this.#carry), 0, 'its last line has no end');
  }

  #keep(part: Buffer): void {
    // A chunk may be a view of a buffer that is used again.
    this.#carry.push(Buffer.from(part));
    this.#carried += part.length;
    if (this.#carried > MAX_LINE_BYTES) throw new BadLine(`a line of its answer has more than ${MAX_LINE_BYTES} bytes`, '', true);
  }
}

function check(bytes: Buffer): { readonly lines: number; readonly fields: number } {
  let [at, lines, fields] = [0, 0, 0];
  while (at < bytes.length) {
    const start = at;
    const odd = (): BadLine => bad(bytes, start, 'a line of its answer is no JSON object of texts');
    if (bytes[at++] !== OPEN) throw odd();
    while (bytes[at] !== CLOSE) {
      // Before each member but the first there is a comma, after which there must be one.
      if (at > start + 1 && bytes[at++] !== COMMA) throw odd();
      at = endOfMember(bytes, at);
      if (at < 0) throw odd();
      fields += 1;
    }
    if (bytes[at + 1] !== NEWLINE) throw odd();
    at += 2;
    if (at - start > MAX_LINE_BYTES) throw new BadLine(`a line of its answer has more than ${MAX_LINE_BYTES} bytes`, '', true);
    lines += 1;
  }
  return { lines, fields };
}

/** The place after `"name":"value"`; -1: it is none. */
function endOfMember(bytes: Buffer, at: number): number {
  if (bytes[at] !== QUOTE) return -1;
  const end = endOfText(bytes, at + 1);
  if (end < 0 || bytes[end] !== COLON || bytes[end + 1] !== QUOTE) return -1;
  return endOfText(bytes, end + 2);
}

/** The place after the quote that ends the text; -1: it is none. */
function endOfText(bytes: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const byte = bytes[at++];
    if (byte === QUOTE) return at;
    if (byte === undefined || byte < 0x20) return -1;
    if (byte !== BACKSLASH) continue;
    const escaped = bytes[at++];
    if (escaped === SMALL_U) {
      for (const end = at + 4; at < end; at++) if (!isHex(bytes[at])) return -1;
    } else if (escaped === undefined || !ESCAPED.has(escaped)) return -1;
  }
}

function isHex(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66));
}

function bad(bytes: Buffer, start: number, message: string): BadLine {
  const end = bytes.indexOf(NEWLINE, start);
  const line = bytes.subarray(start, Math.min(end < 0 ? bytes.length : end, start + 2000)).toString();
  // Half a row is data, not what the server says.
  return new BadLine(message, line.startsWith('{') ? '' : line);
}
