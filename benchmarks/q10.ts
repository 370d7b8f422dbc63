import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pyicebergPython, runPython } from '../test/connectors/pyiceberg.js';
import { FILES, makeMillionFiles } from './million-files.js';

const run = promisify(execFile);

/** Planning in a process of its own: the first time, the best of the next two, peak memory of the whole process. */
export interface PlanFigures {
  /** Milliseconds. */
  readonly cold: number;
  readonly warm: number;
  /** Data files planned. */
  readonly files: number;
  /** Bytes. */
  readonly peak: number;
}

export interface PlanningResult {
  readonly title: string;
  readonly side: string;
  readonly figures: PlanFigures | { readonly error: string };
}

interface PlanQuestion {
  readonly title: string;
  readonly from?: string;
  readonly to?: string;
  readonly event?: string;
}

const QUESTIONS: readonly PlanQuestion[] = [
  { title: 'one hour', from: '2024-07-01 10:00:00+00', to: '2024-07-01 11:00:00+00' },
  { title: 'one day', from: '2024-07-01 00:00:00+00', to: '2024-07-02 00:00:00+00' },
  { title: 'one event id, no partition helps', event: '54321012345' },
];

export const Q10_TITLE = `planning over a table of ${(FILES / 1e6).toFixed(0)} million files`;

const PYTHON = `
import json, resource, sys, time
from datetime import datetime
from pyiceberg.expressions import AlwaysTrue, And, EqualTo, GreaterThanOrEqual, LessThan
from pyiceberg.table import StaticTable
metadata, question = sys.argv[1], json.loads(sys.argv[2])
row_filter = AlwaysTrue()
if 'from' in question: row_filter = And(row_filter, GreaterThanOrEqual('ts', question['from'].replace(' ', 'T').replace('+00', '+00:00')))
if 'to' in question: row_filter = And(row_filter, LessThan('ts', question['to'].replace(' ', 'T').replace('+00', '+00:00')))
if 'event' in question: row_filter = And(row_filter, EqualTo('event_id', int(question['event'])))
times = []
for run in range(int(sys.argv[3])):
    start = time.perf_counter()
    table = StaticTable.from_metadata(metadata)
    files = len(list(table.scan(row_filter=row_filter).plan_files()))
    times.append((time.perf_counter() - start) * 1000)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({'cold': times[0], 'warm': min(times[1:] or times), 'files': files, 'peak': peak}))
`;

/** Q10: both sides plan the same questions over the same metadata, each in a process of its own. */
export async function measurePlanning(cache: string, root: string, say: (line: string) => void): Promise<readonly PlanningResult[]> {
  const { warehouse, metadata } = await makeMillionFiles(cache, (done) => say(`making the metadata of ${done} files`));
  const python = await pyicebergPython();
  const results: PlanningResult[] = [];
  for (const question of QUESTIONS) {
    const { title } = question;
    const options = (['from', 'to', 'event'] as const).flatMap((name) =>
      question[name] === undefined ? [] : [`--${name}`, question[name]],
    );
    const ours = await attempt(async () => {
      const script = join(root, 'dist', 'benchmarks', 'plan-process.js');
      return JSON.parse((await run(process.execPath, [script, '--warehouse', warehouse, ...options])).stdout) as PlanFigures;
    });
    results.push({ title, side: 'Timeline', figures: ours });
    const theirs = await attempt(async () => {
      if (python === undefined) throw new Error('pyiceberg is not to be had here');
      // Without a partition to help, once takes minutes.
      return (await runPython(python, PYTHON, [
        `file://${metadata}`,
        JSON.stringify(question),
        question.event === undefined ? '3' : '1',
      ])) as PlanFigures;
    });
    results.push({ title, side: 'pyiceberg', figures: theirs });
    say(
      `Q10 ${title}: ${[ours, theirs].map((one) => ('error' in one ? one.error : `${one.cold.toFixed(0)} ms, ${(one.peak / 1e6).toFixed(0)} MB`)).join(' against ')}`,
    );
  }
  return results;
}

async function attempt(work: () => Promise<PlanFigures>): Promise<PlanFigures | { readonly error: string }> {
  try {
    return await work();
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
