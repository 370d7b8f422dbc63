import type { CatalogueNames, FunctionInfo } from './catalogue-names.js';
import { internal, unsupported } from './errors.js';
import type { Call, Constant } from './expression.js';
import { functionName } from './functions/signature.js';
import { constantText } from './node-tree-constant.js';
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
  type TreeNode,
} from './node-tree-reader.js';
import {
  Pieces,
  readIsJson,
  readJsonConstructor,
  readJsonExpression,
  readRow,
  readRowComparison,
  readRowNullTest,
  readSubscripts,
} from './node-tree-template.js';
import type { AggregateCall, Query, QueryExpr, SubLink } from './query.js';
import { quoteIdentifier } from './quote.js';
import { ELEMENT_OF, numericModifier, Oid, type Type, type } from './types.js';

const BOOL = type(Oid.bool);
const ANY = 2276;
const SUBLINKS: readonly (SubLink['link'] | undefined)[] = ['exists', 'all', 'any', 'rowcompare', 'scalar', undefined, 'array'];
const SQL_VALUE_FUNCTIONS: readonly string[] = [
  'current_date()',
  'current_time()',
  'current_time()',
  'current_timestamp()',
  'current_timestamp()',
  'localtime()',
  'localtime()',
  'localtimestamp()',
  'localtimestamp()',
  'current_role()',
  'current_user()',
  'user()',
  'session_user()',
  'current_catalog()',
  'current_schema()',
];
/** Collations that compare bytes, as everything here does: default, C, POSIX, ucs_basic, pg_c_utf8. */
const BYTE_COLLATIONS: ReadonlySet<number> = new Set([100, 950, 951, 962, 811]);
const PARAM_EXTERN = 0;
const PARAM_SUBLINK = 2;

/** Reads the expressions of one analysed statement; `query` reads the queries inside them. */
export class ExpressionReader {
  private readonly defaults = new Map<string, readonly QueryExpr[]>();

  constructor(
    private readonly names: CatalogueNames,
    private readonly query: (node: TreeNode) => Query,
  ) {}

  optional(parent: TreeNode, field: string): QueryExpr | undefined {
    const node = nodeField(parent, field);
    return node === undefined ? undefined : this.read(node);
  }

  list(value: NodeValue): readonly QueryExpr[] {
    if (value === null) return [];
    if (!Array.isArray(value)) throw internal('a list of the analysed tree is none');
    return (value as readonly NodeValue[]).map((item) => {
      if (!isNode(item)) throw internal('a list of expressions holds something else');
      return this.read(item);
    });
  }

