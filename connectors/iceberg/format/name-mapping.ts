import { asObject } from './schema.js';

/** Names that files without field ids use for a field, and what is mapped inside of it. */
export interface MappedField {
  /** Undefined: the name is known and stands for no field. */
  readonly id: number | undefined;
  readonly names: readonly string[];
  readonly fields: readonly MappedField[];
}

export type NameMapping = readonly MappedField[];

export const NAME_MAPPING_PROPERTY = 'schema.name-mapping.default';
const MAX_DEPTH = 64;

/** The table property's JSON. Throws a plain Error that says what is wrong. */
export function parseNameMapping(text: string): NameMapping {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error(`property ${NAME_MAPPING_PROPERTY} is not JSON`);
  }
  return parseFields(json, 0);
}

function parseFields(json: unknown, depth: number): MappedField[] {
  if (json === undefined || json === null) return [];
  if (!Array.isArray(json) || depth > MAX_DEPTH) throw new Error(`property ${NAME_MAPPING_PROPERTY} is not a list of fields`);
  return json.map((item: unknown): MappedField => {
    const field = asObject(item, 'a field of the name mapping');
    const { names } = field;
    if (!Array.isArray(names)) throw new Error('a field of the name mapping has no names');
    const id = field['field-id'];
    return {
      id: typeof id === 'number' && Number.isSafeInteger(id) ? id : undefined,
      names: names.map(String),
      fields: parseFields(field['fields'], depth + 1),
    };
  });
}
