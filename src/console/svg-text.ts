/**
 * Text for XML: escaped, and without what XML 1.0 does not allow (control characters, lone surrogates) or what would
 * turn other text around (directional overrides); those show as U+FFFD.
 */
export function escapeXml(text: string): string {
  return text.replaceAll(UNSAFE, '\ufffd').replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const UNSAFE = /(?![\t\n\r\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029\ufffe\uffff]/gu;

/** Text on one line of a picture: line breaks and tabs are blanks. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\t]+/g, ' ');
}

/** Width of sans-serif text, estimated on the safe side, pixels. Text of other scripts than Latin counts as wide. */
export function textWidth(text: string, fontSize: number): number {
  let ems = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    ems += code >= 0x1100 ? 1.05 : WIDE.test(character) ? 0.9 : NARROW.test(character) ? 0.36 : 0.6;
  }
  return ems * fontSize;
}

const WIDE = /[MWmw@%]/;
const NARROW = /[ijlIft.,:;'|!() [\]-]/;

/** As much of the text as fits, with an ellipsis; empty when not even two characters do. */
export function fitText(text: string, width: number, fontSize: number): string {
  // No picture is wide enough for more characters than this.
  const plain = oneLine(text.length > 2000 ? text.slice(0, 2000) : text);
  if (plain.length === text.length && textWidth(plain, fontSize) <= width) return plain;
  const room = width - textWidth('…', fontSize);
  let used = 0;
  let fitting = '';
  for (const character of plain) {
    used += textWidth(character, fontSize);
    if (used > room) break;
    fitting += character;
  }
  return [...fitting].length < 2 ? '' : `${fitting.trimEnd()}…`;
}

/** A coordinate: at most two digits after the point. */
export function coordinate(value: number): string {
  return String(Math.round(value * 100) / 100);
}
