import type { PushdownAnswer, PushdownRequest, TablePredicate } from '../connector.js';
import type { Schema } from './format/schema.js';
import type { IcebergHandle } from './handle.js';
import { conditionOf } from './prune/filter-condition.js';
import { allOf, type Condition } from './prune/predicate.js';

/**
 * Keeps the conjuncts that may leave files out. All of them are answered `inexact`: files are left out whole, and those that stay may
 * hold other rows too.
 */
export function pushFilters(handle: IcebergHandle, schema: Schema, request: PushdownRequest): PushdownAnswer {
  const useful = request.filters.map((filter) => prunes(filter, schema));
  const limit = request.filters.length === 0 && handle.filters.length === 0 ? request.limit : undefined;
  const pushed: IcebergHandle = {
    ...handle,
    filters: [...handle.filters, ...request.filters.filter((_, index) => useful[index])],
    limit: limit ?? (request.filters.length === 0 ? handle.limit : undefined),
  };
  return { handle: pushed, answers: useful.map((use) => (use ? 'inexact' : 'unsupported')), limitDone: false };
}

function prunes(filter: TablePredicate, schema: Schema): boolean {
  return conditionOf(filter, columnLookup(schema)).kind !== 'any';
}

/** What the rows that the handle asks for must pass, as far as it can be told without reading them. */
export function conditionOfHandle(handle: IcebergHandle, schema: Schema): Condition {
  const lookup = columnLookup(schema);
  return allOf(handle.filters.map((filter) => conditionOf(filter, lookup)));
}

export function columnLookup(
  schema: Schema,
): (name: string) => { readonly id: number; readonly type: Schema['fields'][number]['type'] } | undefined {
  const byName = new Map(schema.fields.map((field) => [field.name, { id: field.id, type: field.type }]));
  return (name) => byName.get(name);
}
