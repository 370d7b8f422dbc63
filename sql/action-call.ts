import { TimelineError } from './errors.js';
import { listOf, nameParts, nodeOf, nodesTagged, type ParseNode, taggedNode, textOf } from './parse-tree.js';
import { assemble, type Edit, SourceText } from './source-text.js';
import { argumentsOf } from './timeline-options.js';
import { placeOf } from './timeline-texpr.js';
import type { ExpandedText } from './view-references.js';

/** A parameter of an action function; without `initial` it must be given. */
export interface ActionParameter {
  readonly name: string;
  readonly type: 'text' | 'interval' | 'timestamptz' | 'boolean' | 'integer';
  /** SQL of its default. */
  readonly initial?: string;
}

export interface ActionFunction {
  readonly parameters: readonly ActionParameter[];
  readonly returns: 'text' | 'boolean';
  readonly comment: string;
}

const text = (name: string, initial?: string): ActionParameter => ({ name, type: 'text', ...(initial === undefined ? {} : { initial }) });

/** Functions of schema `timeline` that do something, once for each row of an outermost SELECT. None has an overload. */
export const ACTIONS = {
  submit: {
    parameters: [text('sql'), text('name', 'null'), text('result', "'inline'")],
    returns: 'text',
    comment: 'Runs a query durably, beyond this session; gives the id of its replay',
  },
  cancel: {
    parameters: [text('id'), text('reason', 'null')],
    returns: 'boolean',
    comment: 'Cancels a replay; false: there is none running',
  },
  pause: { parameters: [text('id')], returns: 'boolean', comment: 'Lets a replay start no further task; false: there is none running' },
  resume: { parameters: [text('id')], returns: 'boolean', comment: 'Lets a paused replay go on' },
  wait: {
    parameters: [text('id'), { name: 'timeout', type: 'interval', initial: 'null' }],
    returns: 'text',
    comment: 'Waits for a replay to end; gives its state',
  },
  schedule: {
    parameters: [
      text('name'),
      text('cron'),
      text('sql'),
      text('result', "'inline'"),
      text('overlap', "'skip'"),
      { name: 'catch_up', type: 'interval', initial: "'1 day'" },
      text('time_zone', 'null'),
    ],
    returns: 'text',
    comment: 'Runs a query over one interval after the other, $1 and $2 being its bounds; gives the name',
  },
  unschedule: { parameters: [text('name')], returns: 'boolean', comment: 'Removes a schedule; what runs goes on' },
  pause_schedule: { parameters: [text('name')], returns: 'boolean', comment: 'Lets a schedule start nothing' },
  resume_schedule: { parameters: [text('name')], returns: 'boolean', comment: 'Lets a paused schedule go on' },
  backfill: {
    parameters: [
      text('schedule'),
      { name: 'from', type: 'timestamptz' },
      { name: 'until', type: 'timestamptz' },
      { name: 'missing_only', type: 'boolean', initial: 'false' },
      text('chunk', "'interval'"),
      { name: 'parallel', type: 'integer', initial: '4' },
    ],
    returns: 'text',
    comment: "Runs the past intervals of a schedule; gives the id of the backfill's replay",
  },
} as const satisfies Readonly<Record<string, ActionFunction>>;

export type ActionName = keyof typeof ACTIONS;

/** The schema of what is called by name. */
export const ACTION_SCHEMA = 'timeline';

export const ACTION_HINT =
  'It stands alone as a column of an outermost SELECT: SELECT timeline.submit(…); other statements can use what it gave.';

/** DDL for the embedded Postgres, whose analyser resolves the calls; it never runs them. */
export const ACTION_STUBS: readonly string[] = [
  ...Object.entries<ActionFunction>(ACTIONS).flatMap(([name, { parameters, returns, comment }]) =>
    stub(name, parameters, returns, comment),
  ),
  ...stub('result', [text('id')], 'setof record', 'The rows of a replay that has completed'),
];

