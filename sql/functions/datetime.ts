import { type FunctionEntry, type FunctionList, type PrintedArgument, raise } from './entry.js';

const COMPARED = [
  { suffix: 'eq', symbol: '=' },
  { suffix: 'ne', symbol: '<>' },
  { suffix: 'lt', symbol: '<' },
  { suffix: 'le', symbol: '<=' },
  { suffix: 'gt', symbol: '>' },
  { suffix: 'ge', symbol: '>=' },
] as const;

/** date against timestamp against timestamptz: the lesser type is brought to the greater (in the session's zone). */
function mixedComparisons(): FunctionList {
  const list: Record<string, FunctionEntry> = {};
  const pairs = [
    ['date', 'timestamp', 'tl_compared_timestamp($1)', '$2'],
    ['timestamp', 'date', '$1', 'tl_compared_timestamp($2)'],
    ['date', 'timestamptz', 'tl_compared_timestamptz($1)', '$2'],
    ['timestamptz', 'date', '$1', 'tl_compared_timestamptz($2)'],
    ['timestamp', 'timestamptz', 'tl_timestamp_timestamptz($1)', '$2'],
    ['timestamptz', 'timestamp', '$1', 'tl_timestamp_timestamptz($2)'],
  ] as const;
  for (const [left, right, a, b] of pairs) {
    for (const { suffix, symbol } of COMPARED) list[`${left}_${suffix}_${right}(${left},${right})`] = `(${a} ${symbol} ${b})`;
  }
  return list;
}

function unitOf(args: readonly PrintedArgument[]): string | undefined {
  const constant = args[0]?.constant;
  return typeof constant === 'string' ? constant.toLowerCase() : undefined;
}

/** Outside of these DuckDB counts years (and all that follows from them) in another way, or not at all. */
const EARLY = {
  date: "DATE '0002-01-01'",
  timestamp: "TIMESTAMP '0002-01-01'",
  timestamptz: "TIMESTAMPTZ '0002-01-01 00:00:00+00'",
} as const;
const LATE = {
  date: "DATE '290000-01-01'",
  timestamp: "TIMESTAMP '290000-01-01'",
  timestamptz: "TIMESTAMPTZ '290000-01-01 00:00:00+00'",
} as const;

const TRUNC_UNITS: ReadonlySet<string> = new Set([
  'microseconds',
  'milliseconds',
  'second',
  'minute',
  'hour',
  'day',
  'week',
  'month',
  'quarter',
  'year',
  'decade',
]);

/** date_trunc: DuckDB's counts weeks, decades, centuries of years before 1 in another way. */
function dateTrunc(kind: 'timestamp' | 'timestamptz'): FunctionEntry {
  return (args) => {
    const unit = unitOf(args);
    if (unit === undefined || !TRUNC_UNITS.has(unit)) return undefined;
    const small = ['microseconds', 'milliseconds', 'second', 'minute', 'hour'].includes(unit);
    const truncated = kind === 'timestamp' ? `date_trunc('${unit}', $2)` : `tl_timestamptz_trunc${small ? '_small' : ''}('${unit}', $2)`;
    return `CASE WHEN isinf($2) THEN $2 WHEN $2 < ${EARLY[kind]} THEN ${raise('0A000', 'date_trunc of a year before 2 is not supported yet')} ELSE ${truncated} END`;
  };
}

/** Calendar fields that DuckDB counts as PostgreSQL does for years from 1 on. */
const FIELDS: Readonly<Record<string, string>> = {
  year: 'year',
  month: 'month',
  day: 'day',
  quarter: 'quarter',
  dow: 'dow',
  isodow: 'isodow',
  doy: 'doy',
  week: 'week',
  isoyear: 'isoyear',
  hour: 'hour',
  minute: 'minute',
};
const TIME_FIELDS: ReadonlySet<string> = new Set([
  'hour',
  'minute',
  'second',
  'seconds',
  'millisecond',
  'milliseconds',
  'microsecond',
  'microseconds',
]);

