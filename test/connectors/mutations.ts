/** Deterministic damage to files. */
export interface Mutation {
  /** What was done, to be read in a failed test. */
  readonly what: string;
  readonly bytes: Buffer;
}

/** mulberry32: numbers from 0 (inclusive) to `below`, the same for the same seed. */
export function dice(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Bytes that are large numbers to most readers of binary formats. */
const WILD = ['ffffffffffffffffff01', 'feffffffffffffffff01', '808080808080808001', 'ffffff7f', '00000080', 'ffffffff0f', 'fe'];
const WILD_TEXT = ['-1', '9223372036854775807', '1e999', 'null', '[]', '{}', '""', '[[[[', '4611686018427387904', '../../x'];

/** Damages a file in one of many ways; `others`: contents that may be put in its place, or into it. */
export function mutate(bytes: Buffer, roll: (below: number) => number, others: readonly Buffer[], isText: boolean): Mutation {
  const at = roll(bytes.length);
  const length = 1 + roll(Math.min(64, bytes.length));
  const before = bytes.subarray(0, at);
  switch (roll(isText ? 9 : 8)) {
    case 0:
      return { what: `cut at ${at}`, bytes: before };
    case 1: {
      const bit = roll(8);
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << bit);
      return { what: `bit ${bit} of byte ${at} flipped`, bytes: changed };
    }
    case 2: {
      const changed = Buffer.from(bytes);
      changed[at] = roll(256);
      return { what: `byte ${at} is ${changed[at]}`, bytes: changed };
    }
    case 3:
      return { what: `${length} bytes from ${at} are zeros`, bytes: Buffer.from(bytes).fill(0, at, Math.min(bytes.length, at + length)) };
    case 4:
      return { what: `${length} bytes from ${at} left out`, bytes: Buffer.concat([before, bytes.subarray(at + length)]) };
    case 5:
      return { what: `${length} bytes from ${at} twice`, bytes: Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]) };
    case 6: {
      const wild = Buffer.from(WILD[roll(WILD.length)] ?? '', 'hex');
      const changed = Buffer.from(bytes);
      wild.copy(changed, at);
      return { what: `${wild.toString('hex')} at ${at}`, bytes: changed };
    }
    case 7: {
      const other = others[roll(others.length)] ?? Buffer.alloc(0);
      if (roll(4) > 0) return { what: 'zeros behind', bytes: Buffer.concat([bytes, Buffer.alloc(length)]) };
      return { what: `another file of ${other.length} bytes`, bytes: other };
    }
    default: {
      // The value of a key of JSON.
      const keys = [...bytes.toString('latin1').matchAll(/"[a-z-]+":\s*("[^"]*"|[-\d.]+|true|false|null|\[|\{)/g)];
      const key = keys[roll(keys.length)];
      if (key === undefined) return { what: 'nothing left', bytes: Buffer.alloc(0) };
      const wild = WILD_TEXT[roll(WILD_TEXT.length)] ?? '';
      const [whole, value = ''] = key;
      const from = key.index + whole.length - value.length;
      return {
        what: `${whole} is ${wild}`,
        bytes: Buffer.concat([bytes.subarray(0, from), Buffer.from(wild), bytes.subarray(from + value.length)]),
      };
    }
  }
}