  read(node: TreeNode): QueryExpr {
    switch (node.node) {
      case 'VAR':
        return {
          kind: 'var',
          level: numberField(node, 'varlevelsup'),
          range: numberField(node, 'varno'),
          column: numberField(node, 'varattno'),
          type: typeIn(node, 'vartype', 'vartypmod'),
        };
      case 'CONST':
        return this.constant(node);
      case 'PARAM':
        return this.parameter(node);
      case 'FUNCEXPR':
        return this.functionCall(node);
      case 'OPEXPR':
        return this.operatorCall(node, type(numberField(node, 'opresulttype')));
      case 'BOOLEXPR':
        return this.boolean(node);
      case 'NULLTEST':
        if (booleanField(node, 'argisrow')) return readRowNullTest(node, (inner) => this.read(inner));
        return { kind: 'is_null', arg: this.read(requiredNode(node, 'arg')), negated: numberField(node, 'nulltesttype') === 1 };
      case 'BOOLEANTEST': {
        const code = numberField(node, 'booltesttype');
        const test = (['true', 'false', 'unknown'] as const)[code >> 1];
        if (test === undefined) throw internal('a boolean test of a kind that no SQL has');
        return { kind: 'is_bool', arg: this.read(requiredNode(node, 'arg')), test, negated: (code & 1) === 1 };
      }
      case 'DISTINCTEXPR':
        return { kind: 'distinct', call: this.operatorCall(node, BOOL), negated: false };
      case 'NULLIFEXPR':
        return { kind: 'nullif', call: this.operatorCall(node, BOOL), type: type(numberField(node, 'opresulttype')) };
      case 'SCALARARRAYOPEXPR':
        return this.anyAll(node);
      case 'CASEEXPR':
        return this.caseExpression(node);
      case 'CASETESTEXPR':
        return { kind: 'case_arg', type: typeIn(node, 'typeId', 'typeMod') };
      case 'COALESCEEXPR':
        return { kind: 'coalesce', args: this.list(node.fields.get('args') ?? null), type: type(numberField(node, 'coalescetype')) };
      case 'MINMAXEXPR':
        return {
          kind: 'minmax',
          op: numberField(node, 'op') === 0 ? 'greatest' : 'least',
          args: this.list(node.fields.get('args') ?? null),
          type: type(numberField(node, 'minmaxtype')),
        };
      case 'ARRAYEXPR':
        return { kind: 'array', elements: this.list(node.fields.get('elements') ?? null), type: type(numberField(node, 'array_typeid')) };
      case 'SUBSCRIPTINGREF':
        return this.subscript(node);
      case 'RELABELTYPE':
        return {
          kind: 'cast',
          via: 'relabel',
          arg: this.read(requiredNode(node, 'arg')),
          type: typeIn(node, 'resulttype', 'resulttypmod'),
        };
      case 'COERCEVIAIO':
        return { kind: 'cast', via: 'io', arg: this.read(requiredNode(node, 'arg')), type: type(numberField(node, 'resulttype')) };
      case 'ARRAYCOERCEEXPR':
        return this.arrayCoerce(node);
      case 'ROWEXPR':
        return readRow(node, (inner) => this.read(inner));
      case 'ROWCOMPAREEXPR':
        return readRowComparison(node, (inner) => this.read(inner), this.names) ?? unknown('this comparison of rows', BOOL);
      case 'FIELDSELECT': {
        // Of a row that is written out, its field.
        const row = requiredNode(node, 'arg');
        const field = row.node === 'ROWEXPR' ? nodesField(row, 'args')[numberField(node, 'fieldnum') - 1] : undefined;
        return field === undefined ? this.fieldOfRows(node) : this.read(field);
      }
      case 'JSONCONSTRUCTOREXPR':
        return readJsonConstructor(node, (inner) => this.read(inner), this.names) ?? unknown('this JSON constructor', resultType(node));
      case 'JSONISPREDICATE':
        return readIsJson(node, (inner) => this.read(inner));
      case 'JSONEXPR':
        return readJsonExpression(node, (inner) => this.read(inner), this.names) ?? unknown('this JSON function', resultType(node));
      case 'JSONVALUEEXPR':
        return this.read(requiredNode(node, 'formatted_expr'));
      case 'COLLATEEXPR': {
        const arg = this.read(requiredNode(node, 'arg'));
        return BYTE_COLLATIONS.has(numberField(node, 'collOid')) ? arg : unknown('COLLATE', type(Oid.text));
      }
      case 'SETTODEFAULT':
        return { kind: 'constant', type: typeIn(node, 'typeId', 'typeMod'), value: null };
      case 'SQLVALUEFUNCTION':
        return {
          kind: 'call',
          fn: SQL_VALUE_FUNCTIONS[numberField(node, 'op')] ?? 'unknown()',
          args: [],
          type: typeIn(node, 'type', 'typmod'),
          volatility: 'stable',
        };
      case 'AGGREF':
        return this.aggregate(node);
      case 'WINDOWFUNC':
        return {
          kind: 'window',
          fn: this.names.function(numberField(node, 'winfnoid')).signature,
          args: this.list(node.fields.get('args') ?? null),
          star: booleanField(node, 'winstar'),
          filter: this.optional(node, 'aggfilter'),
          window: numberField(node, 'winref'),
          type: type(numberField(node, 'wintype')),
        };
      case 'GROUPINGFUNC':
        return { kind: 'grouping', refs: numbersField(node, 'refs'), level: numberField(node, 'agglevelsup'), type: type(Oid.int4) };
      case 'SUBLINK':
        return this.sublink(node);
      default:
        return unknown(node.node, resultType(node));
    }
  }

