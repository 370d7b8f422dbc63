import { constantText } from './node-tree-constant.js';
import { quoteLiteral } from './quote.js';
import { type } from './types.js';

/*
 * Constants of types whose bytes we do not read (inet, ranges, jsonpath …). In the statement they were string literals: PostgreSQL
 * encodes every literal as every such type, and where the bytes are those of a constant, its text is known. The analysed tree then says
 * so: the text, cast by the type's input function.
 */

const CONSTANT = /\{CONST :consttype (\d+) [^{}[\]]*:constisnull false [^{}[\]]*:constvalue \d+ \[([^\]]*)\]\}/g;
const MOST_LITERALS = 300;
const MOST_LENGTH = 20_000;

/** Types of constants of the tree that have no text yet. */
export function oddTypes(tree: string): readonly number[] {
  const found = new Set<number>();
  for (const [, oid, bytes] of tree.matchAll(CONSTANT)) {
    if (!found.has(Number(oid)) && constantText(type(Number(oid)), bytesOf(bytes ?? '')) === undefined) found.add(Number(oid));
  }
  return [...found];
}

/** String and bit literals of a statement's parse tree, each once. */
export function literalsOf(statement: unknown): readonly string[] {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { A_Const: constant } = value as {
      readonly A_Const?: { readonly sval?: { readonly sval?: string }; readonly bsval?: { readonly bsval?: string } };
    };
    if (constant !== undefined) {
      const text = constant.sval === undefined ? constant.bsval?.bsval : (constant.sval.sval ?? '');
      if (text !== undefined && text.length <= MOST_LENGTH) found.add(text);
    } else for (const child of Object.values(value)) visit(child);
  };
  visit(statement);
  return [...found].slice(0, MOST_LITERALS);
}

/** Which literal is valid text of which type: rows of (number of the literal, OID). `types` are qualified names by OID. */
export function validitySql(literals: readonly string[], types: ReadonlyMap<number, string>): string {
  const texts = literals.map((text, n) => `(${n}, ${quoteLiteral(text)})`).join(', ');
  const names = [...types].map(([oid, name]) => `(${oid}, ${quoteLiteral(name)})`).join(', ');
  return `select s.n, t.oid from (values ${texts}) as s(n, x), (values ${names}) as t(oid, name) where pg_catalog.pg_input_is_valid(s.x, t.name)`;
}

/** The tree with its odd constants as casts; `encoded` is the tree of a statement that gives the literals `texts`, in that order. */
export function withTexts(tree: string, encoded: string, texts: readonly { readonly oid: number; readonly text: string }[]): string {
  const known = new Map<string, string>();
  let at = 0;
  for (const [, oid, bytes] of encoded.matchAll(CONSTANT)) {
    const next = texts[at];
    if (next === undefined || Number(oid) !== next.oid) continue;
    known.set(`${oid} ${bytes}`, next.text);
    at += 1;
  }
  if (at !== texts.length) return tree;
  return tree.replace(CONSTANT, (whole, oid: string, bytes: string) => {
    const text = known.get(`${oid} ${bytes}`);
    return text === undefined
      ? whole
      : `{COERCEVIAIO :arg ${textConstant(text)} :resulttype ${oid} :resultcollid 0 :coerceformat 2 :location -1}`;
  });
}

function textConstant(text: string): string {
  const content = Buffer.from(text, 'utf8');
  const bytes = Buffer.alloc(4 + content.length);
  bytes.writeUInt32LE(bytes.length << 2, 0);
  content.copy(bytes, 4);
  return (
    `{CONST :consttype 25 :consttypmod -1 :constcollid 100 :constlen -1 :constbyval false :constisnull false :location -1 ` +
    `:constvalue ${bytes.length} [ ${[...bytes].join(' ')} ]}`
  );
}

function bytesOf(list: string): Uint8Array {
  return Uint8Array.from(list.trim().split(/\s+/).map(Number));
}
