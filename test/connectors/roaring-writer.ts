import { crc32 } from 'node:zlib';

export type ContainerKind = 'array' | 'bitmap' | 'runs';

/** The plainest writer of 64-bit roaring bitmaps: positions ascending, containers of the kind that is asked for. */
export function roaring(positions: readonly number[], kind: (base: number) => ContainerKind): Buffer {
  const groups = new Map<number, Map<number, number[]>>();
  for (const position of positions) {
    const high = Math.floor(position / 2 ** 32);
    const low = position % 2 ** 32;
    const containers = groups.get(high) ?? new Map<number, number[]>();
    groups.set(high, containers);
    const key = Math.floor(low / 65536);
    const values = containers.get(key) ?? [];
    containers.set(key, values);
    values.push(low % 65536);
  }
  const parts = [uint64(groups.size)];
  for (const [high, containers] of groups)
    parts.push(
      uint32(high),
      bitmap32(containers, (key) => kind(high * 2 ** 32 + key * 65536)),
    );
  return Buffer.concat(parts);
}

function bitmap32(containers: ReadonlyMap<number, readonly number[]>, kind: (key: number) => ContainerKind): Buffer {
  const keys = [...containers.keys()];
  const kinds = keys.map(kind);
  const hasRuns = kinds.includes('runs');
  const head: Buffer[] = [];
  if (hasRuns) {
    head.push(uint32(12347 | ((keys.length - 1) << 16)));
    const flags = Buffer.alloc(Math.ceil(keys.length / 8));
    for (const [index, one] of kinds.entries()) if (one === 'runs') flags[index >> 3]! |= 1 << (index & 7);
    head.push(flags);
  } else {
    head.push(uint32(12346), uint32(keys.length));
  }
  for (const key of keys) head.push(uint16(key), uint16(containers.get(key)!.length - 1));
  const bodies = keys.map((key, index) => container(containers.get(key)!, kinds[index]!));
  if (!hasRuns || keys.length >= 4) {
    let offset = Buffer.concat(head).length + 4 * keys.length;
    for (const body of bodies) {
      head.push(uint32(offset));
      offset += body.length;
    }
  }
  return Buffer.concat([...head, ...bodies]);
}

function container(values: readonly number[], kind: ContainerKind): Buffer {
  if (kind === 'array') return Buffer.concat(values.map(uint16));
  if (kind === 'bitmap') {
    const bits = Buffer.alloc(8192);
    for (const value of values) bits[value >> 3]! |= 1 << (value & 7);
    return bits;
  }
  const runs: [number, number][] = [];
  for (const value of values) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] + 1 === value) last[1]++;
    else runs.push([value, 0]);
  }
  return Buffer.concat([uint16(runs.length), ...runs.flatMap(([start, more]) => [uint16(start), uint16(more)])]);
}

/** The blob of a deletion vector round a bitmap. */
export function vectorBlob(bitmap: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from([0xd1, 0xd3, 0x39, 0x64]), bitmap]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(body.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
