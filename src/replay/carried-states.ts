import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { TableColumn, TablePredicate } from '../../connectors/connector.js';
import { instantText } from '../../planner/instant.js';
import { operatorsIn } from '../../planner/logical-plan.js';
import type { Operator, PruningStep, TimelineCarry } from '../../planner/physical-plan.js';
import { timeBound } from '../../planner/time-bound.js';
import type { CarriedState, TaskOutput } from '../kernel/kernel.js';
import type { StageStore } from './stage-store.js';

/** What is there of the states that a stage's timeline operators begin with (of each the latest), and which are to be kept. */
export interface Carries {
  /** By TimelineCarry.scan. */
  readonly begin: Readonly<Record<string, CarriedState>>;
  readonly missing: readonly string[];
  /** Of states that are damaged: they count as missing, and are kept anew. */
  readonly remarks: readonly string[];
}

export async function carriesOf(root: Operator, store: StageStore): Promise<Carries | undefined> {
  const wanted = carriesIn(root);
  if (wanted.length === 0) return undefined;
  const there = await store.carries();
  const begin: Record<string, CarriedState> = {};
  const damaged = new Set<string>();
  const remarks: string[] = [];
  for (const { scan, load } of wanted) {
    for (const { at, key } of load) {
      if (!there.has(key) || damaged.has(key)) continue;
      try {
        const path = await store.carry(key);
        await checked(path);
        begin[scan] = { at, path };
        break;
      } catch (error) {
        damaged.add(key);
        const why = error instanceof Error ? error.message : String(error);
        remarks.push(`timeline: a kept state of ${instantText(at)} cannot be read, so events before it are: ${why}`);
      }
    }
  }
  const missing = wanted.flatMap(({ save }) => save.map(({ key }) => key)).filter((key) => !there.has(key) || damaged.has(key));
  return { begin, missing, remarks };
}

/** Rejects for a file that is not whole: gzip ends with a checksum. Nothing that it skips could be read again later. */
async function checked(path: string): Promise<void> {
  const nothing = new Writable({ write: (_chunk, _encoding, done) => done() });
  await pipeline(createReadStream(path), createGunzip(), nothing);
}

/** What a scan need not read then: events before the state's time. */
export function laterEvents(root: Operator, scan: string, state: CarriedState): TablePredicate | undefined {
  for (const op of operatorsIn(root)) {
    if (op.kind !== 'scan' || op.scan !== scan) continue;
    const carry = carriesIn(root).find((one) => one.scan === scan);
    const field = op.fields.find(({ id }) => id === carry?.column);
    if (field === undefined) return undefined;
    return timeBound<TableColumn>({ kind: 'table_column', name: field.name, type: field.type }, '>=', state.at);
  }
  return undefined;
}

/** For EXPLAIN ANALYZE: what a state saved reading. */
export function earlierEvents({ at }: CarriedState, skipped: { readonly files: number; readonly rows: number }): PruningStep {
  const [files, rows] = [
    `${skipped.files} ${skipped.files === 1 ? 'file' : 'files'}`,
    `${skipped.rows} ${skipped.rows === 1 ? 'row' : 'rows'}`,
  ];
  return { step: 'kept state', before: skipped.rows, after: 0, note: `of ${instantText(at)}; ${files} before it not read (${rows})` };
}

/** Keeps what the task saved; gives remarks. A state that cannot be kept costs the next query time, this one nothing. */
export async function keepStates(output: TaskOutput, folder: string, store: StageStore): Promise<readonly string[]> {
  const remarks: string[] = [];
  for (const [key, name] of Object.entries(output.carries ?? {})) {
    try {
      await store.keepCarry(key, join(folder, name));
    } catch (error) {
      remarks.push(`timeline: its state could not be kept for later queries: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return remarks;
}

function carriesIn(root: Operator): readonly TimelineCarry[] {
  return [...operatorsIn(root)].flatMap((op) => (op.kind === 'timeline' && op.carry !== undefined ? [op.carry] : []));
}
