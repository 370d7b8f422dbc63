/** Microseconds since 1970 as text, in ISO 8601. */
export function isoTime(micros: string): string {
  const at = new Date(Number(BigInt(micros) / 1000n));
  return Number.isNaN(at.getTime()) ? micros : at.toISOString();
}
