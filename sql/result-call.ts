import { TimelineError, unsupported } from './errors.js';
import { callParameters, constantText, rewriteCalls, type SourceFunction } from './source-call.js';
import { callError } from './timeline-options.js';
import type { ExpandedText } from './view-references.js';

const RESULT: SourceFunction = { name: ['timeline', 'result'], form: "SELECT * FROM timeline.result('replay-…')" };

/** timeline.result(id) in FROM. */
export interface ResultCall {
  readonly id: string;
  /** Of its id: 1-based, in code points. */
  readonly position: number;
}

/** Cheap, and true for every text that has such a call. */
export function mayCallResult(text: string): boolean {
  return /timeline/i.test(text) && /result/i.test(text);
}

/** Numbers of the parameters that name replays. */
export function resultParameters(statement: unknown): readonly number[] {
  return callParameters(RESULT, statement);
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
  return rewriteCalls(RESULT, text, tree, ({ source, location, args }) => {
    const [arg] = args;
    if (arg === undefined || args.length > 1 || (arg.name !== undefined && arg.name !== 'id'))
      throw callError(source, location, '42601', 'timeline.result() takes the id of a replay', RESULT.form);
    const position = source.position(arg.valueStart);
    const id = constantText(arg.value, parameters);
    if (id === undefined) throw unsupported('timeline.result() of anything but a string or a parameter', { position });
    if (id === null)
      throw new TimelineError({ kind: 'semantic', sqlstate: '22004', message: 'the id of a replay must not be null', position });
    return relationOf({ id, position });
  });
}
