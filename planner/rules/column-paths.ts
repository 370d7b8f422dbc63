import type { ColumnPath } from '../../connectors/connector.js';
import { ARRAY_OF, Oid, type } from '../../sql/types.js';
import { parseArrayText } from '../../sql/value-array.js';
import { columnIds, outerColumns } from '../columns.js';
import { childrenOf, columnRef, isInner, mapChildren } from '../expression.js';
import { inputsOf, mapExpressions, mapInputs } from '../logical-plan.js';
import type { Operator, PlanExpr, PlanLeaf, ScanField, ScanOperator } from '../physical-plan.js';
import { printPath } from '../print-expression.js';
import type { RuleContext } from './rule.js';

/**
 * `attributes->>'k'` and its like over a scan's jsonb column become columns of the scan, where nothing else needs the whole column and its
 * connector reads such members alone. Looks at a projection or an aggregate with what passes rows up to it: nothing above sees their columns.
 */
export function readPaths(plan: Operator, context: RuleContext): Operator {
  const op = mapInputs(plan, (input) => readPaths(input, context));
  return op.kind === 'project' || op.kind === 'aggregate' ? inRegion(op, context) : op;
}

interface Access {
  readonly id: number;
  readonly keys: readonly string[];
  readonly as: ColumnPath['as'];
}

/** What a member is read as: a field of the scan, or the text of one. */
interface Reading {
  readonly scan: string;
  readonly field: ScanField;
  readonly expr: PlanExpr;
}

function inRegion(root: Operator, context: RuleContext): Operator {
  const scans = new Map<number, ScanOperator>();
  const whole = new Set<number>();
  const accesses = new Map<string, Access>();
  const note = (expr: PlanExpr): PlanExpr => {
    const access = accessOf(expr);
    if (access !== undefined && access.keys.length > 0) accesses.set(JSON.stringify(access), access);
    else if (expr.kind === 'column' || expr.kind === 'subquery') for (const id of columnIds(expr)) whole.add(id);
    else for (const child of childrenOf<PlanLeaf>(expr)) note(child);
    return expr;
  };
  const visit = (op: Operator): void => {
    mapExpressions(op, note);
    for (const input of inputsOf(op)) {
      if (input.kind === 'scan') {
        const { connector } = context.planning.table(input.schema, input.table);
        if (connector.readsPath !== undefined)
          for (const field of input.fields) if (field.type.oid === Oid.jsonb && field.path === undefined) scans.set(field.id, input);
      } else if (passesOn(input)) visit(input);
      else for (const id of outerColumns(input)) whole.add(id);
    }
  };
  visit(root);
  const readings = new Map<string, Reading>();
  for (const [id, scan] of scans) {
    if (whole.has(id)) continue;
    const own = [...accesses].filter(([, access]) => access.id === id);
    const read = own.map(([key, access]) => [key, reading(access, scan, context)] as const);
    if (read.some(([, one]) => one === undefined)) continue;
    for (const [key, one] of read) if (one !== undefined) readings.set(key, one);
  }
  return readings.size === 0 ? root : rewritten(root, shared(readings));
}

/** Operators that keep their input's columns: those that take them by position are not among them. */
function passesOn(op: Operator): boolean {
  return op.kind === 'filter' || op.kind === 'join' || op.kind === 'sort' || op.kind === 'limit' || op.kind === 'window';
}

function rewritten(op: Operator, readings: ReadonlyMap<string, Reading>): Operator {
  const replace = (expr: PlanExpr): PlanExpr => {
    const access = accessOf(expr);
    const found = access === undefined ? undefined : readings.get(JSON.stringify(access));
    if (found !== undefined) return found.expr;
    return isInner<PlanLeaf>(expr) ? mapChildren<PlanLeaf, PlanLeaf>(expr, replace) : expr;
  };
  const inside = (inner: Operator): Operator =>
    mapInputs(mapExpressions(inner, replace), (input) => {
      if (input.kind !== 'scan') return passesOn(input) ? inside(input) : input;
      const fields = new Map([...readings.values()].filter(({ scan }) => scan === input.scan).map(({ field }) => [field.id, field]));
      return fields.size === 0 ? input : { ...input, fields: [...input.fields, ...fields.values()] };
    });
  return inside(op);
}

