import { unsupported } from './errors.js';
import { nodeOf, type ParseNode, taggedNode } from './parse-tree.js';
import { quoteIdentifier, quoteLiteral } from './quote.js';
import type { Piece } from './source-text.js';
import {
  type Argument,
  argumentsOf,
  byName,
  callError,
  columnNames,
  isNullLiteral,
  literalText,
  readsColumn,
  unknownOption,
  word,
} from './timeline-options.js';
import { type CallScope, type EventSource, eventSource, propertyColumns, SOURCE_ALIAS } from './timeline-source.js';
import { Oid } from './types.js';

/** Positional arguments after the source, of which the first `required` must be there; all may be named. */
const FUNCTIONS: Readonly<Record<string, { readonly args: readonly string[]; readonly required: number }>> = {
  read_until: { args: ['stream', 'until', 'direction', 'max_events', 'as_of'], required: 2 },
  read_range: { args: ['stream', 'from', 'to', 'bounds', 'direction', 'max_events', 'as_of'], required: 3 },
  version_at: { args: ['stream', 'at', 'as_of'], required: 2 },
};

/** Which source columns play which part; undefined: the source has none. */
interface Roles {
  readonly stream: string;
  readonly time: string;
  readonly version: string | undefined;
  readonly eventId: string | undefined;
  readonly eventType: string | undefined;
}

/** read_until(), read_range() and version_at() as plain subselects. */
export function rewriteReplayFunction(
  scope: CallScope,
  name: string,
  call: ParseNode,
  location: number,
): { readonly pieces: readonly Piece[]; readonly end: number; readonly lateral: boolean } {
  const { source } = scope;
  const { args, end } = argumentsOf(source, call, location, 1);
  const shape = FUNCTIONS[name] ?? { args: [], required: 0 };
  const named = byName(source, nameArguments(scope, name, args.slice(1)));
  const events = eventSource(scope, { source: args[0], asOf: named.get('as_of') }, location, name);
  const options = [...shape.args, 'missing'];
  for (const arg of named.values()) if (!options.includes(arg.name ?? '')) throw unknownOption(source, arg, options);
  for (const required of shape.args.slice(0, shape.required)) {
    if (!named.has(required))
      throw callError(
        source,
        location,
        '42601',
        `${name}() needs the argument "${required}"`,
        `${name}(source, ${shape.args.slice(0, shape.required).join(', ')} [, …])`,
      );
  }
  const roles: Roles = {
    stream: role(scope, events, location, 'timeline.stream', 'stream_id') ?? missingRole(scope, location, 'stream', 'stream_id'),
    time: role(scope, events, location, 'timeline.time', 'event_time') ?? missingRole(scope, location, 'time', 'event_time'),
    version: role(scope, events, location, 'timeline.version', 'version'),
    eventId: role(scope, events, location, 'timeline.event_id', 'event_id'),
    eventType: role(scope, events, location, 'timeline.event_type', 'event_type'),
  };
  const replay = new Replay({ scope, events, named, roles, location });
  const lateral = [...named.values()].some(readsColumn);
  return { pieces: name === 'version_at' ? replay.versions() : replay.events(bounds(scope, name, named)), end, lateral };
}

/** TIMELINE() without signals: the events of [since, until). */
export function replayOfTimeline(options: {
  readonly scope: CallScope;
  readonly events: EventSource;
  readonly named: ReadonlyMap<string, Argument>;
  readonly keys: readonly string[];
  readonly ts: string;
  readonly location: number;
}): readonly Piece[] {
  const { scope, events, named, keys, ts, location } = options;
  const [stream, second] = keys;
  if (stream === undefined || second !== undefined)
    throw unsupported('a replay with a composite key', { position: scope.source.position(location) });
  const dedupe = named.get('dedupe');
  if (dedupe !== undefined) throw unsupported('"dedupe" in a replay', { position: scope.source.position(dedupe.start) });
  const orderBy = named.get('order_by');
  const roles: Roles = {
    stream,
    time: ts,
    version: orderBy === undefined ? role(scope, events, location, 'timeline.version', 'version') : columnNames(scope.source, orderBy)[0],
    eventId: role(scope, events, location, 'timeline.event_id', 'event_id'),
    eventType: role(scope, events, location, 'timeline.event_type', 'event_type'),
  };
  const limits: Bound[] = [];
  const since = named.get('since');
  const until = named.get('until');
  if (since !== undefined && !isNullLiteral(since.value)) limits.push({ operator: '>=', arg: since });
  if (until !== undefined && !isNullLiteral(until.value)) limits.push({ operator: '<', arg: until });
  return new Replay({ scope, events, named, roles, location }).events(limits);
}

