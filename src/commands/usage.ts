import { parseArgs } from 'node:util';
import { TimelineError } from '../../sql/errors.js';

/** A command line that is wrong: exit code 2. */
export class UsageError extends TimelineError {
  constructor(message: string, hint = 'Run "timeline --help".') {
    super({ kind: 'syntax', sqlstate: '42601', message, hint });
  }
}

/** Ctrl-C: exit code 130. */
export class Interrupted extends TimelineError {
  constructor(message = 'interrupted') {
    super({ kind: 'cancelled', sqlstate: '57014', message });
  }
}

type Flags = Readonly<Record<string, 'text' | 'flag'>>;

export interface Given {
  readonly words: readonly string[];
  text(name: string): string | undefined;
  flag(name: string): boolean;
}

/** The words and options of a command; `-o` is short for `--output`. */
export function parseCommand(args: readonly string[], flags: Flags, hint?: string): Given {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, kind]) => [
      name,
      { type: kind === 'text' ? ('string' as const) : ('boolean' as const), ...(name === 'output' ? { short: 'o' } : {}) },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    return {
      words: positionals,
      text: (name) => (values[name] === undefined ? undefined : String(values[name])),
      flag: (name) => values[name] === true,
    };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), hint);
  }
}

/** Exactly so many words, named for the message. */
export function wordsOf(given: Given, names: readonly string[], command: string): readonly string[] {
  if (given.words.length === names.length) return given.words;
  const wanted = names.length === 0 ? 'no words' : names.join(' ');
  throw new UsageError(`timeline ${command} takes ${wanted}`, `Run "timeline ${command.split(' ')[0]} --help".`);
}

export type Format = 'table' | 'csv' | 'json';

export function formatOf(text: string): Format {
  if (text === 'table' || text === 'csv' || text === 'json') return text;
  throw new TimelineError({
    kind: 'syntax',
    sqlstate: '22023',
    message: `unknown format "${text.slice(0, 100)}"`,
    hint: 'table, csv or json.',
  });
}
