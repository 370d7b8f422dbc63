import { unsupported } from '../sql/errors.js';
import { logsParameters, mayCallLogs } from '../sql/logs-call.js';
import { innerText, parseOne } from '../sql/parse.js';
import { taggedNode } from '../sql/parse-tree.js';
import { mayCallResult, resultParameters } from '../sql/result-call.js';
import { Oid } from '../sql/types.js';
import type { Prepared } from './statement.js';
import { parametersIn } from './table-version.js';

/**
 * A statement that reads the result of a replay which a parameter names, or log entries by a filter that one is: what columns it has is known when it is bound. Undefined: it is none.
 * Throws 42601.
 */
export function unboundResult(
  text: string,
  parameterTypes: readonly number[],
  prepare: (values: readonly (string | null)[], types: readonly number[]) => Promise<Prepared>,
): Prepared | undefined {
  if (!mayCallResult(text) && !mayCallLogs(text)) return undefined;
  const parsed = parseOne(text);
  // What PREPARE holds is prepared by itself.
  if (parsed === undefined || taggedNode(parsed.statement).tag === 'PrepareStmt') return undefined;
  const results = resultParameters(parsed.statement);
  const ids = [...results, ...logsParameters(parsed.statement)];
  if (ids.length === 0) return undefined;
  const count = Math.max(parameterTypes.length, ...parametersIn(parsed.statement));
  const types = Array.from({ length: count }, (_, n) => parameterTypes[n] || (ids.includes(n + 1) ? Oid.text : 0));
  return {
    empty: innerText(text, parsed).trim() === '',
    parameterTypes: types.map((oid) => (oid === 0 ? Oid.text : oid)),
    get columns(): never {
      throw results.length > 0
        ? unsupported('a description of timeline.result() before its parameter is bound', {
            hint: 'Describe the portal, or write the id as a literal.',
          })
        : unsupported('a description of logsql() before its parameters are bound', {
            hint: 'Describe the portal, or write its arguments as literals.',
          });
    },
    bound: (values) => prepare(values, types),
  };
}