interface Bound {
  readonly operator: '>=' | '>' | '<=' | '<';
  readonly arg: Argument;
}

function nameArguments(scope: CallScope, name: string, args: readonly Argument[]): Argument[] {
  const { args: names } = FUNCTIONS[name] ?? { args: [] };
  let sawName = false;
  return args.map((arg, n) => {
    if (arg.name !== undefined) {
      sawName = true;
      return arg;
    }
    if (sawName) throw callError(scope.source, arg.start, '42601', 'positional argument cannot follow named argument');
    const positional = names[n];
    if (positional === undefined)
      throw callError(scope.source, arg.start, '42601', `${name}() takes at most ${names.length + 1} arguments without a name`);
    return { ...arg, name: positional };
  });
}

function bounds(scope: CallScope, name: string, named: ReadonlyMap<string, Argument>): readonly Bound[] {
  const until = named.get('until');
  if (name === 'read_until') return until === undefined ? [] : [{ operator: '<=', arg: until }];
  const kind = word(scope.source, named.get('bounds'), ['[]', '[)', '(]', '()']) ?? '[]';
  const from = named.get('from');
  const to = named.get('to');
  if (from === undefined || to === undefined) return [];
  return [
    { operator: kind.startsWith('[') ? '>=' : '>', arg: from },
    { operator: kind.endsWith(']') ? '<=' : '<', arg: to },
  ];
}

/** The column of a role: the catalogue's, else the one with the specification's name. */
function role(scope: CallScope, events: EventSource, location: number, property: string, name: string): string | undefined {
  const told = propertyColumns(events, property)?.[0];
  if (told !== undefined) return told;
  if (events.columns === undefined) {
    // a relation that is not ours: its columns are PostgreSQL's to know, but its error about the name should come first
    throw unsupported('replaying a source whose columns are not written out', {
      position: scope.source.position(location),
      hint: 'Name the columns in a subquery: (SELECT stream_id, version, event_time, … FROM …).',
    });
  }
  return events.columns.includes(name) ? name : undefined;
}

function missingRole(scope: CallScope, location: number, what: string, name: string): never {
  throw callError(
    scope.source,
    location,
    '42703',
    `the source has no column for the ${what} of its events`,
    `Give it a column "${name}" (a subquery may rename one), or set the table property timeline.${what}.`,
  );
}

interface ReplayParts {
  readonly scope: CallScope;
  readonly events: EventSource;
  readonly named: ReadonlyMap<string, Argument>;
  readonly roles: Roles;
  readonly location: number;
}

class Replay {
  readonly #parts: ReplayParts;

  constructor(parts: ReplayParts) {
    this.#parts = parts;
  }

