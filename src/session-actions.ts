import { asTimelineError, internal, TimelineError } from '../sql/errors.js';
import type { Batch } from '../sql/result.js';
import type { Value } from '../sql/value.js';
import { parseArrayText } from '../sql/value-array.js';
import type { ActionContext } from './action-context.js';
import { abandon, closable } from './execution.js';
import type { PlannedStatement } from './prepare.js';
import { runAction } from './replay-actions.js';
import type { Execution, Notice } from './statement.js';

type PlannedActions = PlannedStatement & { readonly kind: 'action' };

/** Rows that one statement may act upon. */
const MOST_ROWS = 10_000;

/** Acts once for each row of a query, in its order, and puts what came of it in the place of the arguments. All rows are read before. */
export async function runActions(planned: PlannedActions, read: Execution, context: Omit<ActionContext, 'notice'>): Promise<Execution> {
  const notices: Notice[] = [...read.notices];
  const acting = { ...context, notice: (one: Notice): void => void notices.push(one) };
  const rows = await allRows(read);
  return {
    columns: planned.columns,
    batches: closable(actedRows(planned, rows, acting), async () => undefined),
    tag: (count) => `SELECT ${count}`,
    notices,
  };
}

/** One row of a batch, in the batch's own form. */
type Row =
  | { readonly kind: 'text'; readonly values: readonly (string | null)[] }
  | { readonly kind: 'values'; readonly values: readonly (Value | null)[] };

async function allRows(read: Execution): Promise<readonly Row[]> {
  const rows: Row[] = [];
  try {
    for await (const batch of read.batches) {
      if (batch.kind === 'text') rows.push(...batch.rows.map((values): Row => ({ kind: 'text', values })));
      else for (let n = 0; n < batch.rowCount; n++) rows.push({ kind: 'values', values: batch.columns.map((column) => column[n] ?? null) });
      if (rows.length > MOST_ROWS)
        throw new TimelineError({
          kind: 'limit',
          sqlstate: '54000',
          message: `a statement may act upon at most ${MOST_ROWS} rows`,
          hint: 'Nothing was done. Add a filter or a LIMIT.',
        });
    }
  } catch (error) {
    await abandon(read);
    throw error;
  }
  return rows;
}

async function* actedRows(planned: PlannedActions, rows: readonly Row[], context: ActionContext): AsyncGenerator<Batch> {
  for (const row of rows) {
    const answers = new Map<number, string | boolean | null>();
    for (const action of planned.actions) {
      context.signal.throwIfAborted();
      answers.set(
        action.column,
        await runAction(action, argumentsIn(row, action.column), context).catch((thrown: unknown) => {
          throw asTimelineError(thrown);
        }),
      );
    }
    if (row.kind === 'text') {
      const texts = row.values.map((value, n) => {
        const answer = answers.get(n);
        return answer === undefined ? value : typeof answer === 'boolean' ? (answer ? 't' : 'f') : answer;
      });
      yield { kind: 'text', rows: [texts] };
    } else {
      yield { kind: 'columns', rowCount: 1, columns: row.values.map((value, n) => [answers.has(n) ? (answers.get(n) ?? null) : value]) };
    }
  }
}

function argumentsIn(row: Row, column: number): readonly (string | null)[] {
  const value = row.values[column] ?? null;
  if (typeof value === 'string') return parseArrayText(value);
  if (!Array.isArray(value)) throw internal("an action's arguments are no array");
  return value.map((one) => (one === null ? null : String(one)));
}
