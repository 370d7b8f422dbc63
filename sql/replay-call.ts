import { internal, unsupported } from './errors.js';
import type { ParseNode } from './parse-tree.js';
import { type ReplayRead, replayRead } from './replay-read.js';
import { type Bound, missingRole, Replay, type Roles } from './replay-select.js';
import type { Piece } from './source-text.js';
import {
  type Argument,
  argumentsOf,
  byName,
  callError,
  columnNames,
  isNullLiteral,
  readsColumn,
  unknownOption,
  word,
} from './timeline-options.js';
import { type CallScope, type EventSource, eventSource, propertyColumns } from './timeline-source.js';
import { noColumn } from './timeline-texpr.js';

/** Positional arguments after the source, of which the first `required` must be there; all may be named. */
const FUNCTIONS: Readonly<Record<string, { readonly args: readonly string[]; readonly required: number }>> = {
  read_until: { args: ['stream', 'until', 'direction', 'max_events', 'as_of'], required: 2 },
  read_range: { args: ['stream', 'from', 'to', 'bounds', 'direction', 'max_events', 'as_of'], required: 3 },
  version_at: { args: ['stream', 'at', 'as_of'], required: 2 },
};

/** read_until(), read_range() and version_at() as plain subselects. */
export function rewriteReplayFunction(
  scope: CallScope,
  name: string,
  call: ParseNode,
  location: number,
): { readonly pieces: readonly Piece[]; readonly end: number; readonly lateral: boolean; readonly read: ReplayRead } {
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
  const read = replayRead(source, name, events.name, named);
  return { pieces: name === 'version_at' ? replay.versions() : replay.events(bounds(scope, name, named)), end, lateral, read };
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
  const [stream, ...otherKeys] = keys;
  if (stream === undefined) throw internal('a replay without a key');
  const written = (name: string): readonly string[] | undefined => {
    const arg = named.get(name);
    if (arg === undefined || isNullLiteral(arg.value)) return undefined;
    const columns = columnNames(scope.source, arg);
    const known = new Set(events.columns ?? columns);
    for (const column of columns) if (!known.has(column)) throw noColumn(scope.source, arg.valueStart, column, known);
    return columns;
  };
  const orderBy = written('order_by') ?? propertyColumns(events, 'timeline.order_by');
  const dedupe = written('dedupe') ?? propertyColumns(events, 'timeline.dedupe');
  const roles: Roles = {
    stream,
    time: ts,
    version: role(scope, events, location, 'timeline.version', 'version'),
    ...(otherKeys.length === 0 ? {} : { otherKeys }),
    ...(orderBy === undefined ? {} : { orderBy }),
    ...(dedupe === undefined ? {} : { dedupe }),
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
