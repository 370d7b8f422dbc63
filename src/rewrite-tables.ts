import { rewriteLogsCalls } from '../sql/logs-call.js';
import { parseOne } from '../sql/parse.js';
import { taggedNode } from '../sql/parse-tree.js';
import { relationNodes } from '../sql/references.js';
import type { ReplayRead } from '../sql/replay-read.js';
import { rewriteResultCalls } from '../sql/result-call.js';
import { rewriteSnapshotCalls } from '../sql/snapshot-call.js';
import { rewriteTimelineCalls } from '../sql/timeline-call.js';
import { type ExpandedText, expandViews } from '../sql/view-references.js';
import { mapped } from './select.js';
import type { SessionViews } from './session-views.js';
import type { StatementTables } from './statement-tables.js';

/** The text with its TIMELINE calls rewritten, then with definitions for its views, then with relations for its snapshots and results. */
export async function rewriteTables(
  text: string,
  statement: unknown,
  tables: StatementTables,
  views: Pick<SessionViews, 'current'>,
  parameterTypes: readonly number[] = [],
): Promise<ExpandedText & { readonly reads: readonly ReplayRead[] }> {
  const calls = await tables.settle(() => rewriteTimelineCalls(text, statement, tables.lookup, parameterTypes));
  const tree = calls.text === text ? statement : withoutTarget(parseOne(calls.text)?.statement);
  const expanded = expandViews(calls.text, tree, views.current);
  const expandedTree = expanded.text === calls.text ? tree : withoutTarget(parseOne(expanded.text)?.statement);
  const back = (position: number): number => calls.mapPosition(expanded.mapPosition(position));
  try {
    const snapshots = await tables.settle(() => {
      // What the text names must be known too: tables as of the session's version, and tables about tables.
      for (const { schema, name } of relationNodes(expandedTree)) tables.lookup(schema, name);
      return rewriteSnapshotCalls(expanded.text, expandedTree, ({ schema, table, version }) => tables.snapshot(schema, table, version));
    });
    const readTree = snapshots.text === expanded.text ? expandedTree : withoutTarget(parseOne(snapshots.text)?.statement);
    const toSnapshots = (position: number): number => snapshots.mapPosition(position);
    try {
      const results = await tables.settle(() =>
        rewriteResultCalls(snapshots.text, readTree, tables.resultIds, (call) => tables.result(call)),
      );
      const resultsTree = results.text === snapshots.text ? readTree : withoutTarget(parseOne(results.text)?.statement);
      const logs = await tables.settle(() => rewriteLogsCalls(results.text, resultsTree, tables.resultIds, (call) => tables.logs(call)));
      const mapPosition = (position: number): number => back(toSnapshots(results.mapPosition(logs.mapPosition(position))));
      return { text: logs.text, mapPosition, reads: calls.reads };
    } catch (thrown) {
      throw mapped(thrown, { mapPosition: toSnapshots });
    }
  } catch (thrown) {
    throw mapped(thrown, { mapPosition: back });
  }
}

/** Of INSERT, all but the table it writes. */
export function withoutTarget(statement: unknown): unknown {
  const { tag, body } = taggedNode(statement);
  if (tag !== 'InsertStmt') return statement;
  const { relation: _relation, ...read } = body;
  return { InsertStmt: read };
}
