/** Microseconds since 1970 as PostgreSQL writes a timestamptz in UTC. */
export function instantText(micros: string): string {
  const total = BigInt(micros);
  const fraction = ((total % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const iso = new Date(Number((total - fraction) / 1000n)).toISOString();
  const digits = fraction === 0n ? '' : `.${fraction.toString().padStart(6, '0').replace(/0+$/, '')}`;
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${digits}+00`;
}
