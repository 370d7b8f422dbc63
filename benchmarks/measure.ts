import { setTimeout as sleep } from 'node:timers/promises';
import { resetPeak, usage } from './process-meter.js';

export interface Answer {
  readonly columns: readonly string[];
  /** Values as text (DuckDB: numbers too). */
  readonly rows: readonly (readonly unknown[])[];
}

/** One of the things compared: a process that answers SQL. */
export interface Side {
  readonly name: string;
  readonly pid: number;
  /** Descendants that do not count, by how their command starts. */
  readonly except: readonly string[];
  ask(sql: string): Promise<Answer>;
  close(): Promise<void>;
}

export interface Measurement {
  readonly sql: string;
  readonly answer: Answer;
  /** Milliseconds; CPU is of the process and what it started. */
  readonly cold: { readonly wall: number; readonly cpu: number };
  readonly best: { readonly wall: number; readonly meanCpu: number; readonly runs: number };
  /** Bytes, over all runs. */
  readonly peak: number;
}

/** Work that a side does after its answer (closing files, committing) is charged to the run before. */
const SETTLE_MS = 150;
/** /proc counts CPU in steps of 10 ms: short questions are run until so much was used, or so often. */
const LEAST_CPU_MS = 300;
const MOST_RUNS = 40;

/** Asks once cold, then `runs` times and more for short questions: the best wall time, the mean CPU time. */
export async function measure(side: Side, sql: string, runs: number): Promise<Measurement> {
  resetPeak(side.pid, side.except);
  const cold = await timed(side, sql);
  let wall = Number.POSITIVE_INFINITY;
  let [cpu, done] = [0, 0];
  while (done < runs || (cpu < LEAST_CPU_MS && done < MOST_RUNS)) {
    const run = await timed(side, sql);
    wall = Math.min(wall, run.wall);
    cpu += run.cpu;
    done++;
  }
  return { sql, answer: cold.answer, cold, best: { wall, meanCpu: cpu / done, runs: done }, peak: usage(side.pid, side.except).peak };
}

async function timed(side: Side, sql: string) {
  const before = usage(side.pid, side.except).cpu;
  const start = performance.now();
  const answer = await side.ask(sql);
  const wall = performance.now() - start;
  await sleep(SETTLE_MS);
  return { answer, wall, cpu: (usage(side.pid, side.except).cpu - before) * 1000 };
}

/** CPU that a side uses while nobody asks, milliseconds a second. */
export async function idleCpu(side: Side): Promise<number> {
  const before = usage(side.pid, side.except).cpu;
  await sleep(2000);
  return ((usage(side.pid, side.except).cpu - before) * 1000) / 2;
}

/** Undefined: the same rows; else what differs. Numbers may differ in the last digits, since sums go in another order. */
export function difference(a: Answer, b: Answer, ignore: readonly string[]): string | undefined {
  if (a.rows.length !== b.rows.length) return `${a.rows.length} rows against ${b.rows.length}`;
  const columns = a.columns.flatMap((name, at) => (ignore.includes(name) ? [] : [at]));
  for (const [row, values] of a.rows.entries()) {
    for (const at of columns) {
      const [left, right] = [values[at], b.rows[row]?.[at]];
      if (!same(left, right)) return `row ${row + 1}, ${a.columns[at]}: ${String(left)} against ${String(right)}`;
    }
  }
  return undefined;
}

function same(a: unknown, b: unknown): boolean {
  if (String(a) === String(b)) return true;
  const [x, y] = [Number(a), Number(b)];
  return a !== null && b !== null && Math.abs(x - y) <= 1e-9 * Math.max(Math.abs(x), Math.abs(y));
}
