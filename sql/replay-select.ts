import { unsupported } from './errors.js';
import { nodeOf, taggedNode } from './parse-tree.js';
import { quoteIdentifier, quoteLiteral } from './quote.js';
import type { Piece } from './source-text.js';
import { type Argument, callError, isNullLiteral, literalText, readsColumn, word } from './timeline-options.js';
import { type CallScope, type EventSource, SOURCE_ALIAS } from './timeline-source.js';
import { Oid } from './types.js';

/** Which source columns play which part; undefined: the source has none. */
export interface Roles {
  readonly stream: string;
  /** Of timeline() with a key of several columns: those after the stream. */
  readonly otherKeys?: readonly string[];
  /** `order_by`, where it is said: in place of the version. */
  readonly orderBy?: readonly string[];
  /** The first event of those that are equal in key and these is kept; a NULL is equal to none. */
  readonly dedupe?: readonly string[];
  readonly time: string;
  readonly version: string | undefined;
  readonly eventId: string | undefined;
  readonly eventType: string | undefined;
}

export interface Bound {
  readonly operator: '>=' | '>' | '<=' | '<';
  readonly arg: Argument;
}

interface ReplayParts {
  readonly scope: CallScope;
  readonly events: EventSource;
  readonly named: ReadonlyMap<string, Argument>;
  readonly roles: Roles;
  readonly location: number;
}

