/**
 * Paul Tol's light scheme: colours for cells with dark text that stay apart for every kind of colour blindness, on white and on
 * black. More values than colours are told apart by patterns over them.
 */
export const COLOURS = ['#77aadd', '#ee8866', '#44bb99', '#eedd88', '#ffaabb', '#bbcc33', '#99ddff', '#aaaa00'] as const;
export const PATTERNS = ['', 'tl-stripes', 'tl-dots'] as const;

export interface Paint {
  /** Into COLOURS; undefined: grey, there are more values than paints. */
  readonly colour: number | undefined;
  /** Name of a pattern over it; '' for none. */
  readonly pattern: (typeof PATTERNS)[number];
}

export const GREY: Paint = { colour: undefined, pattern: '' };

/**
 * A paint for each value. A value has the colour that its text gives, so that it is the same one in other pictures; of two that want
 * the same one the first by alphabet gets it, and the other the next that is free.
 */
export function paints(values: Iterable<string>): ReadonlyMap<string, Paint> {
  const sorted = [...new Set(values)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const found = new Map<string, Paint>();
  const taken = new Set<number>();
  const places = COLOURS.length * PATTERNS.length;
  for (const value of sorted) {
    if (taken.size === places) {
      found.set(value, GREY);
      continue;
    }
    // The plain colours first, then all of them under each pattern.
    const layer = Math.floor(taken.size / COLOURS.length) * COLOURS.length;
    let place = layer + (hash(value) % COLOURS.length);
    while (taken.has(place)) place = layer + ((place - layer + 1) % COLOURS.length);
    taken.add(place);
    found.set(value, { colour: place % COLOURS.length, pattern: PATTERNS[Math.floor(place / COLOURS.length)] ?? '' });
  }
  return found;
}

/** FNV-1a, with its high bits mixed into the low ones that choose the colour. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return ((value >>> 16) ^ value) >>> 0;
}
