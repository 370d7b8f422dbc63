import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, gunzip, gzip } from 'node:zlib';
import type { TimelineOperator } from '../../../planner/physical-plan.js';
import { TimelineError } from '../../../sql/errors.js';
import { Oid, type } from '../../../sql/types.js';
import { firstAtOrAfter } from '../../timeline/ascending.js';
import type { EventBatch, KernelState, TimelineKernel } from '../../timeline/kernel.js';
import type { SpanBatch } from '../../timeline/span-rows.js';
import { damagedState } from '../../timeline/state-error.js';
import type { CarriedState, TaskRequest } from '../kernel.js';
import { sliceVector, valueReader } from './vectors.js';

const TIMESTAMPTZ = type(Oid.timestamptz);
/** A state is text of about so many bytes at most; a larger one is not kept, nor read. */
const MOST_BYTES = 400 * 2 ** 20;

export interface CarryFolder {
  readonly carries: TaskRequest['carries'];
  /** Where states to be kept are written. */
  readonly folder: string;
}

/** The kept state that an operator begins with. */
export function beginOf({ carry }: TimelineOperator, carries: TaskRequest['carries']): CarriedState | undefined {
  return carry === undefined ? undefined : carries?.begin[carry.scan];
}

/** States of one operator's run: the one that it begins with, and those that it leaves at certain instants. */
export class CarriedRun {
  readonly #op: TimelineOperator;
  readonly #folder: string;
  readonly #begin: number;
  /** Ascending. */
  #points: readonly { readonly at: number; readonly key: string }[];
  readonly #saved: Record<string, string> = {};
  readonly #remarks: string[] = [];

  /** `end`: the run sees no events from here on; undefined: it sees none at all. */
  constructor(op: TimelineOperator, { carries, folder }: CarryFolder, end: number | undefined) {
    const { carry, spec } = op;
    this.#op = op;
    this.#folder = folder;
    this.#begin = Number(beginOf(op, carries)?.at ?? -Infinity);
    const last = end === undefined || Number(spec.since ?? -Infinity) >= end ? -Infinity : end;
    this.#points = (carry?.save ?? [])
      .filter(({ key }) => carries?.missing.includes(key) === true)
      .map(({ at, key }) => ({ at: Number(at), key }))
      .filter(({ at }) => at > this.#begin && at <= last)
      .sort((a, b) => a.at - b.at);
  }

  /** Files of states, in the folder, by key. */
  get saved(): Readonly<Record<string, string>> {
    return this.#saved;
  }

  /** Why states were not saved. The query's own answer needs none of them. */
  get remarks(): readonly string[] {
    return this.#remarks;
  }

  /** Pushes events in time order, without those that the first state knows; gives rows. */
  async *push(kernel: TimelineKernel, batch: EventBatch): AsyncGenerator<SpanBatch> {
    const times = timesOf(batch, this.#op.spec.ts);
    let from = firstAtOrAfter(times, this.#begin);
    for (let [point] = this.#points; point !== undefined; [point] = this.#points) {
      const to = firstAtOrAfter(times, point.at);
      if (to === batch.rowCount) break;
      if (to > from) yield* given(kernel.push(sliced(batch, from, to)));
      from = to;
      yield* this.#save(kernel);
    }
    if (from < batch.rowCount) yield* given(kernel.push(sliced(batch, from, batch.rowCount)));
  }

  /** After the last events. */
  async *end(kernel: TimelineKernel): AsyncGenerator<SpanBatch> {
    while (this.#points.length > 0) yield* this.#save(kernel);
  }

  async *#save(kernel: TimelineKernel): AsyncGenerator<SpanBatch> {
    const [point, ...rest] = this.#points;
    if (point === undefined) return;
    this.#points = rest;
    yield* given(kernel.advance(point.at));
    const state = kernel.save();
    const name = `carry-${Object.keys(this.#saved).length}.json.gz`;
    try {
      // a RangeError, if it is longer than any text may be
      const text = JSON.stringify(state);
      if (text.length > MOST_BYTES) return;
      await writeFile(join(this.#folder, name), await promisify(gzip)(text, { level: constants.Z_BEST_SPEED }));
    } catch (error) {
      this.#remarks.push(
        `timeline: its state could not be kept for later queries: ${error instanceof Error ? error.message : String(error)}`,
      );
      return;
    }
    this.#saved[point.key] = name;
  }
}

/** Gives the kernel the state that its run begins with. */
export async function loadCarried(op: TimelineOperator, carries: TaskRequest['carries'], kernel: TimelineKernel): Promise<void> {
  const begin = beginOf(op, carries);
  if (begin === undefined) return;
  try {
    const bytes = await promisify(gunzip)(await readFile(begin.path), { maxOutputLength: MOST_BYTES });
    const state: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof state !== 'object' || state === null) throw damagedState();
    kernel.load(state as KernelState);
  } catch (error) {
    throw new TimelineError({
      kind: 'connector',
      sqlstate: '58030',
      message: `a kept state of timeline() cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      hint: 'SET timeline.carry = off reads all events instead.',
      cause: error,
    });
  }
}

/** Of events in order; those without a time come last. */
function timesOf(batch: EventBatch, ts: number): Float64Array {
  const vector = batch.columns.get(ts);
  if (vector?.kind === 'numbers' && vector.valid === undefined && vector.values instanceof Float64Array) return vector.values;
  const read = vector === undefined ? () => null : valueReader(vector, TIMESTAMPTZ);
  return Float64Array.from({ length: batch.rowCount }, (_, row) => {
    const time = read(row);
    return time === null ? Infinity : Number(time);
  });
}

function sliced({ rowCount, columns }: EventBatch, from: number, to: number): EventBatch {
  if (from === 0 && to === rowCount) return { rowCount, columns };
  return { rowCount: to - from, columns: new Map([...columns].map(([id, vector]) => [id, sliceVector(vector, from, to)])) };
}

function given(rows: SpanBatch | undefined): readonly SpanBatch[] {
  return rows === undefined ? [] : [rows];
}
