/** The text of a timestamp in UTC, as PostgreSQL has it, in nanoseconds since 1970; undefined: none that a document can have (infinity, BC, beyond 9999). */
export function instantOf(text: string): bigint | undefined {
  const match = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(?:\+00)?$/.exec(text);
  if (match === null) return undefined;
  const milliseconds = Date.parse(`${match[1]}T${match[2]}Z`);
  if (Number.isNaN(milliseconds)) return undefined;
  return BigInt(milliseconds) * 1_000_000n + BigInt((match[3] ?? '').padEnd(9, '0'));
}

/** RFC 3339 with just nine digits: fewer mean the whole second, millisecond … to the store. */
export function timeText(instant: bigint): string {
  const seconds = instant / SECOND;
  const rest = instant % SECOND;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${String(rest).padStart(9, '0')}Z`;
}

/** What timeText gives, or the server's shorter forms of it; undefined: something else. */
export function readTimeText(text: string): bigint | undefined {
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?Z$/.exec(text);
  if (match === null) return undefined;
  const milliseconds = Date.parse(`${match[1]}Z`);
  if (Number.isNaN(milliseconds)) return undefined;
  return BigInt(milliseconds) * 1_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}

const SECOND = 1_000_000_000n;
const DAY = 86_400n * SECOND;

/** Days since 1970 of an instant from then on. */
export function dayOf(instant: bigint): number {
  return Number(instant / DAY);
}

export function dayStart(day: number): bigint {
  return BigInt(day) * DAY;
}