function stub(name: string, parameters: readonly ActionParameter[], returns: string, comment: string): string[] {
  const list = parameters.map((one) => `"${one.name}" ${one.type}${one.initial === undefined ? '' : ` default ${one.initial}`}`).join(', ');
  const message = `timeline.${name}() here is not supported`;
  return [
    `create function ${ACTION_SCHEMA}.${name}(${list}) returns ${returns} language plpgsql volatile called on null input as ` +
      `$$ begin raise exception '${message}' using errcode = '0A000'; end $$`,
    `comment on function ${ACTION_SCHEMA}.${name} is '${comment.replaceAll("'", "''")}'`,
  ];
}

/** A call of an action function somewhere in a statement. */
export interface ActionCall {
  readonly action: ActionName;
  /** The FuncCall's body. */
  readonly call: ParseNode;
  /** Parts of its name as written. */
  readonly parts: number;
}

/** Every call of one, wherever it stands. */
export function actionCalls(statement: unknown, searchPath: readonly string[]): readonly ActionCall[] {
  return nodesTagged(statement, 'FuncCall').flatMap((call) => actionOf(call, searchPath) ?? []);
}

function actionOf(call: ParseNode, searchPath: readonly string[]): ActionCall | undefined {
  const parts = nameParts(call['funcname']);
  const name = parts.at(-1) ?? '';
  const schema = parts.at(-2);
  const ours = schema === undefined ? searchPath.includes(ACTION_SCHEMA) : schema === ACTION_SCHEMA;
  return ours && isAction(name) ? { action: name, call, parts: parts.length } : undefined;
}

function isAction(name: string): name is ActionName {
  return Object.hasOwn(ACTIONS, name);
}

/** 0A000 at the first call. */
export function refusedAction(statementText: string, calls: readonly ActionCall[]): TimelineError {
  const [first] = calls;
  const at = first === undefined ? 0 : placeOf(first.call);
  return new TimelineError({
    kind: 'unsupported',
    sqlstate: '0A000',
    message: `timeline.${first?.action ?? 'submit'}() here is not supported`,
    hint: ACTION_HINT,
    position: new SourceText(statementText).position(at),
  });
}

/** An action of each row. */
export interface RowAction {
  readonly action: ActionName;
  /** Where its first argument stands if that is a plain string: for positions inside of it. */
  readonly literal: LiteralPlace | undefined;
}

/** A string literal of the statement. */
export interface LiteralPlace {
  /** Of the first character inside of its quotes: 1-based, in code points. */
  readonly position: number;
  /** As written between the quotes. */
  readonly written: string;
  /** Quotes are doubled in it. */
  readonly doubled: boolean;
}

/**
 * The SELECT with an array of each action's arguments, as text, in its place: instants as microseconds since 1970, intervals as milliseconds.
 * PostgreSQL must have accepted the text as it was. Throws 0A000 for calls at other places.
 */
export function rewriteActionCalls(
  statementText: string,
  statement: unknown,
  searchPath: readonly string[],
): ExpandedText & { readonly actions: readonly RowAction[] } {
  const calls = actionCalls(statement, searchPath);
  const select = nodeOf(nodeOf(statement)['SelectStmt']);
  const targets = listOf(select['targetList']).map((target) => nodeOf(nodeOf(target)['ResTarget']));
  const top = targets.flatMap((target, n) => {
    const { tag, body } = taggedNode(target['val']);
    const call = tag === 'FuncCall' ? calls.find((one) => one.call === body) : undefined;
    return call === undefined ? [] : [{ ...call, target: n, name: textOf(target['name']) || call.action }];
  });
  const elsewhere = calls.filter((call) => !top.some((one) => one.call === call.call));
  if (elsewhere.length > 0) throw refusedAction(statementText, elsewhere);
  if (select['distinctClause'] !== undefined) throw refusedAction(statementText, top);
  if (sortsBy(select, top, targets)) throw refusedAction(statementText, top);
  const source = new SourceText(statementText);
  const edits: Edit[] = [];
  const actions: RowAction[] = [];
  for (const { action, call, parts } of top) {
    const location = placeOf(call);
    const { args, end } = argumentsOf(source, call, location, parts);
    const values = ACTIONS[action].parameters.map((parameter: ActionParameter, n) => {
      const arg = args.find((one) => one.name === parameter.name) ?? (args[n]?.name === undefined ? args[n] : undefined);
      return argumentSql(parameter, arg === undefined ? (parameter.initial ?? 'null') : source.slice(arg.valueStart, arg.valueEnd));
    });
    const [first] = args;
    actions.push({ action, literal: sqlLiteral(action, source, first) });
    edits.push({
      start: location,
      end,
      pieces: [{ text: `array[${values.join(', ')}]::pg_catalog.text[]`, from: location, copied: false }],
    });
  }
  return { ...assemble(source, source.render(0, source.length, edits)), actions };
}

