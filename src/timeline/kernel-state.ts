import type { KernelState } from './kernel.js';
import { SlotTable } from './slot-table.js';
import { damagedState } from './state-error.js';

/** A kernel's columns, by how long they matter. */
export class KernelTables {
  /** State that a later window goes on from. */
  readonly lasting = new SlotTable();
  /** State of this window. */
  readonly window = new SlotTable();
  /** What follows from the rest. */
  readonly work = new SlotTable();

  ensure(slots: number): void {
    this.lasting.ensure(slots);
    this.window.ensure(slots);
    this.work.ensure(slots);
  }

  reset(slot: number): void {
    this.lasting.reset(slot);
    this.window.reset(slot);
    this.work.reset(slot);
  }
}

/** What a KernelState's `data` holds. Lists of columns are by slot. */
export interface SavedKernel {
  /** All events before it are in the state: microseconds. */
  readonly to: number;
  readonly since: number;
  /** Hash of what the spans under way depend on. */
  readonly output: string;
  readonly keys: unknown;
  readonly begun: Uint8Array;
  readonly lasting: unknown;
  readonly window: unknown;
  readonly dedupe: unknown;
}

export function writeState(shape: string, saved: SavedKernel): KernelState {
  const { to, since, output, keys, begun, lasting, window, dedupe } = saved;
  return {
    version: 1,
    shape,
    data: {
      to: String(to),
      since: String(since),
      output,
      keys,
      begun: Buffer.from(begun).toString('base64'),
      states: lasting,
      held: window,
      dedupe: dedupe ?? null,
    },
  };
}

export function readState({ data }: KernelState): SavedKernel {
  if (typeof data !== 'object' || data === null) throw damagedState();
  const { to, since, output, keys, begun, states, held, dedupe } = data as Readonly<Record<string, unknown>>;
  if (typeof begun !== 'string' || typeof output !== 'string') throw damagedState();
  return {
    to: numberOf(to),
    since: numberOf(since),
    output,
    keys,
    begun: Buffer.from(begun, 'base64'),
    lasting: states,
    window: held,
    dedupe,
  };
}

function numberOf(text: unknown): number {
  const number = typeof text === 'string' ? Number(text) : Number.NaN;
  if (Number.isNaN(number)) throw damagedState();
  return number;
}
