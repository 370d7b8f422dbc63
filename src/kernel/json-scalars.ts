import { TimelineError } from '../../sql/errors.js';
import {
  type Json,
  jsonbElement,
  jsonbField,
  jsonbKey,
  jsonbText,
  jsonbTypeof,
  normalizeJsonb,
  parseJson,
  writeJsonb,
} from '../../sql/functions/jsonb.js';
import { Oid } from '../../sql/types.js';
import type { ScalarDefinition } from './scalar-definition.js';

const TEXT_ARRAY = 1009;

const PATHS: readonly ScalarDefinition[] = [
  { name: 'tl_reverse', parameters: [Oid.text], result: Oid.text, compute: ([text]) => [...(text as string)].reverse().join('') },
  {
    name: 'tl_jsonb_path',
    parameters: [Oid.text, TEXT_ARRAY],
    result: Oid.text,
    compute: ([json, path]) => written(jsonbPath(json as string, path as readonly (string | null)[])),
  },
  {
    name: 'tl_jsonb_path_text',
    parameters: [Oid.text, TEXT_ARRAY],
    result: Oid.text,
    compute: ([json, path]) => jsonbText(jsonbPath(json as string, path as readonly (string | null)[])) ?? null,
  },
  {
    name: 'tl_jsonb_scalar',
    parameters: [Oid.text, Oid.text],
    result: Oid.text,
    compute: ([json, type]) => jsonbScalar(json as string, type as string),
  },
];

function jsonbPath(text: string, path: readonly (string | null)[]): Json | undefined {
  let at: Json | undefined = parseJson(text);
  for (const step of path) {
    if (at === undefined || step === null) return undefined;
    if (at.kind === 'object') at = jsonbField(at, step);
    else if (at.kind === 'array' && /^\s*[+-]?\d{1,9}$/.test(step)) at = jsonbElement(at, Number(step));
    else return undefined;
  }
  return at;
}

function jsonbScalar(text: string, type: string): string | null {
  const json = parseJson(text);
  if (json.kind === 'null') return null;
  if (json.kind === (type === 'boolean' ? 'bool' : 'number'))
    return json.kind === 'number' ? json.text : String(json.kind === 'bool' && json.value);
  const what = json.kind === 'bool' ? 'boolean' : json.kind === 'number' ? 'numeric' : json.kind;
  throw new TimelineError({ kind: 'data', sqlstate: '22023', message: `cannot cast jsonb ${what} to type ${type}` });
}

const DOCUMENTS: readonly ScalarDefinition[] = [
  { name: 'tl_jsonb_out', parameters: [Oid.text], result: Oid.text, compute: ([json]) => normalizeJsonb(json as string) },
  { name: 'tl_jsonb_key', parameters: [Oid.text], result: Oid.text, compute: ([json]) => jsonbKey(json as string) },
  { name: 'tl_jsonb_typeof', parameters: [Oid.text], result: Oid.text, compute: ([json]) => jsonbTypeof(parseJson(json as string)) },
  {
    name: 'tl_jsonb_field',
    parameters: [Oid.text, Oid.text],
    result: Oid.text,
    compute: ([json, key]) => written(jsonbField(parseJson(json as string), key as string)),
  },
  {
    name: 'tl_jsonb_field_text',
    parameters: [Oid.text, Oid.text],
    result: Oid.text,
    compute: ([json, key]) => jsonbText(jsonbField(parseJson(json as string), key as string)) ?? null,
  },
  {
    name: 'tl_jsonb_element',
    parameters: [Oid.text, Oid.int4],
    result: Oid.text,
    compute: ([json, at]) => written(jsonbElement(parseJson(json as string), at as number)),
  },
  {
    name: 'tl_jsonb_element_text',
    parameters: [Oid.text, Oid.int4],
    result: Oid.text,
    compute: ([json, at]) => jsonbText(jsonbElement(parseJson(json as string), at as number)) ?? null,
  },
  {
    name: 'tl_jsonb_exists',
    parameters: [Oid.text, Oid.text],
    result: Oid.bool,
    compute: ([json, key]) => jsonbHasKey(json as string, key as string),
  },
  { name: 'tl_jsonb_array_length', parameters: [Oid.text], result: Oid.int4, compute: ([json]) => jsonbArrayLength(json as string) },
];

function written(json: ReturnType<typeof parseJson> | undefined): string | null {
  return json === undefined ? null : writeJsonb(json);
}

function jsonbHasKey(text: string, key: string): boolean {
  const json = parseJson(text);
  if (json.kind === 'object') return json.members.has(key);
  if (json.kind === 'array') return json.items.some((item) => item.kind === 'string' && item.value === key);
  return json.kind === 'string' && json.value === key;
}

function jsonbArrayLength(text: string): number {
  const json = parseJson(text);
  if (json.kind === 'array') return json.items.length;
  const what = json.kind === 'object' ? 'non-array' : 'scalar';
  throw new TimelineError({ kind: 'data', sqlstate: '22023', message: `cannot get array length of a ${what}` });
}

export const JSON_SCALARS: readonly ScalarDefinition[] = [...PATHS, ...DOCUMENTS];