/** Whole microseconds as a decimal text with six digits after the point. */
function seconds(micros: string): string {
  return `CAST(CAST(${micros} AS DECIMAL(38,0)) * CAST(0.000001 AS DECIMAL(7,6)) AS VARCHAR)`;
}

function extract(kind: 'date' | 'timestamp' | 'timestamptz', form: 'numeric' | 'float8'): FunctionEntry {
  return (args) => {
    const field = unitOf(args);
    if (field === undefined) return undefined;
    if (kind === 'date' && TIME_FIELDS.has(field)) return undefined;
    const sql = fieldText(field, kind === 'timestamptz' ? 'tl_timestamptz_timestamp($2)' : '$2');
    if (sql === undefined) return undefined;
    const refused = raise('0A000', `extract from this ${kind} is not supported yet`);
    const text = `CASE WHEN isinf($2) OR $2 < ${EARLY[kind]} OR $2 > ${LATE[kind]} THEN CAST(${refused} AS VARCHAR) ELSE ${sql} END`;
    return form === 'numeric' ? text : `CAST(${text} AS DOUBLE)`;
  };
}

function fieldText(field: string, local: string): string | undefined {
  const plain = FIELDS[field];
  if (plain !== undefined) return `CAST(datepart('${plain}', ${local}) AS VARCHAR)`;
  switch (field) {
    case 'epoch':
      return undefined;
    case 'second':
    case 'seconds':
      return seconds(`datepart('microsecond', ${local})`);
    case 'millisecond':
    case 'milliseconds':
      return `CAST(CAST(datepart('microsecond', ${local}) AS DECIMAL(38,0)) * CAST(0.001 AS DECIMAL(4,3)) AS VARCHAR)`;
    case 'microsecond':
    case 'microseconds':
      return `CAST(datepart('microsecond', ${local}) AS VARCHAR)`;
    default:
      return undefined;
  }
}

/** epoch: seconds since 1970 (of the wall clock for date and timestamp). */
function extractOrEpoch(kind: 'date' | 'timestamp' | 'timestamptz', form: 'numeric' | 'float8'): FunctionEntry {
  const other = extract(kind, form) as (args: readonly PrintedArgument[]) => string | undefined;
  return (args) => {
    if (unitOf(args) !== 'epoch') return other(args);
    const infinite = "WHEN isinf($2) THEN CASE WHEN $2 > TIMESTAMP '2000-01-01' THEN 'Infinity' ELSE '-Infinity' END";
    const text =
      kind === 'date'
        ? `CASE ${infinite} WHEN $2 > ${LATE.date} THEN CAST(${raise('0A000', 'the epoch of a date this late is not supported yet')} AS VARCHAR) ELSE CAST(($2 - DATE '1970-01-01') * 86400 AS VARCHAR) END`
        : `CASE ${infinite.replace('TIMESTAMP', kind === 'timestamptz' ? 'TIMESTAMPTZ' : 'TIMESTAMP').replace('2000-01-01', kind === 'timestamptz' ? '2000-01-01 00:00:00+00' : '2000-01-01')} ELSE ${seconds('epoch_us($2)')} END`;
    return form === 'numeric' ? text : `CAST(${text} AS DOUBLE)`;
  };
}

/** A zone that is a constant name; abbreviations and POSIX forms mean other things to ICU. */
function zone(args: readonly PrintedArgument[]): string | undefined {
  const constant = args[0]?.constant;
  return typeof constant === 'string' && /^(UTC|GMT|[A-Z][A-Za-z_]+(\/[A-Z][A-Za-z_+-]+){1,2})$/.test(constant) ? constant : undefined;
}

const atZone =
  (template: string): FunctionEntry =>
  (args) =>
    zone(args) === undefined ? undefined : template;

const MICROS_PER_DAY = '86400000000';

