import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Field, Operator, PlanExpr, PlanSession, ScanOperator } from '../../planner/physical-plan.js';
import { Oid, type Type, type as typeOf } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { Kernel, TaskOutput, TaskRequest } from '../../src/kernel/kernel.js';
import { createKernel, type KernelOptions } from '../../src/kernel/kernel-pool.js';
import { imagePath } from '../../src/paths.js';

export const SESSION: PlanSession = { timeZone: 'UTC', now: '0', memoryLimit: 512 * 1024 * 1024 };

/** A kernel over a temporary folder, and short ways to run trees on it. */
export interface Bench {
  readonly folder: string;
  readonly kernel: Kernel;
  run(
    root: Operator,
    options?: Partial<TaskRequest>,
    signal?: AbortSignal,
  ): Promise<TaskOutput & { readonly folder: string; readonly paths: readonly string[] }>;
  /** Runs a tree and reads its rows. */
  rows(root: Operator, fields: readonly Field[], options?: Partial<TaskRequest>): Promise<(Value | null)[][]>;
  read(paths: readonly string[], fields: readonly Field[]): Promise<(Value | null)[][]>;
  close(): Promise<void>;
}

export async function openBench(options: Partial<KernelOptions> = {}): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'timeline-kernel-'));
  const kernel = createKernel({
    threads: 2,
    memoryLimit: 1024 * 1024 * 1024,
    tempFolder: join(folder, 'temp'),
    imagePath: imagePath(),
    ...options,
  });
  let runs = 0;
  const bench: Bench = {
    folder,
    kernel,
    async run(root, options = {}, signal = new AbortController().signal) {
      const outputFolder = join(folder, `out-${runs++}`);
      await mkdir(outputFolder);
      const output = await kernel.run(
        {
          root,
          session: SESSION,
          scans: {},
          inputs: {},
          exchange: undefined,
          readableFolders: [folder],
          ...options,
          outputFolder,
        },
        signal,
      );
      return { ...output, folder: outputFolder, paths: output.files.map((file) => join(outputFolder, file.name)) };
    },
    async rows(root, fields, options) {
      return bench.read((await bench.run(root, options)).paths, fields);
    },
    async read(paths, fields) {
      const rows: (Value | null)[][] = [];
      for await (const batch of kernel.read(paths, fields, new AbortController().signal)) {
        if (batch.kind !== 'columns') throw new Error('columnar batches only');
        for (let row = 0; row < batch.rowCount; row++) rows.push(batch.columns.map((column) => column[row] ?? null));
      }
      return rows;
    },
    async close() {
      await kernel.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return bench;
}

export function field(id: number, type: Type | number, name = `f${id}`): Field {
  return { id, name, type: typeof type === 'number' ? typeOf(type) : type };
}

export function ref(f: Field): PlanExpr {
  return { kind: 'column', id: f.id, type: f.type };
}

export function constant(value: string | null, type: Type | number): PlanExpr {
  return { kind: 'constant', value, type: typeof type === 'number' ? typeOf(type) : type };
}

export function call(fn: string, args: readonly PlanExpr[], result: Type | number): PlanExpr {
  return { kind: 'call', fn, args, type: typeof result === 'number' ? typeOf(result) : result, volatility: 'immutable' };
}

/** A values operator from PostgreSQL texts. */
export function values(fields: readonly Field[], rows: readonly (readonly (string | null)[])[]): Operator {
  return { kind: 'values', fields, rows: rows.map((row) => row.map((text, i) => constant(text, (fields[i] as Field).type))) };
}

export function numericType(precision: number, scale: number): Type {
  return typeOf(Oid.numeric, ((precision << 16) | scale) + 4);
}

/** A scan of one column, over the relation that a test gives for `scan`. */
export function scanOf(scan: string, column: Field): ScanOperator {
  return { kind: 'scan', scan, connector: 'c', schema: 'x', table: 'y', handle: {}, fields: [column], pushed: [], pruning: [] };
}
