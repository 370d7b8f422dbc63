import type { TimelineLeaf } from '../../planner/timeline-spec.js';
import type { Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { BatchColumns } from './batch-columns.js';
import type { Clock } from './clock.js';
import { BOXED, type Interner, type Interners } from './interner.js';
import { type RunningSum, runningSum } from './running-sum.js';
import { Float64Slots, type SlotTable, Uint8Slots } from './slot-table.js';
import type { TouchMarks } from './touch-marks.js';
import { BOXED_FLAG, CodeSlots, isNumber, NULL_FLAG, NUMBER_FLAG, NumberSlots } from './value-store.js';

/** What a leaf holds and how an event changes it. */
export const LeafKind = { code: 0, number: 1, existed: 2, within: 3, count: 4, sum: 5, lastTime: 6 } as const;

const NO_TIMES = new Float64Slots('', -Infinity);
const NO_FLAGS = new Uint8Slots('');

/**
 * The state of one leaf, of all open keys. All kinds have the same fields, some of them unused: the loop over events reads leaves of any
 * kind in turn, and is fast only if they are objects of one shape.
 */
export class LeafState {
  readonly kind: number;
  /** latest of a type with ids, of one held as numbers. */
  readonly codes: CodeSlots | undefined;
  readonly numbers: NumberSlots | undefined;
  readonly interner: Interner | undefined;
  readonly sum: RunningSum | undefined;
  /** latest with ttl, has_existed_within: until when; last_event_time: that; count_so_far: the count. */
  readonly times: Float64Slots;
  /** has_existed: 1 once it has. latest_when: 1 once something was taken, perhaps NULL. */
  readonly seen: Uint8Slots;
  /** ttl or width; Infinity: none. */
  readonly length: number;
  /** Bits of the steps that read the leaf. */
  readers = 0;

  // the columns' own arrays, until they grow
  #ids: Int32Array = new Int32Array();
  #until: Float64Array = new Float64Array();
  #existed: Uint8Array = new Uint8Array();

  rowCodes: Int32Array = new Int32Array();
  rowNumbers: Float64Array = new Float64Array();
  rowFlags: Uint8Array = new Uint8Array();
  rowValue: (row: number) => Value | null = () => null;

  constructor(
    readonly leaf: TimelineLeaf,
    options: { readonly table: SlotTable; readonly name: string; readonly interners: Interners; readonly inputType: (id: number) => Type },
  ) {
    const { table, name, interners, inputType } = options;
    this.times = NO_TIMES;
    this.seen = NO_FLAGS;
    this.length = Infinity;
    switch (leaf.op) {
      case 'latest':
      case 'latest_when': {
        const type = inputType(leaf.value);
        if (isNumber(type)) this.numbers = table.add(new NumberSlots(name, type));
        else this.codes = table.add(new CodeSlots(name, interners.of(type)));
        this.interner = this.codes?.interner;
        this.kind = this.codes === undefined ? LeafKind.number : LeafKind.code;
        if (leaf.op === 'latest_when') this.seen = table.uint8(`${name} seen`);
        if (leaf.op === 'latest' && leaf.ttl !== undefined) {
          this.length = Number(leaf.ttl);
          this.times = table.float64(`${name} until`, -Infinity);
        }
        break;
      }
      case 'has_existed':
        this.kind = LeafKind.existed;
        this.seen = table.uint8(name);
        break;
      case 'has_existed_within':
        this.kind = LeafKind.within;
        this.length = Number(leaf.within);
        this.times = table.float64(name, -Infinity);
        break;
      case 'count_so_far':
        this.kind = LeafKind.count;
        this.times = table.float64(name, 0);
        break;
      case 'sum_so_far':
        this.kind = LeafKind.sum;
        this.sum = runningSum({ input: inputType(leaf.value), result: leaf.type, table, name });
        break;
      case 'last_event_time':
        this.kind = LeafKind.lastTime;
        this.times = table.float64(name, Number.NaN);
        break;
    }
  }

  /** Does it change without events, at `times`? */
  get expires(): boolean {
    return this.length !== Infinity;
  }

  /** To be called when the table has grown, before events. */
  refresh(): void {
    this.#ids = this.codes?.codes.data ?? this.#ids;
    this.#until = this.times.data;
    this.#existed = this.seen.data;
  }

  /** Takes a batch's columns; marks the rows that can touch the leaf with the bit of this number. */
  bind(columns: BatchColumns, rowCount: number, touch: TouchMarks, bit: number): void {
    const { leaf } = this;
    if (leaf.op === 'latest_when' || leaf.op === 'latest' || leaf.op === 'sum_so_far') {
      if (this.interner !== undefined) {
        const { codes, value, coded } = columns.codes(leaf.value, this.interner);
        this.rowCodes = codes;
        this.rowValue = value;
        if (leaf.op === 'latest') {
          if (coded === undefined) touch.mark(codes, bit, rowCount);
          else touch.markCodes(coded.codes, coded.byCode, bit);
        }
      } else if (this.numbers !== undefined || this.sum?.readsNumbers === true) {
        const { numbers, flags, value } = columns.numbers(leaf.value);
        this.rowNumbers = numbers;
        this.rowFlags = flags;
        this.rowValue = value;
        if (leaf.op !== 'latest_when') touch.mark(flags, bit, rowCount);
      } else {
        this.rowValue = columns.reader(leaf.value);
        const present = new Uint8Array(rowCount);
        for (let row = 0; row < rowCount; row++) present[row] = this.rowValue(row) === null ? 0 : 1;
        touch.mark(present, bit, rowCount);
      }
    }
    if (leaf.op === 'last_event_time' && leaf.when === undefined) {
      touch.markAll(bit, rowCount);
      return;
    }
    if (!('when' in leaf) || leaf.when === undefined) return;
    const coded = columns.codedFlags(leaf.when);
    if (coded === undefined) touch.mark(columns.flags(leaf.when), bit, rowCount);
    else touch.markCodes(coded.codes, coded.byCode, bit);
  }

  /** A row that touches the leaf; gives the bits of its readers if its value may have changed. */
  apply(slot: number, row: number, time: number): number {
    switch (this.kind) {
      case LeafKind.code: {
        const code = this.rowCodes[row] as number;
        if (this.#existed.length !== 0) this.#existed[slot] = 1;
        const same = this.#ids[slot] === code && code !== BOXED;
        if (!same) {
          this.#ids[slot] = code;
          if (code === BOXED) this.codes?.boxes.set(slot, this.rowValue(row));
        }
        return this.length === Infinity ? (same ? 0 : this.readers) : this.#extend(slot, time, same);
      }
      case LeafKind.number: {
        const { numbers, flags, boxes } = this.numbers as NumberSlots;
        const number = this.rowNumbers[row] as number;
        if (this.#existed.length !== 0) this.#existed[slot] = 1;
        const flag = this.rowFlags[row] as number;
        const same = flags.data[slot] === flag && (flag === NULL_FLAG || (flag === NUMBER_FLAG && Object.is(numbers.data[slot], number)));
        if (!same) {
          flags.data[slot] = flag;
          numbers.data[slot] = number;
          if (flag === BOXED_FLAG) boxes.set(slot, this.rowValue(row));
        }
        return this.length === Infinity ? (same ? 0 : this.readers) : this.#extend(slot, time, same);
      }
      case LeafKind.existed: {
        if (this.#existed[slot] === 1) return 0;
        this.#existed[slot] = 1;
        return this.readers;
      }
      case LeafKind.within:
        return this.#extend(slot, time, true);
      case LeafKind.count:
        this.times.data[slot] = (this.times.data[slot] as number) + 1;
        return this.readers;
      case LeafKind.sum: {
        const sum = this.sum as RunningSum;
        if (sum.readsNumbers && this.rowFlags[row] === NUMBER_FLAG) sum.addNumber(slot, this.rowNumbers[row] as number);
        else sum.add(slot, this.rowValue(row) as Value);
        return this.readers;
      }
      default: {
        const { data } = this.times;
        if (data[slot] === time) return 0;
        data[slot] = time;
        return this.readers;
      }
    }
  }

  #extend(slot: number, time: number, same: boolean): number {
    const running = time < (this.#until[slot] as number);
    this.#until[slot] = time + this.length;
    return same && running ? 0 : this.readers;
  }

  /** As if the events that `other` has seen under a slot of its own had come after those seen here. */
  absorb(slot: number, other: LeafState, from: number): void {
    const store = this.codes ?? this.numbers;
    const time = other.times.data[from] as number;
    switch (this.kind) {
      case LeafKind.code:
      case LeafKind.number: {
        const value = (other.codes ?? other.numbers)?.get(from) ?? null;
        if (value === null && other.seen.data[from] !== 1) return;
        store?.set(slot, value);
        if (this.expires) this.times.data[slot] = time;
        if (this.leaf.op === 'latest_when') this.seen.data[slot] = 1;
        return;
      }
      case LeafKind.existed:
        if (other.seen.data[from] === 1) this.seen.data[slot] = 1;
        return;
      case LeafKind.within:
        if (time !== -Infinity) this.times.data[slot] = time;
        return;
      case LeafKind.count:
        this.times.data[slot] = (this.times.data[slot] as number) + time;
        return;
      case LeafKind.sum:
        if (other.sum !== undefined) this.sum?.add(slot, other.sum.value(from));
        return;
      default:
        if (!Number.isNaN(time)) this.times.data[slot] = time;
    }
  }

  /** At clock.now. */
  evaluator(clock: Clock): (slot: number) => Value | null {
    const { times, seen } = this;
    switch (this.kind) {
      case LeafKind.code:
      case LeafKind.number: {
        const store = (this.codes ?? this.numbers) as CodeSlots | NumberSlots;
        if (!this.expires) return (slot) => store.get(slot);
        return (slot) => (clock.now < (times.data[slot] as number) ? store.get(slot) : null);
      }
      case LeafKind.existed:
        return (slot) => seen.data[slot] === 1;
      case LeafKind.within:
        return (slot) => clock.now < (times.data[slot] as number);
      case LeafKind.count:
        return (slot) => BigInt(times.data[slot] as number);
      case LeafKind.sum: {
        const sum = this.sum as RunningSum;
        return (slot) => sum.value(slot);
      }
      default:
        return (slot) => {
          const time = times.data[slot] as number;
          return Number.isNaN(time) ? null : BigInt(time);
        };
    }
  }
}
