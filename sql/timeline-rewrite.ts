import { type ParseNode, taggedNode } from './parse-tree.js';
import { quoteIdentifier, quoteLiteral } from './quote.js';
import { replayOfTimeline } from './replay-call.js';
import type { Piece } from './source-text.js';
import { signalColumn, type TimelineMarker } from './timeline-marker.js';
import {
  type Argument,
  argumentsOf,
  byName,
  callError,
  columnNames,
  isNullLiteral,
  isTimelineOption,
  literalText,
  readsColumn,
  TIMELINE_OPTIONS,
  type TimelineOption,
  unknownOption,
  word,
} from './timeline-options.js';
import { type CallScope, type EventSource, eventSource, propertyColumns, SOURCE_ALIAS } from './timeline-source.js';
import { looksLikeSignal, noColumn, readRowPredicate, readSignal, type Texpr, type TexprScope } from './timeline-texpr.js';
import { ELEMENT_OF } from './types.js';

const MAX_SIGNALS = 64;
const SPAN_COLUMNS = ['started_at', 'ended_at', 'duration', 'seconds', 'is_open'] as const;
const SPAN_TYPES = {
  started_at: 'timestamptz',
  ended_at: 'timestamptz',
  duration: 'interval',
  seconds: 'float8',
  is_open: 'boolean',
} as const;
/** Options that only a replay has, and those that only states have. */
const REPLAY_ONLY = ['stream', 'direction', 'max_events'] as const;
const STATE_ONLY = ['at', 'every', 'origin', 'lookback', 'idle', 'ends', 'fill', 'ties'] as const;

/** Options that are one value for the whole call. */
const VALUE_OPTIONS = [
  'since',
  'until',
  'at',
  'every',
  'origin',
  'timezone',
  'lookback',
  'idle',
  'fill',
  'stream',
  'max_events',
] as const satisfies readonly TimelineOption[];

export interface Rewritten {
  readonly pieces: readonly Piece[];
  /** Byte after the call. */
  readonly end: number;
  /** May it read columns of what stands left of it? */
  readonly lateral: boolean;
}

/** One TIMELINE() call as a subselect. */
export function rewriteTimeline(scope: CallScope, call: ParseNode, location: number): Rewritten {
  const { source } = scope;
  const { args, end } = argumentsOf(source, call, location, 1);
  const named = byName(source, args.slice(1));
  const events = eventSource(scope, { source: args[0], asOf: named.get('as_of') }, location, 'timeline');
  for (const arg of args.slice(1)) {
    if (arg.name === undefined)
      throw callError(source, arg.start, '42601', 'arguments of timeline() after the source must be written name => value');
  }
  const given = (name: TimelineOption): Argument | undefined => named.get(name);
  const signals = [...named.values()].filter((arg) => !isTimelineOption(arg.name ?? ''));
  if (signals.length > MAX_SIGNALS) {
    throw callError(source, signals[MAX_SIGNALS]?.start ?? location, '54000', `timeline() can have at most ${MAX_SIGNALS} signals`);
  }
  const keyArg = given('key');
  const keys = keyArg === undefined ? (propertyColumns(events, 'timeline.key') ?? []) : columnNames(source, keyArg);
  const texprs: TexprScope = {
    source,
    columns: events.columns === undefined ? undefined : new Set(events.columns),
    keys: new Set(keys),
    sourceName: events.name,
    alias: SOURCE_ALIAS,
    signals: new Map(signals.map((signal, n) => [signal.name ?? '', n])),
  };
  for (const signal of signals) {
    const name = signal.name ?? '';
    const wrap =
      events.columns === undefined
        ? undefined
        : 'A signal needs an operator, a key column or an earlier signal: wrap event columns in latest(…).';
    if (name.startsWith('tl_') || !looksLikeSignal(signal.value, texprs)) throw unknownOption(source, signal, TIMELINE_OPTIONS, wrap);
  }
  const ts =
    given('ts') === undefined
      ? propertyColumns(events, 'timeline.ts', 'timeline.time')?.[0]
      : columnNames(source, given('ts') as Argument)[0];
  if (keys.length === 0)
    throw callError(source, location, '42601', 'timeline() needs the option "key"', 'Say which column tells the entity: key => column.');
  if (ts === undefined)
    throw callError(source, location, '42601', 'timeline() needs the option "ts"', 'Say which column holds the event time: ts => column.');
  const lateral = VALUE_OPTIONS.some((option) => readsColumn(given(option)));
  const emit = emitOf(scope, named, signals.length > 0, location);
  if (emit === 'events') {
    refuseOptions(scope, named, STATE_ONLY, 'needs signals: without them timeline() gives the events themselves');
    return { pieces: replayOfTimeline({ scope, events, named, keys, ts, location }), end, lateral };
  }
  refuseOptions(scope, named, REPLAY_ONLY, 'is for replays: timeline() without signals');
  checkBounds(scope, named, emit, location);
  return { pieces: new TimelineSelect({ scope, events, named, signals, keys, ts, emit, texprs, location }).pieces(), end, lateral };
}

