import { internal } from './errors.js';

/** PostgreSQL's pg_node_tree text as data. Fields are read by name with the functions below; no meaning is given here. */
export type NodeValue = TreeNode | readonly NodeValue[] | string | Uint8Array | null;

export interface TreeNode {
  /** `QUERY`, `OPEXPR`, … */
  readonly node: string;
  readonly fields: ReadonlyMap<string, NodeValue>;
}

/** Reads one value; the text must hold nothing else. Throws XX000 for text that is not a node tree. */
export function readNodeTree(text: string): NodeValue {
  const reader = new Reader(text);
  const value = reader.value();
  if (reader.peek() !== undefined) throw internal('text follows a node tree');
  return value;
}

/**
 * Tokens are separated by blanks and the brackets `( ) { }`; a backslash makes the next character plain. `<>` is null,
 * `"…"` a string in a list, `:name` a field, `4 [ 1 0 0 0 ]` the bytes of a datum.
 */
class Reader {
  private at = 0;
  private token: string | undefined;

  constructor(private readonly text: string) {
    this.advance();
  }

  peek(): string | undefined {
    return this.token;
  }

  value(): NodeValue {
    const token = this.take();
    if (token === '{') return this.node();
    if (token === '(') return this.list();
    if (token === '<>') return null;
    const atom = plain(token);
    return this.token === '[' ? this.bytes() : atom;
  }

  private node(): TreeNode {
    const node = this.take();
    const fields = new Map<string, NodeValue>();
    while (this.token !== '}') {
      const label = this.take();
      if (!label.startsWith(':')) throw internal(`node tree: ${label} where a field of ${node} should be`);
      fields.set(label.slice(1), this.value());
    }
    this.advance();
    return { node, fields };
  }

  private list(): readonly NodeValue[] {
    const items: NodeValue[] = [];
    while (this.token !== ')') items.push(this.value());
    this.advance();
    return items;
  }

  /** A datum's bytes are written as signed numbers. */
  private bytes(): Uint8Array {
    this.advance();
    const bytes: number[] = [];
    while (this.token !== ']') bytes.push(Number(this.take()) & 0xff);
    this.advance();
    return Uint8Array.from(bytes);
  }

  private take(): string {
    const { token } = this;
    if (token === undefined) throw internal('a node tree ends too early');
    this.advance();
    return token;
  }

  private advance(): void {
    const { text } = this;
    while (isBlank(text.charCodeAt(this.at))) this.at += 1;
    if (this.at >= text.length) {
      this.token = undefined;
      return;
    }
    const start = this.at;
    if (isBracket(text.charCodeAt(start))) {
      this.at += 1;
    } else {
      while (this.at < text.length) {
        const code = text.charCodeAt(this.at);
        if (isBlank(code) || isBracket(code)) break;
        this.at += code === BACKSLASH ? 2 : 1;
      }
    }
    this.token = text.slice(start, this.at);
  }
}

const BACKSLASH = 0x5c;

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x09;
}

function isBracket(code: number): boolean {
  return code === 0x28 || code === 0x29 || code === 0x7b || code === 0x7d;
}

/** Strings of lists stand in quotes; a name that begins with a quote has it escaped. */
function plain(token: string): string {
  const bare = token.length >= 2 && token.startsWith('"') && token.endsWith('"') ? token.slice(1, -1) : token;
  return bare.includes('\\') ? bare.replace(/\\([\s\S])/g, '$1') : bare;
}

export function isNode(value: NodeValue | undefined): value is TreeNode {
  return typeof value === 'object' && value !== null && 'fields' in value;
}

/** A field that holds a node, or nothing. */
export function nodeField(node: TreeNode, name: string): TreeNode | undefined {
  const value = node.fields.get(name);
  if (value === null || value === undefined) return undefined;
  if (!isNode(value)) throw wrong(node, name);
  return value;
}

export function requiredNode(node: TreeNode, name: string): TreeNode {
  const value = nodeField(node, name);
  if (value === undefined) throw wrong(node, name);
  return value;
}

export function listField(node: TreeNode, name: string): readonly NodeValue[] {
  const value = node.fields.get(name);
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw wrong(node, name);
  return value as readonly NodeValue[];
}

/** A list of nodes. */
export function nodesField(node: TreeNode, name: string): readonly TreeNode[] {
  return listField(node, name).map((item) => {
    if (!isNode(item)) throw wrong(node, name);
    return item;
  });
}

/** `(o 23 25)` and `(i -1 -1)`: numbers after a letter. */
export function numbersField(node: TreeNode, name: string): readonly number[] {
  return listField(node, name).slice(1).map(Number);
}

export function stringsField(node: TreeNode, name: string): readonly string[] {
  return listField(node, name).map((item) => (typeof item === 'string' ? item : ''));
}

export function numberField(node: TreeNode, name: string): number {
  const value = node.fields.get(name);
  const number = typeof value === 'string' ? Number(value) : Number.NaN;
  if (Number.isNaN(number)) throw wrong(node, name);
  return number;
}

export function booleanField(node: TreeNode, name: string): boolean {
  const value = node.fields.get(name);
  if (value !== 'true' && value !== 'false') throw wrong(node, name);
  return value === 'true';
}

export function textField(node: TreeNode, name: string): string | undefined {
  const value = node.fields.get(name);
  return typeof value === 'string' ? value : undefined;
}

function wrong(node: TreeNode, name: string): Error {
  return internal(`the analysed tree's ${node.node} has no proper ${name}`);
}