/** Differences in days and time of day, as PostgreSQL gives them (no months). */
function difference(): string {
  const micros = '(epoch_us($1) - epoch_us($2))';
  const refused = raise('0A000', 'a difference of infinite timestamps is not supported yet');
  return `CASE WHEN isinf($1) OR isinf($2) THEN ${refused} ELSE to_days(CAST(${micros} // ${MICROS_PER_DAY} AS INTEGER)) + to_microseconds(${micros} % ${MICROS_PER_DAY}) END`;
}

/** timestamp ± interval: months first, then days, then time. timestamptz does months and days in the session's zone. */
function plusInterval(kind: 'timestamp' | 'timestamptz' | 'date', negative: boolean, swapped: boolean): FunctionEntry {
  const [instant, interval] = swapped ? ['$2', '$1'] : ['$1', '$2'];
  const span = negative ? `(-${interval})` : interval;
  const base = kind === 'date' ? `tl_date_timestamp(${instant})` : instant;
  return kind === 'timestamptz' ? `tl_timestamptz_add(${base}, ${span})` : `tl_timestamp_add(${base}, ${span})`;
}

function arithmetic(): FunctionList {
  const list: Record<string, FunctionEntry> = {};
  for (const kind of ['timestamp', 'timestamptz', 'date'] as const) {
    list[`${kind}_pl_interval(${kind},interval)`] = plusInterval(kind, false, false);
    list[`${kind}_mi_interval(${kind},interval)`] = plusInterval(kind, true, false);
    list[`interval_pl_${kind}(interval,${kind})`] = plusInterval(kind, false, true);
  }
  for (const kind of ['timestamp', 'timestamptz'] as const) {
    list[`${kind}_mi(${kind},${kind})`] = difference();
    list[`date_trunc(text,${kind})`] = dateTrunc(kind);
    list[`date_bin(interval,${kind},${kind})`] = `tl_${kind}_bin($1, $2, $3)`;
  }
  for (const kind of ['timestamp', 'timestamptz', 'date'] as const) {
    list[`extract(text,${kind})`] = extractOrEpoch(kind, 'numeric');
    list[`date_part(text,${kind})`] = extractOrEpoch(kind, 'float8');
  }
  return list;
}

const DATE_RANGE = raise('22008', 'date out of range');
const INFINITE_DATES = raise('22008', 'cannot subtract infinite dates');

function shiftedDate(date: string, days: string, sign: '+' | '-'): string {
  const day = `(CAST(${date} - DATE '1970-01-01' AS BIGINT) ${sign} ${days})`;
  return (
    `CASE WHEN isinf(${date}) AND ${days} IS NOT NULL THEN ${date} WHEN ${day} < -2440588 OR ${day} > 2145042905 THEN ${DATE_RANGE} ` +
    `ELSE make_date(CAST(${day} AS INTEGER)) END`
  );
}

const TO_CHAR: Readonly<Record<string, string>> = {
  YYYY: '%Y',
  MM: '%m',
  DD: '%d',
  HH24: '%H',
  MI: '%M',
  SS: '%S',
  MS: '%g',
  US: '%f',
  DDD: '%j',
};

/** to_char with a constant format of plain fields and punctuation, for years of four digits. */
function toChar(kind: 'timestamp' | 'timestamptz'): FunctionEntry {
  return (args) => {
    const format = args[1]?.constant;
    if (typeof format !== 'string' || !/^(?:YYYY|MM|DDD|DD|HH24|MI|SS|MS|US|[-:., /]|"[A-Za-z ]*")+$/.test(format)) return undefined;
    const pattern = format.replace(
      /YYYY|MM|DDD|DD|HH24|MI|SS|MS|US|"([A-Za-z ]*)"/g,
      (field, text: string | undefined) => text ?? TO_CHAR[field] ?? field,
    );
    const local = kind === 'timestamptz' ? 'tl_timestamptz_timestamp($1)' : '$1';
    const late = LATE[kind].replace('290000', '9999');
    return `CASE WHEN isinf($1) OR $1 < ${EARLY[kind].replace('0002', '1001')} OR $1 > ${late} THEN ${raise('0A000', 'to_char of this timestamp is not supported yet')} ELSE strftime(${local}, '${pattern}') END`;
  };
}

