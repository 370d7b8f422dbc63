import { quoteJson } from './functions/jsonb.js';
import { numericText } from './node-tree-numeric.js';

const COUNT = 0x0fffffff;
const SCALAR = 0x10000000;
const OBJECT = 0x20000000;
const ENTRY_TYPE = 0x70000000;
const ENTRY_HAS_OFFSET = 0x80000000;

/**
 * jsonb as it lies in memory, without the length word: a container is a word (count and kind), one word for each entry (kind
 * and length, or every 32nd the offset of its end), then the entries' bytes; an object's keys come before its values.
 * Undefined for what is not understood.
 */
export function jsonbText(data: Buffer): string | undefined {
  try {
    return containerText(data);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function containerText(data: Buffer): string | undefined {
  const header = data.readUInt32LE(0);
  const count = header & COUNT;
  const isObject = (header & OBJECT) !== 0;
  const entries = isObject ? 2 * count : count;
  const start = 4 + 4 * entries;
  const texts: string[] = [];
  let end = 0;
  for (let i = 0; i < entries; i += 1) {
    const entry = data.readUInt32LE(4 + 4 * i);
    const begin = end;
    end = (entry & ENTRY_HAS_OFFSET) !== 0 ? entry & COUNT : end + (entry & COUNT);
    const text = entryText((entry & ENTRY_TYPE) >>> 28, data, start, begin, end);
    if (text === undefined) return undefined;
    texts.push(text);
  }
  if (isObject)
    return `{${texts
      .slice(0, count)
      .map((key, i) => `${key}: ${texts[count + i]}`)
      .join(', ')}}`;
  return (header & SCALAR) !== 0 ? texts[0] : `[${texts.join(', ')}]`;
}

/** Numbers and containers begin at a multiple of 4 after `begin`. */
function entryText(type: number, data: Buffer, start: number, begin: number, end: number): string | undefined {
  const aligned = start + Math.ceil(begin / 4) * 4;
  switch (type) {
    case 0:
      return quoteJson(data.toString('utf8', start + begin, start + end));
    case 1: {
      const short = ((data[aligned] ?? 0) & 1) === 1;
      return numericText(data.subarray(aligned + (short ? 1 : 4), start + end));
    }
    case 2:
      return 'false';
    case 3:
      return 'true';
    case 4:
      return 'null';
    case 5:
      return containerText(data.subarray(aligned, start + end));
    default:
      return undefined;
  }
}
