import { type TimelineError, unsupported } from './errors.js';
import { nearestName } from './nearest-name.js';
import { listOf, nameParts, type ParseNode, taggedNode } from './parse-tree.js';
import { quoteIdentifier } from './quote.js';
import type { Edit, SourceText } from './source-text.js';
import { signalColumn } from './timeline-marker.js';
import { type Argument, callError } from './timeline-options.js';

type Shape = readonly ('event' | 'state' | 'event_or_state' | 'constant')[];

/** Operators: how their arguments are read, and how many of them there must be. */
const OPERATORS: Readonly<Record<string, { readonly args: Shape; readonly min: number }>> = {
  latest: { args: ['event', 'constant'], min: 1 },
  latest_when: { args: ['event', 'event'], min: 2 },
  has_existed: { args: ['event_or_state'], min: 1 },
  has_existed_within: { args: ['event_or_state', 'constant'], min: 2 },
  count_so_far: { args: ['event'], min: 1 },
  sum_so_far: { args: ['event'], min: 1 },
  last_event_time: { args: ['event'], min: 0 },
  duration_where: { args: ['state'], min: 1 },
  duration_in_state: { args: ['state'], min: 1 },
};

const SYNONYMS: Readonly<Record<string, string>> = {
  tl_latest_event_to_state: 'latest',
  tl_has_existed: 'has_existed',
  tl_has_existed_within: 'has_existed_within',
  tl_duration_where: 'duration_where',
  tl_duration_in_cur_state: 'duration_in_state',
};

const BY_NAME: ReadonlyMap<string, string> = new Map([
  ...Object.keys(OPERATORS).map((name): [string, string] => [name, name]),
  ...Object.entries(SYNONYMS).flatMap(([name, operator]): [string, string][] => [
    [name, operator],
    [`tl_${name.slice(3).replaceAll('_', '')}`, operator],
  ]),
]);

/** What the names in a call's expressions can mean. */
export interface TexprScope {
  readonly source: SourceText;
  /** Event columns; undefined: not known, PostgreSQL will tell. */
  readonly columns: ReadonlySet<string> | undefined;
  readonly keys: ReadonlySet<string>;
  /** How the user may qualify event columns. */
  readonly sourceName: string | undefined;
  /** Quoted alias of the source in the rewritten text. */
  readonly alias: string;
  /** Index by name, of all signals of the call. */
  readonly signals: ReadonlyMap<string, number>;
}

export interface Texpr {
  readonly edits: readonly Edit[];
  /** Earlier signals that it reads. */
  readonly uses: ReadonlySet<number>;
}

/** Checks a signal's expression and finds what to replace in its text. `index`: which signal it is. */
export function readSignal(arg: Argument, index: number, scope: TexprScope): Texpr {
  const reader = new Reader(scope, index);
  reader.state(arg.value);
  return reader.result();
}

/** A row predicate (`ends`): names are event columns. */
export function readRowPredicate(arg: Argument, scope: TexprScope): Texpr {
  const reader = new Reader(scope, 0);
  reader.event(arg.value, 'ends');
  return reader.result();
}

/** Operator, signal or key column: anything that makes an expression a signal? */
export function looksLikeSignal(value: unknown, scope: TexprScope): boolean {
  let found = false;
  visit(value, (tag, body) => {
    if (tag === 'FuncCall' && operatorOf(body) !== undefined) found = true;
    if (tag === 'ColumnRef') {
      const name = nameParts(body['fields']).at(-1) ?? '';
      if (scope.keys.has(name) || scope.signals.has(name)) found = true;
    }
  });
  return found;
}

class Reader {
  readonly #scope: TexprScope;
  readonly #index: number;
  readonly #edits: Edit[] = [];
  readonly #uses = new Set<number>();

  constructor(scope: TexprScope, index: number) {
    this.#scope = scope;
    this.#index = index;
  }