  /** ORDER BY … USING an operator that is not < or > orders by something else. */
  requirePlainOrder(clause: TreeNode): void {
    const sortop = numberField(clause, 'sortop');
    const { name } = this.names.operator(sortop);
    if (name !== '<' && name !== '>') throw unsupported(`ORDER BY … USING ${name}`);
  }

  private constant(node: TreeNode): QueryExpr {
    const constType = typeIn(node, 'consttype', 'consttypmod');
    if (booleanField(node, 'constisnull')) return { kind: 'constant', type: constType, value: null };
    const bytes = node.fields.get('constvalue');
    const value = bytes instanceof Uint8Array ? constantText(constType, bytes) : undefined;
    return value === undefined
      ? unknown(`a constant of type ${this.names.typeName(constType.oid)}`, constType)
      : { kind: 'constant', type: constType, value };
  }

  private parameter(node: TreeNode): QueryExpr {
    const parameterType = typeIn(node, 'paramtype', 'paramtypmod');
    const number = numberField(node, 'paramid');
    switch (numberField(node, 'paramkind')) {
      case PARAM_EXTERN:
        return { kind: 'parameter', number, type: parameterType };
      case PARAM_SUBLINK:
        return { kind: 'subquery_column', column: number, type: parameterType };
      default:
        return unknown('PARAM', parameterType);
    }
  }

  private functionCall(node: TreeNode): QueryExpr {
    const info = this.names.function(numberField(node, 'funcid'));
    const resultOid = numberField(node, 'funcresulttype');
    if (info.variadic === ANY && booleanField(node, 'funcvariadic')) return this.variadicCall(node, info, type(resultOid));
    const args = this.arguments(node, info);
    if (args === undefined) return unknown(`${info.signature} with these named arguments`, type(resultOid));
    const format = numberField(node, 'funcformat');
    const isCast = format === 1 || format === 2;
    return {
      kind: 'call',
      fn: info.signature,
      args,
      type: type(resultOid, isCast ? lengthCoercion(args) : -1),
      volatility: info.volatility,
      ...(isCast ? { isCast } : {}),
      ...(booleanField(node, 'funcretset') ? { retset: true } : {}),
    };
  }

  /** f(…, VARIADIC array) of a function that takes arguments of any types. */
  private variadicCall(node: TreeNode, info: FunctionInfo, resultType: Type): QueryExpr {
    const name = functionName(info.signature);
    if (info.volatility === 'volatile' || name.includes('.')) return unknown(`${info.signature} with VARIADIC`, resultType);
    const args = nodesField(node, 'args').map((arg) => this.read(arg));
    const pieces = new Pieces().add(`pg_catalog.${quoteIdentifier(name)}(`).list(args.slice(0, -1));
    const last = args.at(-1);
    if (last !== undefined) pieces.add(`${args.length > 1 ? ', ' : ''}variadic `).arg(last);
    return pieces.add(')').template(name, resultType);
  }

  /** Arguments in the function's order; those that were not given from its defaults. Undefined: one has neither. */
  private arguments(node: TreeNode, info: FunctionInfo): readonly QueryExpr[] | undefined {
    const given = nodesField(node, 'args');
    if (info.variadic === ANY || (given.length === info.argTypes.length && !given.some((arg) => arg.node === 'NAMEDARGEXPR'))) {
      return given.map((arg) => this.read(arg));
    }
    const args: (QueryExpr | undefined)[] = info.argTypes.map(() => undefined);
    given.forEach((arg, i) => {
      if (arg.node === 'NAMEDARGEXPR') args[numberField(arg, 'argnumber')] = this.read(requiredNode(arg, 'arg'));
      else args[i] = this.read(arg);
    });
    const defaults = this.defaultsOf(info);
    const first = args.length - defaults.length;
    const complete = args.map((arg, i) => arg ?? defaults[i - first]);
    return complete.every((arg) => arg !== undefined) ? complete : undefined;
  }

