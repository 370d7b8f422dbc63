import { type Decimal, isNarrow, NARROW, tried, WIDE } from './decimal-arithmetic.js';

const HUGE = `DECIMAL(${WIDE},0)`;
/** Ten billion numbers of so many digits add up within 38. */
const SAFE_DIGITS = 28;

/** SQL over aggregates: the sum as text (NULL of no numbers), and how many numbers are in it. */
export interface DecimalSum {
  readonly total: string;
  readonly rows: string;
}

/**
 * Exact sums of numbers that are computed as decimals: most rows in 18 digits, what has more in 38, and what could overflow the sum as a list
 * of texts. Each looks only at the rows that are NULL in the one before it, which costs next to nothing. `call` makes an aggregate.
 */
export function decimalSum(decimal: Decimal, text: string, call: (fn: string, value: string) => string): DecimalSum {
  const { scale, digits, narrow, wide, shown } = decimal;
  const first = narrow === undefined ? undefined : digits <= NARROW ? narrow : tried(decimal, narrow);
  const values = first === undefined ? [] : [first];
  let texts: string | undefined;
  if (!isNarrow(decimal)) {
    const missing = (value: string): string => (first === undefined ? value : `CASE WHEN ${first} IS NULL THEN ${value} END`);
    const whole = digits <= WIDE ? wide : tried(decimal, wide);
    if (digits <= SAFE_DIGITS) values.push(missing(whole));
    else {
      const isSafe = SAFE_DIGITS > scale ? `abs(${whole}) < CAST('1e${SAFE_DIGITS - scale}' AS DECIMAL(${WIDE},${scale}))` : 'FALSE';
      values.push(missing(`CASE WHEN ${isSafe} THEN ${whole} END`));
      texts = call('string_agg', `${missing(`CASE WHEN ${whole} IS NULL OR NOT ${isSafe} THEN ${text} END`)}, ' '`);
    }
  }
  const sums = values.map((value) => `CAST(${call('sum', value)} AS DECIMAL(${WIDE},${scale}))`);
  const sum = sums.length === 1 ? (sums[0] as string) : `coalesce(${[sums.join(' + '), ...sums].join(', ')})`;
  const counts = values.map((value) => call('count', value));
  const total = shownText(sum, scale, shown === undefined ? undefined : call('max', shown));
  if (texts === undefined) return { total, rows: `(${counts.join(' + ')})` };
  return {
    total: `CASE WHEN ${texts} IS NULL THEN ${total} ELSE tl_numeric_sum(concat_ws(' ', ${total}, ${texts})) END`,
    rows: `(${counts.join(' + ')} + coalesce(length(${texts}) - length(replace(${texts}, ' ', '')) + 1, 0))`,
  };
}

/** A sum's text at the largest display scale of its numbers. */
function shownText(sum: string, scale: number, shown: string | undefined): string {
  const text = `CAST(${sum} AS VARCHAR)`;
  if (shown === undefined || scale === 0) return text;
  return `left(${text}, length(${text}) - (${scale} - ${shown}) - CASE WHEN ${shown} = 0 THEN 1 ELSE 0 END)`;
}

/** The states of NUMERIC_SUM_STATE that hold such a sum. */
export function limbStates({ total, rows }: DecimalSum): readonly string[] {
  const { whole, high, low, scale } = limbsOf(total);
  const states = [whole, high, low].map((limb) => `CAST(coalesce(${limb}, 0) AS ${HUGE})`);
  return [...states, `CAST(coalesce(${scale}, 0) AS INTEGER)`, 'CAST(0 AS INTEGER)', rows];
}

/** A number's text in limbs of 18 digits, so that DuckDB adds without losing a digit. */
export function limbsOf(sql: string): Readonly<Record<'whole' | 'high' | 'low' | 'scale' | 'flags', string>> {
  const finite = (value: string): string => `CASE WHEN ${sql} IN ('NaN', 'Infinity', '-Infinity') THEN NULL ELSE ${value} END`;
  const whole = `split_part(${sql}, '.', 1)`;
  const fraction = `split_part(${sql}, '.', 2)`;
  const sign = `CASE WHEN starts_with(${sql}, '-') THEN -1 ELSE 1 END`;
  const limb = (from: number): string => `CAST(substring(rpad(${fraction}, 36, '0'), ${from}, 18) AS BIGINT) * ${sign}`;
  const tooLong = `error('TL0A000:a sum of numbers with more than 38 digits before or 36 after the point is not supported yet')`;
  return {
    whole: finite(`CASE WHEN length(${whole}) > 39 OR length(${fraction}) > 36 THEN ${tooLong} ELSE CAST(${whole} AS ${HUGE}) END`),
    high: finite(limb(1)),
    low: finite(limb(19)),
    scale: finite(`length(${fraction})`),
    flags: `CASE ${sql} WHEN 'NaN' THEN 1 WHEN 'Infinity' THEN 2 WHEN '-Infinity' THEN 4 ELSE 0 END`,
  };
}
