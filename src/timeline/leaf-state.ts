import type { TimelineLeaf } from '../../planner/timeline-spec.js';
import type { Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { BatchColumns } from './batch-columns.js';
import type { Clock } from './clock.js';
import { BOXED, type Interner, type Interners } from './interner.js';
import { type RunningSum, runningSum } from './running-sum.js';
import { Float64Slots, type SlotTable, Uint8Slots } from './slot-table.js';
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
  /** has_existed: 1 once it has. */
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
  bind(columns: BatchColumns, rowCount: number, touch: Int32Array, bit: number): void {
    const { leaf } = this;
    // without branches, which would be taken at random
    if (leaf.op === 'latest_when' || leaf.op === 'latest' || leaf.op === 'sum_so_far') {
      if (this.interner !== undefined) {
        const { codes, value } = columns.codes(leaf.value, this.interner);
        this.rowCodes = codes;
        this.rowValue = value;
        if (leaf.op === 'latest') mark(codes, touch, bit, rowCount);
      } else if (this.numbers !== undefined || this.sum?.readsNumbers === true) {
        const { numbers, flags, value } = columns.numbers(leaf.value);
        this.rowNumbers = numbers;
        this.rowFlags = flags;
        this.rowValue = value;
        if (leaf.op !== 'latest_when') mark(flags, touch, bit, rowCount);
      } else {
        this.rowValue = columns.reader(leaf.value);
        for (let row = 0; row < rowCount; row++) if (this.rowValue(row) !== null) touch[row] = (touch[row] as number) | (1 << bit);
      }
    }
    if (leaf.op === 'last_event_time' && leaf.when === undefined) {
      for (let row = 0; row < rowCount; row++) touch[row] = (touch[row] as number) | (1 << bit);
      return;
    }
    if (!('when' in leaf) || leaf.when === undefined) return;
    mark(columns.flags(leaf.when), touch, bit, rowCount);
  }

  /** A row that touches the leaf; gives the bits of its readers if its value may have changed. */
  apply(slot: number, row: number, time: number): number {
    switch (this.kind) {
      case LeafKind.code: {
        const code = this.rowCodes[row] as number;
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

/** The bit for rows whose element is not 0. */
function mark(elements: Int32Array | Uint8Array, touch: Int32Array, bit: number, rowCount: number): void {
  for (let row = 0; row < rowCount; row++) {
    const element = elements[row] as number;
    touch[row] = (touch[row] as number) | (((element | -element) >>> 31) << bit);
  }
}
