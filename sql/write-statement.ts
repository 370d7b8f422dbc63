import { scanSync } from 'libpg-query';
import { internal, TimelineError, unsupported } from './errors.js';
import { codePoints } from './parse.js';
import { listOf, nameParts, nodeOf, optionText, type ParseNode, taggedNode, textOf } from './parse-tree.js';
import type { WrittenName } from './references.js';

/** INSERT INTO … */
export interface InsertStatement {
  readonly table: WrittenName;
}

/** CREATE TABLE … AS, or SELECT … INTO. */
export interface TableCreation {
  readonly table: WrittenName;
  readonly ifNotExists: boolean;
  /** Names for the first columns. */
  readonly names: readonly string[];
  readonly options: Readonly<Record<string, string>>;
  readonly withData: boolean;
  /** The query in the statement's text, with blanks for what is not it. */
  readonly querySql: (text: string) => string;
}

/** CREATE TABLE (columns). */
export interface PlainTableCreation {
  readonly table: WrittenName;
  readonly ifNotExists: boolean;
  readonly options: Readonly<Record<string, string>>;
  /** `(a int, …)`: for PostgreSQL to read. */
  readonly columnsSql: (text: string) => string;
}

export interface TableDrop {
  readonly tables: readonly WrittenName[];
  readonly missingOk: boolean;
}

/** CALL timeline.name(…). */
export interface ProcedureCall {
  readonly procedure: string;
  /** The highest $n. */
  readonly parameters: number;
  /** `(…)` with blanks for what stands before it. */
  readonly argumentsSql: (text: string) => string;
}

export function insertStatement(body: ParseNode): InsertStatement {
  if (body['onConflictClause'] !== undefined) throw unsupported('INSERT … ON CONFLICT');
  if (body['returningClause'] !== undefined) throw unsupported('INSERT … RETURNING');
  if ((body['override'] ?? 'OVERRIDING_NOT_SET') !== 'OVERRIDING_NOT_SET') throw unsupported('INSERT … OVERRIDING');
  // Its column is among the columns by number only: what is assigned would be lost.
  if (listOf(body['cols']).some((column) => listOf(taggedNode(column).body['indirection']).length > 0))
    throw unsupported('INSERT into parts of a column');
  return { table: relationName(nodeOf(body['relation'])) };
}

export function tableCreation(body: ParseNode): TableCreation {
  if (body['objtype'] !== 'OBJECT_TABLE') throw unsupported('CREATE MATERIALIZED VIEW');
  if (taggedNode(body['query']).tag !== 'SelectStmt') throw unsupported('CREATE TABLE AS EXECUTE');
  const into = nodeOf(body['into']);
  const location = Number(nodeOf(into['rel'])['location'] ?? 0);
  return {
    ...creationOf(into),
    ifNotExists: body['if_not_exists'] === true,
    querySql: (text) => textAfterAs(text, location),
  };
}

/** SELECT … INTO; undefined: an ordinary SELECT. */
export function selectInto(body: ParseNode): TableCreation | undefined {
  let first = body;
  // Of set operations the first query has it.
  while (first['intoClause'] === undefined && first['larg'] !== undefined) first = nodeOf(first['larg']);
  if (first['intoClause'] === undefined) return undefined;
  const into = nodeOf(first['intoClause']);
  const relation = nodeOf(into['rel']);
  return { ...creationOf(into), ifNotExists: false, querySql: (text) => textWithoutInto(text, relation) };
}

export function plainTableCreation(body: ParseNode): PlainTableCreation {
  const relation = nodeOf(body['relation']);
  requireOrdinary(relation);
  for (const clause of ['inhRelations', 'partbound', 'partspec', 'ofTypename', 'tablespacename', 'accessMethod']) {
    if (body[clause] !== undefined) throw unsupported('CREATE TABLE with inheritance, partitions of its own, a type or a tablespace');
  }
  for (const element of listOf(body['tableElts'])) {
    const { tag, body: column } = taggedNode(element);
    if (tag !== 'ColumnDef') throw unsupported('CREATE TABLE with anything but columns');
    for (const constraint of listOf(column['constraints'])) {
      const kind = textOf(taggedNode(constraint).body['contype']);
      if (kind !== 'CONSTR_NOTNULL' && kind !== 'CONSTR_NULL')
        throw unsupported('a column with a default or a constraint other than NOT NULL');
    }
  }
  const location = Number(relation['location'] ?? 0);
  return {
    table: relationName(relation),
    ifNotExists: body['if_not_exists'] === true,
    options: optionTexts(body['options']),
    columnsSql: (text) => parenthesisAfter(text, location).text,
  };
}

export function tableDrop(body: ParseNode): TableDrop | undefined {
  if (body['removeType'] !== 'OBJECT_TABLE') return undefined;
  const tables = listOf(body['objects']).map((object) => {
    const parts = nameParts(nodeOf(nodeOf(object)['List'])['items']);
    if (parts.length > 2) throw unsupported('a name of another database');
    return { schema: parts.length > 1 ? parts.at(-2) : undefined, name: parts.at(-1) ?? '' };
  });
  return { tables, missingOk: body['missing_ok'] === true };
}

