import { tooDeep } from './errors.js';
import { listOf, nameParts, nodeOf, type ParseNode, taggedNode, textOf } from './parse-tree.js';

/** A name as written: not looked up, so the schema may be missing. */
export interface WrittenName {
  readonly schema: string | undefined;
  readonly name: string;
}

/** Relations that a parsed statement names, without its CTEs; each once, in order of appearance. */
export function referencedRelations(statement: unknown): readonly WrittenName[] {
  const found = new Map<string, WrittenName>();
  visit(statement, new Set(), (tag, body, ctes) => {
    if (tag !== 'RangeVar') return;
    const name: WrittenName = {
      schema: body['schemaname'] === undefined ? undefined : textOf(body['schemaname']),
      name: textOf(body['relname']),
    };
    if (name.schema === undefined && ctes.has(name.name)) return;
    found.set(JSON.stringify([name.schema ?? null, name.name]), name);
  });
  return [...found.values()];
}

/** A relation where a statement names it. */
export interface RelationNode extends WrittenName {
  readonly body: ParseNode;
}

/** Every place that names a relation, without CTEs. */
export function relationNodes(statement: unknown): readonly RelationNode[] {
  const found: RelationNode[] = [];
  visit(statement, new Set(), (tag, body, ctes) => {
    if (tag !== 'RangeVar') return;
    const schema = body['schemaname'] === undefined ? undefined : textOf(body['schemaname']);
    const name = textOf(body['relname']);
    if (schema !== undefined || !ctes.has(name)) found.push({ schema, name, body });
  });
  return found;
}

/** Functions that a parsed statement calls by name; each once. */
export function referencedFunctions(statement: unknown): readonly WrittenName[] {
  const found = new Map<string, WrittenName>();
  visit(statement, new Set(), (tag, body) => {
    if (tag !== 'FuncCall') return;
    const parts = nameParts(body['funcname']);
    const name: WrittenName = { schema: parts.length > 1 ? parts.at(-2) : undefined, name: parts.at(-1) ?? '' };
    found.set(JSON.stringify([name.schema ?? null, name.name]), name);
  });
  return [...found.values()];
}

/** What a SELECT has in it that would write or lock, by name; undefined: nothing. */
export function refusedClause(statement: unknown): string | undefined {
  let refused: string | undefined;
  visit(statement, new Set(), (tag, body) => {
    if (tag === 'SelectStmt' && body['intoClause'] !== undefined) refused ??= 'SELECT INTO';
    if (tag === 'SelectStmt' && listOf(body['lockingClause']).length > 0) refused ??= 'SELECT FOR UPDATE/SHARE';
    if (tag === 'InsertStmt' || tag === 'UpdateStmt' || tag === 'DeleteStmt' || tag === 'MergeStmt') {
      refused ??= `${tag.slice(0, -'Stmt'.length).toUpperCase()} in WITH`;
    }
  });
  return refused;
}

type Visitor = (tag: string, body: ParseNode, ctes: ReadonlySet<string>) => void;

/** Nodes whose body stands in a field without its tag. */
const UNTAGGED: Readonly<Record<string, string>> = { relation: 'RangeVar', rel: 'RangeVar', larg: 'SelectStmt', rarg: 'SelectStmt' };

function visit(value: unknown, ctes: ReadonlySet<string>, visitor: Visitor): void {
  try {
    visitValue(value, ctes, visitor);
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw tooDeep(thrown);
  }
}

function visitValue(value: unknown, ctes: ReadonlySet<string>, visitor: Visitor): void {
  if (Array.isArray(value)) {
    for (const item of value) visitValue(item, ctes, visitor);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    if (/^[A-Z]/.test(key)) visitNode(key, nodeOf(child), ctes, visitor);
    else visitValue(child, ctes, visitor);
  }
}

function visitNode(tag: string, body: ParseNode, ctes: ReadonlySet<string>, visitor: Visitor): void {
  let scope = ctes;
  const withClause = nodeOf(body['withClause']);
  const definitions = listOf(withClause['ctes']).map((cte) => taggedNode(cte).body);
  if (definitions.length > 0) {
    const recursive = withClause['recursive'] === true;
    const inner = new Set(ctes);
    if (recursive) for (const cte of definitions) inner.add(textOf(cte['ctename']));
    for (const cte of definitions) {
      // Without RECURSIVE a CTE sees those before it only.
      visitValue(cte['ctequery'], new Set(inner), visitor);
      inner.add(textOf(cte['ctename']));
    }
    scope = inner;
  }
  visitor(tag, body, scope);
  for (const [key, child] of Object.entries(body)) {
    if (key === 'withClause') continue;
    const untagged = UNTAGGED[key];
    // JoinExpr too has larg and rarg, but tagged.
    if (untagged !== undefined && !/^[A-Z]/.test(Object.keys(nodeOf(child))[0] ?? '')) visitNode(untagged, nodeOf(child), scope, visitor);
    else visitValue(child, scope, visitor);
  }
}
