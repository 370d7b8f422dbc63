/** Instants are nanoseconds since 1970. */
const SECOND = 1_000_000_000n;
const DAY = 86_400n * SECOND;

/** `2024-01-31T10:20:30.123456789Z`, or with fewer digits of a second, as the server writes times; undefined: it is none. */
export function parseInstant(text: string): bigint | undefined {
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?Z$/.exec(text);
  if (match === null) return undefined;
  const milliseconds = Date.parse(`${match[1]}Z`);
  return Number.isNaN(milliseconds) ? undefined : BigInt(milliseconds) * 1_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}

/** With just nine digits of a second: fewer mean the whole second, millisecond … to the server. */
export function printInstant(instant: bigint): string {
  const seconds = instant / SECOND - (instant % SECOND < 0n ? 1n : 0n);
  const fraction = instant - seconds * SECOND;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${String(fraction).padStart(9, '0')}Z`;
}

/** A timestamp's text in UTC, as PostgreSQL has it; undefined: none that a document can have (infinity, BC, beyond 9999). */
export function instantOfTimestamp(text: string): bigint | undefined {
  const match = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?)(?:\+00)?$/.exec(text);
  return match === null ? undefined : parseInstant(`${match[1]}T${match[2]}Z`);
}

/** Days since 1970 of an instant from then on. */
export function dayOf(instant: bigint): number {
  return Number(instant / DAY);
}

export function dayStart(day: number): bigint {
  return BigInt(day) * DAY;
}

export function earlier(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

export function later(a: bigint, b: bigint): bigint {
  return a < b ? b : a;
}
