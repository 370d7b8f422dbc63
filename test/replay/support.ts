import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connector, Readable } from '../../connectors/connector.js';
import { fieldsOf, type Operator, type PhysicalPlan, type Stage } from '../../planner/physical-plan.js';
import { unsupported } from '../../sql/errors.js';
import { Oid, type } from '../../sql/types.js';
import type { Kernel, ResultPart } from '../../src/kernel/kernel.js';
import { createReplayRegistry, type ReplayRegistry } from '../../src/replay/replay-registry.js';
import { createFolderFiles } from '../../src/replay/stage-files.js';

export const FIELD = { id: 1, name: 'n', type: type(Oid.text) } as const;

/** The registry beside a stage store in this folder. */
export function registryIn(stages: string): ReplayRegistry {
  return createReplayRegistry(createFolderFiles(stages));
}

const folders: string[] = [];
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that goes when the test process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'timeline-replay-'));
  folders.push(folder);
  return folder;
}

/**
 * A kernel of its own for the drivers' tests, of one text column: rows are JSON lines. It knows scans, values and exchanges;
 * what the drivers do must not depend on how rows are computed.
 */
export function createTestKernel(): Kernel {
  const rowsOf = async (
    op: Operator,
    scans: Readonly<Record<string, Readable>>,
    inputs: Readonly<Record<string, readonly string[]>>,
  ): Promise<string[]> => {
    switch (op.kind) {
      case 'values':
        return op.rows.map(([value]) => (value?.kind === 'constant' ? String(value.value) : '?'));
      case 'scan': {
        const readable = scans[op.scan];
        return readable?.kind === 'rows' ? readable.rows.map(([value]) => String(value)) : [];
      }
      case 'exchange_read':
        return (await Promise.all((inputs[op.stage] ?? []).map(linesOf))).flat();
      default:
        throw unsupported(`${op.kind} of ${fieldsOf(op).length} columns in the test kernel`);
    }
  };
  return {
    async run(request, signal) {
      const rows = await rowsOf(request.root, request.scans, request.inputs);
      signal.throwIfAborted();
      const partitions = request.exchange?.partitions;
      const files = [];
      for (const partition of partitions === undefined ? [undefined] : Array.from({ length: partitions }, (_, n) => n)) {
        const own = partition === undefined ? rows : rows.filter((row) => hash(row) % (partitions ?? 1) === partition);
        if (partition !== undefined && own.length === 0) continue;
        const name = `out${partition ?? ''}.parquet`;
        const text = own.map((row) => `${JSON.stringify(row)}\n`).join('');
        await writeFile(join(request.outputFolder, name), text);
        files.push({ name, partition, rows: own.length, bytes: text.length });
      }
      return { rows: rows.length, files, notices: rows.includes('odd') ? ['1 odd row'] : [] };
    },
    async *read(files) {
      for (const file of files) {
        const rows = await linesOf(file);
        yield { kind: 'columns', rowCount: rows.length, columns: [rows] };
      }
    },
    async close() {},
  };
}

/** The test kernel writes files always. */
export async function linesOf(file: ResultPart): Promise<string[]> {
  if (typeof file !== 'string') throw new Error('rows in memory of the test kernel');
  return (await readFile(file, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as string);
}

function hash(text: string): number {
  let sum = 0;
  for (const char of text) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 65_521;
  return sum;
}

export interface TestSplit {
  readonly rows: readonly string[];
  /** How long reading it takes, milliseconds. */
  readonly delay?: number;
  readonly bytes?: number;
}

/** A connector whose splits hold their rows. `log` sees every read's begin. */
export function createTestConnector(options: { readonly log?: (split: TestSplit) => void | Promise<void> } = {}): Connector {
  return {
    name: 'test',
    tables: async () => [],
    describe: async () => undefined,
    pin: async () => ({ handle: {}, snapshot: null }),
    pushdown: (handle, request) => ({ handle, answers: request.filters.map(() => 'unsupported' as const), limitDone: false }),
    statistics: async () => ({ rows: undefined, bytes: undefined }),
    splits: async () => ({ splits: [], pruning: [] }),
    async read(_handle, splits, { meter, signal }) {
      const rows: string[][] = [];
      for (const split of splits as readonly TestSplit[]) {
        meter.charge(split.bytes ?? 100, 1);
        await options.log?.(split);
        if (split.delay !== undefined) await sleep(split.delay, undefined, { signal });
        rows.push(...split.rows.map((row) => [row]));
      }
      return { kind: 'rows', rows };
    },
    async close() {},
  };
}

export function connectors(connector: Connector): ReadonlyMap<string, Connector> {
  return new Map([[connector.name, connector]]);
}

const SCAN: Operator = {
  kind: 'scan',
  scan: 's',
  connector: 'test',
  schema: 'test',
  table: 't',
  handle: {},
  fields: [FIELD],
  pushed: [],
  pruning: [],
};

/** A stage that scans: one task a split. */
/** Of a split in its plan: so much that tasks are not put together for being small. */
const SPLIT_BYTES = 17 << 20;

export function scanStage(id: number, splits: readonly TestSplit[], extra: Partial<Stage> = {}): Stage {
  return {
    id,
    kind: 'scan',
    root: SCAN,
    deps: [],
    ordered: true,
    tasks: splits.map((data, n) => ({
      id: n,
      splits: { s: [{ connector: 'test', data, bytes: data.bytes ?? SPLIT_BYTES, rows: data.rows.length }] },
    })),
    ...extra,
  };
}

/** A stage that reads another one's files, by partition where that one has some. */
export function readStage(id: number, from: Stage, extra: Partial<Stage> = {}): Stage {
  const partitions = from.exchange?.partitions;
  return {
    id,
    kind: 'operator',
    root: { kind: 'exchange_read', stage: from.id, fields: [FIELD] },
    deps: [from.id],
    ordered: false,
    tasks:
      partitions === undefined
        ? [{ id: 0, splits: {} }]
        : Array.from({ length: partitions }, (_, partition) => ({ id: partition, splits: {}, partition })),
    ...extra,
  };
}

export function planOf(...stages: readonly Stage[]): PhysicalPlan {
  return {
    version: 1,
    output: [FIELD],
    stages,
    snapshots: [],
    session: { timeZone: 'UTC', now: '0', memoryLimit: 100_000_000 },
    notices: [],
  };
}

export function valuesPlan(...rows: readonly string[]): PhysicalPlan {
  const root: Operator = {
    kind: 'values',
    fields: [FIELD],
    rows: rows.map((value) => [{ kind: 'constant', type: type(Oid.text), value }]),
  };
  return planOf({ id: 0, kind: 'final', root, deps: [], ordered: true, tasks: [{ id: 0, splits: {} }] });
}

export async function rowsOf(files: AsyncIterable<ResultPart>): Promise<string[]> {
  const rows: string[] = [];
  for await (const file of files) rows.push(...(await linesOf(file)));
  return rows;
}
