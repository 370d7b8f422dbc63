import type { IcebergType, SchemaField, StructType } from '../format/schema.js';
import { type AbsentValue, absentValue, type Constants } from './absent-value.js';
import type { ParquetFooter, ParquetNode } from './parquet-footer.js';

/**
 * How one file holds a field: where its parts lie in what DuckDB's Parquet reader makes of the file. DuckDB finds nested fields by name
 * only, so a field renamed since would silently be NULL: ours are found by id, and taken by position.
 */
export type Layout =
  | { readonly kind: 'absent'; readonly value: AbsentValue }
  /** `native`: DuckDB's type of it. */
  | { readonly kind: 'scalar'; readonly native: string }
  /** `encoded`: a struct of the bytes `metadata` and `value`, which DuckDB does not take for a variant. */
  | { readonly kind: 'variant'; readonly encoded: boolean }
  | { readonly kind: 'struct'; readonly fields: readonly FieldLayout[]; readonly names: readonly string[] }
  /** `wrapped`: DuckDB has it as the only member of a struct. */
  | { readonly kind: 'list'; readonly element: Layout; readonly wrapped: boolean }
  /** `entries`: DuckDB has it as a list of structs. */
  | { readonly kind: 'map'; readonly key: Layout; readonly value: Layout; readonly entries: boolean; readonly wrapped: boolean };

export interface FieldLayout {
  readonly field: SchemaField;
  readonly layout: Layout;
  /** Its place in DuckDB's struct, from 1; 0: the struct's only member, which DuckDB has in place of the struct. */
  readonly at: number;
}

/** A field's place in a file. */
export interface FoundField {
  readonly layout: Layout;
  /** Position of the column, then places in structs from 1; empty: absent. */
  readonly path: readonly number[];
  /** Name and id that the file itself gives it: a column that DuckDB can find by its id. */
  readonly hasId: boolean;
}

/** Throws a plain Error naming the feature where the file's shape is not one that is read. */
export function findField(field: SchemaField, footer: ParquetFooter, constants?: Constants): FoundField {
  if (isUnknown(field.type)) return { layout: { kind: 'absent', value: { kind: 'null' } }, path: [], hasId: false };
  if (field.type.kind === 'other' && field.type.name !== 'variant') throw new Error(`type ${field.type.name} (column "${field.name}")`);
  const found = nodeOf(footer.columns, field.id);
  if (found === undefined) return { layout: { kind: 'absent', value: absentValue(field, constants) }, path: [], hasId: false };
  const { node, path } = found;
  return {
    layout: layoutOf(field.type, node, constants),
    path: [path[0] ?? 0, ...path.slice(1).map((at) => at + 1)],
    hasId: node.mapped !== true,
  };
}

/** Does the file carry field ids at all? */
export function hasFieldIds(footer: ParquetFooter): boolean {
  return footer.columns.some((column) => column.fieldId !== undefined);
}

/** The node of an id, at the top or in structs; positions from 0. */
function nodeOf(nodes: readonly ParquetNode[], id: number): { readonly node: ParquetNode; readonly path: readonly number[] } | undefined {
  const at = nodes.findIndex((node) => node.fieldId === id);
  const node = nodes[at];
  if (node !== undefined) return { node, path: [at] };
  for (const [index, outer] of nodes.entries()) {
    if (outer.group !== 'struct' || outer.repeated) continue;
    const inner = nodeOf(outer.children, id);
    if (inner !== undefined) return { node: inner.node, path: [index, ...inner.path] };
  }
  return undefined;
}

function layoutOf(type: IcebergType, node: ParquetNode, constants: Constants | undefined): Layout {
  if (node.repeated) {
    if (type.kind !== 'list') throw new Error(`the layout of column "${node.name}", which is repeated in the file`);
    return { kind: 'list', element: elementLayout(type.element, node, constants), wrapped: false };
  }
  return plainLayout(type, node, constants);
}

