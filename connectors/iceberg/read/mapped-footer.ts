import type { MappedField, NameMapping } from '../format/name-mapping.js';
import type { ParquetFooter, ParquetNode } from './parquet-footer.js';

/** The footer with ids, by the table's name mapping, for what the file itself gives none. */
export function mappedFooter(footer: ParquetFooter, mapping: NameMapping | undefined): ParquetFooter {
  if (mapping === undefined || footer.columns.every(hasAllIds)) return footer;
  return { ...footer, columns: mapFields(footer.columns, mapping) };
}

function hasAllIds(node: ParquetNode): boolean {
  return node.fieldId !== undefined && node.children.every((child) => child.repeated || hasAllIds(child));
}

/** Fields of a struct, or of the file. An id that one of them has already is not given again. */
function mapFields(nodes: readonly ParquetNode[], mapping: readonly MappedField[]): readonly ParquetNode[] {
  const taken = new Set(nodes.flatMap((node) => node.fieldId ?? []));
  return nodes.map((node) => {
    const entry = mapping.find((one) => (node.fieldId === undefined ? one.names.includes(node.name) : one.id === node.fieldId));
    if (entry === undefined) return node;
    const id = node.fieldId ?? (entry.id === undefined || taken.has(entry.id) ? undefined : entry.id);
    return mapNode(node, id, entry.fields);
  });
}

function mapNode(node: ParquetNode, id: number | undefined, fields: readonly MappedField[]): ParquetNode {
  const children = mapChildren(node, fields);
  if (id === node.fieldId) return { ...node, children };
  return { ...node, children, ...(id === undefined ? {} : { fieldId: id, mapped: true as const }) };
}

/** Lists and maps are mapped by the names element, key and value, whatever the file calls them and the groups round them. */
function mapChildren(node: ParquetNode, fields: readonly MappedField[]): readonly ParquetNode[] {
  if (fields.length === 0) return node.children;
  const inside = (name: string): MappedField | undefined => fields.find((field) => field.names.includes(name));
  const [repeated] = node.children;
  if (node.group === 'list' && repeated !== undefined) {
    const element = inside('element');
    if (element === undefined) return node.children;
    const [child, second] = repeated.children;
    const isThreeLevels =
      child !== undefined && second === undefined && repeated.name !== 'array' && repeated.name !== `${node.name}_tuple`;
    if (!isThreeLevels) return [mapNode(repeated, repeated.fieldId ?? element.id, element.fields)];
    return [{ ...repeated, children: [mapNode(child, child.fieldId ?? element.id, element.fields)] }];
  }
  if (node.group === 'map' && repeated !== undefined) {
    const sides = [inside('key'), inside('value')];
    const children = repeated.children.map((child, index) => {
      const side = sides[index];
      return side === undefined ? child : mapNode(child, child.fieldId ?? side.id, side.fields);
    });
    return [{ ...repeated, children }];
  }
  return mapFields(node.children, fields);
}
