import { isPortableRegex } from '../../../sql/functions/text.js';

/** A LIKE pattern (escape: backslash) in parts: text, one character, any characters. Undefined: it ends in its escape, which is an error of the statement. */
export function likeParts(pattern: string): readonly LikePart[] | undefined {
  const parts: LikePart[] = [];
  let text = '';
  const flush = (): void => {
    if (text !== '') parts.push({ kind: 'text', text });
    text = '';
  };
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern.charAt(at);
    if (character === '%' || character === '_') {
      flush();
      parts.push({ kind: character === '%' ? 'any' : 'one' });
    } else if (character !== '\\') {
      text += character;
    } else {
      at++;
      if (at >= pattern.length) return undefined;
      text += pattern.charAt(at);
    }
  }
  flush();
  return parts;
}

export type LikePart = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'one' } | { readonly kind: 'any' };

/** RE2 that matches own texts just where LIKE matches their values. */
export function likeRegex(parts: readonly LikePart[]): string {
  return whole(parts, quoteRegex);
}

/** RE2 that matches own texts where ILIKE matches their values, and perhaps others. */
export function ilikeRegex(parts: readonly LikePart[]): string {
  return whole(parts, (text) => [...text].map(anyCase).join(''));
}

function whole(parts: readonly LikePart[], quote: (text: string) => string): string {
  const body = parts.map((part) => (part.kind === 'text' ? quote(part.text) : part.kind === 'one' ? '.' : '.*'));
  // What may be followed by anything needs no end, and nothing more to be read.
  return parts.at(-1)?.kind === 'any' ? `(?s)^~${body.slice(0, -1).join('')}` : `(?s)^~${body.join('')}$`;
}

/** What folds to the same letter in any of the ways that are in use; letters beyond ASCII may be any. */
function anyCase(character: string): string {
  if (/[^\0-\x7f]/.test(character)) return '.';
  switch (character.toLowerCase()) {
    case 'i':
      return '[iI\u0130\u0131]';
    case 'k':
      return '[kK\u212a]';
    case 's':
      return '[sS\u017f]';
    default:
      return /[a-z]/i.test(character) ? `[${character.toLowerCase()}${character.toUpperCase()}]` : quoteRegex(character);
  }
}

/** RE2 for own texts whose values a pattern of PostgreSQL's matches; undefined: the two may read the pattern differently. */
export function ownRegex(pattern: string): string | undefined {
  if (!isPortableRegex(pattern)) return undefined;
  // A portable pattern has anchors at its ends only.
  const anchored = pattern.startsWith('^');
  const ended = /(?:^|[^\\])(?:\\\\)*\$$/.test(pattern);
  const body = pattern.slice(anchored ? 1 : 0, ended ? -1 : undefined);
  return `(?s)^~${anchored ? '' : '.*'}(?:${body})${ended ? '$' : ''}`;
}

function quoteRegex(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}
