import { equality } from '../../sql/functions/state-functions.js';
import type { Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { Clock } from './clock.js';
import { BOXED, FALSE_ID, type Interner, type Interners, TRUE_ID } from './interner.js';
import { LeafKind, type LeafState } from './leaf-state.js';
import type { Evaluate } from './scalar.js';
import type { Float64Slots, SlotTable } from './slot-table.js';
import { equalIsSame } from './value-identity.js';
import { CodeSlots, isNumber, NumberSlots } from './value-store.js';

/** Where a signal's value comes from: straight from a leaf, or from an expression. */
const Source = { codeLeaf: 0, existedLeaf: 1, withinLeaf: 2, expression: 3, numbers: 4 } as const;

/** One signal: its value now, and the value that each key's open span has. Objects of one shape, as leaves are. */
export class SignalState {
  readonly #source: number;
  readonly #clock: Clock;
  readonly #leafCodes: CodeSlots;
  readonly #leafSeen: LeafState['seen'];
  readonly #leafTimes: Float64Slots;
  // the columns' own arrays, until they grow
  #heldIds: Int32Array = new Int32Array();
  #leafIds: Int32Array = new Int32Array();
  #leafExisted: Uint8Array = new Uint8Array();
  #leafUntil: Float64Array = new Float64Array();
  readonly #held: CodeSlots;
  readonly #heldNumbers: NumberSlots;
  readonly #interner: Interner;
  readonly #equal: (a: Value, b: Value) => boolean;
  /** The value now. */
  readonly current: Evaluate;
  /** Of what the settled steps are asked: does one of these bits say that the value may have changed? */
  readonly bit: number;
  /** Varies continuously: not part of the tuple that splits spans. */
  readonly numerical: boolean;
  /** May the value change without being different (1.0, 1.00)? Then each span takes it anew. */
  readonly alwaysHeld: boolean;

  constructor(options: {
    readonly type: Type;
    readonly current: Evaluate;
    /** The leaf that the signal is. */
    readonly leaf: LeafState | undefined;
    readonly numerical: boolean;
    readonly bit: number;
    readonly clock: Clock;
    readonly table: SlotTable;
    readonly name: string;
    readonly interners: Interners;
  }) {
    const { type, leaf, table, name, interners, numerical } = options;
    this.current = options.current;
    this.bit = options.bit;
    this.numerical = numerical;
    this.alwaysHeld = numerical || !equalIsSame(type);
    this.#clock = options.clock;
    this.#interner = interners.of(type);
    this.#equal = equality(type);
    const asNumber = isNumber(type);
    this.#heldNumbers = new NumberSlots(name, type);
    this.#held = new CodeSlots(name, this.#interner);
    table.add(asNumber ? this.#heldNumbers : this.#held);
    this.#leafCodes = leaf?.codes ?? this.#held;
    this.#leafSeen = leaf?.seen ?? this.#heldNumbers.flags;
    this.#leafTimes = leaf?.times ?? this.#heldNumbers.numbers;
    this.#source = asNumber ? Source.numbers : sourceOf(leaf, this.#interner);
  }

  /** To be called when the tables have grown. */
  refresh(): void {
    this.#heldIds = this.#held.codes.data;
    this.#leafIds = this.#leafCodes.codes.data;
    this.#leafExisted = this.#leafSeen.data;
    this.#leafUntil = this.#leafTimes.data;
  }

  /** Is the value now different from the open span's? */
  changed(slot: number): boolean {
    if (this.#source === Source.numbers) return !this.#heldNumbers.holds(slot, this.current(slot));
    const held = this.#heldIds[slot] as number;
    const code = this.#code(slot);
    if (code !== BOXED && held !== BOXED) return !this.#interner.equal(code, held);
    const a = this.#held.get(slot);
    const b = this.current(slot);
    return a === null || b === null ? a !== b : !this.#equal(a, b);
  }

  /** The open span gets the value now. */
  hold(slot: number): void {
    if (this.#source === Source.numbers) {
      this.#heldNumbers.set(slot, this.current(slot));
      return;
    }
    const code = this.#code(slot);
    this.#heldIds[slot] = code;
    if (code === BOXED) this.#held.boxes.set(slot, this.current(slot));
  }

  held(slot: number): Value | null {
    return this.#source === Source.numbers ? this.#heldNumbers.get(slot) : this.#held.get(slot);
  }

  /** The id of the open span's value; undefined: the signal's values have none. */
  get heldCodes(): CodeSlots | undefined {
    return this.#source === Source.numbers ? undefined : this.#held;
  }

  #code(slot: number): number {
    switch (this.#source) {
      case Source.codeLeaf: {
        const code = this.#leafIds[slot] as number;
        return this.#leafUntil.length === 0 || this.#clock.now < (this.#leafUntil[slot] as number) ? code : 0;
      }
      case Source.existedLeaf:
        return this.#leafExisted[slot] === 1 ? TRUE_ID : FALSE_ID;
      case Source.withinLeaf:
        return this.#clock.now < (this.#leafUntil[slot] as number) ? TRUE_ID : FALSE_ID;
      default: {
        const value = this.current(slot);
        // most often nothing changes, and a look is cheaper than a search
        const held = this.#heldIds[slot] as number;
        return held > 0 && this.#interner.values[held] === value ? held : this.#interner.id(value);
      }
    }
  }
}

function sourceOf(leaf: LeafState | undefined, interner: Interner): number {
  switch (leaf?.kind) {
    case LeafKind.code:
      return leaf.interner === interner ? Source.codeLeaf : Source.expression;
    case LeafKind.existed:
      return Source.existedLeaf;
    case LeafKind.within:
      return Source.withinLeaf;
    default:
      return Source.expression;
  }
}
