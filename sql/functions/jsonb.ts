import { TimelineError } from '../errors.js';
import { numericKey, readNumeric, writeNumeric } from './numeric.js';

/** A JSON value whose numbers keep their decimal text, as PostgreSQL's jsonb does. */
export type Json =
  | { readonly kind: 'null' }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'array'; readonly items: readonly Json[] }
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, Json> };

const MAX_DEPTH = 2000;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

function invalid(detail: string): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate: '22P02', message: 'invalid input syntax for type json', detail });
}

/** Parses JSON text as jsonb input does: the last of repeated keys wins, numbers become numeric. Errors: 22P02, 22P05, 54001. */
export function parseJson(text: string): Json {
  const reader = new JsonReader(text);
  return reader.document();
}

class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): Json {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#unexpected();
    return value;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.#at++;
    }
  }

  #unexpected(): TimelineError {
    if (this.#at >= this.#text.length) return invalid('The input string ended unexpectedly.');
    return invalid(`Token "${this.#text.slice(this.#at, this.#at + 20)}" is invalid.`);
  }

  #value(depth: number): Json {
    if (depth > MAX_DEPTH) throw new TimelineError({ kind: 'limit', sqlstate: '54001', message: 'stack depth limit exceeded' });
    this.#space();
    const c = this.#text[this.#at];
    switch (c) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return { kind: 'string', value: this.#string() };
      case 't':
        this.#word('true');
        return { kind: 'bool', value: true };
      case 'f':
        this.#word('false');
        return { kind: 'bool', value: false };
      case 'n':
        this.#word('null');
        return { kind: 'null' };
      default:
        return this.#number();
    }
  }

  #word(word: string): void {
    if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected();
    this.#at += word.length;
  }

  #number(): Json {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (match === null) throw this.#unexpected();
    this.#at = NUMBER.lastIndex;
    return { kind: 'number', text: writeNumeric(readNumeric(match[0])) };
  }

  #string(): string {
    STRING.lastIndex = this.#at;
    const match = STRING.exec(this.#text);
    if (match === null) throw this.#unexpected();
    this.#at = STRING.lastIndex;
    const raw = match[0];
    if (!raw.includes('\\')) return raw.slice(1, -1);
    const value = JSON.parse(raw) as string;
    if (value.includes('\u0000')) {
      throw new TimelineError({
        kind: 'data',
        sqlstate: '22P05',
        message: 'unsupported Unicode escape sequence',
        detail: '\\u0000 cannot be converted to text.',
      });
    }
    if (/[\ud800-\udfff]/u.test(value)) throw invalid('Unicode low surrogate must follow a high surrogate.');
    return value;
  }

  #array(depth: number): Json {
    this.#at++;
    const items: Json[] = [];
    this.#space();
    if (this.#text[this.#at] === ']') {
      this.#at++;
      return { kind: 'array', items };
    }
    for (;;) {
      items.push(this.#value(depth + 1));
      if (this.#next(']')) return { kind: 'array', items };
    }
  }

  #object(depth: number): Json {
    this.#at++;
    const members = new Map<string, Json>();
    this.#space();
    if (this.#text[this.#at] === '}') {
      this.#at++;
      return { kind: 'object', members };
    }
    for (;;) {
      this.#space();
      const key = this.#string();
      this.#space();
      if (this.#text[this.#at] !== ':') throw this.#unexpected();
      this.#at++;
      members.set(key, this.#value(depth + 1));
      if (this.#next('}')) return { kind: 'object', members };
    }
  }

  /** After a member: true at the closing bracket, false after a comma. */
  #next(close: string): boolean {
    this.#space();
    const c = this.#text[this.#at];
    if (c !== close && c !== ',') throw this.#unexpected();
    this.#at++;
    return c === close;
  }
}

/** jsonb's order of keys: shorter (in bytes) first, then bytewise. */
function compareKeys(a: string, b: string): number {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length - right.length || Buffer.compare(left, right);
}

/** PostgreSQL's jsonb output form. */
export function writeJsonb(json: Json, number: (text: string) => string = (text) => text): string {
  switch (json.kind) {
    case 'null':
      return 'null';
    case 'bool':
      return json.value ? 'true' : 'false';
    case 'number':
      return number(json.text);
    case 'string':
      return quoteJson(json.value);
    case 'array':
      return `[${json.items.map((item) => writeJsonb(item, number)).join(', ')}]`;
    case 'object': {
      const keys = [...json.members.keys()].sort(compareKeys);
      return `{${keys.map((key) => `${quoteJson(key)}: ${writeJsonb(json.members.get(key) as Json, number)}`).join(', ')}}`;
    }
  }
}

/** Escapes as PostgreSQL's escape_json: control characters, quote and backslash only. */
export function quoteJson(value: string): string {
  return JSON.stringify(value);
}

/** Any valid JSON text in jsonb's output form. */
export function normalizeJsonb(text: string): string {
  return writeJsonb(parseJson(text));
}

/**
 * A text whose equality and binary order are those of jsonb values (1.0 equals 1): null, strings, numbers, booleans, arrays, objects;
 * arrays and objects by how many they hold, then one by one. A scalar document is kept as an array of one, and comes before one.
 */
export function jsonbKey(text: string): string {
  const json = parseJson(text);
  return json.kind === 'array' || json.kind === 'object' ? orderText(json) : `5${counted(1)}0${orderText(json)}`;
}

/** Lower than what may follow in a longer text; the text's own U+0001 is marked. */
const END = '\u0001\u0001';

function orderText(json: Json): string {
  const string = (value: string): string => `${value.replaceAll('\u0001', '\u0001\u0002')}${END}`;
  switch (json.kind) {
    case 'null':
      return '1';
    case 'string':
      return `2${string(json.value)}`;
    case 'number':
      return `3${numericKey(readNumeric(json.text))}${END}`;
    case 'bool':
      return json.value ? '41' : '40';
    case 'array':
      return `5${counted(json.items.length)}1${json.items.map(orderText).join('')}`;
    case 'object': {
      const keys = [...json.members.keys()].sort(compareKeys);
      return `6${counted(keys.length)}${keys.map((key) => `${string(key)}${orderText(json.members.get(key) as Json)}`).join('')}`;
    }
  }
}

function counted(length: number): string {
  return length.toString().padStart(9, '0');
}

/** `->` with a key; undefined: SQL NULL. */
export function jsonbField(json: Json, key: string): Json | undefined {
  return json.kind === 'object' ? json.members.get(key) : undefined;
}

/** `->` with a position; negative ones count from the end. A scalar is not an array. */
export function jsonbElement(json: Json, index: number): Json | undefined {
  // jsonb keeps a scalar document as an array of one.
  if (json.kind !== 'array') return json.kind !== 'object' && (index === 0 || index === -1) ? json : undefined;
  return json.items[index < 0 ? json.items.length + index : index];
}

/** The text that `->>` gives; undefined: SQL NULL. */
export function jsonbText(json: Json | undefined): string | undefined {
  if (json === undefined || json.kind === 'null') return undefined;
  return json.kind === 'string' ? json.value : writeJsonb(json);
}

export function jsonbTypeof(json: Json): string {
  return json.kind === 'bool' ? 'boolean' : json.kind;
}