export function procedureCall(body: ParseNode): ProcedureCall {
  const call = nodeOf(body['funccall']);
  const parts = nameParts(call['funcname']);
  const written = parts.join('.');
  if (parts.length !== 2 || parts[0] !== 'timeline') {
    throw new TimelineError({
      kind: 'semantic',
      sqlstate: '42883',
      message: `procedure ${written} does not exist`,
      hint: 'There are timeline.optimize, timeline.expire_snapshots, timeline.remove_orphan_files and timeline.rewrite_manifests.',
    });
  }
  const location = Number(call['location'] ?? 0);
  return {
    procedure: parts[1] ?? '',
    parameters: Math.max(0, ...[...JSON.stringify(call).matchAll(/"ParamRef":\{"number":(\d+)/g)].map((match) => Number(match[1]))),
    argumentsSql: (text) => {
      const { text: args, start } = parenthesisAfter(text, location);
      return ' '.repeat(start) + args;
    },
  };
}

function creationOf(into: ParseNode): Pick<TableCreation, 'table' | 'names' | 'options' | 'withData'> {
  const relation = nodeOf(into['rel']);
  requireOrdinary(relation);
  if (into['accessMethod'] !== undefined || into['tableSpaceName'] !== undefined) throw unsupported('USING or TABLESPACE of a table');
  return {
    table: relationName(relation),
    names: nameParts(into['colNames']),
    options: optionTexts(into['options']),
    withData: into['skipData'] !== true,
  };
}

function requireOrdinary(relation: ParseNode): void {
  if (relation['relpersistence'] === 't' || relation['schemaname'] === 'pg_temp') throw unsupported('CREATE TEMP TABLE');
  if (relation['relpersistence'] === 'u') throw unsupported('CREATE UNLOGGED TABLE');
}

function relationName(relation: ParseNode): WrittenName {
  if (relation['catalogname'] !== undefined) throw unsupported('a name of another database');
  return { schema: relation['schemaname'] === undefined ? undefined : textOf(relation['schemaname']), name: textOf(relation['relname']) };
}

function optionTexts(options: unknown): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const option of listOf(options)) {
    const element = nodeOf(nodeOf(option)['DefElem']);
    const name = [element['defnamespace'], element['defname']]
      .map(textOf)
      .filter((part) => part !== '')
      .join('.');
    if (Object.hasOwn(found, name)) {
      throw new TimelineError({ kind: 'semantic', sqlstate: '42601', message: `parameter "${name}" specified more than once` });
    }
    found[name] = optionText(element['arg']) ?? 'true';
  }
  return found;
}

interface Word {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly word: string;
}

function words(text: string): readonly Word[] {
  return scanSync(text)
    .tokens.filter((token) => token.tokenName !== 'SQL_COMMENT' && token.tokenName !== 'C_COMMENT')
    .map(({ start, end, text: word, keywordName }) => ({
      start,
      end,
      text: word,
      word: keywordName === 'NO_KEYWORD' ? '' : word.toLowerCase(),
    }));
}

/** The query of CREATE TABLE AS, at its place, without WITH [NO] DATA. */
function textAfterAs(text: string, location: number): string {
  const tokens = words(text);
  let depth = 0;
  const as = tokens.findIndex((token) => {
    if (token.text === '(') depth += 1;
    if (token.text === ')') depth -= 1;
    return token.start > location && depth === 0 && token.word === 'as';
  });
  let last = tokens.length - 1;
  while (tokens[last]?.text === ';') last -= 1;
  const ends = (...expected: readonly string[]): boolean =>
    expected.every((word, n) => tokens[last - expected.length + 1 + n]?.word === word);
  if (ends('with', 'no', 'data')) last -= 3;
  else if (ends('with', 'data')) last -= 2;
  const first = tokens[as + 1];
  const end = tokens[last];
  if (as < 0 || first === undefined || end === undefined) throw internal('CREATE TABLE AS without its query');
  return blanked(text, [
    { start: 0, end: first.start },
    { start: end.end, end: Infinity },
  ]);
}

function textWithoutInto(text: string, relation: ParseNode): string {
  const tokens = words(text);
  const name = tokens.findIndex((token) => token.start === Number(relation['location'] ?? 0));
  const into = tokens.findLastIndex((token, n) => n < name && token.word === 'into');
  const end = tokens[relation['schemaname'] === undefined ? name : name + 2];
  const start = tokens[into];
  if (start === undefined || end === undefined) throw internal('SELECT INTO without INTO');
  return blanked(text, [{ start: start.start, end: end.end }]);
}

/** The first parenthesis after a place, to its end; `start` in code points. */
function parenthesisAfter(text: string, location: number): { readonly text: string; readonly start: number } {
  const tokens = words(text).filter((token) => token.start >= location);
  const open = tokens.findIndex((token) => token.text === '(');
  let depth = 0;
  for (const token of tokens.slice(Math.max(0, open))) {
    if (token.text === '(') depth += 1;
    if (token.text === ')') depth -= 1;
    if (depth > 0) continue;
    const bytes = Buffer.from(text, 'utf8');
    const start = tokens[open]?.start ?? 0;
    return { text: bytes.subarray(start, token.end).toString('utf8'), start: codePoints(bytes.subarray(0, start).toString('utf8')) };
  }
  throw internal('a statement without its parenthesis');
}

/** Blanks for parts of a text, one for each code point: positions stay right. */
function blanked(text: string, parts: readonly { readonly start: number; readonly end: number }[]): string {
  const bytes = Buffer.from(text, 'utf8');
  let at = 0;
  let out = '';
  for (const { start, end } of parts) {
    const to = Math.min(end, bytes.length);
    out += bytes.subarray(at, start).toString('utf8') + ' '.repeat(codePoints(bytes.subarray(start, to).toString('utf8')));
    at = to;
  }
  return out + bytes.subarray(at).toString('utf8');
}