function emitOf(
  scope: CallScope,
  named: ReadonlyMap<string, Argument>,
  hasSignals: boolean,
  location: number,
): 'spans' | 'points' | 'events' {
  const arg = named.get('emit');
  const emit = word(scope.source, arg, ['spans', 'points', 'events']);
  const place = arg?.start ?? location;
  const at = named.has('at');
  if (emit === 'spans' && at) throw callError(scope.source, place, '42601', 'emit => \'spans\' excludes "at"');
  if (emit === 'events' && hasSignals) throw callError(scope.source, place, '42601', "emit => 'events' excludes signals");
  if (emit === 'points' && !at && !named.has('every'))
    throw callError(scope.source, place, '42601', 'emit => \'points\' needs "at" or "every"');
  return emit ?? (at ? 'points' : hasSignals ? 'spans' : 'events');
}

function refuseOptions(scope: CallScope, named: ReadonlyMap<string, Argument>, options: readonly string[], why: string): void {
  for (const name of options) {
    const arg = named.get(name);
    if (arg !== undefined) throw callError(scope.source, arg.start, '42601', `the option "${name}" ${why}`);
  }
}

function checkBounds(scope: CallScope, named: ReadonlyMap<string, Argument>, emit: 'spans' | 'points', location: number): void {
  const place = (name: string): number => named.get(name)?.start ?? location;
  const fail = (name: string, message: string): Error => callError(scope.source, place(name), '42601', message);
  if (named.has('at') && named.has('until')) throw fail('at', 'the options "at" and "until" exclude each other');
  if (named.has('at') && named.has('every')) throw fail('at', 'the options "at" and "every" exclude each other');
  if (named.has('every') && !(named.has('since') && named.has('until')))
    throw fail('every', 'the option "every" needs "since" and "until"');
  if (named.has('origin') && !named.has('every')) throw fail('origin', 'the option "origin" needs "every"');
  if (named.has('lookback') && !named.has('since') && !named.has('at'))
    throw fail('lookback', 'the option "lookback" needs "since" or "at"');
  const fill = named.get('fill');
  if (fill !== undefined && !named.has('since') && !isFalse(fill)) throw fail('fill', 'the option "fill" needs "since"');
  if (emit === 'points' && !named.has('at') && !named.has('every')) throw fail('emit', 'points need "at" or "every"');
}

function isFalse(arg: Argument): boolean {
  const { body } = taggedNode(arg.value);
  const value = body['boolval'];
  return isNullLiteral(arg.value) || (value !== undefined && (value as { boolval?: boolean }).boolval !== true);
}

interface SelectParts {
  readonly scope: CallScope;
  readonly events: EventSource;
  readonly named: ReadonlyMap<string, Argument>;
  readonly signals: readonly Argument[];
  readonly keys: readonly string[];
  readonly ts: string;
  readonly emit: 'spans' | 'points';
  readonly texprs: TexprScope;
  readonly location: number;
}

/** Writes the marked subselect, and below it one for each level of signals that other signals use. */
class TimelineSelect {
  readonly #parts: SelectParts;
  readonly #texprs: readonly Texpr[];
  /** A signal can be computed on level n when all that it uses is on levels below. */
  readonly #levels: readonly number[];

