import type { CatalogueNames } from './catalogue-names.js';
import {
  booleanField,
  isNode,
  listField,
  nodeField,
  nodesField,
  numberField,
  numbersField,
  requiredNode,
  stringsField,
  type TreeNode,
} from './node-tree-reader.js';
import type { QueryExpr } from './query.js';
import { quoteIdentifier } from './quote.js';
import { Oid, type Type, type } from './types.js';

type Read = (node: TreeNode) => QueryExpr;

const BOOL = type(Oid.bool);

/** Puts a template together: texts and the expressions between them. */
export class Pieces {
  readonly #pieces: string[] = [''];
  readonly #args: QueryExpr[] = [];

  add(text: string): this {
    this.#pieces[this.#pieces.length - 1] += text;
    return this;
  }

  arg(expr: QueryExpr): this {
    this.#args.push(expr);
    this.#pieces.push('');
    return this;
  }

  list(exprs: readonly QueryExpr[]): this {
    for (const [n, expr] of exprs.entries()) this.add(n === 0 ? '' : ', ').arg(expr);
    return this;
  }

  template(name: string, resultType: Type): QueryExpr {
    return { kind: 'template', name, pieces: this.#pieces, args: this.#args, type: resultType };
  }
}

/** ROW(…). Named composite types are the mirror's own, so every row is a record to us. */
export function readRow(node: TreeNode, read: Read): QueryExpr {
  return new Pieces().add('row(').list(nodesField(node, 'args').map(read)).add(')').template('ROW', type(Oid.record));
}

/** `x IS [NOT] NULL` of a row: of ROW(…) it asks every field. */
export function readRowNullTest(node: TreeNode, read: Read): QueryExpr {
  const negated = numberField(node, 'nulltesttype') === 1;
  const arg = requiredNode(node, 'arg');
  if (arg.node !== 'ROWEXPR') {
    return new Pieces()
      .arg(read(arg))
      .add(negated ? ' is not null' : ' is null')
      .template(negated ? 'IS NOT NULL' : 'IS NULL', BOOL);
  }
  const fields = nodesField(arg, 'args').map((field): QueryExpr => ({ kind: 'is_null', arg: read(field), negated }));
  return fields.length === 0 ? { kind: 'constant', type: BOOL, value: 't' } : { kind: 'and', args: fields };
}

/** `(a, b) < (c, d)`: by the first pair that differs. */
export function readRowComparison(node: TreeNode, read: Read, names: CatalogueNames): QueryExpr | undefined {
  const operators = numbersField(node, 'opnos');
  const left = nodesField(node, 'largs').map(read);
  const right = nodesField(node, 'rargs').map(read);
  const compare = (at: number): QueryExpr | undefined => {
    const [a, b] = [left[at], right[at]];
    const own = names.operator(operators[at] ?? 0);
    if (a === undefined || b === undefined) return undefined;
    const call = (operator: { readonly name: string; readonly fn: number }): QueryExpr => {
      const { signature, volatility } = names.function(operator.fn);
      return { kind: 'call', fn: signature, operator: operator.name, args: [a, b], type: BOOL, volatility };
    };
    if (at === operators.length - 1) return call(own);
    const equality = names.sibling(operators[at] ?? 0, '=');
    const rest = compare(at + 1);
    if (equality === undefined || rest === undefined) return undefined;
    return { kind: 'case', whens: [{ when: call(equality), result: rest }], otherwise: call(own), type: BOOL };
  };
  return compare(0);
}

/** Slices and subscripts of several dimensions, of arrays and jsonb. */
export function readSubscripts(node: TreeNode, read: Read, resultType: Type): QueryExpr {
  const upper = listField(node, 'refupperindexpr');
  const lower = listField(node, 'reflowerindexpr');
  const pieces = new Pieces()
    .add('(')
    .arg(read(requiredNode(node, 'refexpr')))
    .add(')');
  upper.forEach((index, n) => {
    pieces.add('[');
    if (lower.length > 0) {
      const from = lower[n];
      if (isNode(from)) pieces.arg(read(from));
      pieces.add(':');
    }
    if (isNode(index)) pieces.arg(read(index));
    pieces.add(']');
  });
  return pieces.template('subscript', resultType);
}

const CONSTRUCTORS: Readonly<Record<number, string>> = {
  1: 'json_object',
  2: 'json_array',
  5: 'json',
  6: 'json_scalar',
  7: 'json_serialize',
};

/** JSON_OBJECT, JSON_ARRAY, JSON(), JSON_SCALAR, JSON_SERIALIZE; undefined: an aggregate, or one with a coercion of ours to know. */
export function readJsonConstructor(node: TreeNode, read: Read, names: CatalogueNames): QueryExpr | undefined {
  const kind = numberField(node, 'type');
  const name = CONSTRUCTORS[kind];
  const returning = requiredNode(node, 'returning');
  const typid = numberField(returning, 'typid');
  if (name === undefined || nodeField(node, 'func') !== undefined || numberField(returning, 'typmod') >= 0) return undefined;
  const args = nodesField(node, 'args').map((arg) => readJsonValue(arg, read));
  const pieces = new Pieces().add(`${name}(`);
  const isObject = kind === 1;
  args.forEach((arg, n) => {
    pieces
      .add(n === 0 ? '(' : isObject && n % 2 === 1 ? ' value (' : ', (')
      .arg(unknownAsText(arg.expr))
      .add(`)${arg.format}`);
  });
  const absent = booleanField(node, 'absent_on_null');
  if (kind <= 2 && args.length > 0) pieces.add(absent ? ' absent on null' : ' null on null');
  if (booleanField(node, 'unique')) pieces.add(' with unique keys');
  if (kind <= 2 || kind === 7) pieces.add(` returning ${names.typeSql(typid)}`);
  return pieces.add(')').template(name.toUpperCase(), type(typid));
}

/** The literal key of a JSON constructor is left without a type. */
function unknownAsText(expr: QueryExpr): QueryExpr {
  return expr.kind === 'constant' && expr.type.oid === Oid.unknown ? { ...expr, type: type(Oid.text) } : expr;
}

function readJsonValue(node: TreeNode, read: Read): { readonly expr: QueryExpr; readonly format: string } {
  if (node.node !== 'JSONVALUEEXPR') return { expr: read(node), format: '' };
  const format = nodeField(node, 'format');
  const isJson = format !== undefined && numberField(format, 'format_type') === 1;
  return { expr: read(requiredNode(node, 'raw_expr')), format: isJson ? ' format json' : '' };
}

const ITEM_TYPES: readonly string[] = ['json', 'json object', 'json array', 'json scalar'];

export function readIsJson(node: TreeNode, read: Read): QueryExpr {
  const item = ITEM_TYPES[numberField(node, 'item_type')] ?? 'json';
  const unique = booleanField(node, 'unique_keys') ? ' with unique keys' : '';
  return new Pieces()
    .arg(read(requiredNode(node, 'expr')))
    .add(` is ${item}${unique}`)
    .template(`IS ${item.toUpperCase()}`, BOOL);
}

const JSON_OPERATIONS: readonly string[] = ['json_exists', 'json_query', 'json_value'];
const BEHAVIOURS: readonly string[] = ['null', 'error', 'empty', 'true', 'false', 'unknown', 'empty array', 'empty object'];
const BEHAVIOUR_DEFAULT = 8;

/** JSON_EXISTS, JSON_QUERY, JSON_VALUE. */
export function readJsonExpression(node: TreeNode, read: Read, names: CatalogueNames): QueryExpr | undefined {
  const name = JSON_OPERATIONS[numberField(node, 'op')];
  const returning = requiredNode(node, 'returning');
  if (name === undefined || numberField(returning, 'typmod') >= 0) return undefined;
  const typid = numberField(returning, 'typid');
  const pieces = new Pieces()
    .add(`${name}(`)
    .arg(read(requiredNode(node, 'formatted_expr')))
    .add(', ');
  pieces.arg(read(requiredNode(node, 'path_spec')));
  const passing = stringsField(node, 'passing_names');
  nodesField(node, 'passing_values').forEach((value, n) => {
    pieces
      .add(n === 0 ? ' passing ' : ', ')
      .arg(read(value))
      .add(` as ${quoteIdentifier(passing[n] ?? '')}`);
  });
  if (name !== 'json_exists') pieces.add(` returning ${names.typeSql(typid)}`);
  if (name === 'json_query') {
    const wrapper = numberField(node, 'wrapper');
    pieces.add([' without wrapper', ' without wrapper', ' with conditional wrapper', ' with unconditional wrapper'][wrapper] ?? '');
    if (wrapper < 2) pieces.add(booleanField(node, 'omit_quotes') ? ' omit quotes' : ' keep quotes');
  }
  for (const [field, event] of [
    ['on_empty', 'empty'],
    ['on_error', 'error'],
  ] as const) {
    const behaviour = nodeField(node, field);
    if (behaviour === undefined) continue;
    const kind = numberField(behaviour, 'btype');
    if (kind === BEHAVIOUR_DEFAULT) pieces.add(' default ').arg(read(requiredNode(behaviour, 'expr')));
    else if (name !== 'json_exists' || kind !== 0) pieces.add(` ${BEHAVIOURS[kind] ?? 'null'}`);
    else continue;
    pieces.add(` on ${event}`);
  }
  return pieces.add(')').template(name.toUpperCase(), type(typid));
}
