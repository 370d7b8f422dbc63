/** Milliseconds since 1970 as PostgreSQL writes a timestamptz in UTC. */
export function instant(ms: number | undefined): string | null {
  return ms === undefined ? null : `${new Date(ms).toISOString().replace('T', ' ').replace('Z', '')}+00`;
}