  /** The events in [bounds], in the function's order. */
  events(limits: readonly Bound[]): Piece[] {
    const { roles, events, named, scope } = this.#parts;
    const direction = word(scope.source, named.get('direction'), ['forward', 'backward']) ?? 'forward';
    const used = new Set([roles.stream, roles.version, roles.time, roles.eventId, roles.eventType]);
    if (events.columns === undefined)
      throw unsupported('replaying a source whose columns are not written out', { position: scope.source.position(this.#parts.location) });
    const columns = [
      `${column(roles.stream)} AS stream_id`,
      `${optional(roles.version, 'bigint')} AS version`,
      `${column(roles.time)} AS event_time`,
      `${optional(roles.eventId, 'text')} AS event_id`,
      `${optional(roles.eventType, 'text')} AS event_type`,
      ...events.columns.filter((name) => !used.has(name)).map((name) => `${column(name)} AS ${quoteIdentifier(name)}`),
    ];
    const conditions = [...this.#range(limits), ...this.#maxEventsCheck()];
    const descending = direction === 'backward' ? ' DESC' : '';
    const order = this.#order().map((key) => `${key}${descending}`);
    const pieces: Piece[] = [
      this.#ours(`(SELECT ${columns.join(', ')} FROM `),
      ...this.#from(conditions),
      this.#ours(` ORDER BY ${order.join(', ')}`),
    ];
    const limit = named.get('max_events');
    if (limit !== undefined) pieces.push(this.#ours(' LIMIT CAST('), ...this.#value(limit), this.#ours(' AS bigint)'));
    return [...pieces, this.#ours(')')];
  }

  /** (stream_id, version) of every stream there is, in stream order. */
  versions(): Piece[] {
    const { roles, named, scope, location } = this.#parts;
    const at = named.get('at');
    if (roles.version === undefined) missingRole(scope, location, 'version', 'version');
    if (at === undefined) return [];
    const stream = column(roles.stream);
    return [
      this.#ours(
        `(SELECT ${stream} AS stream_id, coalesce(max(CAST(${column(roles.version)} AS bigint)) FILTER (WHERE ${column(roles.time)} <= `,
      ),
      ...this.#instant(at),
      this.#ours(`), -1) AS version FROM `),
      ...this.#from([]),
      this.#ours(` GROUP BY ${stream} ORDER BY ${stream})`),
    ];
  }

  /** FROM and WHERE. With `missing => 'error'` the streams are looked for first, whatever their time. */
  #from(conditions: readonly (readonly Piece[])[]): Piece[] {
    const { events, named, scope } = this.#parts;
    const pattern = named.get('stream');
    const match = pattern === undefined ? [] : [this.#match(pattern)];
    const missing = word(scope.source, named.get('missing'), ['error', 'empty']) === 'error';
    const where = (all: readonly (readonly Piece[])[]): Piece[] =>
      all.length === 0 ? [] : [this.#ours(' WHERE '), ...all.flatMap((part, n) => (n === 0 ? part : [this.#ours(' AND '), ...part]))];
    const source: Piece[] = [...events.pieces, this.#ours(` AS ${SOURCE_ALIAS}`)];
    if (!missing) return [...source, ...where([...match, ...conditions])];
    const text = literalText(pattern?.value);
    const message = text === undefined ? 'no stream matches' : `no stream matches "${text}"`;
    const assert = [this.#ours(`timeline_ops.assert_rows('42704', ${quoteLiteral(message)})`)];
    return [
      this.#ours(`(SELECT ${SOURCE_ALIAS}.* FROM `),
      ...source,
      ...where([...match, assert]),
      this.#ours(`) AS ${SOURCE_ALIAS}`),
      ...where(conditions),
    ];
  }

  #range(limits: readonly Bound[]): Piece[][] {
    const time = column(this.#parts.roles.time);
    const conditions = limits.map(({ operator, arg }) => [this.#ours(`${time} ${operator} `), ...this.#instant(arg)]);
    const [from, to] = limits;
    if (from === undefined || to === undefined) return conditions;
    const message = quoteLiteral(`"${from.arg.name ?? ''}" must not be later than "${to.arg.name ?? ''}"`);
    return [
      [
        this.#ours('timeline_ops.assert('),
        ...this.#instant(from.arg),
        this.#ours(' <= '),
        ...this.#instant(to.arg),
        this.#ours(`, '22023', ${message})`),
      ],
      ...conditions,
    ];
  }

  #maxEventsCheck(): Piece[][] {
    const arg = this.#parts.named.get('max_events');
    if (arg === undefined || isNullLiteral(arg.value)) return [];
    const constant = taggedNode(arg.value);
    if (constant.tag === 'A_Const' && constant.body['ival'] !== undefined) {
      const value = Number(nodeOf(constant.body['ival'])['ival'] ?? 0);
      if (value <= 0)
        throw callError(this.#parts.scope.source, arg.valueStart, '22023', `"max_events" must be greater than 0, not ${value}`);
      return [];
    }
    return [
      [
        this.#ours('timeline_ops.assert(CAST('),
        ...this.#value(arg),
        this.#ours(` AS bigint) > 0, '22023', '"max_events" must be greater than 0')`),
      ],
    ];
  }

  /** `*` is any run of characters, `\*` a star, without `*` equality. */
  #match(pattern: Argument): Piece[] {
    const { roles, events } = this.#parts;
    const stream = column(roles.stream);
    const type = events.types.get(roles.stream);
    const text = type !== undefined && (type.oid === Oid.text || type.oid === Oid.varchar) ? stream : `CAST(${stream} AS text)`;
    const literal = literalText(pattern.value);
    const at = (words: string): Piece => ({ text: words, from: pattern.valueStart, copied: false });
    if (literal !== undefined) {
      if (!isPattern(literal)) return [at(`${stream} = ${quoteLiteral(literal.replaceAll('\\*', '*'))}`)];
      return [at(`${text} LIKE ${quoteLiteral(likePattern(literal))}`)];
    }
    // the same by functions of constants, which the plan folds
    const value = (): Piece[] => [at('CAST('), ...this.#value(pattern), at(' AS text)')];
    const escaped = ["chr(1)), '\\', '\\\\'), '%', '\\%'), '_', '\\_'), '*', '%'), chr(1), '*')"];
    return [
      at('CASE WHEN strpos(replace('),
      ...value(),
      at(`, '\\*', ''), '*') = 0 THEN ${text} = replace(`),
      ...value(),
      at(`, '\\*', '*') ELSE ${text} LIKE replace(replace(replace(replace(replace(replace(`),
      ...value(),
      at(`, '\\*', ${escaped[0] ?? ''} END`),
    ];
  }

  /** One stream by version; a pattern by time, stream, version. Without versions the time and the event's id say. */
  #order(): string[] {
    const { roles, named } = this.#parts;
    const last = roles.version ?? roles.eventId;
    const tail = last === undefined ? [] : [column(last)];
    const time = column(roles.time);
    const stream = column(roles.stream);
    const pattern = named.get('stream');
    const literal = literalText(pattern?.value);
    if (pattern === undefined || (literal !== undefined && isPattern(literal))) return [time, stream, ...tail];
    if (roles.version === undefined) return [time, stream, ...tail];
    if (literal !== undefined) return tail;
    const { source, inner } = this.#parts.scope;
    const value = source
      .render(pattern.valueStart, pattern.valueEnd, inner)
      .map((piece) => piece.text)
      .join('');
    const single = `strpos(replace(CAST(${value} AS text), '\\*', ''), '*') = 0`;
    return [`CASE WHEN ${single} THEN NULL ELSE ${time} END`, `CASE WHEN ${single} THEN NULL ELSE ${stream} END`, ...tail];
  }

  #instant(arg: Argument): Piece[] {
    return [this.#ours('CAST('), ...this.#value(arg), this.#ours(' AS timestamptz)')];
  }

  #value(arg: Argument): Piece[] {
    const { source, inner } = this.#parts.scope;
    return [this.#ours('('), ...source.render(arg.valueStart, arg.valueEnd, inner), this.#ours(')')];
  }

  #ours(text: string): Piece {
    return { text, from: this.#parts.location, copied: false };
  }
}

function column(name: string): string {
  return `${SOURCE_ALIAS}.${quoteIdentifier(name)}`;
}

function optional(name: string | undefined, type: string): string {
  return name === undefined ? `NULL::${type}` : column(name);
}

export function isPattern(text: string): boolean {
  return text.replaceAll('\\*', '').includes('*');
}

export function likePattern(text: string): string {
  const escaped = (part: string): string => part.replace(/[\\%_]/g, '\\$&');
  return text
    .split('\\*')
    .map((part) => part.split('*').map(escaped).join('%'))
    .join('*');
}
