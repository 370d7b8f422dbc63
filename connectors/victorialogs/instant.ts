/** `2024-01-31T10:20:30.123456789Z` as nanoseconds since 1970; undefined: it is none. */
export function parseInstant(text: string): bigint | undefined {
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?Z$/.exec(text);
  if (match === null) return undefined;
  const milliseconds = Date.parse(`${match[1]}Z`);
  return Number.isNaN(milliseconds) ? undefined : BigInt(milliseconds) * 1_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}