  private defaultsOf(info: FunctionInfo): readonly QueryExpr[] {
    if (info.defaults === undefined) return [];
    const known = this.defaults.get(info.defaults);
    if (known !== undefined) return known;
    const read = this.list(readNodeTree(info.defaults));
    this.defaults.set(info.defaults, read);
    return read;
  }

  private operatorCall(node: TreeNode, resultType: Type): Call<QueryExpr> & { readonly args: readonly QueryExpr[] } {
    const operator = this.names.operator(numberField(node, 'opno'));
    const info = this.names.function(numberField(node, 'opfuncid') || operator.fn);
    const args = this.list(node.fields.get('args') ?? null);
    return { kind: 'call', fn: info.signature, operator: operator.name, args, type: resultType, volatility: info.volatility };
  }

  private boolean(node: TreeNode): QueryExpr {
    const args = this.list(node.fields.get('args') ?? null);
    const op = node.fields.get('boolop');
    if (op === 'and' || op === 'or') return { kind: op, args };
    const [arg] = args;
    if (op !== 'not' || arg === undefined) throw internal('a boolean expression of a kind that no SQL has');
    return { kind: 'not', arg };
  }

  private anyAll(node: TreeNode): QueryExpr {
    const operator = this.names.operator(numberField(node, 'opno'));
    const info = this.names.function(numberField(node, 'opfuncid') || operator.fn);
    const [arg, array] = this.list(node.fields.get('args') ?? null);
    if (arg === undefined || array === undefined) throw internal('ANY without its two sides');
    return {
      kind: 'any_all',
      fn: info.signature,
      operator: operator.name,
      quantifier: booleanField(node, 'useOr') ? 'any' : 'all',
      arg,
      array,
    };
  }

  private caseExpression(node: TreeNode): QueryExpr {
    const arg = this.optional(node, 'arg');
    const caseType = type(numberField(node, 'casetype'));
    const none: Constant = { kind: 'constant', type: caseType, value: null };
    return {
      kind: 'case',
      ...(arg === undefined ? {} : { arg }),
      whens: nodesField(node, 'args').map((when) => ({
        when: this.read(requiredNode(when, 'expr')),
        result: this.read(requiredNode(when, 'result')),
      })),
      otherwise: this.optional(node, 'defresult') ?? none,
      type: caseType,
    };
  }

  private subscript(node: TreeNode): QueryExpr {
    const resultType = typeIn(node, 'refrestype', 'reftypmod');
    const indexes = listField(node, 'refupperindexpr');
    const [index] = indexes;
    const ofJsonb = numberField(node, 'refcontainertype') === Oid.jsonb;
    if (indexes.length !== 1 || listField(node, 'reflowerindexpr').length > 0 || !isNode(index) || ofJsonb)
      return readSubscripts(node, (inner) => this.read(inner), resultType);
    return { kind: 'subscript', arg: this.read(requiredNode(node, 'refexpr')), index: this.read(index), type: resultType };
  }

  /** Element by element: the same as the whole array's when the elements change by relabelling, or by text output and input. */
  private arrayCoerce(node: TreeNode): QueryExpr {
    const resultType = typeIn(node, 'resulttype', 'resulttypmod');
    const element = requiredNode(node, 'elemexpr');
    const via = element.node === 'RELABELTYPE' ? 'relabel' : element.node === 'COERCEVIAIO' ? 'io' : undefined;
    const inner = via === undefined ? undefined : nodeField(element, 'arg');
    if (via === undefined || inner?.node !== 'CASETESTEXPR') {
      // Of character types an assignment (22001) and a cast (cut off) differ; of numerics they do not.
      const digits = numericModifier({ oid: ELEMENT_OF.get(resultType.oid) ?? 0, typmod: resultType.typmod });
      if (resultType.typmod >= 0 && digits === undefined) return unknown('a cast of array elements to a length', resultType);
      const sql = digits === undefined ? this.names.typeSql(resultType.oid) : `pg_catalog.numeric(${digits.precision},${digits.scale})[]`;
      return new Pieces()
        .add('cast(')
        .arg(this.read(requiredNode(node, 'arg')))
        .add(` as ${sql})`)
        .template('cast of elements', resultType);
    }
    return { kind: 'cast', via, arg: this.read(requiredNode(node, 'arg')), type: resultType };
  }

