import { internal } from '../../../sql/errors.js';
import type { ColumnPath } from '../../connector.js';
import { asObject, type IcebergType, type SchemaField } from '../format/schema.js';
import { type AbsentValue, absentValue, scalarLiteral } from './absent-value.js';
import type { Layout } from './file-layout.js';
import { jsonValue, scalarText } from './json-projection.js';
import { conversionOf, converted } from './scalar-value.js';
import { quoteText } from './sql-text.js';

type Path = Pick<ColumnPath, 'keys' | 'as'>;

/** A value in a file. `value` is asked for where the value is needed: what is not asked for is not scanned. */
interface Place {
  readonly layout: Layout;
  value(): string;
}

/** Can the member be read by itself: through structs and maps of text keys, and as text where that is SQL's text of the scalar too? */
export function isReadableMember(type: IcebergType, { keys, as }: Path): boolean {
  if (keys.length === 0) return as === 'jsonb' || isText(type);
  const [key = '', ...rest] = keys;
  if (type.kind === 'struct') {
    const field = fieldOf(type, key);
    return field === undefined || isReadableMember(field.type, { keys: rest, as });
  }
  return type.kind === 'map' && isString(type.key) && isReadableMember(type.value, { keys: rest, as });
}

/** jsonb writes floats as numbers without an exponent, and nested values with spaces between. */
function isText(type: IcebergType): boolean {
  if (type.kind === 'primitive') return type.name !== 'float' && type.name !== 'double';
  return type.kind === 'decimal' || type.kind === 'fixed';
}

function isString(type: IcebergType): boolean {
  return type.kind === 'primitive' && type.name === 'string';
}

function fieldOf(type: Extract<IcebergType, { readonly kind: 'struct' }>, key: string): SchemaField | undefined {
  return type.fields.findLast(({ name }) => name === key);
}

/**
 * The SQL of what `->` and `->>` give of a struct's or map's JSON, made without the rest of it: NULL where an object on the way is none or
 * has no such key; `->` then tells a member that is null, which is JSON's null.
 */
export function memberValue(type: IcebergType, place: Place, { keys, as }: Path): string {
  const [key, ...rest] = keys;
  const { layout } = place;
  if (layout.kind === 'absent') return absentMember(type, layout.value, { keys, as });
  if (key === undefined) return leafValue(type, place, as);
  if (type.kind === 'struct' && layout.kind === 'struct') {
    const field = fieldOf(type, key);
    const found = layout.fields.findLast((one) => one.field.name === key);
    if (field === undefined || found === undefined) return NULL;
    const value = (): string => (found.at === 0 ? place.value() : `struct_extract_at(${place.value()}, ${found.at})`);
    const member = memberValue(field.type, { layout: found.layout, value }, { keys: rest, as });
    // A member that is NULL, or that the file lacks, is there only where the struct is.
    const needsStruct = (rest.length === 0 && as === 'jsonb') || (found.layout.kind === 'absent' && member !== NULL);
    return needsStruct ? `CASE WHEN ${place.value()} IS NOT NULL THEN ${member} END` : member;
  }
  if (type.kind === 'map' && layout.kind === 'map') {
    const { position, value } = mapEntry(type, layout, place.value(), key);
    const member = memberValue(type.value, { layout: layout.value, value: () => value }, { keys: rest, as });
    const needsEntry = (rest.length === 0 && as === 'jsonb') || (layout.value.kind === 'absent' && member !== NULL);
    return needsEntry ? `CASE WHEN ${position} > 0 THEN ${member} END` : member;
  }
  throw internal('a member of what has none');
}

const NULL = 'NULL';

/** Of repeated keys the last counts, as in jsonb: positions count from the end. */
function mapEntry(
  type: Extract<IcebergType, { readonly kind: 'map' }>,
  layout: Extract<Layout, { readonly kind: 'map' }>,
  column: string,
  key: string,
): { readonly position: string; readonly value: string } {
  if (layout.key.kind !== 'scalar') throw new Error('the layout of a map with nested keys');
  const map = layout.wrapped ? `struct_extract_at(${column}, 1)` : column;
  const parts = (at: number, name: string): string =>
    layout.entries ? `list_transform(${map}, lambda e: struct_extract_at(e, ${at}))` : `${name}(${map})`;
  const conversion = conversionOf(type.key, layout.key.native);
  if (conversion === undefined) throw new Error(`a map with keys of type ${layout.key.native}`);
  const keys = parts(1, 'map_keys');
  const texts = conversion.kind === 'same' ? keys : `list_transform(${keys}, lambda k: ${converted(conversion, 'k')})`;
  const position = `list_position(list_reverse(${texts}), ${quoteText(key)})`;
  return { position, value: `list_extract(${parts(2, 'map_values')}, -${position})` };
}

function leafValue(type: IcebergType, { layout, value }: Place, as: Path['as']): string {
  if (as === 'jsonb') return jsonValue(type, layout, value(), 0);
  const conversion = layout.kind === 'scalar' ? conversionOf(type, layout.native) : undefined;
  if (conversion === undefined) throw new Error('the layout of a scalar member');
  return `CAST(${scalarText(type, converted(conversion, value()))} AS VARCHAR)`;
}

/** In a default value's JSON, or the partition's constant for the member itself. */
function absentMember(type: IcebergType, value: AbsentValue, { keys, as }: Path): string {
  const [key, ...rest] = keys;
  if (key === undefined) {
    if (as === 'jsonb') return jsonValue(type, { kind: 'absent', value }, NULL, 0);
    if (value.kind === 'null') return NULL;
    return `CAST(${scalarText(type, scalarLiteral(type, value.kind === 'constant' ? value.text : value.json))} AS VARCHAR)`;
  }
  if (value.kind !== 'default') return NULL;
  if (type.kind === 'struct') {
    const field = fieldOf(type, key);
    if (field === undefined) return NULL;
    const item = asObject(value.json, 'the default of a struct')[String(field.id)];
    const inner: AbsentValue = item === undefined ? absentValue(field, undefined) : defaultOf(item);
    return absentMember(field.type, inner, { keys: rest, as });
  }
  if (type.kind !== 'map') throw internal('a member of what has none');
  const { keys: names, values } = asObject(value.json, 'the default of a map');
  if (!Array.isArray(names) || !Array.isArray(values)) throw new Error('the default of a map has no keys and values');
  const at = names.lastIndexOf(key);
  return at < 0 ? NULL : absentMember(type.value, defaultOf(values[at]), { keys: rest, as });
}

function defaultOf(json: unknown): AbsentValue {
  return json === null || json === undefined ? { kind: 'null' } : { kind: 'default', json };
}