/** A replay function as a plain subselect. */
export class Replay {
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
    const { events, roles, named, scope, location } = this.#parts;
    const at = named.get('at');
    const pattern = named.get('stream');
    if (roles.version === undefined) missingRole(scope, location, 'version', 'version');
    if (at === undefined) return [];
    const stream = column(roles.stream);
    const version = `CAST(${column(roles.version)} AS bigint)`;
    const time = column(roles.time);
    const literal = literalText(pattern?.value);
    // A subquery would be asked twice, another stream or instant for each row of the query round it each time anew.
    const missing = this.#assertion(pattern);
    const isMany = literal === undefined ? missing !== undefined : isPattern(literal);
    if (pattern === undefined || isMany || events.types.size === 0 || readsColumn(at) || readsColumn(pattern)) {
      return [
        this.#ours(`(SELECT ${stream} AS stream_id, coalesce(max(${version}) FILTER (WHERE ${time} <= `),
        ...this.#instant(at),
        this.#ours(`), -1) AS version FROM `),
        ...this.#from([]),
        this.#ours(` GROUP BY ${stream} ORDER BY ${stream})`),
      ];
    }
    // Of one stream the last version up to then, and that it is there at all: each the first row of an order, which reads little.
    const single = literal === undefined ? [[this.#ours(this.#isSingle(pattern))]] : [];
    const before: Piece[] = [this.#ours(`${time} <= `), ...this.#instant(at)];
    const there: Piece[] = [
      this.#ours(`SELECT ${stream} AS stream_id, NULL::bigint AS version FROM `),
      ...this.#source(),
      ...this.#where([this.#match(pattern), ...single]),
      this.#ours(` ORDER BY ${version} LIMIT 1`),
    ];
    const branches: Piece[][] = [
      [
        this.#ours(`(SELECT ${stream} AS stream_id, ${version} AS version FROM `),
        ...this.#source(),
        ...this.#where([this.#match(pattern), before, ...single]),
        this.#ours(` ORDER BY ${version} DESC NULLS LAST LIMIT 1)`),
      ],
      missing !== undefined
        ? [this.#ours('(SELECT * FROM ('), ...there, this.#ours(`) AS "~one" WHERE `), ...missing, this.#ours(')')]
        : [this.#ours('('), ...there, this.#ours(')')],
    ];
    if (literal === undefined) {
      branches.push([
        this.#ours(`(SELECT ${stream} AS stream_id, max(${version}) FILTER (WHERE `),
        ...before,
        this.#ours(') AS version FROM '),
        ...this.#from([[this.#ours(`NOT ${this.#isSingle(pattern)}`)]]),
        this.#ours(` GROUP BY ${stream})`),
      ]);
    }
    return [
      this.#ours('(SELECT stream_id, coalesce(max(version), -1) AS version FROM ('),
      ...branches.flatMap((branch, n) => (n === 0 ? branch : [this.#ours(' UNION ALL '), ...branch])),
      this.#ours(') AS "~each" GROUP BY stream_id ORDER BY stream_id)'),
    ];
  }

  /** FROM and WHERE. With `missing => 'error'` the streams are looked for first, whatever their time. */
  #from(conditions: readonly (readonly Piece[])[]): Piece[] {
    const pattern = this.#parts.named.get('stream');
    const match = pattern === undefined ? [] : [this.#match(pattern)];
    const assert = this.#assertion(pattern);
    if (assert === undefined) return [...this.#source(), ...this.#where([...match, ...conditions])];
    return [
      this.#ours(`(SELECT ${SOURCE_ALIAS}.* FROM `),
      ...this.#source(),
      ...this.#where([...match, assert]),
      this.#ours(`) AS ${SOURCE_ALIAS}`),
      ...this.#where(conditions),
    ];
  }

  #source(): Piece[] {
    const source = [...this.#parts.events.pieces, this.#ours(` AS ${SOURCE_ALIAS}`)];
    const { stream, otherKeys = [], time, dedupe = [] } = this.#parts.roles;
    if (dedupe.length === 0) return source;
    const among = [stream, ...otherKeys, ...dedupe].map(column).join(', ');
    const order = [column(time), ...this.#tail()].join(', ');
    const distinct = dedupe.map((name) => `${column(name)} IS NULL`).join(' OR ');
    return [
      this.#ours(`(SELECT * FROM (SELECT ${SOURCE_ALIAS}.*, row_number() OVER (PARTITION BY ${among} ORDER BY ${order}) AS "~n" FROM `),
      ...source,
      this.#ours(`) AS ${SOURCE_ALIAS} WHERE "~n" = 1 OR ${distinct}) AS ${SOURCE_ALIAS}`),
    ];
  }

  /** What tells events of one stream and time apart. */
  #tail(): string[] {
    const { orderBy, version, eventId } = this.#parts.roles;
    if (orderBy !== undefined) return orderBy.map(column);
    const last = version ?? eventId;
    return last === undefined ? [] : [column(last)];
  }

  #where(all: readonly (readonly Piece[])[]): Piece[] {
    return all.length === 0 ? [] : [this.#ours(' WHERE '), ...all.flatMap((part, n) => (n === 0 ? part : [this.#ours(' AND '), ...part]))];
  }

  /** With `missing => 'error'`: that there is a row. */
  #assertion(pattern: Argument | undefined): Piece[] | undefined {
    const { named, scope } = this.#parts;
    if (word(scope.source, named.get('missing'), ['error', 'empty']) !== 'error') return undefined;
    const text = literalText(pattern?.value);
    const message = text === undefined ? 'no stream matches' : `no stream matches "${text}"`;
    return [this.#ours(`timeline_ops.assert_rows('42704', ${quoteLiteral(message)})`)];
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
        this.#ours(`, '22023', ${message}, ${this.#place(from.arg)})`),
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
        this.#ours(` AS bigint) > 0, '22023', '"max_events" must be greater than 0', ${this.#place(arg)})`),
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
    const tail = this.#tail();
    const time = column(roles.time);
    const stream = column(roles.stream);
    const { otherKeys = [] } = roles;
    if (otherKeys.length > 0) return [time, stream, ...otherKeys.map(column), ...tail];
    const pattern = named.get('stream');
    const literal = literalText(pattern?.value);
    if (pattern === undefined || (literal !== undefined && isPattern(literal))) return [time, stream, ...tail];
    if (roles.version === undefined && roles.orderBy === undefined) return [time, stream, ...tail];
    if (literal !== undefined) return tail;
    const single = this.#isSingle(pattern);
    return [`CASE WHEN ${single} THEN NULL ELSE ${time} END`, `CASE WHEN ${single} THEN NULL ELSE ${stream} END`, ...tail];
  }

  /** Whether a pattern that is no literal is the name of one stream: an expression without columns, which the plan folds. */
  #isSingle(pattern: Argument): string {
    const { source, inner } = this.#parts.scope;
    const value = source
      .render(pattern.valueStart, pattern.valueEnd, inner)
      .map((piece) => piece.text)
      .join('');
    return `(strpos(replace(CAST(${value} AS text), '\\*', ''), '*') = 0)`;
  }

  #instant(arg: Argument): Piece[] {
    return [this.#ours('CAST('), ...this.#value(arg), this.#ours(' AS timestamptz)')];
  }

  #value(arg: Argument): Piece[] {
    const { source, inner } = this.#parts.scope;
    return [this.#ours('('), ...source.render(arg.valueStart, arg.valueEnd, inner), this.#ours(')')];
  }

  /** Where the user wrote the argument's value, for errors. */
  #place(arg: Argument): number {
    return this.#parts.scope.source.position(arg.valueStart);
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

export function missingRole(scope: CallScope, location: number, what: string, name: string): never {
  throw callError(
    scope.source,
    location,
    '42703',
    `the source has no column for the ${what} of its events`,
    `Give it a column "${name}" (a subquery may rename one), or set the table property timeline.${what}.`,
  );
}
