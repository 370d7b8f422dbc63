import { tooDeep } from './errors.js';

/** A node of libpg-query's JSON tree; read by narrowing, as it comes from outside. */
export type ParseNode = Readonly<Record<string, unknown>>;

/** An object, or an empty one for anything else. */
export function nodeOf(value: unknown): ParseNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as ParseNode) : {};
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** `{Tag: {…}}` as its two parts. */
export function taggedNode(value: unknown): { readonly tag: string; readonly body: ParseNode } {
  const [tag, body] = Object.entries(nodeOf(value))[0] ?? ['', undefined];
  return { tag, body: nodeOf(body) };
}

/** The bodies of all nodes with a tag, the outer ones first. Throws 54001 for a tree that is too deep. */
export function nodesTagged(tree: unknown, tag: string): readonly ParseNode[] {
  const found: ParseNode[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, child] of Object.entries(value)) {
      if (key === tag) found.push(nodeOf(child));
      visit(child);
    }
  };
  try {
    visit(tree);
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw tooDeep(thrown);
  }
  return found;
}

/** `[{String: {sval}}, …]`: a qualified name. */
export function nameParts(value: unknown): readonly string[] {
  return listOf(value).map((part) => textOf(nodeOf(nodeOf(part)['String'])['sval']));
}

/** The value of an option in parentheses (a DefElem's) as text; undefined: none was written. */
export function optionText(value: unknown): string | undefined {
  const { tag, body } = taggedNode(value);
  switch (tag) {
    case 'String':
      return textOf(body['sval']);
    case 'Integer':
      return String(body['ival'] ?? 0);
    case 'Float':
      return textOf(body['fval']);
    case 'Boolean':
      return body['boolval'] === true ? 'true' : 'false';
    default:
      return undefined;
  }
}
