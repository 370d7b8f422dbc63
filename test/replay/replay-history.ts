import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { projectRoot } from './temporal-support.js';

export const HISTORIES = join(projectRoot(), 'test', 'replay', 'histories');

/** Runs today's workflows over a recorded history. Throws DeterminismViolationError where they would have done something else. */
export async function replayHistory(options: {
  /** The bundle. */
  readonly codePath: string;
  readonly name: string;
  /** Of the history's text. */
  readonly change?: ((text: string) => string) | undefined;
}): Promise<void> {
  const { codePath, name, change = (text) => text } = options;
  const history = historyFromJSON(JSON.parse(change(await readFile(join(HISTORIES, name), 'utf8'))));
  await Worker.runReplayHistory({ workflowBundle: { codePath }, replayName: name }, history);
}

/** Keeps a workflow's history, without what tells of the machine it ran on. */
export async function recordHistory(name: string, handle: Pick<WorkflowHandle, 'fetchHistory'>): Promise<void> {
  const text = historyToJSON(await handle.fetchHistory())
    .replaceAll(/"\d+@[\w.]+/g, '"worker')
    .replaceAll(/("stackTrace": )"(?:[^"\\]|\\.)*"/g, '$1""');
  await writeFile(join(HISTORIES, name), `${text}\n`);
}
