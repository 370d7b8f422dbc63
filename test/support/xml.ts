/** An element of a document, with the text that stands directly in it. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
  readonly text: string;
}

const TAG = /^<(\/?)([A-Za-z][\w:-]*)((?:\s+[A-Za-z][\w:-]*="[^"<]*")*)\s*(\/?)>/;
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
// What XML 1.0 does not allow.
const FORBIDDEN = /[^\P{Cc}\t\n\r]|\p{Cs}|[\ufffe\uffff]/u;

/** A strict reader of the XML that we write: no comments, no declarations, every entity known. Throws where it is malformed. */
export function parseXml(text: string): Element {
  const bad = FORBIDDEN.exec(text);
  if (bad !== null) throw new Error(`character U+${bad[0].codePointAt(0)?.toString(16)} at ${bad.index}`);
  const open: { name: string; attributes: Record<string, string>; children: Element[]; text: string }[] = [];
  let root: Element | undefined;
  let at = 0;
  while (at < text.length) {
    const next = text.indexOf('<', at);
    const between = text.slice(at, next < 0 ? text.length : next);
    const top = open.at(-1);
    if (top === undefined) {
      if (between.trim() !== '') throw new Error(`text outside of the root at ${at}`);
    } else top.text += decode(between, top.name);
    if (next < 0) break;
    const match = TAG.exec(text.slice(next, next + 100_000));
    if (match === null) throw new Error(`malformed tag at ${next}: ${text.slice(next, next + 60)}`);
    const [whole, closing, name = '', attributes = '', empty] = match;
    at = next + whole.length;
    if (closing === '/') {
      const element = open.pop();
      if (element?.name !== name) throw new Error(`</${name}> ends <${element?.name}> at ${next}`);
      if (open.length === 0) root = element;
      continue;
    }
    if (root !== undefined) throw new Error(`a second root at ${next}`);
    const read: Record<string, string> = {};
    for (const [, key = '', value = ''] of attributes.matchAll(/([\w:-]+)="([^"]*)"/g)) {
      if (key in read) throw new Error(`attribute ${key} twice at ${next}`);
      read[key] = decode(value, key);
    }
    const element = { name, attributes: read, children: [], text: '' };
    open.at(-1)?.children.push(element);
    if (empty !== '/') open.push(element);
    else if (open.length === 0) root = element;
  }
  if (root === undefined || open.length > 0) throw new Error('the root does not end');
  return root;
}

/** The element itself and all in it for which the test holds, in the order of the document. */
export function select(element: Element, test: (element: Element) => boolean): readonly Element[] {
  return [...(test(element) ? [element] : []), ...element.children.flatMap((child) => select(child, test))];
}

function decode(text: string, where: string): string {
  // A style sheet's `>` is text, too.
  return text.replaceAll(/&([^;]{0,8});?/g, (_, name: string) => {
    const character = ENTITIES[name];
    if (character === undefined) throw new Error(`entity &${name} in ${where}`);
    return character;
  });
}
