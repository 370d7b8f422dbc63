const DAY_MICROS = 86_400_000_000n;

/** `2025-03-01[ T]10:00:00[.123456][Z|±HH[:MM[:SS]]]` or a date alone, as microseconds since 1970 (UTC where no zone is given). */
export function timestampMicros(text: string): bigint | undefined {
  const match =
    /^(\d{4,6})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?)?\s*(Z|[+-]\d{2}(?::?\d{2}(?::\d{2})?)?)?$/i.exec(
      text.trim(),
    );
  if (match === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = match;
  const days = dayNumber(Number(year), Number(month), Number(day));
  if (days === undefined || Number(hour) > 24 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const seconds = BigInt(Number(hour) * 3600 + Number(minute) * 60 + Number(second)) - BigInt(zoneSeconds(zone));
  return days * DAY_MICROS + seconds * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
}

/** `2025-03-01` as days since 1970. */
export function dateDays(text: string): bigint | undefined {
  const match = /^(\d{4,7})-(\d{2})-(\d{2})$/.exec(text);
  return match === null ? undefined : dayNumber(Number(match[1]), Number(match[2]), Number(match[3]));
}

/** `10:00:00[.123456]` as microseconds. */
export function timeMicros(text: string): bigint | undefined {
  const match = /^(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?$/.exec(text);
  if (match === null) return undefined;
  const seconds = Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]);
  return BigInt(seconds) * 1_000_000n + BigInt((match[4] ?? '').padEnd(6, '0'));
}

/** PostgreSQL's text form of a one-dimensional array; undefined where it is anything else. */
export function arrayElements(text: string): (string | null)[] | undefined {
  if (!text.startsWith('{') || !text.endsWith('}')) return undefined;
  const elements: (string | null)[] = [];
  let at = 1;
  const end = text.length - 1;
  if (at === end) return elements;
  for (;;) {
    let value = '';
    let quoted = false;
    if (text[at] === '"') {
      quoted = true;
      for (at++; at < end && text[at] !== '"'; at++) {
        if (text[at] === '\\') at++;
        value += text[at];
      }
      at++;
    } else {
      for (; at < end && text[at] !== ','; at++) {
        if (text[at] === '{' || text[at] === '"') return undefined;
        if (text[at] === '\\') at++;
        value += text[at];
      }
    }
    elements.push(!quoted && value.toUpperCase() === 'NULL' ? null : value);
    if (at === end) return elements;
    if (text[at] !== ',' || at > end) return undefined;
    at++;
  }
}

function dayNumber(year: number, month: number, day: number): bigint | undefined {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return BigInt(Math.round(date.getTime() / 86_400_000));
}

function zoneSeconds(zone: string): number {
  if (zone.toUpperCase() === 'Z') return 0;
  const digits = zone.slice(1).replaceAll(':', '');
  const seconds = Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2, 4) || '0') * 60 + Number(digits.slice(4, 6) || '0');
  return zone.startsWith('-') ? -seconds : seconds;
}
