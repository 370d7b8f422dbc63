import { listOf, nameParts, nodeOf, type ParseNode, taggedNode, textOf } from './parse-tree.js';
import type { Type } from './types.js';

export interface TableShape {
  readonly columns: readonly { readonly name: string; readonly type: Type }[];
  readonly properties: Readonly<Record<string, string>>;
}

/** What a statement says of the version of a table that it wants. */
export interface TableVersion {
  /** The expression as written. */
  readonly text: string;
  /** Its node in libpg-query's tree. */
  readonly value: unknown;
  /** Where it stands, from 1, in code points. */
  readonly position: number;
}

/** Tables in sight; with a version one of them as it was then. */
export type TableLookup = (schema: string | undefined, table: string, version?: TableVersion) => TableShape | undefined;

/** WITH queries in sight: their columns, as far as known. */
export type VisibleCtes = ReadonlyMap<string, readonly string[] | undefined>;

interface Scope {
  readonly ctes: VisibleCtes;
  readonly lookup: TableLookup;
}

/** Names of a SELECT's output columns, read off its tree; undefined where only PostgreSQL's catalogue would tell. */
export function selectColumns(select: ParseNode, outer: Scope): readonly string[] | undefined {
  const scope: Scope = { ...outer, ctes: withCtes(select, outer) };
  const values = listOf(select['valuesLists']);
  if (values.length > 0) return listOf(nodeOf(nodeOf(values[0])['List'])['items']).map((_, n) => `column${n + 1}`);
  if (select['larg'] !== undefined) return selectColumns(untag(select['larg']), scope);
  const from = listOf(select['fromClause']).map((item) => fromItem(item, scope));
  const names: string[] = [];
  for (const item of listOf(select['targetList'])) {
    const { body } = taggedNode(item);
    const star = starOf(body['val']);
    if (star === undefined) {
      names.push(body['name'] === undefined ? columnName(body['val'], scope) : textOf(body['name']));
      continue;
    }
    const ranges = from.flat().filter((range) => (star === '*' ? range.hidden !== true : range.alias === star));
    if (ranges.length === 0) return undefined;
    for (const range of ranges) {
      if (range.columns === undefined) return undefined;
      names.push(...range.columns);
    }
  }
  return names;
}

/** The CTEs that a SELECT's own WITH adds to those in sight. */
export function withCtes(select: ParseNode, scope: Scope): VisibleCtes {
  const clause = nodeOf(select['withClause']);
  const ctes = new Map(scope.ctes);
  for (const item of listOf(clause['ctes'])) {
    const { body } = taggedNode(item);
    const renamed = nameParts(body['aliascolnames']);
    const { tag, body: query } = taggedNode(body['ctequery']);
    const columns = tag === 'SelectStmt' ? selectColumns(query, { ...scope, ctes: new Map(ctes) }) : undefined;
    ctes.set(textOf(body['ctename']), rename(columns, renamed));
  }
  return ctes;
}

interface Range {
  readonly alias: string;
  readonly columns: readonly string[] | undefined;
  /** Its columns stand in another range of the same join, too: `*` leaves it out. */
  readonly hidden?: true;
}

/** All columns of ranges side by side; undefined where one's are not known. */
function together(ranges: readonly Range[]): readonly string[] | undefined {
  const shown = ranges.filter((range) => range.hidden !== true);
  return shown.some(({ columns }) => columns === undefined) ? undefined : shown.flatMap(({ columns }) => columns ?? []);
}

/** Columns of a join by USING or NATURAL: the merged ones, then the others of each side. */
function mergedColumns(join: ParseNode, left: readonly Range[], right: readonly Range[]): readonly string[] | undefined {
  if (join['isNatural'] !== true && join['usingClause'] === undefined) return undefined;
  const [ours, theirs] = [together(left), together(right)];
  if (ours === undefined || theirs === undefined) return undefined;
  const names = join['isNatural'] === true ? ours.filter((name) => theirs.includes(name)) : nameParts(join['usingClause']);
  const rest = (columns: readonly string[]): string[] => columns.filter((name) => !names.includes(name));
  return [...names, ...rest(ours), ...rest(theirs)];
}