  result(): Texpr {
    return { edits: this.#edits, uses: this.#uses };
  }

  /** An expression over operators, earlier signals and key columns. */
  state(value: unknown): void {
    visit(value, (tag, body) => {
      if (tag === 'SubLink') throw this.#refuse(body, 'a subquery inside a TIMELINE signal');
      if (tag === 'ColumnRef') {
        this.#stateColumn(body);
        return 'skip';
      }
      const operator = tag === 'FuncCall' ? operatorOf(body) : undefined;
      if (operator === undefined) return undefined;
      this.#operator(operator, body);
      return 'skip';
    });
  }

  /** An expression over the columns of one event. */
  event(value: unknown, operator: string): void {
    visit(value, (tag, body) => {
      if (tag === 'SubLink') throw this.#refuse(body, 'a subquery inside a TIMELINE operator');
      if (tag === 'FuncCall' && operatorOf(body) !== undefined) throw this.#refuse(body, `${operator} over a state`);
      if (tag === 'ColumnRef') {
        this.#eventColumn(body, operator);
        return 'skip';
      }
      return undefined;
    });
  }

  #operator(name: string, call: ParseNode): void {
    const { source } = this.#scope;
    const location = placeOf(call);
    const shape = OPERATORS[name] ?? { args: [], min: 0 };
    const args = listOf(call['args']);
    for (const clause of ['agg_order', 'agg_filter', 'over', 'agg_distinct', 'agg_star', 'agg_within_group', 'func_variadic']) {
      if (call[clause] !== undefined && call[clause] !== false)
        throw callError(source, location, '42601', `${name}() takes plain arguments only`);
    }
    if (args.length < shape.min || args.length > shape.args.length || args.some((arg) => taggedNode(arg).tag === 'NamedArgExpr')) {
      const count = shape.min === shape.args.length ? String(shape.min) : `${shape.min} to ${shape.args.length}`;
      throw callError(source, location, '42883', `${name}() takes ${count} argument${count === '1' ? '' : 's'}, without names`);
    }
    let stub = name;
    args.forEach((arg, n) => {
      switch (shape.args[n]) {
        case 'event':
          this.event(arg, name);
          return;
        case 'state':
          this.state(arg);
          return;
        case 'event_or_state':
          if (!this.#isState(arg)) {
            this.event(arg, name);
            return;
          }
          stub = `state_${name}`;
          this.state(arg);
          return;
        default:
          this.#constant(arg, name);
      }
    });
    const end = source.endOfName(location, nameParts(call['funcname']).length);
    this.#edits.push({ start: location, end, pieces: [{ text: `timeline_ops.${stub}`, from: location, copied: false }] });
  }

  /** Does the argument of has_existed[_within] hold an operator or an earlier signal? 42703 if event columns stand beside them. */
  #isState(value: unknown): boolean {
    let state = false;
    let event: ParseNode | undefined;
    visit(value, (tag, body) => {
      if (tag === 'FuncCall' && operatorOf(body) !== undefined) {
        state = true;
        return 'skip';
      }
      if (tag !== 'ColumnRef') return undefined;
      const name = nameParts(body['fields']).at(-1) ?? '';
      if (this.#isEventColumn(body)) {
        if (!this.#scope.keys.has(name)) event = body;
      } else if (this.#scope.signals.has(name)) {
        state = true;
      }
      return 'skip';
    });
    if (!state || event === undefined) return state;
    const name = nameParts(event['fields']).at(-1) ?? '';
    throw callError(
      this.#scope.source,
      placeOf(event),
      '42703',
      `event column "${name}" stands beside operators or signals in one argument`,
      `Make it a state: wrap it in latest(${name}).`,
    );
  }

