import { TimelineError, unsupported } from './errors.js';
import { listOf, nameParts, nodeOf, nodesTagged, type ParseNode, taggedNode } from './parse-tree.js';
import { quoteIdentifier } from './quote.js';
import { assemble, type Edit, SourceText } from './source-text.js';
import { argumentsOf, callError, literalText } from './timeline-options.js';
import { placeOf } from './timeline-texpr.js';
import type { ExpandedText } from './view-references.js';

const FORM = "SELECT * FROM timeline.result('replay-…')";

/** timeline.result(id) in FROM. */
export interface ResultCall {
  readonly id: string;
  /** Of its id: 1-based, in code points. */
  readonly position: number;
}

/** Is it a call of timeline.result()? `value`: a node with its tag. */
export function isResultCall(value: unknown): boolean {
  const { tag, body } = taggedNode(value);
  const parts = tag === 'FuncCall' ? nameParts(body['funcname']) : [];
  return parts.length === 2 && parts[0] === 'timeline' && parts[1] === 'result';
}

/** Cheap, and true for every text that has such a call. */
export function mayCallResult(text: string): boolean {
  return /timeline/i.test(text) && /result/i.test(text);
}

/** Numbers of the parameters that name replays. */
export function resultParameters(statement: unknown): readonly number[] {
  return nodesTagged(statement, 'RangeFunction').flatMap((range) => {
    const call = callIn(range);
    const [arg] = call === undefined ? [] : listOf(call['args']);
    const { tag, body } = taggedNode(plainValue(arg));
    return tag === 'ParamRef' ? [Number(body['number'] ?? 0)] : [];
  });
}

/**
 * Replaces every timeline.result() in FROM by a relation's name, which `relationOf` gives. A call without alias goes by `result`. `parameters`:
 * values of the statement's parameters, where they are known.
 */
export function rewriteResultCalls(
  text: string,
  tree: unknown,
  parameters: readonly (string | null)[] | undefined,
  relationOf: (call: ResultCall) => { readonly schema: string; readonly table: string },
): ExpandedText {
  if (!mayCallResult(text)) return { text, mapPosition: (position) => position };
  const source = new SourceText(text);
  const edits: Edit[] = [];
  for (const range of nodesTagged(tree, 'RangeFunction')) {
    const call = callIn(range);
    if (call === undefined) continue;
    const location = placeOf(call);
    const position = source.position(location);
    if (range['is_rowsfrom'] === true) throw unsupported('ROWS FROM with timeline.result()', { position });
    if (range['ordinality'] === true) throw unsupported('timeline.result() WITH ORDINALITY', { position });
    if (listOf(range['coldeflist']).length > 0)
      throw callError(source, location, '42601', 'a column definition list is not allowed after timeline.result()', FORM);
    const { args, end } = argumentsOf(source, call, location, 2);
    const [arg] = args;
    if (arg === undefined || args.length > 1 || (arg.name !== undefined && arg.name !== 'id'))
      throw callError(source, location, '42601', 'timeline.result() takes the id of a replay', FORM);
    const id = idOf(arg.value, parameters);
    if (id === undefined)
      throw unsupported('timeline.result() of anything but a string or a parameter', { position: source.position(arg.valueStart) });
    if (id === null)
      throw new TimelineError({
        kind: 'semantic',
        sqlstate: '22004',
        message: 'the id of a replay must not be null',
        position: source.position(arg.valueStart),
      });
    const relation = relationOf({ id, position: source.position(arg.valueStart) });
    const alias = range['alias'] === undefined ? ' AS result' : '';
    const name = `${quoteIdentifier(relation.schema)}.${quoteIdentifier(relation.table)}${alias}`;
    edits.push({ start: location, end, pieces: [{ text: name, from: location, copied: false }] });
  }
  return assemble(source, source.render(0, source.length, edits));
}

function idOf(value: unknown, parameters: readonly (string | null)[] | undefined): string | null | undefined {
  const { tag, body } = taggedNode(value);
  // `'…'::text` is as good as the string.
  if (tag === 'TypeCast') return idOf(body['arg'], parameters);
  if (tag === 'ParamRef') return parameters?.[Number(body['number'] ?? 0) - 1];
  if (tag === 'A_Const' && body['isnull'] === true) return null;
  return literalText(value);
}

function callIn(range: ParseNode): ParseNode | undefined {
  const calls = listOf(range['functions']).map((item) => listOf(nodeOf(nodeOf(item)['List'])['items'])[0]);
  const node = calls.find(isResultCall);
  return node === undefined ? undefined : taggedNode(node).body;
}

function plainValue(arg: unknown): unknown {
  const { tag, body } = taggedNode(arg);
  return tag === 'NamedArgExpr' || tag === 'TypeCast' ? plainValue(body['arg']) : arg;
}
