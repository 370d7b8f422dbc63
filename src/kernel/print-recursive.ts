import { type Field, fieldsOf, type RecursiveOperator, type RecursiveRead } from '../../planner/physical-plan.js';

/** Its columns go by position: readers have ids of their own for them. */
function column(n: number): string {
  return `k${n + 1}`;
}

function name(id: number): string {
  return `recursion_${id}`;
}

function renamed(id: number, fields: readonly Field[]): string {
  return `SELECT ${fields.map((field, n) => `${column(n)} AS c${field.id}`).join(', ')} FROM ${name(id)}`;
}

export function printRecursive(op: RecursiveOperator, base: string, step: string): string {
  const side = (fields: readonly Field[], input: string): string =>
    `SELECT ${fields.map((field) => `c${field.id}`).join(', ')} FROM ${input}`;
  const columns = op.fields.map((_, n) => column(n)).join(', ');
  return (
    `WITH RECURSIVE ${name(op.id)}(${columns}) AS (${side(fieldsOf(op.base), base)} UNION ${op.all ? 'ALL ' : ''}` +
    `${side(fieldsOf(op.step), step)}) ${renamed(op.id, op.fields)}`
  );
}

export function printRecursiveRead(op: RecursiveRead): string {
  return renamed(op.id, op.fields);
}
