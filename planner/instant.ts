import { Oid, type } from '../sql/types.js';
import { formatValue } from '../sql/value-text.js';

/** Microseconds since 1970 as PostgreSQL writes a timestamptz in UTC. */
export function instantText(micros: string): string {
  return formatValue(type(Oid.timestamptz), BigInt(micros), { timeZone: 'UTC' });
}
