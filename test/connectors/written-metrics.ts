import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../support/project-root.js';
import { runProgram } from '../support/run-program.js';
import { pyicebergPython } from './pyiceberg.js';

export interface AskedMetrics {
  /** Location of the metadata file. */
  readonly metadata: string;
  /** The files that these added are checked. */
  readonly snapshots: readonly string[];
  /** Every count and bound must be there, and no bound may be wider than it has to be. */
  readonly exact: boolean;
}

export interface CheckedMetrics {
  readonly files: number;
  readonly lower: number;
  readonly upper: number;
  /** Bounds that are no value of the file: texts that were cut. */
  readonly cut: number;
  readonly wrong: readonly string[];
}

/** Compares counts and bounds in manifests, as pyiceberg reads them, with what pyarrow finds in each data file. Undefined: this machine has no pyiceberg. */
export async function checkWrittenMetrics(
  tables: readonly AskedMetrics[],
  scratch: string,
): Promise<readonly CheckedMetrics[] | undefined> {
  const python = await pyicebergPython();
  if (python === undefined) return undefined;
  const script = join(projectRoot(), 'test', 'connectors', 'python', 'check_metrics.py');
  const [asked, told] = [join(scratch, 'metrics-in.json'), join(scratch, 'metrics-out.json')];
  await writeFile(asked, JSON.stringify(tables));
  const { code, stderr } = await runProgram(python, ['-W', 'ignore', script, asked, told], { timeoutMs: 300_000 });
  if (code !== 0) throw new Error(`the check of metrics failed: ${stderr.slice(-4000)}`);
  return JSON.parse(await readFile(told, 'utf8')) as CheckedMetrics[];
}
