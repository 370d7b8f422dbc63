import { parseInstant } from '../instant.js';

/** The whole answer was read, and is not what the server would say. */
export class OddAnswer extends Error {}

/** Of `/select/logsql/hits`: where intervals begin (nanoseconds since 1970), with how many documents are in them; ascending. */
export function readHits(text: string): readonly { readonly from: bigint; readonly hits: number }[] {
  const series = listOf(objectOf(text), 'hits');
  return series
    .flatMap((entry) => {
      const timestamps = listOf(entry, 'timestamps');
      const values = listOf(entry, 'values');
      if (timestamps.length !== values.length) throw new OddAnswer('hits has not a value for each time');
      const hits = timestamps.map((time, at) => ({ from: instant(time), hits: count(values[at]) }));
      if (hits.reduce((sum, one) => sum + one.hits, 0) !== count((entry as { readonly total?: unknown }).total))
        throw new OddAnswer('hits do not add up to their total');
      return hits;
    })
    .toSorted((one, other) => (one.from < other.from ? -1 : one.from > other.from ? 1 : 0));
}

/** Of `/select/logsql/field_names`. */
export function readFieldNames(text: string): readonly { readonly name: string; readonly hits: number }[] {
  return listOf(objectOf(text), 'values').map((entry) => {
    const { value, hits } = (entry ?? {}) as { readonly value?: unknown; readonly hits?: unknown };
    if (typeof value !== 'string') throw new OddAnswer('a field has no name');
    return { name: value, hits: count(hits) };
  });
}

function objectOf(text: string): unknown {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new OddAnswer('it is no JSON');
  }
  const { partial, isPartial } = (json ?? {}) as { readonly partial?: unknown; readonly isPartial?: unknown };
  if (partial === true || isPartial === true) throw new OddAnswer('it is partial');
  return json;
}

function listOf(value: unknown, key: string): readonly unknown[] {
  const list = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
  if (!Array.isArray(list)) throw new OddAnswer(`it has no list "${key}"`);
  return list;
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new OddAnswer('a count is none');
  return value;
}

function instant(value: unknown): bigint {
  const found = typeof value === 'string' ? parseInstant(value) : undefined;
  if (found === undefined) throw new OddAnswer('a time is none');
  return found;
}