function plainLayout(type: IcebergType, node: ParquetNode, constants: Constants | undefined): Layout {
  switch (type.kind) {
    case 'primitive':
    case 'decimal':
    case 'fixed':
      if (node.group !== undefined) throw new Error(`column "${node.name}" is nested in the file and a scalar in the schema`);
      if (node.native === undefined) throw new Error(`column "${node.name}" (${node.type} in the file)`);
      return { kind: 'scalar', native: node.native };
    case 'struct':
      return structLayout(type, node, constants);
    case 'list': {
      const [repeated, second] = node.children;
      if (node.group !== 'list' || repeated?.repeated !== true || second !== undefined)
        throw new Error(`the layout of list "${node.name}"`);
      const element = isElement(repeated, node, type.elementId)
        ? elementLayout(type.element, repeated, constants)
        : layoutOf(type.element, only(repeated), constants);
      return { kind: 'list', element, wrapped: !node.annotated };
    }
    case 'map': {
      const [repeated, second] = node.children;
      const [key, value, third] = repeated?.children ?? [];
      if (
        node.group !== 'map' ||
        repeated?.repeated !== true ||
        second !== undefined ||
        key === undefined ||
        value === undefined ||
        third !== undefined
      )
        throw new Error(`the layout of map "${node.name}"`);
      return {
        kind: 'map',
        key: layoutOf(type.key, key, constants),
        value: layoutOf(type.value, value, constants),
        entries: !node.annotated && repeated.group !== 'map_key_value',
        wrapped: !node.annotated,
      };
    }
    case 'other':
      if (isUnknown(type)) return { kind: 'absent', value: { kind: 'null' } };
      if (type.name !== 'variant') throw new Error(`type ${type.name}`);
      return variantLayout(node);
  }
}

function structLayout(type: StructType, node: ParquetNode, constants: Constants | undefined): Layout {
  if (node.group === 'variant') throw new Error(`column "${node.name}" is a variant in the file and a struct in the schema`);
  if (node.group === undefined) throw new Error(`column "${node.name}" is a scalar in the file and a struct in the schema`);
  // The only member of a repeated group stands for the group.
  const pulledUp = node.repeated && node.children.length === 1;
  const fields = type.fields.map((field): FieldLayout => {
    const at = node.children.findIndex((candidate) => candidate.fieldId === field.id);
    const child = node.children[at];
    if (child === undefined) return { field, layout: { kind: 'absent', value: absentValue(field, constants) }, at: 0 };
    return { field, layout: layoutOf(field.type, child, constants), at: pulledUp ? 0 : at + 1 };
  });
  return { kind: 'struct', fields, names: pulledUp ? [] : node.children.map((child) => child.name) };
}

/** A repeated node as an element itself. */
function elementLayout(type: IcebergType, repeated: ParquetNode, constants: Constants | undefined): Layout {
  if (type.kind === 'list' || type.kind === 'map') throw new Error(`the layout of list "${repeated.name}"`);
  return plainLayout(type, repeated, constants);
}

/**
 * Lists of two levels have elements that repeat themselves; of three, a repeated group round the element. Where ids do not tell, the rules
 * of the Parquet format do.
 */
function isElement(repeated: ParquetNode, list: ParquetNode, elementId: number): boolean {
  const [child, second] = repeated.children;
  if (child === undefined || second !== undefined) return true;
  if (child.fieldId === elementId) return false;
  return repeated.fieldId === elementId || repeated.name === 'array' || repeated.name === `${list.name}_tuple`;
}

function only(node: ParquetNode): ParquetNode {
  const [child] = node.children;
  if (child === undefined) throw new Error(`the layout of list "${node.name}"`);
  return child;
}

function variantLayout(node: ParquetNode): Layout {
  if (node.group === 'variant') return { kind: 'variant', encoded: false };
  const isBytes = (child: ParquetNode | undefined, name: string): boolean => child?.name === name && child.native === 'BLOB';
  const [metadata, value, third] = node.children;
  if (node.group !== 'struct' || third !== undefined || !isBytes(metadata, 'metadata') || !isBytes(value, 'value'))
    throw new Error(`the layout of variant "${node.name}"`);
  return { kind: 'variant', encoded: true };
}

/** Columns of this type hold nothing but NULL, whatever a file says. */
export function isUnknown(type: IcebergType): boolean {
  return type.kind === 'other' && type.name === 'unknown';
}
