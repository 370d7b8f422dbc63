import type { StateExpr, StateLeaf, TimelineSpec } from '../../planner/timeline-spec.js';
import { thresholdOf } from '../../planner/timeline-threshold.js';
import { internal } from '../../sql/errors.js';
import { typeOf } from '../../sql/expression-type.js';
import { equality } from '../../sql/functions/state-functions.js';
import type { Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { Clock } from './clock.js';
import { type Leaf, makeLeaf } from './leaves.js';
import { compileScalar, type Evaluate } from './scalar.js';
import type { PostgresCompute } from './state-fallback.js';
import {
  durationInState,
  durationWhere,
  type NumericalNode,
  type StateNode,
  stateHasExisted,
  stateHasExistedWithin,
} from './state-nodes.js';

/** A signal at clock.now, once settled. */
export interface SignalNode {
  value(): Value | null;
  /** Varies continuously: not part of the tuple that splits spans. */
  readonly numerical: boolean;
  readonly same: (a: Value, b: Value) => boolean;
}

/** A spec's operators as closures over one clock and one key's state. */
export interface Program {
  readonly leaves: readonly Leaf[];
  /** Stateful nodes; when there are none, moments that give no output need not be looked at. */
  readonly nodes: readonly StateNode[];
  readonly signals: readonly SignalNode[];
  /** Settles nodes and signals, each after what it reads. */
  readonly settle: () => void;
  /** The next time after clock.now at which something changes without an event. */
  readonly deadline: () => number;
  reset(): void;
}

interface ProgramOptions {
  readonly spec: TimelineSpec;
  readonly clock: Clock;
  readonly inputType: (id: number) => Type;
  /** Value of key column n of the open key. */
  readonly key: (n: number) => Value | null;
  readonly postgres: PostgresCompute | undefined;
}

export function makeProgram(options: ProgramOptions): Program {
  return new Builder(options).build();
}

class Builder {
  readonly #options: ProgramOptions;
  readonly #leaves: readonly Leaf[];
  readonly #nodes: StateNode[] = [];
  /** Shared by equal operators. */
  readonly #byText = new Map<string, StateNode>();
  readonly #steps: (() => void)[] = [];
  readonly #deadlines: (() => number)[] = [];
  readonly #values: (Value | null)[] = [];

  constructor(options: ProgramOptions) {
    this.#options = options;
    this.#leaves = options.spec.leaves.map((leaf) => makeLeaf(leaf, options.clock, options.inputType));
    options.spec.leaves.forEach((leaf, n) => {
      const node = this.#leaves[n];
      if (node !== undefined && (leaf.op === 'has_existed_within' || (leaf.op === 'latest' && leaf.ttl !== undefined)))
        this.#deadlines.push(node.deadline);
    });
  }

  build(): Program {
    const signals = this.#options.spec.signals.map((signal, n): SignalNode => {
      const same = equality(signal.type);
      if (signal.numerical) {
        const node = this.#numerical(signal.expr);
        if (node === undefined) throw internal(`timeline: signal ${signal.name} is no duration`);
        return { value: node.value, numerical: true, same };
      }
      const values = this.#values;
      const evaluate = this.#compile(signal.expr);
      this.#steps.push(() => {
        values[n] = evaluate();
      });
      return { value: () => values[n] ?? null, numerical: false, same };
    });
    const [steps, deadlines, leaves, nodes] = [this.#steps, this.#deadlines, this.#leaves, this.#nodes];
    return {
      leaves,
      nodes,
      signals,
      settle: () => {
        for (const step of steps) step();
      },
      deadline: () => {
        let next = Infinity;
        for (const deadline of deadlines) next = Math.min(next, deadline());
        return next;
      },
      reset: () => {
        for (const leaf of leaves) leaf.reset();
        for (const node of nodes) node.reset();
      },
    };
  }

  #compile(expr: StateExpr): Evaluate {
    return compileScalar(expr, {
      timeZone: this.#options.spec.timeZone,
      postgres: this.#options.postgres,
      leaf: (leaf) => this.#leaf(leaf),
      instead: (inner) => this.#threshold(inner),
    });
  }

  #leaf(leaf: Exclude<StateLeaf, { readonly kind: 'case_arg' }>): Evaluate {
    switch (leaf.kind) {
      case 'leaf': {
        const node = this.#leaves[leaf.index];
        if (node === undefined) throw internal(`timeline: no leaf ${leaf.index}`);
        return node.value;
      }
      case 'key':
        return () => this.#options.key(leaf.index);
      case 'signal': {
        const numerical = this.#numerical(leaf);
        if (numerical !== undefined) return numerical.value;
        const values = this.#values;
        const { index } = leaf;
        return () => values[index] ?? null;
      }
      case 'state_op':
        return this.#node(leaf).value;
    }
  }

  #node(leaf: Extract<StateLeaf, { readonly kind: 'state_op' }>): StateNode {
    const text = JSON.stringify(leaf);
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    // the argument's own nodes come first, in #nodes and in #steps
    const arg = this.#compile(leaf.arg);
    const { clock } = this.#options;
    const node = ((): StateNode => {
      switch (leaf.op) {
        case 'has_existed':
          return stateHasExisted(arg);
        case 'has_existed_within':
          return stateHasExistedWithin(arg, Number(leaf.within), clock);
        case 'duration_where':
          return durationWhere(arg, clock);
        case 'duration_in_state':
          return durationInState(arg, equality(typeOf<StateLeaf>(leaf.arg)), clock);
      }
    })();
    this.#byText.set(text, node);
    this.#nodes.push(node);
    this.#steps.push(node.settle);
    if (leaf.op === 'has_existed_within') this.#deadlines.push(node.deadline);
    return node;
  }

  /** The duration that an expression is, or undefined if it is none. */
  #numerical(expr: StateExpr): NumericalNode | undefined {
    if (expr.kind === 'signal') {
      const signal = this.#options.spec.signals[expr.index];
      return signal?.numerical ? this.#numerical(signal.expr) : undefined;
    }
    if (expr.kind !== 'state_op' || (expr.op !== 'duration_where' && expr.op !== 'duration_in_state')) return undefined;
    return this.#node(expr) as NumericalNode;
  }

  /** `n >= c`, `n < c` and their mirrors, with a timer for the crossing. */
  #threshold(expr: StateExpr): Evaluate | undefined {
    const found = thresholdOf(expr);
    if (found === undefined) return undefined;
    const node = this.#numerical(found.numerical);
    if (node === undefined) return undefined;
    const { target, below } = found;
    if (target === null) return () => null;
    this.#deadlines.push(() => node.reaches(target));
    return () => node.micros() >= target !== below;
  }
}