/** ORDER BY and GROUP BY that name an action's column would sort by what it has not given yet. */
function sortsBy(
  select: ParseNode,
  top: readonly { readonly target: number; readonly name: string }[],
  targets: readonly ParseNode[],
): boolean {
  const keys = [
    ...listOf(select['sortClause']).map((item) => nodeOf(nodeOf(item)['SortBy'])['node']),
    ...listOf(select['groupClause']),
  ].map(taggedNode);
  const starred = targets.some((target) => JSON.stringify(target['val'] ?? null).includes('"A_Star"'));
  return keys.some(({ tag, body }) => {
    if (tag === 'ColumnRef') {
      const parts = nameParts(body['fields']);
      return parts.length === 1 && top.some(({ name }) => name === parts[0]);
    }
    if (tag !== 'A_Const' || body['ival'] === undefined) return false;
    const number = Number(nodeOf(body['ival'])['ival'] ?? 0);
    return starred || top.some(({ target }) => target + 1 === number);
  });
}

/** The argument as text, in PostgreSQL's words or in numbers that no setting changes. The last line of `sql` may be a comment. */
function argumentSql({ type }: ActionParameter, sql: string): string {
  const value = `(${sql}\n)::pg_catalog.${type === 'integer' ? 'int4' : type === 'boolean' ? 'bool' : type}`;
  switch (type) {
    case 'text':
      return value;
    case 'boolean':
    case 'integer':
      return `${value}::pg_catalog.text`;
    case 'interval':
      return `pg_catalog.trunc(extract(epoch from ${value}) * 1000)::pg_catalog.text`;
    case 'timestamptz':
      return `pg_catalog.trunc(extract(epoch from ${value}) * 1000000)::pg_catalog.text`;
  }
}

/** Where the SQL of a submit() is, if it is a literal without escapes. */
function sqlLiteral(
  action: ActionName,
  source: SourceText,
  first: { readonly name: string | undefined; readonly value: unknown; readonly valueStart: number; readonly valueEnd: number } | undefined,
): LiteralPlace | undefined {
  if (action !== 'submit' || first === undefined || (first.name !== undefined && first.name !== 'sql')) return undefined;
  if (taggedNode(first.value).tag !== 'A_Const') return undefined;
  const written = source.slice(first.valueStart, first.valueEnd);
  const dollar = /^\$[^$]*\$/.exec(written)?.[0];
  const quote = dollar ?? (written.startsWith("'") ? "'" : undefined);
  if (quote === undefined || written.length < 2 * quote.length || !written.endsWith(quote)) return undefined;
  // Two literals on two lines are one value.
  if (dollar === undefined && written.slice(1, -1).replaceAll("''", '').includes("'")) return undefined;
  return {
    position: source.position(first.valueStart) + [...quote].length,
    written: written.slice(quote.length, written.length - quote.length),
    doubled: dollar === undefined,
  };
}

/** From a 1-based position in a literal's value to one in the statement. */
export function positionInLiteral(literal: LiteralPlace, position: number): number {
  if (!literal.doubled) return literal.position + position - 1;
  const points = [...literal.written];
  let at = 0;
  for (let value = 1; value < position && at < points.length; value++) at += points[at] === "'" ? 2 : 1;
  return literal.position + at;
}