  /** A name that is an event column and a signal is the event column. */
  #isEventColumn(ref: ParseNode): boolean {
    const parts = nameParts(ref['fields']);
    const name = parts.at(-1) ?? '';
    if (parts.length > 1) return true;
    return this.#scope.columns === undefined ? !this.#scope.signals.has(name) : this.#scope.columns.has(name);
  }

  #eventColumn(ref: ParseNode, operator: string): void {
    const { source, signals, columns, alias, sourceName } = this.#scope;
    const parts = nameParts(ref['fields']);
    const name = parts.at(-1) ?? '';
    const location = placeOf(ref);
    if (parts.length === 1) {
      if (columns === undefined || columns.has(name) || name === '') return;
      const signal = signals.get(name);
      if (signal === undefined) throw noColumn(source, location, name, columns);
      if (signal < this.#index) throw this.#refuse(ref, `${operator} over the signal "${name}"`);
      throw laterSignal(source, location, name);
    }
    if (parts.length === 2 && parts[0] === sourceName) this.#replaceColumn(ref, `${alias}.${quoteIdentifier(name)}`);
  }

  #stateColumn(ref: ParseNode): void {
    const { source, signals, keys, alias, columns, sourceName } = this.#scope;
    const parts = nameParts(ref['fields']);
    const name = parts.at(-1) ?? '';
    const location = placeOf(ref);
    const signal = parts.length === 1 ? signals.get(name) : undefined;
    if (signal !== undefined && signal < this.#index) {
      this.#uses.add(signal);
      this.#replaceColumn(ref, `${alias}.${quoteIdentifier(signalColumn(signal))}`);
      return;
    }
    const own = parts.length === 1 || (parts.length === 2 && parts[0] === sourceName);
    if (own && keys.has(name)) {
      this.#replaceColumn(ref, `${alias}.${quoteIdentifier(name)}`);
      return;
    }
    if (signal !== undefined && !(columns?.has(name) ?? false)) throw laterSignal(source, location, name);
    if (own && (columns === undefined || columns.has(name))) {
      throw callError(
        source,
        location,
        '42703',
        `event column "${name}" stands outside of an operator`,
        `A column has a value at events only: wrap it in latest(${name}).`,
      );
    }
    throw callError(source, location, '42703', `column "${parts.join('.')}" is neither a key column nor an earlier signal`);
  }

  #constant(value: unknown, operator: string): void {
    visit(value, (tag, body) => {
      if (tag === 'ColumnRef' || tag === 'SubLink') throw this.#refuse(body, `a length that is not constant in ${operator}`);
      return undefined;
    });
  }

  #replaceColumn(ref: ParseNode, text: string): void {
    const start = placeOf(ref);
    const end = this.#scope.source.endOfName(start, nameParts(ref['fields']).length);
    this.#edits.push({ start, end, pieces: [{ text, from: start, copied: false }] });
  }

  #refuse(node: ParseNode, what: string): TimelineError {
    return unsupported(what, { position: this.#scope.source.position(placeOf(node)) });
  }
}

/** The source has no such column: said here, as PostgreSQL's hint would name the source by our alias. */
export function noColumn(source: SourceText, location: number, name: string, columns: ReadonlySet<string>): TimelineError {
  const near = nearestName(name, [...columns]);
  return callError(
    source,
    location,
    '42703',
    `column "${name}" does not exist`,
    near === undefined ? undefined : `Perhaps you meant the column "${near}".`,
  );
}

function laterSignal(source: SourceText, location: number, name: string): TimelineError {
  return callError(
    source,
    location,
    '42703',
    `signal "${name}" cannot be used before it is declared`,
    'A signal sees the signals that stand before it.',
  );
}

function operatorOf(call: ParseNode): string | undefined {
  const parts = nameParts(call['funcname']);
  return parts.length === 1 ? BY_NAME.get(parts[0]?.toLowerCase() ?? '') : undefined;
}

export function placeOf(node: ParseNode): number {
  const location = node['location'];
  return typeof location === 'number' && location >= 0 ? location : 0;
}

/** Every tagged node below a value, outside in; 'skip' leaves out what is below a node. */
export function visit(value: unknown, visitor: (tag: string, body: ParseNode) => 'skip' | undefined): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, visitor);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    if (/^[A-Z]/.test(key) && typeof child === 'object' && child !== null && visitor(key, child as ParseNode) === 'skip') continue;
    visit(child, visitor);
  }
}
