/** The bytes [start, end) of a file. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface RequestShape {
  /** Bytes between two ranges that are rather fetched than left out. */
  readonly gap: number;
  /** Of one request. */
  readonly maxBytes: number;
}

/** What one request costs in time is what so many bytes cost; at 25 ms and 10 MB/s. */
export const REQUEST_SHAPE: RequestShape = { gap: 256 << 10, maxBytes: 8 << 20 };

/** Requests for ranges, which may overlap: near ones are asked for together, long ones in parts. */
export function planRequests(ranges: readonly ByteRange[], shape: RequestShape): ByteRange[] {
  const joined: { start: number; end: number }[] = [];
  for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
    if (end <= start) continue;
    const last = joined.at(-1);
    const overlaps = last !== undefined && start <= last.end;
    const near = last !== undefined && start - last.end <= shape.gap && end - last.start <= shape.maxBytes;
    if (last !== undefined && (overlaps || near)) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined.flatMap((range) => parts(range, shape.maxBytes));
}

/** Of about equal lengths. */
function parts({ start, end }: ByteRange, maxBytes: number): ByteRange[] {
  const count = Math.ceil((end - start) / maxBytes);
  const length = Math.ceil((end - start) / count);
  return Array.from({ length: count }, (_, index) => ({ start: start + index * length, end: Math.min(end, start + (index + 1) * length) }));
}
