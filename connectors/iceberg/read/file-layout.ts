import type { IcebergType, SchemaField, StructType } from '../format/schema.js';
import { duckdbScalar } from '../format/types.js';
import type { ParquetFooter, ParquetNode } from './parquet-footer.js';

/**
 * How one file holds a column: as a scalar that DuckDB finds by field id and casts itself, or nested, with the names that this file
 * uses inside (DuckDB binds nested fields by name only, so a field renamed since would silently be NULL).
 */
export type Layout =
  | { readonly kind: 'absent' }
  | { readonly kind: 'scalar'; readonly type: string }
  | {
      readonly kind: 'struct';
      readonly fields: readonly { readonly fileName: string; readonly field: SchemaField; readonly layout: Layout }[];
    }
  | { readonly kind: 'list'; readonly element: Layout }
  | { readonly kind: 'map'; readonly key: Layout; readonly value: Layout };

/** Throws a plain Error naming the feature where the file's shape is not one that is read. */
export function columnLayout(field: SchemaField, footer: ParquetFooter): Layout {
  const found = footer.columns.find((column) => column.fieldId === field.id);
  return found === undefined ? { kind: 'absent' } : layout(field.type, found);
}

/** Does the file carry field ids at all? */
export function hasFieldIds(footer: ParquetFooter): boolean {
  return footer.columns.some((column) => column.fieldId !== undefined);
}

function layout(type: IcebergType, node: ParquetNode): Layout {
  switch (type.kind) {
    case 'primitive':
    case 'decimal':
    case 'fixed': {
      if (node.children.length > 0) throw new Error(`column "${node.name}" is nested in the file and a scalar in the schema`);
      // DuckDB has no cast from raw bytes to a UUID.
      if (type.kind === 'primitive' && type.name === 'uuid' && !node.type.endsWith('UUID'))
        throw new Error(`uuid column "${node.name}" without its annotation`);
      return { kind: 'scalar', type: duckdbScalar(type) ?? 'VARCHAR' };
    }
    case 'struct':
      return structLayout(type, node);
    case 'list': {
      const element = listElement(node);
      return { kind: 'list', element: layout(type.element, element) };
    }
    case 'map': {
      const [key, value] = node.children[0]?.children ?? [];
      if (node.children.length !== 1 || key === undefined || value === undefined) throw new Error(`the layout of map "${node.name}"`);
      return { kind: 'map', key: layout(type.key, key), value: layout(type.value, value) };
    }
    case 'other':
      throw new Error(`type ${type.name}`);
  }
}

function structLayout(type: StructType, node: ParquetNode): Layout {
  const fields = type.fields.flatMap((field) => {
    const child = node.children.find((candidate) => candidate.fieldId === field.id);
    return child === undefined ? [] : [{ fileName: child.name, field, layout: layout(field.type, child) }];
  });
  // A struct without any of its fields left would lose which of its rows are NULL.
  if (fields.length === 0) throw new Error(`struct "${node.name}", of which the file holds none of today's fields`);
  return { kind: 'struct', fields };
}

/** The standard three levels only: group (LIST) { repeated group { element } }. */
function listElement(node: ParquetNode): ParquetNode {
  const [repeated, second] = node.children;
  const [element, other] = repeated?.children ?? [];
  if (repeated === undefined || second !== undefined || element === undefined || other !== undefined)
    throw new Error(`the layout of list "${node.name}"`);
  return element;
}

/** The type to scan the column as, with the file's own names inside. */
export function scanType(layout: Layout): string {
  switch (layout.kind) {
    case 'absent':
      return 'VARCHAR';
    case 'scalar':
      return layout.type;
    case 'struct':
      return `STRUCT(${layout.fields.map((field) => `${quoteName(field.fileName)} ${scanType(field.layout)}`).join(', ')})`;
    case 'list':
      return `${scanType(layout.element)}[]`;
    case 'map':
      return `MAP(${scanType(layout.key)}, ${scanType(layout.value)})`;
  }
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