/** One field for what several accesses read. */
function shared(readings: ReadonlyMap<string, Reading>): ReadonlyMap<string, Reading> {
  const fields = new Map<string, ScanField>();
  return new Map(
    [...readings].map(([key, reading]) => {
      const at = `${reading.scan} ${JSON.stringify(reading.field.path)}`;
      const field = fields.get(at) ?? reading.field;
      fields.set(at, field);
      const expr = reading.expr.kind === 'column' ? columnRef(field) : textOf(columnRef(field));
      return [key, { ...reading, field, expr }] as const;
    }),
  );
}

function reading({ id, keys, as }: Access, scan: ScanOperator, { planning }: RuleContext): Reading | undefined {
  const column = scan.fields.find((field) => field.id === id)?.name ?? '';
  const { connector, handle } = planning.table(scan.schema, scan.table);
  for (const form of as === 'text' ? (['text', 'jsonb'] as const) : (['jsonb'] as const)) {
    const path: ColumnPath = { column, keys, as: form };
    if (connector.readsPath?.(handle, path) !== true) continue;
    const field: ScanField = { ...planning.newField(printPath(path), type(form === 'text' ? Oid.text : Oid.jsonb)), path };
    const ref = columnRef(field);
    return { scan: scan.scan, field, expr: form === as ? ref : textOf(ref) };
  }
  return undefined;
}

/** `jsonb #>> '{}'`: what ->> gives of the member. */
function textOf(arg: PlanExpr): PlanExpr {
  const none: PlanExpr = { kind: 'constant', type: type(ARRAY_OF.get(Oid.text) ?? Oid.text), value: '{}' };
  return {
    kind: 'call',
    fn: 'jsonb_extract_path_text(jsonb,_text)',
    operator: '#>>',
    args: [arg, none],
    type: type(Oid.text),
    volatility: 'immutable',
  };
}

/** A column, or a member of its objects by constant keys. */
function accessOf(expr: PlanExpr): Access | undefined {
  if (expr.kind === 'column') return { id: expr.id, keys: [], as: 'jsonb' };
  if (expr.kind === 'template') {
    const [arg, ...indexes] = expr.args;
    const pieces = ['(', ')[', ...indexes.slice(1).map(() => ']['), ']'];
    if (expr.name !== 'subscript' || arg === undefined || JSON.stringify(expr.pieces) !== JSON.stringify(pieces)) return undefined;
    return below(arg, indexes.map(keyOf), 'jsonb');
  }
  if (expr.kind !== 'call' || expr.args.length !== 2) return undefined;
  const [arg, key] = expr.args as readonly [PlanExpr, PlanExpr];
  switch (expr.fn) {
    case 'jsonb_object_field(jsonb,text)':
      return below(arg, [keyOf(key)], 'jsonb');
    case 'jsonb_object_field_text(jsonb,text)':
      return below(arg, [keyOf(key)], 'text');
    case 'jsonb_extract_path(jsonb,_text)':
      return below(arg, keysOf(key), 'jsonb');
    case 'jsonb_extract_path_text(jsonb,_text)':
      return below(arg, keysOf(key), 'text');
    default:
      return undefined;
  }
}

function below(arg: PlanExpr, keys: readonly (string | undefined)[], as: ColumnPath['as']): Access | undefined {
  const outer = accessOf(arg);
  if (outer === undefined || outer.as !== 'jsonb' || keys.length === 0) return undefined;
  return keys.every((key) => key !== undefined) ? { id: outer.id, keys: [...outer.keys, ...keys], as } : undefined;
}

function keyOf(expr: PlanExpr): string | undefined {
  return expr.kind === 'constant' && expr.type.oid === Oid.text && expr.value !== null ? expr.value : undefined;
}

function keysOf(expr: PlanExpr): readonly (string | undefined)[] {
  if (expr.kind === 'array') return expr.elements.map(keyOf);
  if (expr.kind !== 'constant' || expr.value === null) return [undefined];
  return parseArrayText(expr.value).map((key) => key ?? undefined);
}
