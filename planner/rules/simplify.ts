import {
  conjunction,
  conjuncts,
  exprText,
  FALSE,
  type Inner,
  isInner,
  isNeverTrue,
  isTrue,
  isVolatile,
  mapChildren,
  NULL_BOOL,
  TRUE,
  truth,
} from '../expression.js';
import { isEmpty, mapExpressions, noRows, renamed, rewrite } from '../logical-plan.js';
import type { Operator, PlanExpr, PlanLeaf } from '../physical-plan.js';
import { fieldsOf } from '../physical-plan.js';

/** Boolean algebra over constants, and what follows: filters that pass all or nothing, inputs without rows. */
export function simplify(plan: Operator): Operator {
  return rewrite(plan, (op) => simplifyOperator(mapExpressions(op, simplifyExpression)));
}

function simplifyOperator(op: Operator): Operator {
  const empty = (): Operator => noRows(fieldsOf(op));
  switch (op.kind) {
    case 'filter': {
      const parts = conjuncts<PlanLeaf>(op.predicate).filter((part) => !isTrue(part));
      if (parts.some(isNeverTrue) || isEmpty(op.input)) return empty();
      const seen = new Set<string>();
      const isNew = (part: PlanExpr): boolean => seen.size < seen.add(exprText(part)).size;
      const predicate = conjunction<PlanLeaf>(parts.filter((part) => isVolatile<PlanLeaf>(part) || isNew(part)));
      return predicate === undefined ? op.input : { ...op, predicate };
    }
    case 'limit':
      return op.limit === 0 || isEmpty(op.input) ? empty() : op;
    case 'sort': {
      if (op.limit === 0 || isEmpty(op.input)) return empty();
      const keys = op.keys.filter((key) => key.expr.kind !== 'constant');
      if (keys.length > 0) return { ...op, keys };
      const { limit, offset } = op;
      if (limit === undefined && offset === undefined) return op.input;
      return { kind: 'limit', input: op.input, ...(limit === undefined ? {} : { limit }), ...(offset === undefined ? {} : { offset }) };
    }
    case 'project':
    case 'distinct':
      return isEmpty(op.input) ? empty() : op;
    case 'aggregate':
      if (op.sets !== undefined) return op;
      return op.keys.length > 0 && isEmpty(op.input) ? empty() : op;
    case 'window':
    case 'table_function':
    case 'sample':
      return isEmpty(op.input) ? empty() : op;
    case 'recursive':
      return isEmpty(op.base) ? empty() : op;
    case 'join': {
      const left = isEmpty(op.left);
      const right = isEmpty(op.right);
      if (op.type === 'inner' || op.type === 'cross') {
        if (left || right || (op.condition !== undefined && isNeverTrue(op.condition))) return empty();
        if (op.condition !== undefined && isTrue(op.condition)) return { ...op, type: 'cross', condition: undefined };
      }
      if ((op.type === 'left' && left) || (op.type === 'right' && right) || (left && right)) return empty();
      if (op.type === 'semi' && (left || right)) return empty();
      if (op.type === 'anti') return left ? empty() : right ? op.left : op;
      return op;
    }
    case 'union_all': {
      const inputs = op.inputs.filter((input) => !isEmpty(input));
      const [only] = inputs;
      if (only === undefined) return empty();
      if (inputs.length === 1) return renamed(only, op.fields);
      return inputs.length === op.inputs.length ? op : { ...op, inputs };
    }
    case 'timeline':
      return isEmpty(op.input) ? empty() : op;
    case 'scan':
    case 'recursive_read':
    case 'shared_read':
    case 'exchange_read':
    case 'values':
    case 'assert':
      return op;
  }
}

/** Bottom-up; three-valued logic is kept (NULL is not FALSE outside of a filter's top). */
function simplifyExpression(expr: PlanExpr): PlanExpr {
  if (!isInner<PlanLeaf>(expr)) return expr;
  const node = mapChildren<PlanLeaf, PlanLeaf>(expr as Inner<PlanLeaf>, simplifyExpression);
  switch (node.kind) {
    case 'and':
    case 'or': {
      const absorbing = node.kind === 'or';
      const parts: PlanExpr[] = [];
      for (const arg of node.args.flatMap((a) => (a.kind === node.kind ? a.args : [a]))) {
        if (arg.kind === 'constant' && truth(arg) === absorbing) return absorbing ? TRUE : FALSE;
        if (arg.kind === 'constant' && truth(arg) === !absorbing) continue;
        parts.push(arg);
      }
      const [first] = parts;
      if (first === undefined) return absorbing ? FALSE : TRUE;
      if (parts.length === 1) return first;
      return { ...node, args: parts };
    }
    case 'not': {
      if (node.arg.kind === 'not') return node.arg.arg;
      if (node.arg.kind !== 'constant') return node;
      const value = truth(node.arg);
      return value === null ? NULL_BOOL : value ? FALSE : TRUE;
    }
    case 'is_null':
      return node.arg.kind === 'constant' ? bool((node.arg.value === null) !== node.negated) : node;
    case 'is_bool': {
      if (node.arg.kind !== 'constant') return node;
      const value = truth(node.arg);
      const holds = node.test === 'unknown' ? value === null : value === (node.test === 'true');
      return bool(holds !== node.negated);
    }
    case 'case': {
      const whens = [];
      for (const when of node.whens) {
        if (isNeverTrue(when.when)) continue;
        if (isTrue(when.when)) return whens.length === 0 ? when.result : { ...node, whens, otherwise: when.result };
        whens.push(when);
      }
      return whens.length === 0 ? node.otherwise : { ...node, whens };
    }
    case 'coalesce': {
      const args: PlanExpr[] = [];
      for (const arg of node.args) {
        if (arg.kind === 'constant' && arg.value === null) continue;
        args.push(arg);
        if (arg.kind === 'constant') break;
      }
      const [first] = args;
      if (first === undefined) return { kind: 'constant', type: node.type, value: null };
      return args.length === 1 && first.kind === 'constant' ? first : { ...node, args: args.length === 0 ? node.args : args };
    }
    default:
      return node;
  }
}

function bool(value: boolean): PlanExpr {
  return value ? TRUE : FALSE;
}