  constructor(parts: SelectParts) {
    this.#parts = parts;
    this.#texprs = parts.signals.map((signal, n) => readSignal(signal, n, parts.texprs));
    const levels: number[] = [];
    for (const texpr of this.#texprs) levels.push(Math.max(0, ...[...texpr.uses].map((used) => (levels[used] ?? 0) + 1)));
    this.#levels = levels;
  }

  pieces(): readonly Piece[] {
    const { named, signals, emit, ts } = this.#parts;
    const top = Math.max(0, ...this.#levels);
    const columns: Piece[][] = this.#fixedColumns();
    signals.forEach((signal, n) => {
      const name = quoteIdentifier(signal.name ?? '');
      if (this.#levels[n] === top) columns.push([...this.#expression(n), this.#ours(` AS ${name}`)]);
      else columns.push([this.#ours(`${SOURCE_ALIAS}.${quoteIdentifier(signalColumn(n))} AS ${name}`)]);
    });
    const marker: TimelineMarker = {
      emit,
      keys: this.#parts.keys.length,
      signals: signals.map((signal) => signal.name ?? ''),
      levels: top,
      ties: word(this.#parts.scope.source, named.get('ties'), ['apply', 'error']) ?? 'apply',
      noLookback: literalText(named.get('lookback')?.value)?.toLowerCase() === 'none',
      positions: Object.fromEntries([...named.values()].map((arg) => [arg.name ?? '', this.#parts.scope.source.position(arg.valueStart)])),
    };
    const options: Piece[][] = [
      [this.#ours(quoteLiteral(JSON.stringify(marker)))],
      this.#option('since'),
      this.#option('until'),
      this.#instants(),
      this.#option('every'),
      this.#option('origin'),
      this.#option('timezone'),
      marker.noLookback ? [this.#ours('NULL')] : this.#option('lookback'),
      this.#option('idle'),
      this.#option('fill'),
    ];
    const conditions: Piece[][] = [
      [this.#ours('timeline_ops.call('), ...joined(options, this.#ours(', ')), this.#ours(')')],
      [this.#ours('timeline_ops.ts('), this.#column(ts, 'ts'), this.#ours(')')],
      ...this.#columnRoles('order_by', this.#orderBy()),
      ...this.#columnRoles('dedupe', this.#columns('dedupe') ?? propertyColumns(this.#parts.events, 'timeline.dedupe') ?? []),
      ...this.#ends(),
    ];
    return [
      this.#ours('(SELECT '),
      ...joined(columns, this.#ours(', ')),
      this.#ours(' FROM '),
      ...this.#from(top),
      this.#ours(` AS ${SOURCE_ALIAS} WHERE `),
      ...joined(conditions, this.#ours(' AND ')),
      this.#ours(')'),
    ];
  }

  /** What level `level` selects from: the source, or the level below with its signals as columns. */
  #from(level: number): Piece[] {
    if (level === 0) return [...this.#parts.events.pieces];
    const columns: Piece[][] = [[this.#ours(`${SOURCE_ALIAS}.*`)]];
    this.#levels.forEach((own, n) => {
      if (own === level - 1) columns.push([...this.#expression(n), this.#ours(` AS ${quoteIdentifier(signalColumn(n))}`)]);
    });
    return [
      this.#ours('(SELECT '),
      ...joined(columns, this.#ours(', ')),
      this.#ours(' FROM '),
      ...this.#from(level - 1),
      this.#ours(` AS ${SOURCE_ALIAS})`),
    ];
  }

  #fixedColumns(): Piece[][] {
    const { named, keys, emit, signals, scope } = this.#parts;
    const fixed: [string, string][] =
      emit === 'points' ? [['evaluated_at', 'timestamptz']] : SPAN_COLUMNS.map((name) => [name, SPAN_TYPES[name]]);
    if (emit === 'spans' && named.has('every')) fixed.unshift(['bucket_start', 'timestamptz'], ['bucket_end', 'timestamptz']);
    const taken = new Set([...keys, ...fixed.map(([name]) => name)]);
    for (const signal of signals) {
      if (taken.has(signal.name ?? '')) {
        throw callError(
          scope.source,
          signal.start,
          '42601',
          `signal "${signal.name ?? ''}" has the name of another output column of timeline()`,
        );
      }
    }
    return [
      ...keys.map((key) => [this.#column(key, 'key'), this.#ours(` AS ${quoteIdentifier(key)}`)]),
      ...fixed.map(([name, type]) => [this.#ours(`NULL::${type} AS ${name}`)]),
    ];
  }

  #expression(n: number): Piece[] {
    const signal = this.#parts.signals[n];
    if (signal === undefined) return [];
    const { source } = this.#parts.scope;
    return [this.#ours('('), ...source.render(signal.valueStart, signal.valueEnd, this.#texprs[n]?.edits ?? []), this.#ours(')')];
  }

  #value(arg: Argument): Piece[] {
    const { source, inner } = this.#parts.scope;
    return source.render(arg.valueStart, arg.valueEnd, inner);
  }

  #option(name: TimelineOption): Piece[] {
    const arg = this.#parts.named.get(name);
    return arg === undefined ? [this.#ours('NULL')] : [this.#ours('('), ...this.#value(arg), this.#ours(')')];
  }

  /** `at` is one instant or an array; a literal or parameter has no type that would tell. */
  #instants(): Piece[] {
    const arg = this.#parts.named.get('at');
    if (arg === undefined) return [this.#ours('NULL')];
    const { tag, body } = taggedNode(arg.value);
    const text = literalText(arg.value);
    const declared = tag === 'ParamRef' ? this.#parts.scope.parameterTypes[Number(body['number']) - 1] : undefined;
    const array =
      tag === 'A_ArrayExpr' ||
      (declared !== undefined && ELEMENT_OF.has(declared)) ||
      text?.trimStart().startsWith('{') === true ||
      isNullLiteral(arg.value);
    if (!array && text === undefined && tag !== 'ParamRef')
      return [this.#ours('timeline_ops.instants('), ...this.#value(arg), this.#ours(')')];
    return [this.#ours('timeline_ops.instants(CAST('), ...this.#value(arg), this.#ours(` AS timestamptz${array ? '[]' : ''}))`)];
  }

  /** As told; else the catalogue's version column, else an event id. */
  #orderBy(): readonly string[] {
    const { events } = this.#parts;
    const told =
      this.#columns('order_by') ?? propertyColumns(events, 'timeline.order_by', 'timeline.version', 'timeline.seq', 'timeline.event_id');
    return told ?? (events.columns?.includes('event_id') === true ? ['event_id'] : []);
  }

  #columns(name: TimelineOption): readonly string[] | undefined {
    const arg = this.#parts.named.get(name);
    return arg === undefined || isNullLiteral(arg.value) ? undefined : columnNames(this.#parts.scope.source, arg);
  }

  #columnRoles(role: 'order_by' | 'dedupe', columns: readonly string[]): Piece[][] {
    return columns.map((column) => [this.#ours(`timeline_ops.${role}(`), this.#column(column, role), this.#ours(')')]);
  }

  /** Ours, but an error about it is an error about the option. */
  #column(name: string, option: TimelineOption): Piece {
    const arg = this.#parts.named.get(option);
    const { columns } = this.#parts.texprs;
    if (columns !== undefined && !columns.has(name))
      throw noColumn(this.#parts.scope.source, arg?.valueStart ?? this.#parts.location, name, columns);
    return { text: `${SOURCE_ALIAS}.${quoteIdentifier(name)}`, from: arg?.valueStart ?? this.#parts.location, copied: false };
  }

  #ends(): Piece[][] {
    const arg = this.#parts.named.get('ends');
    if (arg === undefined || isNullLiteral(arg.value)) return [];
    const { edits } = readRowPredicate(arg, this.#parts.texprs);
    return [[this.#ours('timeline_ops.ends('), ...this.#parts.scope.source.render(arg.valueStart, arg.valueEnd, edits), this.#ours(')')]];
  }

  #ours(text: string): Piece {
    return { text, from: this.#parts.location, copied: false };
  }
}

export function joined(lists: readonly (readonly Piece[])[], separator: Piece): Piece[] {
  return lists.flatMap((list, n) => (n === 0 ? list : [separator, ...list]));
}
