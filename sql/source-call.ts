import { unsupported } from './errors.js';
import { listOf, nameParts, nodeOf, nodesTagged, type ParseNode, taggedNode } from './parse-tree.js';
import { quoteIdentifier } from './quote.js';
import { assemble, type Edit, SourceText } from './source-text.js';
import { type Argument, argumentsOf, callError, literalText } from './timeline-options.js';
import { placeOf } from './timeline-texpr.js';
import type { ExpandedText } from './view-references.js';

/** A function that stands for a relation in FROM: its arguments are constants. */
export interface SourceFunction {
  readonly name: readonly string[];
  /** An example, for hints. */
  readonly form: string;
}

/** Is it a call of the function? `value`: a node with its tag. */
function isCallOf({ name }: SourceFunction, value: unknown): boolean {
  const { tag, body } = taggedNode(value);
  const parts = tag === 'FuncCall' ? nameParts(body['funcname']) : [];
  return parts.length === name.length && parts.every((part, n) => part === name[n]);
}

/** Numbers of the parameters in calls of the function. */
export function callParameters(fn: SourceFunction, statement: unknown): readonly number[] {
  return nodesTagged(statement, 'RangeFunction').flatMap((range) => {
    const call = callIn(fn, range);
    return (call === undefined ? [] : listOf(call['args'])).flatMap((arg) => {
      const { tag, body } = taggedNode(plainValue(arg));
      return tag === 'ParamRef' ? [Number(body['number'] ?? 0)] : [];
    });
  });
}

/** Replaces every call of the function in FROM by a relation's name, which `relationOf` gives. A call without alias goes by the function's name. */
export function rewriteCalls(
  fn: SourceFunction,
  text: string,
  tree: unknown,
  relationOf: (call: {
    readonly source: SourceText;
    /** Offset of the call. */
    readonly location: number;
    readonly args: readonly Argument[];
  }) => { readonly schema: string; readonly table: string },
): ExpandedText {
  const source = new SourceText(text);
  const shown = `${fn.name.join('.')}()`;
  const edits: Edit[] = [];
  for (const range of nodesTagged(tree, 'RangeFunction')) {
    const call = callIn(fn, range);
    if (call === undefined) continue;
    const location = placeOf(call);
    const position = source.position(location);
    if (range['is_rowsfrom'] === true) throw unsupported(`ROWS FROM with ${shown}`, { position });
    if (range['ordinality'] === true) throw unsupported(`${shown} WITH ORDINALITY`, { position });
    if (listOf(range['coldeflist']).length > 0)
      throw callError(source, location, '42601', `a column definition list is not allowed after ${shown}`, fn.form);
    const { args, end } = argumentsOf(source, call, location, fn.name.length);
    const relation = relationOf({ source, location, args });
    const alias = range['alias'] === undefined ? ` AS ${fn.name.at(-1)}` : '';
    const name = `${quoteIdentifier(relation.schema)}.${quoteIdentifier(relation.table)}${alias}`;
    edits.push({ start: location, end, pieces: [{ text: name, from: location, copied: false }] });
  }
  return assemble(source, source.render(0, source.length, edits));
}

/** An argument's text; null: NULL; undefined: it is no constant. `'…'::text` is as good as the string. */
export function constantText(value: unknown, parameters: readonly (string | null)[] | undefined): string | null | undefined {
  const { tag, body } = taggedNode(value);
  if (tag === 'TypeCast') return constantText(body['arg'], parameters);
  if (tag === 'ParamRef') return parameters?.[Number(body['number'] ?? 0) - 1];
  if (tag === 'A_Const' && body['isnull'] === true) return null;
  return literalText(value);
}

function callIn(fn: SourceFunction, range: ParseNode): ParseNode | undefined {
  const calls = listOf(range['functions']).map((item) => listOf(nodeOf(nodeOf(item)['List'])['items'])[0]);
  const node = calls.find((call) => isCallOf(fn, call));
  return node === undefined ? undefined : taggedNode(node).body;
}

function plainValue(arg: unknown): unknown {
  const { tag, body } = taggedNode(arg);
  return tag === 'NamedArgExpr' || tag === 'TypeCast' ? plainValue(body['arg']) : arg;
}
