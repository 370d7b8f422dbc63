import { normalizeJsonb } from '../../sql/functions/jsonb.js';

/**
 * jsonb documents in PostgreSQL's normal form, text after text into one buffer. Flat objects of plain strings, as attributes of events
 * are, are rewritten byte by byte; all others are parsed.
 */
export class JsonbTexts {
  #out: Buffer;
  #length = 0;

  constructor(bytes: number) {
    this.#out = Buffer.allocUnsafe(bytes * 2 + 64);
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): Uint8Array {
    return this.#out.subarray(0, this.#length);
  }

  add(source: Buffer, from: number, to: number): void {
    this.#ensure((to - from) * 2);
    const end = writeFlat(source, from, to, this.#out, this.#length);
    if (end >= 0) {
      this.#length = end;
      return;
    }
    const text = normalizeJsonb(source.toString('utf8', from, to));
    this.#ensure(text.length * 3);
    this.#length += this.#out.write(text, this.#length, 'utf8');
  }

  #ensure(more: number): void {
    if (this.#length + more <= this.#out.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#length + more, this.#out.length * 2));
    this.#out.copy(larger, 0, 0, this.#length);
    this.#out = larger;
  }
}

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const BACKSLASH = 92;
const OPEN = 123;
const CLOSE = 125;
const BLANK = 32;
const MOST_MEMBERS = 32;
/** Of each member: first byte of the key, byte behind it, the same of the value (all without quotes). */
const members = new Int32Array(MOST_MEMBERS * 4);

/** `{"a":"b","c":"d"}` without blanks or escapes; -1 for anything else. Writes at most twice as much as it reads. */
function writeFlat(source: Buffer, from: number, to: number, out: Buffer, start: number): number {
  if (source[from] !== OPEN || source[to - 1] !== CLOSE) return -1;
  let count = 0;
  for (let at = from + 1; at < to - 1; count++) {
    if (count === MOST_MEMBERS) return -1;
    if (count > 0 && source[at++] !== COMMA) return -1;
    const keyEnd = stringEnd(source, at, to);
    if (keyEnd < 0 || source[keyEnd + 1] !== COLON) return -1;
    const valueEnd = stringEnd(source, keyEnd + 2, to);
    if (valueEnd < 0) return -1;
    if (!insert(source, count, at + 1, keyEnd, keyEnd + 3, valueEnd)) return -1;
    at = valueEnd + 1;
    if (at === to) return -1;
  }
  let end = start;
  out[end++] = OPEN;
  for (let n = 0; n < count; n++) {
    if (n > 0) {
      out[end++] = COMMA;
      out[end++] = BLANK;
    }
    end = quoted(source, n * 4, out, end);
    out[end++] = COLON;
    out[end++] = BLANK;
    end = quoted(source, n * 4 + 2, out, end);
  }
  out[end++] = CLOSE;
  return end;
}

/** The closing quote of a string that begins at `at`; -1: it is none, or one with escapes. */
function stringEnd(source: Buffer, at: number, to: number): number {
  if (source[at] !== QUOTE) return -1;
  for (let end = at + 1; end < to; end++) {
    const byte = source[end] as number;
    if (byte === QUOTE) return end;
    if (byte === BACKSLASH || byte < BLANK) return -1;
  }
  return -1;
}

/** Keys in jsonb's order: shorter first, then bytewise. False: this one is there already. */
function insert(source: Buffer, count: number, keyFrom: number, keyTo: number, valueFrom: number, valueTo: number): boolean {
  let place = count;
  for (; place > 0; place--) {
    const order = compare(source, keyFrom, keyTo, members[place * 4 - 4] as number, members[place * 4 - 3] as number);
    if (order === 0) return false;
    if (order > 0) break;
    members.copyWithin(place * 4, place * 4 - 4, place * 4);
  }
  members[place * 4] = keyFrom;
  members[place * 4 + 1] = keyTo;
  members[place * 4 + 2] = valueFrom;
  members[place * 4 + 3] = valueTo;
  return true;
}

function compare(source: Buffer, from: number, to: number, otherFrom: number, otherTo: number): number {
  const length = to - from;
  if (length !== otherTo - otherFrom) return length - (otherTo - otherFrom);
  for (let n = 0; n < length; n++) {
    const difference = (source[from + n] as number) - (source[otherFrom + n] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

function quoted(source: Buffer, part: number, out: Buffer, start: number): number {
  let end = start;
  out[end++] = QUOTE;
  for (let at = members[part] as number, to = members[part + 1] as number; at < to; at++) out[end++] = source[at] as number;
  out[end++] = QUOTE;
  return end;
}
