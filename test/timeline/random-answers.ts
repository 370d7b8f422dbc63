import type { Value } from '../../sql/value.js';
import { bruteForce, Tied } from './brute-force.js';
import { canonical, show } from './brute-values.js';
import type { RandomCase } from './random-timeline.js';

export type Rows = readonly (readonly (Value | null)[])[];
/** `ties`: two events without an order give one operator different values, and the case wants that to be an error. */
export type Answer = Rows | 'ties';

/** By the definitions. */
export function define(example: RandomCase): Answer {
  try {
    return bruteForce(example);
  } catch (error) {
    if (error instanceof Tied) return 'ties';
    throw error;
  }
}

/** Rows by key and time, each as text: of a key that is written in several ways, any will do. */
export function normal({ spec, types }: RandomCase, answer: Answer): readonly string[] {
  if (answer === 'ties') return ['ties'];
  const keys = spec.keys.map((id) => types.get(id)!);
  return answer
    .map((row) => ({ key: keys.map((of, n) => canonical(of, row[n]!)), rest: row.slice(keys.length).map((cell) => show(cell)) }))
    .map(({ key, rest }, n) => ({ text: [...key, ...rest].join(' | '), group: key.join('\0'), n }))
    .sort((a, b) => (a.group < b.group ? -1 : a.group > b.group ? 1 : a.n - b.n))
    .map(({ text }) => text);
}
