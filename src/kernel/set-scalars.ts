import { TimelineError } from '../../sql/errors.js';
import { rawElements, rawMembers } from '../../sql/functions/json-source.js';
import { type Json, jsonbText, parseJson, writeJsonb } from '../../sql/functions/jsonb.js';
import { addInterval, isInfinite } from '../../sql/functions/timestamp-arithmetic.js';
import { ELEMENT_OF, Oid } from '../../sql/types.js';
import type { Interval, TextSettings, Value } from '../../sql/value.js';
import type { ScalarDefinition } from './scalar-definition.js';

const ARRAY_OF = new Map([...ELEMENT_OF].map(([array, element]) => [element, array]));
const TEXTS = ARRAY_OF.get(Oid.text) as number;

/** The rows of set-returning functions as lists, for sql/functions/set-returning.ts. */
export function setScalars(settings: TextSettings): readonly ScalarDefinition[] {
  const series = (
    name: string,
    oid: number,
    zone: (args: readonly Value[]) => string | undefined,
    more: readonly number[] = [],
  ): ScalarDefinition => ({
    name,
    parameters: [oid, oid, Oid.interval, ...more],
    result: ARRAY_OF.get(oid) as number,
    compute: (args) => instants(args[0] as bigint, args[1] as bigint, args[2] as Interval, zone(args)),
  });
  return [
    series('tl_series_timestamp', Oid.timestamp, () => undefined),
    series('tl_series_timestamptz', Oid.timestamptz, () => settings.timeZone),
    series('tl_series_zone', Oid.timestamptz, (args) => args[3] as string, [Oid.text]),
    ...JSON_SETS,
    texts('tl_characters', 1, ([text]) => [...(text as string)]),
    texts('tl_split', 2, ([text, separator]) => split(text as string, separator as string)),
  ];
}

function texts(name: string, arity: number, compute: (args: readonly Value[]) => readonly (string | null)[]): ScalarDefinition {
  return { name, parameters: Array.from({ length: arity }, () => Oid.text), result: TEXTS, compute };
}

/** An empty text has no parts; an empty separator separates nothing. */
function split(text: string, separator: string): readonly string[] {
  if (text === '') return [];
  return separator === '' ? [text] : text.split(separator);
}

const JSON_SETS: readonly ScalarDefinition[] = [
  texts('tl_jsonb_elements', 1, ([json]) => items(json as string).map((item) => writeJsonb(item))),
  texts('tl_jsonb_elements_text', 1, ([json]) => items(json as string).map(asText)),
  texts('tl_jsonb_keys', 2, ([json, fn]) => members(json as string, fn as string).map(([key]) => key)),
  texts('tl_jsonb_values', 1, ([json]) => members(json as string, 'jsonb_each').map(([, value]) => writeJsonb(value))),
  texts('tl_jsonb_values_text', 1, ([json]) => members(json as string, 'jsonb_each_text').map(([, value]) => asText(value))),
  texts('tl_json_elements', 2, ([json, fn]) => rawElements(json as string, fn as string)),
  texts('tl_json_elements_text', 2, ([json, fn]) => rawElements(json as string, fn as string).map(rawText)),
  texts('tl_json_keys', 2, ([json, fn]) => rawMembers(json as string, fn as string).map(([key]) => key)),
  texts('tl_json_values', 1, ([json]) => rawMembers(json as string, 'json_each').map(([, value]) => value)),
  texts('tl_json_values_text', 1, ([json]) => rawMembers(json as string, 'json_each_text').map(([, value]) => rawText(value))),
];

function items(text: string): readonly Json[] {
  const json = parseJson(text);
  if (json.kind === 'array') return json.items;
  throw wrongShape(json.kind === 'object' ? 'cannot extract elements from an object' : 'cannot extract elements from a scalar');
}

/** In the order of jsonb: by the keys' length, then by their bytes. */
function members(text: string, fn: string): readonly (readonly [string, Json])[] {
  const json = parseJson(text);
  if (json.kind === 'object') {
    return [...json.members]
      .map(([key, value]) => ({ key, value, bytes: Buffer.from(key) }))
      .sort((a, b) => a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes))
      .map(({ key, value }) => [key, value] as const);
  }
  if (fn !== 'jsonb_object_keys') throw wrongShape(`cannot call ${fn} on a non-object`);
  throw wrongShape(`cannot call jsonb_object_keys on ${json.kind === 'array' ? 'an array' : 'a scalar'}`);
}

function asText(json: Json): string | null {
  return jsonbText(json) ?? null;
}

/** A json value as text: strings without their quotes, null as NULL, anything else as it was written. */
function rawText(source: string): string | null {
  if (source === 'null') return null;
  return source.startsWith('"') ? (JSON.parse(source) as string) : source;
}

function wrongShape(message: string): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate: '22023', message });
}

/** A task does nothing else while a list grows. */
const MOST = 10_000_000;

function instants(first: bigint, last: bigint, step: Interval, zone: string | undefined): readonly bigint[] {
  const months = BigInt(step.months);
  // as intervals compare: months of 30 days of 24 hours
  const direction = (months * 30n + BigInt(step.days)) * 86_400_000_000n + step.micros;
  if (direction === 0n) throw wrongShape('step size cannot equal zero');
  const rows: bigint[] = [];
  let at = first;
  while (direction > 0n ? at <= last : at >= last) {
    rows.push(at);
    if (rows.length > MOST || isInfinite(at)) {
      throw new TimelineError({ kind: 'limit', sqlstate: '54000', message: `generate_series gives more than ${MOST} rows here` });
    }
    at = addInterval(at, step, zone);
  }
  return rows;
}
