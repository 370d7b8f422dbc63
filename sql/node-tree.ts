import type { CatalogueNames } from './catalogue-names.js';
import { internal, tooDeep, unsupported } from './errors.js';
import { ExpressionReader } from './node-tree-expression.js';
import {
  booleanField,
  isNode,
  listField,
  type NodeValue,
  nodeField,
  nodesField,
  numberField,
  numbersField,
  readNodeTree,
  requiredNode,
  stringsField,
  type TreeNode,
  textField,
} from './node-tree-reader.js';
import type {
  Cte,
  FrameBound,
  FromItem,
  GroupingSet,
  JoinType,
  Query,
  QueryExpr,
  RangeEntry,
  SetOperation,
  SortClause,
  TableSample,
  Target,
  WindowClause,
} from './query.js';
import type { Type } from './types.js';

/**
 * Reads pg_proc.prosqlbody (of EmbeddedPostgres.analyse) as a Query. Expressions that have no place in QueryExpr become
 * `unknown_node`; clauses that have none in Query throw 0A000.
 */
export function readQuery(prosqlbody: string, names: CatalogueNames): Query {
  try {
    return new QueryReader(names).query(onlyQuery(readNodeTree(prosqlbody)));
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw tooDeep(thrown);
  }
}

/** An analysed INSERT: its rows as a query, whose n-th column goes into column `columns[n]` (1-based) of `table`. */
export interface InsertQuery {
  readonly query: Query;
  readonly table: { readonly schema: string; readonly name: string };
  readonly columns: readonly number[];
}

/** As readQuery, for INSERT. DEFAULT is NULL: tables have no defaults here. */
export function readInsert(prosqlbody: string, names: CatalogueNames): InsertQuery {
  try {
    return new QueryReader(names).insert(onlyQuery(readNodeTree(prosqlbody)));
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw tooDeep(thrown);
  }
}

/** The body is a list of statements, in a list. */
function onlyQuery(value: NodeValue): TreeNode {
  let inner = value;
  while (Array.isArray(inner) && inner.length === 1) inner = inner[0] ?? null;
  if (!isNode(inner) || inner.node !== 'QUERY') throw internal('the analysed text is not one query');
  return inner;
}

const JOIN_TYPES: readonly (JoinType | undefined)[] = ['inner', 'left', 'full', 'right'];
const SET_OPERATIONS: readonly ('union' | 'intersect' | 'except' | undefined)[] = [undefined, 'union', 'intersect', 'except'];
const GROUPING_SETS: readonly (GroupingSet['kind'] | undefined)[] = ['empty', 'simple', 'rollup', 'cube', 'sets'];
/** FRAMEOPTION_* of parsenodes.h. */
const FRAME = {
  rows: 0x4,
  groups: 0x8,
  unboundedPreceding: 0x20,
  unboundedFollowing: 0x80,
  currentRow: 0x200,
  offsetPreceding: 0x800,
  excludeCurrentRow: 0x8000,
  excludeGroup: 0x10000,
  excludeTies: 0x20000,
};
const MATERIALIZED: readonly (Cte['materialized'] | undefined)[] = ['default', 'always', 'never'];
const SELECT = 1;
const INSERT = 3;

class QueryReader {
  private readonly expressions: ExpressionReader;

  constructor(private readonly names: CatalogueNames) {
    this.expressions = new ExpressionReader(names, (node) => this.query(node));
  }

  insert(node: TreeNode): InsertQuery {
    const target = numberField(node, 'resultRelation');
    const query = this.query(node, INSERT);
    const table = query.ranges[target - 1];
    if (table?.kind !== 'table') throw internal('an analysed INSERT without its table');
    return {
      // Its table is not read.
      query: { ...query, ranges: query.ranges.map((range) => (range === table ? { kind: 'result' } : range)) },
      table: { schema: table.schema, name: table.name },
      columns: nodesField(node, 'targetList').map((entry) => numberField(entry, 'resno')),
    };
  }

