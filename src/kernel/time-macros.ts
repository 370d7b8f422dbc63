/**
 * DuckDB macros for PostgreSQL's calendar functions, made for one session time zone. Where DuckDB's own functions are known
 * to agree (a modern year, no change of the zone's offset near) they are used; the rest goes to the exact `tl_js_…` functions.
 */
export function timeMacros(timeZone: string): readonly string[] {
  return [...INTERVALS, ...(isUtc(timeZone) ? UTC : ZONED), ...SHARED];
}

function isUtc(timeZone: string): boolean {
  return /^(utc|etc\/utc|gmt|etc\/gmt|z|uct|zulu|etc\/uct|etc\/zulu)$/i.test(timeZone);
}

const INTERVALS = [
  "tl_interval_months(i) AS datepart('year', i) * 12 + datepart('month', i)",
  "tl_interval_micros(i) AS datepart('hour', i) * 3600000000 + datepart('minute', i) * 60000000 + datepart('microsecond', i)",
  // Months count 30 days and days 24 hours, as in PostgreSQL's comparison of intervals.
  "tl_interval_key(i) AS CAST(tl_interval_months(i) * 30 + datepart('day', i) AS HUGEINT) * 86400000000 + tl_interval_micros(i)",
];

/** From 1973 on all offsets are whole minutes, and no calendar reform is in the way. */
const MODERN = (x: string, type: string): string => `${x} >= ${type} '1973-01-03 00:00:00+00' AND ${x} < ${type} '2100-01-01 00:00:00+00'`;
const MODERN_TZ = MODERN('x', 'TIMESTAMPTZ');
const MODERN_LOCAL = "x >= TIMESTAMP '1973-01-03' AND x < TIMESTAMP '2100-01-01'";
const ZONED = [
  `tl_timestamptz_timestamp(x) AS CASE WHEN ${MODERN_TZ} THEN CAST(x AS TIMESTAMP) ELSE tl_js_timestamptz_timestamp(x) END`,
  // DuckDB resolves gaps and overlaps in another way, and asking it whether there is one costs more than the exact answer.
  'tl_timestamp_timestamptz(x) AS tl_js_timestamp_timestamptz(x)',
];

const UTC = [
  `tl_timestamptz_timestamp(x) AS CASE WHEN isinf(x) THEN tl_js_timestamptz_timestamp(x) ELSE make_timestamp(epoch_us(x)) END`,
  `tl_timestamp_timestamptz(x) AS CASE WHEN isinf(x) THEN tl_js_timestamp_timestamptz(x) ELSE make_timestamptz(epoch_us(x)) END`,
];

const BIN_MONTHS = "error('TL0A000:timestamps cannot be binned into intervals containing months or years')";
const BIN_STRIDE = "error('TL22008:stride must be greater than zero')";
const BIN_INFINITE = "error('TL22008:origin out of range')";

function bin(kind: 'timestamp' | 'timestamptz'): string {
  const difference = '(epoch_us(x) - epoch_us(origin))';
  const stride = "(datepart('day', step) * 86400000000 + tl_interval_micros(step))";
  return (
    `tl_${kind}_bin(step, x, origin) AS CASE WHEN x IS NULL OR step IS NULL OR origin IS NULL THEN NULL WHEN isinf(x) THEN x WHEN isinf(origin) THEN ${BIN_INFINITE} WHEN tl_interval_months(step) <> 0 THEN ${BIN_MONTHS} ` +
    `WHEN ${stride} <= 0 THEN ${BIN_STRIDE} ELSE make_${kind}(epoch_us(x) - CASE WHEN ${difference} % ${stride} < 0 THEN ${difference} % ${stride} + ${stride} ELSE ${difference} % ${stride} END) END`
  );
}

const SHARED = [
  `tl_date_timestamp(d) AS CASE WHEN isinf(d) THEN CASE WHEN d > DATE '2000-01-01' THEN TIMESTAMP 'infinity' ELSE TIMESTAMP '-infinity' END ` +
    `WHEN d > DATE '294276-12-31' THEN error('TL22008:date out of range for timestamp') WHEN d > DATE '294000-01-01' THEN error('TL0A000:a timestamp this late is not supported yet') ELSE CAST(d AS TIMESTAMP) END`,
  `tl_date_timestamptz(d) AS CASE WHEN isinf(d) OR d > DATE '290000-01-01' OR d < DATE '0001-01-01' THEN tl_js_date_timestamptz(d) ELSE tl_timestamp_timestamptz(CAST(d AS TIMESTAMP)) END`,
  // A date later than any timestamp compares as greater than all of them but infinity.
  `tl_compared_timestamp(d) AS CASE WHEN d > DATE '294000-01-01' AND NOT isinf(d) THEN make_timestamp(9223372036854775806) ELSE tl_date_timestamp(d) END`,
  `tl_compared_timestamptz(d) AS CASE WHEN d > DATE '294000-01-01' AND NOT isinf(d) THEN make_timestamptz(9223372036854775806) ELSE tl_date_timestamptz(d) END`,
  `tl_timestamptz_date(x) AS CASE WHEN isinf(x) THEN CASE WHEN x > TIMESTAMPTZ '2000-01-01 00:00:00+00' THEN DATE 'infinity' ELSE DATE '-infinity' END ELSE CAST(tl_timestamptz_timestamp(x) AS DATE) END`,
  // Time only: no calendar is asked.
  `tl_timestamptz_add(x, i) AS CASE WHEN ${MODERN_TZ} AND tl_interval_months(i) = 0 AND datepart('day', i) = 0 AND abs(tl_interval_micros(i)) < 1000000000000000 ` +
    `THEN make_timestamptz(epoch_us(x) + tl_interval_micros(i)) ELSE tl_js_timestamptz_add(x, i) END`,
  `tl_timestamp_add(x, i) AS CASE WHEN ${MODERN_LOCAL} AND tl_interval_months(i) = 0 AND abs(datepart('day', i)) < 10000 AND abs(tl_interval_micros(i)) < 1000000000000000 ` +
    `THEN make_timestamp(epoch_us(x) + datepart('day', i) * 86400000000 + tl_interval_micros(i)) ELSE tl_js_timestamp_add(x, i) END`,
  `tl_timestamptz_at(zone, x) AS CASE WHEN ${MODERN_TZ} THEN timezone(zone, x) ELSE tl_js_timestamptz_at(zone, x) END`,
  'tl_timestamp_at(zone, x) AS tl_js_timestamp_at(zone, x)',
  // Units up to the hour keep the offset that the instant has; longer ones find it anew on the truncated wall clock.
  `tl_timestamptz_trunc_small(unit, x) AS CASE WHEN isinf(x) THEN x ELSE make_timestamptz(epoch_us(date_trunc(unit, tl_timestamptz_timestamp(x))) - (epoch_us(tl_timestamptz_timestamp(x)) - epoch_us(x))) END`,
  'tl_timestamptz_trunc(unit, x) AS CASE WHEN isinf(x) THEN x ELSE tl_timestamp_timestamptz(date_trunc(unit, tl_timestamptz_timestamp(x))) END',
  bin('timestamp'),
  bin('timestamptz'),
];
