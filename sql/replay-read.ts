import { taggedNode } from './parse-tree.js';
import type { SourceText } from './source-text.js';
import { type Argument, literalText } from './timeline-options.js';

/** What a statement reads by a replay function, for statistics. */
export interface ReplayRead {
  readonly function: string;
  /** The table's or WITH query's name, or `subquery`. */
  readonly source: string;
  /** Arguments by name: the text of a literal, a parameter, or what was written. */
  readonly args: Readonly<Record<string, string | { readonly parameter: number }>>;
}

/** Statistics are kept by the thousand. */
const MOST_CHARACTERS = 200;

export function replayRead(source: SourceText, name: string, from: string | undefined, named: ReadonlyMap<string, Argument>): ReplayRead {
  const args: Record<string, ReplayRead['args'][string]> = {};
  for (const [key, arg] of named) {
    const whole = taggedNode(arg.value);
    // A cast of a literal or parameter is told as what is cast.
    const value = whole.tag === 'TypeCast' ? whole.body['arg'] : arg.value;
    const { tag, body } = taggedNode(value);
    const number = tag === 'ParamRef' ? Number(body['number']) : undefined;
    const written = (): string =>
      source
        .render(arg.valueStart, arg.valueEnd, [])
        .map(({ text }) => text)
        .join('')
        .trim();
    args[key] = number === undefined ? (literalText(value) ?? written()).slice(0, MOST_CHARACTERS) : { parameter: number };
  }
  return { function: name, source: (from ?? 'subquery').slice(0, MOST_CHARACTERS), args };
}

/** The reads with the parameters' values, as JSON keeps them: `{"function": …, "source": …, "stream": …, "until": …}`. */
export function readsWith(
  reads: readonly ReplayRead[],
  parameters: readonly (string | null)[],
): readonly Readonly<Record<string, string | null>>[] {
  return reads.map(({ function: name, source, args }) => ({
    function: name,
    source,
    ...Object.fromEntries(
      Object.entries(args).map(([key, value]) => [
        key,
        typeof value === 'string' ? value : (parameters[value.parameter - 1]?.slice(0, MOST_CHARACTERS) ?? null),
      ]),
    ),
  }));
}