/** The zone of date_trunc(text, timestamptz, text): a constant name, as for AT TIME ZONE. */
function dateTruncAt(): FunctionEntry {
  return (args) => {
    const unit = unitOf(args);
    const zoneArg = args[2];
    if (
      unit === undefined ||
      !['day', 'week', 'month', 'quarter', 'year'].includes(unit) ||
      zoneArg === undefined ||
      zone([zoneArg]) === undefined
    )
      return undefined;
    return (
      `CASE WHEN isinf($2) THEN $2 WHEN $2 < ${EARLY.timestamptz} THEN ${raise('0A000', 'date_trunc of a year before 2 is not supported yet')} ` +
      `ELSE tl_timestamp_at($3, date_trunc('${unit}', tl_timestamptz_at($3, $2))) END`
    );
  };
}

export const DATETIME: FunctionList = {
  'to_char(timestamp,text)': toChar('timestamp'),
  'to_char(timestamptz,text)': toChar('timestamptz'),
  'date_trunc(text,timestamptz,text)': dateTruncAt(),
  'interval_mul(interval,float8)': 'tl_interval_mul($1, $2)',
  'mul_d_interval(float8,interval)': 'tl_interval_mul($2, $1)',
  'interval_div(interval,float8)': `CASE WHEN $2 = 0 THEN ${raise('22012', 'division by zero')} ELSE tl_interval_div($1, $2) END`,
  'time(timestamptz)': 'CASE WHEN isinf($1) THEN NULL ELSE CAST(tl_timestamptz_timestamp($1) AS TIME) END',
  ...mixedComparisons(),
  ...arithmetic(),
  'date_pli(date,int4)': shiftedDate('$1', '$2', '+'),
  'date_mii(date,int4)': shiftedDate('$1', '$2', '-'),
  'integer_pl_date(int4,date)': shiftedDate('$2', '$1', '+'),
  'date_mi(date,date)': `CASE WHEN isinf($1) OR isinf($2) THEN ${INFINITE_DATES} ELSE CAST($1 - $2 AS INTEGER) END`,
  'interval_pl(interval,interval)': '($1 + $2)',
  'interval_mi(interval,interval)': '($1 + (-$2))',
  'interval_um(interval)': '(-$1)',
  'extract(text,interval)': 'tl_interval_extract($1, $2)',
  'date_part(text,interval)': 'tl_interval_part($1, $2)',
  'to_timestamp(float8)': 'tl_to_timestamp($1)',
  'make_date(int4,int4,int4)':
    `CASE WHEN $1 < 1 OR $1 > 9999 THEN CAST(${raise('0A000', 'make_date of this year is not supported yet')} AS DATE) WHEN $2 < 1 OR $2 > 12 OR $3 < 1 OR $3 > 31 ` +
    `OR $3 > day(last_day(make_date($1, greatest(1, least(12, $2)), 1))) THEN CAST(${raise('22008', 'date field value out of range')} AS DATE) ELSE make_date($1, $2, $3) END`,
  'timezone(text,timestamptz)': atZone('tl_timestamptz_at($1, $2)'),
  'timezone(text,timestamp)': atZone('tl_timestamp_at($1, $2)'),
  'date(timestamp)': `CASE WHEN isinf($1) THEN CASE WHEN $1 > TIMESTAMP '2000-01-01' THEN DATE 'infinity' ELSE DATE '-infinity' END ELSE CAST($1 AS DATE) END`,
  'date(timestamptz)': 'tl_timestamptz_date($1)',
  'timestamp(date)': 'tl_date_timestamp($1)',
  'timestamp(timestamptz)': 'tl_timestamptz_timestamp($1)',
  'timestamptz(date)': 'tl_date_timestamptz($1)',
  'timestamptz(timestamp)': 'tl_timestamp_timestamptz($1)',
  'time(timestamp)': `CASE WHEN isinf($1) THEN NULL ELSE CAST($1 AS TIME) END`,
};
