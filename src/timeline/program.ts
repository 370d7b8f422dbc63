import { createHash } from 'node:crypto';
import type { StateExpr, StateLeaf, TimelineSpec } from '../../planner/timeline-spec.js';
import { thresholdOf } from '../../planner/timeline-threshold.js';
import { internal } from '../../sql/errors.js';
import { typeOf } from '../../sql/expression-type.js';
import type { Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { Clock } from './clock.js';
import { Interners } from './interner.js';
import { LeafState } from './leaf-state.js';
import { compileScalar, type Evaluate } from './scalar.js';
import { SignalState } from './signal-state.js';
import type { SlotTable } from './slot-table.js';
import { countsInside, leavesIn, nestingDepth, signalAt } from './state-dependencies.js';
import type { PostgresCompute } from './state-fallback.js';
import { memoised } from './state-memo.js';
import {
  DurationInStateNode,
  DurationWhereNode,
  HasExistedNode,
  HasExistedWithinNode,
  type NumericalNode,
  type StateNode,
} from './state-nodes.js';
import { valueStore } from './value-store.js';

/** A spec's operators over the states of all open keys. */
export interface Program {
  readonly leaves: readonly LeafState[];
  /** Leaves that change without events, at their `times`. */
  readonly timers: readonly LeafState[];
  /** Stateful nodes, each after those that it reads; when there are none, moments that give no output need not be looked at. */
  readonly nodes: readonly StateNode[];
  /** Durations whose crossing of a constant changes something. */
  readonly thresholds: readonly { readonly node: NumericalNode; readonly target: number }[];
  readonly signals: readonly SignalState[];
  /** The nodes' definitions, for the shape of a saved state. */
  readonly nodeTexts: readonly string[];
  /** Does a node's state (not only its own count) depend on `since`? */
  readonly sinceInside: boolean;
  /** Durations that count from `since`. */
  readonly durations: readonly NumericalNode[];
}

interface ProgramOptions {
  readonly spec: TimelineSpec;
  readonly clock: Clock;
  readonly inputType: (id: number) => Type;
  /** Value of key column n. */
  readonly key: (n: number, slot: number) => Value | null;
  /** State that a later window goes on from, and state of the rows under way. */
  readonly table: SlotTable;
  readonly heldTable: SlotTable;
  readonly postgres: PostgresCompute | undefined;
  /** Nodes nested deeper are only there to be saved; undefined: all are settled. */
  readonly depth: number | undefined;
}

/** Signals from this one on share a bit. */
const LAST_BIT = 27;
export const ALL_BITS = -1;

export function makeProgram(options: ProgramOptions): Program {
  return new Builder(options).build();
}

class Builder {
  readonly #options: ProgramOptions;
  readonly #interners = new Interners();
  readonly #leaves: readonly LeafState[];
  readonly #nodes: StateNode[] = [];
  readonly #nodeTexts: string[] = [];
  /** Shared by equal operators. */
  readonly #byText = new Map<string, StateNode>();
  readonly #thresholds: { readonly node: NumericalNode; readonly target: number }[] = [];
  readonly #durations: NumericalNode[] = [];
  readonly #currents: Evaluate[] = [];
  readonly #signalTexts = new Map<number, string>();

  constructor(options: ProgramOptions) {
    this.#options = options;
    const { table, inputType } = options;
    this.#leaves = options.spec.leaves.map(
      (leaf, n) => new LeafState(leaf, { table, name: `leaf ${n}`, interners: this.#interners, inputType }),
    );
  }

  build(): Program {
    const { spec, clock, heldTable } = this.#options;
    const read: { readonly bit: number; readonly leaves: ReadonlySet<number> }[] = [];
    const signals = spec.signals.map((signal, n): SignalState => {
      const node = signal.numerical ? this.#numerical(signal.expr) : undefined;
      if (signal.numerical && node === undefined) throw internal(`timeline: signal ${signal.name} is no duration`);
      const raw = node === undefined ? this.#compile(signal.expr) : (slot: number) => node.value(slot);
      const current = signal.expr.kind === 'leaf' ? raw : oncePerMoment(raw, clock);
      this.#currents.push(current);
      const bit = 1 << Math.min(n, LAST_BIT);
      read.push({ bit, leaves: leavesIn(signal.expr, spec) });
      return new SignalState({
        type: signal.type,
        current,
        leaf: signal.expr.kind === 'leaf' ? this.#leafAt(signal.expr.index) : undefined,
        numerical: signal.numerical,
        bit,
        clock,
        table: heldTable,
        name: `signal ${n}`,
        interners: this.#interners,
      });
    });
    // points without stateful nodes look at leaves only when they are made
    if (spec.emit === 'spans' || this.#nodes.length > 0)
      for (const { bit, leaves } of read) for (const index of leaves) this.#leafAt(index).readers |= bit;
    const depth = this.#options.depth ?? Infinity;
    return {
      leaves: this.#leaves,
      timers: this.#leaves.filter((leaf) => leaf.expires && leaf.readers !== 0),
      nodes: this.#nodes.filter((node) => node.depth <= depth),
      // none but deeper nodes, or signals, look at them
      thresholds: this.#thresholds.filter(({ node }) => node.depth < depth),
      signals,
      nodeTexts: this.#nodeTexts,
      sinceInside: countsInside(spec),
      durations: this.#durations,
    };
  }

  #leafAt(index: number): LeafState {
    const leaf = this.#leaves[index];
    if (leaf === undefined) throw internal(`timeline: no leaf ${index}`);
    return leaf;
  }

  #compile(expr: StateExpr): Evaluate {
    const { spec } = this.#options;
    const compile = (whole: StateExpr, memoise: boolean): Evaluate =>
      compileScalar(whole, {
        timeZone: spec.timeZone,
        postgres: this.#options.postgres,
        leaf: (leaf) => this.#leaf(leaf),
        instead: (inner) => {
          const threshold = this.#threshold(inner);
          if (threshold !== undefined || !memoise) return threshold;
          return memoised(
            inner,
            (index) => this.#leafAt(index),
            () => compile(inner, false),
          );
        },
      });
    return compile(expr, true);
  }

  #leaf(leaf: Exclude<StateLeaf, { readonly kind: 'case_arg' }>): Evaluate {
    switch (leaf.kind) {
      case 'leaf':
        return this.#leafAt(leaf.index).evaluator(this.#options.clock);
      case 'key': {
        const { key } = this.#options;
        return (slot) => key(leaf.index, slot);
      }
      case 'signal': {
        const current = this.#currents[leaf.index];
        if (current === undefined) throw internal(`timeline: signal ${leaf.index} is read before it is known`);
        return current;
      }
      case 'state_op': {
        const node = this.#node(leaf);
        return (slot) => node.value(slot);
      }
    }
  }

  #node(leaf: Extract<StateLeaf, { readonly kind: 'state_op' }>): StateNode {
    const text = this.#inlined(leaf);
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    // the argument's own nodes come first, in #nodes
    const arg = this.#compile(leaf.arg);
    const { clock, table } = this.#options;
    const name = `node ${hashOf(text)}`;
    const options = { arg, depth: nestingDepth(leaf, this.#options.spec), clock, table, name };
    const node = ((): StateNode => {
      switch (leaf.op) {
        case 'has_existed':
          return new HasExistedNode(options);
        case 'has_existed_within':
          return new HasExistedWithinNode(options, Number(leaf.within));
        case 'duration_where': {
          const duration = new DurationWhereNode(options);
          this.#durations.push(duration);
          return duration;
        }
        case 'duration_in_state':
          return new DurationInStateNode(options, valueStore(table, `${name} held`, typeOf<StateLeaf>(leaf.arg), this.#interners));
      }
    })();
    this.#byText.set(text, node);
    this.#nodes.push(node);
    this.#nodeTexts.push(text);
    return node;
  }

  /** Text of an expression; signals in it by their expressions, so that it means the same in another spec. */
  #inlined(expr: StateExpr): string {
    return JSON.stringify(expr, (_, part: unknown) => {
      const { kind, index } = (part ?? {}) as { readonly kind?: unknown; readonly index?: unknown };
      if (kind !== 'signal' || typeof index !== 'number') return part;
      let text = this.#signalTexts.get(index);
      if (text === undefined) {
        text = hashOf(this.#inlined(signalAt(this.#options.spec, index)));
        this.#signalTexts.set(index, text);
      }
      return text;
    });
  }

  /** The duration that an expression is, or undefined if it is none. */
  #numerical(expr: StateExpr): NumericalNode | undefined {
    if (expr.kind === 'signal') {
      const signal = this.#options.spec.signals[expr.index];
      return signal?.numerical ? this.#numerical(signal.expr) : undefined;
    }
    return isDuration(expr) ? (this.#node(expr) as NumericalNode) : undefined;
  }

  /** `n >= c`, `n < c` and their mirrors, with a timer for the crossing. */
  #threshold(expr: StateExpr): Evaluate | undefined {
    const found = thresholdOf(expr);
    if (found === undefined) return undefined;
    const node = this.#numerical(found.numerical);
    if (node === undefined) return undefined;
    const { target, below } = found;
    if (target === null) return () => null;
    this.#thresholds.push({ node, target });
    return (slot) => node.micros(slot) >= target !== below;
  }
}

function isDuration(expr: StateExpr): expr is Extract<StateLeaf, { readonly kind: 'state_op' }> {
  return expr.kind === 'state_op' && (expr.op === 'duration_where' || expr.op === 'duration_in_state');
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** Signals may read an earlier one many times, and that one an earlier one. */
function oncePerMoment(evaluate: Evaluate, clock: Clock): Evaluate {
  let moment = -1;
  let value: Value | null = null;
  return (slot) => {
    if (moment !== clock.moment) {
      value = evaluate(slot);
      moment = clock.moment;
    }
    return value;
  };
}
