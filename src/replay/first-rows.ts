import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { OrderedParts, PruningStep, Readable, ScanOrder } from '../../connectors/connector.js';
import { mapInputs, operatorsIn } from '../../planner/logical-plan.js';
import {
  type Field,
  type FirstRows,
  fieldsOf,
  type Operator,
  type PlanSession,
  type ScanOperator,
  type SortOperator,
} from '../../planner/physical-plan.js';
import { internal } from '../../sql/errors.js';
import type { Constant } from '../../sql/expression.js';
import { typeOf } from '../../sql/expression-type.js';
import { formatValue } from '../../sql/value-text.js';
import type { Kernel, TaskOutput } from '../kernel/kernel.js';

/** A top-N whose scan is read in parts. */
interface PartedSort {
  readonly sort: SortOperator;
  readonly first: FirstRows;
  readonly scan: ScanOperator;
}

export interface PartsContext {
  /** The parts of a scan; undefined: it is read at once. */
  readonly parts: (scan: ScanOperator, order: ScanOrder) => Promise<OrderedParts | undefined>;
  readonly open: (scan: ScanOperator, splits: readonly unknown[]) => Promise<Readable>;
  /** What an error over what was opened should be. */
  readonly explained: (error: unknown, readable: Readable) => Promise<unknown>;
  /** What is above scans in any case. */
  readonly filtered: (op: Operator) => Operator;
  readonly kernel: Kernel;
  readonly session: PlanSession;
  /** Of this attempt. */
  readonly folder: string;
  /** Asked after reading: what a connector fetched may lie in a folder of its own. */
  readonly readableFolders: () => readonly string[];
  readonly report: (step: PruningStep) => void;
  readonly signal: AbortSignal;
}

/**
 * Reads what the tree's top-Ns need of their scans, part by part: gives a tree that has their rows from files, in place of the scans, and these
 * files by the stage ids that stand for them in the tree.
 */
export async function readInParts(
  root: Operator,
  context: PartsContext,
): Promise<{ readonly root: Operator; readonly inputs: Readonly<Record<string, readonly string[]>> }> {
  const inputs: Record<string, readonly string[]> = {};
  const read = new Map<SortOperator, number>();
  for (const [index, parted] of partedSorts(root).entries()) {
    const { sort, first, scan } = parted;
    const field = scan.fields.find(({ id }) => id === first.column);
    const key = sort.keys[first.key];
    if (field === undefined || key === undefined) throw internal(`a top-N by what scan ${scan.scan} has not`);
    const { descending, nullsFirst } = key;
    const parts = await context.parts(scan, { column: field.name, descending, nullsFirst });
    if (parts === undefined) continue;
    const folder = join(context.folder, `first-${index}`);
    await mkdir(folder);
    // Ids of stages are positive.
    const stage = -1 - index;
    inputs[String(stage)] = await readFirstRows({ ...parted, context: { ...context, folder }, parts });
    read.set(sort, stage);
    for (const step of parts.pruning) context.report(step);
  }
  return { root: read.size === 0 ? root : withRowsRead(root, read), inputs };
}

interface FirstRowsRequest extends PartedSort {
  readonly parts: OrderedParts;
  readonly context: PartsContext;
}

/** The tops of a tree that read scans in parts, outside of subqueries. */
function partedSorts(root: Operator): readonly PartedSort[] {
  const found: PartedSort[] = [];
  const visit = (op: Operator): void => {
    if (op.kind === 'sort' && op.first !== undefined) {
      const { first } = op;
      for (const scan of operatorsIn(op.input)) if (scan.kind === 'scan' && scan.scan === first.scan) found.push({ sort: op, first, scan });
      return;
    }
    mapInputs(op, (input) => {
      visit(input);
      return input;
    });
  };
  visit(root);
  return found;
}

/** The tree with what is below these sorts read from files, as of stages with the ids given. */
function withRowsRead(root: Operator, read: ReadonlyMap<SortOperator, number>): Operator {
  if (root.kind === 'sort') {
    const stage = read.get(root);
    if (stage !== undefined) return { ...root, input: { kind: 'exchange_read', stage, fields: fieldsOf(root.input) } };
  }
  return mapInputs(root, (input) => withRowsRead(input, read));
}

/**
 * Reads parts until no part that is left can hold a row of the answer. Each round sorts its parts' rows and keeps as many as the answer
 * needs; the last of the best so far says which parts still count. Rounds grow, so that bounds of no use cost little. Gives files with
 * all rows of the answer and some more.
 */
async function readFirstRows(request: FirstRowsRequest): Promise<readonly string[]> {
  const { sort, first, scan, parts, context } = request;
  const { kernel, session, signal } = context;
  const { offset = 0, limit = 0, first: _first, ...top } = sort;
  const wanted = limit + offset;
  const files: string[] = [];
  let [found, rows, round] = [0, wanted, 0];
  let last: Constant | undefined;
  for (;;) {
    signal.throwIfAborted();
    const splits = await parts.next({ rows, last: last === undefined ? undefined : { constant: last, ties: first.ties } });
    if (splits === undefined) return files;
    const folder = join(context.folder, `round-${round++}`);
    await mkdir(folder);
    const readable = await context.open(scan, splits);
    let output: TaskOutput;
    try {
      output = await kernel.run(
        {
          root: context.filtered({ ...top, limit: wanted }),
          session,
          scans: { [scan.scan]: readable },
          inputs: {},
          outputFolder: folder,
          exchange: undefined,
          readableFolders: context.readableFolders(),
        },
        signal,
      );
    } catch (error) {
      throw await context.explained(error, readable);
    } finally {
      if (readable.kind === 'sql') await readable.release();
    }
    rows *= 2;
    if (output.rows === 0) continue;
    files.push(...output.files.map(({ name }) => join(folder, name)));
    found += output.rows;
    if (found >= wanted) last = await lastKey(request, files, wanted);
  }
}

/** The sort key, by which parts are told apart, of the last of the first `wanted` rows. */
async function lastKey(request: FirstRowsRequest, files: readonly string[], wanted: number): Promise<Constant> {
  const { sort, first, context } = request;
  const { kernel, session, signal } = context;
  const { first: _first, offset: _offset, ...top } = sort;
  const expr = sort.keys[first.key]?.expr;
  if (expr === undefined) throw internal('a top-N without its key');
  const field: Field = { id: KEY, name: 'key', type: typeOf(expr) };
  const input: Operator = { ...top, limit: wanted, input: { kind: 'exchange_read', stage: 0, fields: fieldsOf(sort.input) } };
  const outputFolder = join(context.folder, `last-${files.length}`);
  await mkdir(outputFolder);
  const output = await kernel.run(
    {
      root: { kind: 'project', input: { kind: 'limit', input, limit: 1, offset: wanted - 1 }, items: [{ field, expr }] },
      session,
      scans: {},
      inputs: { '0': files },
      outputFolder,
      exchange: undefined,
      inlineBytes: 1 << 20,
      readableFolders: context.readableFolders(),
    },
    signal,
  );
  const paths = output.inline === undefined ? output.files.map(({ name }) => join(outputFolder, name)) : [output.inline];
  for await (const batch of kernel.read(paths, [field], signal)) {
    const value = batch.kind === 'columns' && batch.rowCount === 1 ? batch.columns[0]?.[0] : undefined;
    if (value === undefined) break;
    return { kind: 'constant', type: field.type, value: value === null ? null : formatValue(field.type, value, { timeZone: 'UTC' }) };
  }
  throw internal('the last row of a top-N is missing');
}

/** No other column's id. */
const KEY = 0;
