import { Oid } from '../../../sql/types.js';
import { formatFloat4, formatFloat8 } from '../../../sql/value-number.js';
import { formatBytea } from '../../../sql/value-text.js';
import { formatDate, formatTime, formatTimestamp, formatTimestampTz } from '../../../sql/value-time.js';
import type { Datum } from './datum.js';
import type { IcebergType } from './schema.js';
import { postgresType } from './types.js';

/** A datum of the type in PostgreSQL's text form (ISO dates, UTC); undefined: the datum is not one of the type. */
export function datumText(type: IcebergType, datum: Datum): string | undefined {
  if (datum instanceof Uint8Array) return bytesText(type, datum);
  if (typeof datum === 'number') return floatText(type, datum);
  switch (type.kind) {
    case 'decimal':
      return decimalText(datum, type.scale);
    case 'primitive':
    case 'other':
      return wholeText(type.name, datum);
    default:
      return undefined;
  }
}

function wholeText(name: string, datum: bigint): string | undefined {
  switch (name) {
    case 'boolean':
      return datum === 0n ? 'f' : 't';
    case 'int':
    case 'long':
      return String(datum);
    case 'date':
      return formatDate(Number(datum));
    case 'time':
      return formatTime(datum);
    case 'timestamp':
      return formatTimestamp(datum);
    case 'timestamptz':
      return formatTimestampTz(datum, 'UTC');
    case 'timestamp_ns':
      return withNanos(datum, formatTimestamp);
    case 'timestamptz_ns':
      return withNanos(datum, (micros) => formatTimestampTz(micros, 'UTC'));
    default:
      return undefined;
  }
}

/** Nine digits of a second only where six do not hold the value. */
function withNanos(nanos: bigint, format: (micros: bigint) => string): string {
  const rest = ((nanos % 1000n) + 1000n) % 1000n;
  const text = format((nanos - rest) / 1000n);
  if (rest === 0n) return text;
  return text.replace(/(:\d{2})(?:\.(\d{1,6}))?(?=[^:\d]|$)/, (_all, seconds: string, fraction = '') => {
    return `${seconds}.${String(fraction).padEnd(6, '0')}${String(rest).padStart(3, '0')}`;
  });
}

function floatText(type: IcebergType, datum: number): string | undefined {
  const { oid } = postgresType(type);
  if (oid === Oid.float4) return formatFloat4(datum);
  return oid === Oid.float8 ? formatFloat8(datum) : undefined;
}

function bytesText(type: IcebergType, datum: Uint8Array): string | undefined {
  if (type.kind === 'fixed') return formatBytea(datum);
  if (type.kind !== 'primitive') return undefined;
  if (type.name === 'string') return Buffer.from(datum).toString('utf8');
  if (type.name === 'binary') return formatBytea(datum);
  if (type.name !== 'uuid' || datum.length !== 16) return undefined;
  return Buffer.from(datum)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function decimalText(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  const sign = unscaled < 0n ? '-' : '';
  return scale === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
