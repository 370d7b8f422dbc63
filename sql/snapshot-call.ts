import { tooDeep, unsupported } from './errors.js';
import { listOf, nameParts, nodeOf, nodesTagged, type ParseNode, taggedNode } from './parse-tree.js';
import { quoteIdentifier, quoteLiteral } from './quote.js';
import type { TableVersion } from './source-columns.js';
import { assemble, type Edit, type Piece, SourceText } from './source-text.js';
import { type Argument, argumentsOf, callError, literalText } from './timeline-options.js';
import { placeOf } from './timeline-texpr.js';
import type { ExpandedText } from './view-references.js';

/** at_snapshot('schema.table', version), taken apart. */
export interface SnapshotCall {
  readonly schema: string | undefined;
  readonly table: string;
  readonly version: TableVersion;
}

export function isSnapshotCall(value: unknown): boolean {
  const { tag, body } = taggedNode(value);
  const parts = tag === 'FuncCall' ? nameParts(body['funcname']) : [];
  return parts.length === 1 && parts[0]?.toLowerCase() === 'at_snapshot';
}

/** Throws 42601 for arguments of another form. `call`: a FuncCall's body. */
export function readSnapshotCall(source: SourceText, call: ParseNode): SnapshotCall & { readonly end: number } {
  const location = placeOf(call);
  const { args, end } = argumentsOf(source, call, location, 1);
  const wrong = (at: number, what: string): Error =>
    callError(source, at, '42601', what, "at_snapshot('schema.table', snapshot id | timestamptz | 'branch or tag')");
  const [table, version] = args;
  if (table === undefined || version === undefined || args.length > 2) throw wrong(location, 'at_snapshot() takes a table and a version');
  for (const arg of args) if (arg.name !== undefined) throw wrong(arg.start, 'arguments of at_snapshot() have no names');
  const parts = tableNameOf(table);
  const name = parts?.at(-1);
  if (parts === undefined || name === undefined || name === '' || parts.length > 2)
    throw wrong(table.start, 'the first argument of at_snapshot() must be the name of a table');
  return { schema: parts.at(-2), table: name, version: versionOf(source, version), end };
}

/** An argument that says a version. */
export function versionOf(source: SourceText, arg: Argument): TableVersion {
  return { text: source.slice(arg.valueStart, arg.valueEnd), value: arg.value, position: source.position(arg.valueStart) };
}

/** The call as text again. */
export function printSnapshotCall(parts: readonly string[], version: string): string {
  return `at_snapshot(${quoteLiteral(parts.map(quoteIdentifier).join('.'))}, ${version})`;
}

function tableNameOf(arg: Argument): readonly string[] | undefined {
  const text = literalText(arg.value);
  if (text !== undefined) return splitName(text);
  const { tag, body } = taggedNode(arg.value);
  return tag === 'ColumnRef' ? nameParts(body['fields']) : undefined;
}

/**
 * Replaces every at_snapshot() in FROM by a relation's name, which `relationOf` gives. A call without alias goes by its table's name.
 * `tree` is that of `text`.
 */
export function rewriteSnapshotCalls(
  text: string,
  tree: unknown,
  relationOf: (call: SnapshotCall) => { readonly schema: string; readonly table: string },
): ExpandedText {
  if (!/at_snapshot/i.test(text)) return { text, mapPosition: (position) => position };
  const source = new SourceText(text);
  try {
    const edits: Edit[] = [];
    for (const range of nodesTagged(tree, 'RangeFunction')) {
      const edit = rangeEdit(source, range, relationOf);
      if (edit !== undefined) edits.push(edit);
    }
    return assemble(source, source.render(0, source.length, edits));
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw tooDeep(thrown);
  }
}

function rangeEdit(
  source: SourceText,
  range: ParseNode,
  relationOf: (call: SnapshotCall) => { readonly schema: string; readonly table: string },
): Edit | undefined {
  const calls = listOf(range['functions']).map((item) => listOf(nodeOf(nodeOf(item)['List'])['items'])[0]);
  const node = calls.find(isSnapshotCall);
  if (node === undefined) return undefined;
  const call = taggedNode(node).body;
  const location = placeOf(call);
  const position = source.position(location);
  if (range['is_rowsfrom'] === true) throw unsupported('ROWS FROM with at_snapshot()', { position });
  if (range['ordinality'] === true) throw unsupported('at_snapshot() WITH ORDINALITY', { position });
  if (range['lateral'] === true) throw unsupported('LATERAL before at_snapshot()', { position });
  if (listOf(range['coldeflist']).length > 0)
    throw callError(source, location, '42601', 'a column definition list is not allowed after at_snapshot()');
  const read = readSnapshotCall(source, call);
  const relation = relationOf(read);
  const alias = range['alias'] === undefined ? ` AS ${quoteIdentifier(read.table)}` : '';
  const name = `${quoteIdentifier(relation.schema)}.${quoteIdentifier(relation.table)}${alias}`;
  const pieces: Piece[] = [{ text: name, from: location, copied: false }];
  return { start: location, end: read.end, pieces };
}

/** `a.b."C d"` as PostgreSQL reads names; undefined if it is none. */
export function splitName(text: string): readonly string[] | undefined {
  const parts: string[] = [];
  const pattern = /\s*(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))\s*(\.|$)/uy;
  let at = 0;
  while (at < text.length) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null) return undefined;
    parts.push(found[1] === undefined ? (found[2] ?? '').toLowerCase() : found[1].replaceAll('""', '"'));
    at = pattern.lastIndex;
    if (found[3] === '') break;
    if (at >= text.length) return undefined;
  }
  return parts.length === 0 ? undefined : parts;
}