  private aggregate(node: TreeNode): AggregateCall {
    const info = this.names.function(numberField(node, 'aggfnoid'));
    const targets = nodesField(node, 'args');
    const orderBy = nodesField(node, 'aggorder').map((clause) => {
      this.requirePlainOrder(clause);
      const ref = numberField(clause, 'tleSortGroupRef');
      const target = targets.find((candidate) => numberField(candidate, 'ressortgroupref') === ref);
      if (target === undefined) throw internal('an aggregate is ordered by what it does not have');
      return {
        expr: this.read(requiredNode(target, 'expr')),
        descending: booleanField(clause, 'reverse_sort'),
        nullsFirst: booleanField(clause, 'nulls_first'),
      };
    });
    return {
      kind: 'aggregate',
      fn: info.signature,
      args: targets.filter((target) => !booleanField(target, 'resjunk')).map((target) => this.read(requiredNode(target, 'expr'))),
      star: booleanField(node, 'aggstar'),
      distinct: listField(node, 'aggdistinct').length > 0,
      orderBy,
      filter: this.optional(node, 'aggfilter'),
      direct: this.list(node.fields.get('aggdirectargs') ?? null),
      level: numberField(node, 'agglevelsup'),
      type: type(numberField(node, 'aggtype')),
    };
  }

  /** A column of a set-returning function's rows; fields of other rows are not read. */
  private fieldOfRows(node: TreeNode): QueryExpr {
    const fieldType = typeIn(node, 'resulttype', 'resulttypmod');
    const of = this.read(requiredNode(node, 'arg'));
    if (of.kind !== 'call' || of.retset !== true) return unknown('FIELDSELECT', fieldType);
    return { ...of, type: fieldType, rowField: numberField(node, 'fieldnum') };
  }

  private sublink(node: TreeNode): QueryExpr {
    const link = SUBLINKS[numberField(node, 'subLinkType')];
    if (link === undefined) return unknown('this kind of subquery', BOOL);
    const query = this.query(requiredNode(node, 'subselect'));
    const value = query.targets.find((target) => !target.junk)?.expr;
    const valueType = value === undefined ? BOOL : exprType(value);
    const linkType = link === 'scalar' ? valueType : link === 'array' ? type(this.names.arrayType(valueType.oid)) : BOOL;
    // Of several comparisons (rows), PostgreSQL keeps one expression, too.
    const test = node.fields.get('testexpr');
    return { kind: 'sublink', link, query, test: isNode(test) ? this.read(test) : undefined, type: linkType };
  }
}

/** The modifier that a cast function is given as its second argument: `numeric(x, 655366)` is numeric(10,2). */
function lengthCoercion(args: readonly QueryExpr[]): number {
  const second = args[1];
  return second?.kind === 'constant' && second.type.oid === Oid.int4 && second.value !== null ? Number(second.value) : -1;
}

function typeIn(node: TreeNode, oid: string, typmod: string): Type {
  return { oid: numberField(node, oid), typmod: numberField(node, typmod) };
}

function unknown(what: string, nodeType: Type): QueryExpr {
  return { kind: 'unknown_node', what, type: nodeType };
}

/** Nodes call their result type by different names. */
function resultType(node: TreeNode): Type {
  for (const field of ['resulttype', 'row_typeid', 'type', 'typeId', 'funcresulttype']) {
    if (typeof node.fields.get(field) === 'string') return type(numberField(node, field));
  }
  return type(Oid.unknown);
}

function exprType(expr: QueryExpr): Type {
  return 'type' in expr ? expr.type : BOOL;
}
