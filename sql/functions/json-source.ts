import { TimelineError } from '../errors.js';

/** The parts of a value of type json as they are written in it: json keeps its text, spaces and doubled keys included. */

export function rawElements(text: string, fn: string): readonly string[] {
  const source = text.trim();
  if (!source.startsWith('[')) throw wrongShape(`cannot call ${fn} on a ${source.startsWith('{') ? 'non-array' : 'scalar'}`);
  return parts(source);
}

export function rawMembers(text: string, fn: string): readonly (readonly [string, string])[] {
  const source = text.trim();
  if (!source.startsWith('{')) {
    if (fn !== 'json_object_keys')
      throw wrongShape(source.startsWith('[') ? `cannot deconstruct an array as an object` : 'cannot deconstruct a scalar');
    throw wrongShape(`cannot call ${fn} on ${source.startsWith('[') ? 'an array' : 'a scalar'}`);
  }
  return parts(source).map((member) => {
    const end = endOfString(member, 0);
    return [JSON.parse(member.slice(0, end)) as string, member.slice(member.indexOf(':', end) + 1).trim()] as const;
  });
}

function wrongShape(message: string): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate: '22023', message });
}

/** What stands between the commas of an array or object (which is valid JSON). */
function parts(source: string): readonly string[] {
  const found: string[] = [];
  let depth = 0;
  let start = 1;
  for (let at = 0; at < source.length; at++) {
    const character = source[at] as string;
    if (character === '"') at = endOfString(source, at) - 1;
    else if (character === '[' || character === '{') depth += 1;
    else if (character === ']' || character === '}') depth -= 1;
    if (depth === 0 || (depth === 1 && source[at] === ',')) {
      const part = source.slice(start, at).trim();
      if (part !== '') found.push(part);
      start = at + 1;
    }
  }
  return found;
}

/** The index after the string that begins at `from`. */
function endOfString(source: string, from: number): number {
  let at = from + 1;
  while (at < source.length && source[at] !== '"') at += source[at] === '\\' ? 2 : 1;
  return at + 1;
}