  query(node: TreeNode, command = SELECT): Query {
    if (node.node !== 'QUERY' || numberField(node, 'commandType') !== command)
      throw internal(`the analysed statement is not ${command === SELECT ? 'a SELECT' : 'an INSERT'}`);
    const jointree = requiredNode(node, 'jointree');
    const distinct = nodesField(node, 'distinctClause');
    const setOperations = nodeField(node, 'setOperations');
    return {
      targets: nodesField(node, 'targetList').map((target) => this.target(target)),
      ranges: nodesField(node, 'rtable').map((range) => this.range(range)),
      from: nodesField(jointree, 'fromlist').map((item) => this.fromItem(item)),
      where: this.expressions.optional(jointree, 'quals'),
      groupBy: nodesField(node, 'groupClause').map(clauseRef),
      groupingSets:
        listField(node, 'groupingSets').length === 0 ? undefined : nodesField(node, 'groupingSets').map((set) => this.groupingSet(set)),
      groupDistinct: booleanField(node, 'groupDistinct'),
      windows: nodesField(node, 'windowClause').map((window) => this.window(window)),
      having: this.expressions.optional(node, 'havingQual'),
      distinct: distinct.length === 0 ? 'none' : booleanField(node, 'hasDistinctOn') ? 'on' : 'all',
      distinctOn: distinct.map(clauseRef),
      orderBy: nodesField(node, 'sortClause').map((clause) => this.sortClause(clause)),
      limit: this.expressions.optional(node, 'limitCount'),
      offset: this.expressions.optional(node, 'limitOffset'),
      withTies: numberField(node, 'limitOption') === 1,
      setOperation: setOperations === undefined ? undefined : this.setOperation(setOperations),
      ctes: nodesField(node, 'cteList').map((cte) => this.cte(cte)),
      hasAggregates: booleanField(node, 'hasAggs'),
      hasWindows: booleanField(node, 'hasWindowFuncs'),
      hasTargetSrfs: booleanField(node, 'hasTargetSRFs'),
      hasForUpdate: booleanField(node, 'hasForUpdate') || listField(node, 'rowMarks').length > 0,
    };
  }

  private target(node: TreeNode): Target {
    return {
      expr: this.expressions.read(requiredNode(node, 'expr')),
      name: textField(node, 'resname') ?? '',
      ref: numberField(node, 'ressortgroupref'),
      junk: booleanField(node, 'resjunk'),
    };
  }

  private sortClause(node: TreeNode): SortClause {
    this.expressions.requirePlainOrder(node);
    return { ref: clauseRef(node), descending: booleanField(node, 'reverse_sort'), nullsFirst: booleanField(node, 'nulls_first') };
  }

  private groupingSet(node: TreeNode): GroupingSet {
    const kind = GROUPING_SETS[numberField(node, 'kind')];
    switch (kind) {
      case 'empty':
        return { kind };
      case 'simple':
        return { kind, refs: numbersField(node, 'content') };
      case 'rollup':
      case 'cube':
      case 'sets':
        return { kind, content: nodesField(node, 'content').map((set) => this.groupingSet(set)) };
      case undefined:
        throw internal('an analysed grouping set of a kind that no SQL has');
    }
  }

  private window(node: TreeNode): WindowClause {
    const options = numberField(node, 'frameOptions');
    const has = (bit: number): boolean => (options & bit) !== 0;
    const bound = (side: 'start' | 'end'): FrameBound<QueryExpr> => {
      // the bits of the frame's end follow those of its start, one by one
      const shift = side === 'start' ? 0 : 1;
      if (has(FRAME.unboundedPreceding << shift)) return { kind: 'unbounded_preceding' };
      if (has(FRAME.unboundedFollowing << shift)) return { kind: 'unbounded_following' };
      if (has(FRAME.currentRow << shift)) return { kind: 'current_row' };
      const offset = this.expressions.read(requiredNode(node, `${side}Offset`));
      return { kind: has(FRAME.offsetPreceding << shift) ? 'preceding' : 'following', offset };
    };
    return {
      ref: numberField(node, 'winref'),
      partitionBy: nodesField(node, 'partitionClause').map(clauseRef),
      orderBy: nodesField(node, 'orderClause').map((clause) => this.sortClause(clause)),
      frame: {
        mode: has(FRAME.rows) ? 'rows' : has(FRAME.groups) ? 'groups' : 'range',
        start: bound('start'),
        end: bound('end'),
        exclude: has(FRAME.excludeCurrentRow)
          ? 'current_row'
          : has(FRAME.excludeGroup)
            ? 'group'
            : has(FRAME.excludeTies)
              ? 'ties'
              : 'none',
      },
    };
  }

  private sample(node: TreeNode): TableSample {
    const method = this.names.function(numberField(node, 'tsmhandler')).signature;
    const [percent] = this.expressions.list(node.fields.get('args') ?? null);
    if (percent === undefined || !(method.startsWith('bernoulli(') || method.startsWith('system(')))
      throw unsupported(`TABLESAMPLE ${method}`);
    return {
      method: method.startsWith('system(') ? 'system' : 'bernoulli',
      percent,
      seed: this.expressions.optional(node, 'repeatable'),
    };
  }