/** The ranges that a FROM item brings into sight, in the order of `*`. */
function fromItem(item: unknown, scope: Scope): readonly Range[] {
  const { tag, body } = taggedNode(item);
  const alias = nodeOf(body['alias']);
  const name = textOf(alias['aliasname']);
  const colnames = nameParts(alias['colnames']);
  switch (tag) {
    case 'RangeVar': {
      const table = textOf(body['relname']);
      const schema = body['schemaname'] === undefined ? undefined : textOf(body['schemaname']);
      const columns =
        schema === undefined && scope.ctes.has(table)
          ? scope.ctes.get(table)
          : scope.lookup(schema, table)?.columns.map((column) => column.name);
      return [{ alias: name === '' ? table : name, columns: rename(columns, colnames) }];
    }
    case 'RangeSubselect':
      return [{ alias: name, columns: rename(selectColumns(untag(body['subquery']), scope), colnames) }];
    case 'JoinExpr': {
      const left = fromItem(body['larg'], scope);
      const right = fromItem(body['rarg'], scope);
      const merged = mergedColumns(body, left, right);
      if (merged === undefined && name === '') return [...left, ...right];
      // what USING and NATURAL merge comes once, first; an alias hides the names of the sides
      const columns = rename(merged ?? together([...left, ...right]), colnames);
      if (name !== '') return [{ alias: name, columns }];
      return [{ alias: '', columns }, ...[...left, ...right].map((range) => ({ ...range, hidden: true as const }))];
    }
    default:
      return [{ alias: name, columns: undefined }];
  }
}

function rename(columns: readonly string[] | undefined, names: readonly string[]): readonly string[] | undefined {
  return columns?.map((column, n) => names[n] ?? column);
}

/** larg and rarg stand in the tree without their tag. */
function untag(node: unknown): ParseNode {
  const inner = nodeOf(node)['SelectStmt'];
  return inner === undefined ? nodeOf(node) : nodeOf(inner);
}

/** `*` or the alias of `alias.*`; undefined: no star. */
function starOf(value: unknown): string | undefined {
  const { tag, body } = taggedNode(value);
  if (tag !== 'ColumnRef') return undefined;
  const fields = listOf(body['fields']);
  if (taggedNode(fields.at(-1)).tag !== 'A_Star') return undefined;
  return fields.length === 1 ? '*' : (nameParts(fields).at(-2) ?? '*');
}

/** The name that PostgreSQL gives a column without AS. */
function columnName(value: unknown, scope: Scope): string {
  const { tag, body } = taggedNode(value);
  switch (tag) {
    case 'ColumnRef':
      return nameParts(body['fields']).at(-1) ?? '?column?';
    case 'FuncCall':
      return nameParts(body['funcname']).at(-1) ?? '?column?';
    case 'A_Indirection':
      return columnName(body['arg'], scope);
    case 'CollateClause':
      return columnName(body['arg'], scope);
    case 'TypeCast': {
      const inner = columnName(body['arg'], scope);
      return inner === '?column?' ? (nameParts(nodeOf(body['typeName'])['names']).at(-1) ?? inner) : inner;
    }
    case 'CaseExpr': {
      const inner = columnName(body['defresult'], scope);
      return inner === '?column?' ? 'case' : inner;
    }
    case 'CoalesceExpr':
      return 'coalesce';
    case 'MinMaxExpr':
      return body['op'] === 'IS_LEAST' ? 'least' : 'greatest';
    case 'A_ArrayExpr':
      return 'array';
    case 'RowExpr':
      return 'row';
    case 'A_Expr':
      return body['kind'] === 'AEXPR_NULLIF' ? 'nullif' : '?column?';
    case 'SubLink': {
      if (body['subLinkType'] === 'EXISTS_SUBLINK') return 'exists';
      if (body['subLinkType'] === 'ARRAY_SUBLINK') return 'array';
      return body['subLinkType'] === 'EXPR_SUBLINK' ? (selectColumns(untag(body['subselect']), scope)?.[0] ?? '?column?') : '?column?';
    }
    default:
      return '?column?';
  }
}
