import { TimelineError, unsupported } from './errors.js';

/**
 * Elements of a one-dimensional array's text form (`{a,"b,c",NULL}`), null for NULL.
 * Throws 22P02 for malformed text, 0A000 for more dimensions or bounds that do not start at 1.
 */
export function parseArrayText(text: string): (string | null)[] {
  let at = skipSpace(text, 0);
  if (text[at] === '[') {
    const bounds = /^(?:\[([+-]?\d+)(?::([+-]?\d+))?\])+\s*=\s*/.exec(text.slice(at, at + 1000));
    if (bounds === null) throw malformed(text);
    if (!/^\[1:\d+\]\s*=/.test(bounds[0])) throw unsupported('an array with several dimensions or a lower bound other than 1');
    at += bounds[0].length;
  }
  if (text[at] !== '{') throw malformed(text);
  at = skipSpace(text, at + 1);
  const elements: (string | null)[] = [];
  if (text[at] === '}') {
    if (skipSpace(text, at + 1) !== text.length) throw malformed(text);
    return elements;
  }
  for (;;) {
    at = skipSpace(text, at);
    if (text[at] === '{') throw unsupported('an array with several dimensions');
    if (text[at] === '"') {
      let value = '';
      at += 1;
      for (;;) {
        const stop = nextOf(text, at, '"', '\\');
        if (stop >= text.length) throw malformed(text);
        value += text.slice(at, stop);
        if (text[stop] === '"') {
          at = skipSpace(text, stop + 1);
          break;
        }
        if (stop + 1 >= text.length) throw malformed(text);
        value += text[stop + 1];
        at = stop + 2;
      }
      elements.push(value);
    } else {
      let value = '';
      let kept = 0;
      let escaped = false;
      for (; at < text.length && text[at] !== ',' && text[at] !== '}'; at += 1) {
        const c = text[at] as string;
        if (c === '{' || c === '"') throw malformed(text);
        if (c === '\\') {
          at += 1;
          if (at >= text.length) throw malformed(text);
          escaped = true;
          value += text[at];
          kept = value.length;
        } else {
          value += c;
          if (!isSpace(c)) kept = value.length;
        }
      }
      value = value.slice(0, kept);
      if (value === '' && !escaped) throw malformed(text);
      elements.push(!escaped && value.toUpperCase() === 'NULL' ? null : value);
    }
    const delimiter = text[at];
    at += 1;
    if (delimiter === '}') break;
    if (delimiter !== ',') throw malformed(text);
  }
  if (skipSpace(text, at) !== text.length) throw malformed(text);
  return elements;
}

export function formatArrayText(elements: readonly (string | null)[]): string {
  return `{${elements.map((element) => (element === null ? 'NULL' : quoteElement(element))).join(',')}}`;
}

function quoteElement(text: string): string {
  // JavaScript's \s knows more spaces than PostgreSQL does.
  if (text !== '' && !/[ \t\n\v\f\r"\\{},]/.test(text) && text.toUpperCase() !== 'NULL') return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function nextOf(text: string, from: number, a: string, b: string): number {
  let at = from;
  while (at < text.length && text[at] !== a && text[at] !== b) at += 1;
  return at;
}

function isSpace(c: string | undefined): boolean {
  return c === ' ' || c === '\t' || c === '\n' || c === '\v' || c === '\f' || c === '\r';
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (isSpace(text[at])) at += 1;
  return at;
}

function malformed(text: string): TimelineError {
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return new TimelineError({ kind: 'data', sqlstate: '22P02', message: `malformed array literal: "${shown}"` });
}