  private range(node: TreeNode): RangeEntry {
    const eref = requiredNode(node, 'eref');
    const alias = textField(eref, 'aliasname') ?? '';
    const columns = stringsField(eref, 'colnames');
    const lateral = booleanField(node, 'lateral');
    switch (numberField(node, 'rtekind')) {
      case 0: {
        const relid = numberField(node, 'relid');
        const { schema, name } = this.names.relation(relid);
        const sample = nodeField(node, 'tablesample');
        return { kind: 'table', relid, schema, name, alias, columns, sample: sample === undefined ? undefined : this.sample(sample) };
      }
      case 1:
        return { kind: 'subquery', query: this.query(requiredNode(node, 'subquery')), alias, columns, lateral };
      case 2:
        return { kind: 'join', columns, aliasVars: nodesField(node, 'joinaliasvars').map((expr) => this.expressions.read(expr)) };
      case 3: {
        const functions = nodesField(node, 'functions').map((fn) => ({
          expr: this.expressions.read(requiredNode(fn, 'funcexpr')),
          width: numberField(fn, 'funccolcount'),
          types: columnTypes(fn, 'funccoltypes', 'funccoltypmods'),
        }));
        return { kind: 'function', functions, ordinality: booleanField(node, 'funcordinality'), alias, columns, lateral };
      }
      case 5:
        return {
          kind: 'values',
          rows: listField(node, 'values_lists').map((row) => this.expressions.list(row)),
          alias,
          columns,
          types: columnTypes(node, 'coltypes', 'coltypmods'),
        };
      case 6:
        return {
          kind: 'cte',
          name: textField(node, 'ctename') ?? '',
          level: numberField(node, 'ctelevelsup'),
          alias,
          columns,
          selfReference: booleanField(node, 'self_reference'),
        };
      case 8:
        return { kind: 'result' };
      case 9:
        return { kind: 'group', exprs: nodesField(node, 'groupexprs').map((expr) => this.expressions.read(expr)) };
      case 4:
        throw unsupported('XMLTABLE or JSON_TABLE');
      default:
        throw unsupported('this kind of range');
    }
  }

  private fromItem(node: TreeNode): FromItem {
    switch (node.node) {
      case 'RANGETBLREF':
        return { kind: 'range', range: numberField(node, 'rtindex') };
      case 'JOINEXPR': {
        const type = JOIN_TYPES[numberField(node, 'jointype')];
        if (type === undefined) throw internal('an analysed join of a kind that no SQL has');
        return {
          kind: 'join',
          type,
          left: this.fromItem(requiredNode(node, 'larg')),
          right: this.fromItem(requiredNode(node, 'rarg')),
          on: this.expressions.optional(node, 'quals'),
          range: numberField(node, 'rtindex'),
        };
      }
      case 'FROMEXPR':
        return {
          kind: 'list',
          items: nodesField(node, 'fromlist').map((item) => this.fromItem(item)),
          where: this.expressions.optional(node, 'quals'),
        };
      default:
        throw unsupported(`${node.node} in FROM`);
    }
  }

  private setOperation(node: TreeNode): SetOperation {
    if (node.node === 'RANGETBLREF') return { kind: 'leaf', range: numberField(node, 'rtindex') };
    const op = SET_OPERATIONS[numberField(node, 'op')];
    if (op === undefined) throw internal('an analysed set operation of a kind that no SQL has');
    return {
      kind: 'set',
      op,
      all: booleanField(node, 'all'),
      left: this.setOperation(requiredNode(node, 'larg')),
      right: this.setOperation(requiredNode(node, 'rarg')),
      types: columnTypes(node, 'colTypes', 'colTypmods'),
    };
  }

  private cte(node: TreeNode): Cte {
    if (nodeField(node, 'search_clause') !== undefined) throw unsupported('SEARCH in WITH RECURSIVE');
    if (nodeField(node, 'cycle_clause') !== undefined) throw unsupported('CYCLE in WITH RECURSIVE');
    const materialized = MATERIALIZED[numberField(node, 'ctematerialized')];
    return {
      name: textField(node, 'ctename') ?? '',
      query: this.query(requiredNode(node, 'ctequery')),
      recursive: booleanField(node, 'cterecursive'),
      materialized: materialized ?? 'default',
    };
  }
}

function clauseRef(node: TreeNode): number {
  return numberField(node, 'tleSortGroupRef');
}

function columnTypes(node: TreeNode, types: string, typmods: string): readonly Type[] {
  const modifiers = numbersField(node, typmods);
  return numbersField(node, types).map((oid, i) => ({ oid, typmod: modifiers[i] ?? -1 }));
}
