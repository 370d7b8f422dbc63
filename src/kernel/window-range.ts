import type { PlanExpr, SortKey } from '../../planner/physical-plan.js';
import { unsupported } from '../../sql/errors.js';
import type { FrameBound } from '../../sql/query.js';
import { numericModifier, Oid, type Type, typeName } from '../../sql/types.js';
import type { Interval } from '../../sql/value.js';
import { parseInterval } from '../../sql/value-time.js';
import { literal } from './literal.js';
import { type PrintPlan, printExpression, typeOf } from './print-expression.js';

type Bound = FrameBound<PlanExpr>;

interface RangeRequest {
  readonly key: SortKey;
  readonly start: Bound;
  readonly end: Bound;
  /** Columns of the partition. */
  readonly partition: readonly string[];
}

/** How a type's values lie on DuckDB's number line. */
interface Line {
  /** SQL of a value's number; NULL for NULL. */
  readonly key: string;
  /** SQL of an offset's length, for the row's key; not negative. */
  readonly distance: (side: OffsetBound, name: string) => { readonly columns: readonly (readonly string[])[]; readonly sql: string };
}

type OffsetBound = Extract<Bound, { readonly offset: PlanExpr }>;

const INVALID = "error('TL22013:invalid preceding or following size in window function')";

/**
 * RANGE with offsets: PostgreSQL asks in_range() of the key's type, DuckDB adds and subtracts. The key becomes `w_k`, a number for
 * which that is the same; columns come in layers, each of which may read those before.
 */
export function rangeFrame(
  { key, start, end, partition }: RangeRequest,
  plan: PrintPlan,
): {
  readonly columns: readonly (readonly string[])[];
  readonly start: string;
  readonly end: string;
} {
  const offsets = [start, end].flatMap((side) => ('offset' in side ? [side.offset] : []));
  const line = lineOf(key, printExpression(key.expr, plan), offsets, partition);
  const layers: string[][] = [[`${line.key} AS w_k`]];
  const bound = (side: Bound, name: string): string => {
    if (!('offset' in side)) return side.kind.replace('_', ' ').toUpperCase();
    const { columns, sql } = line.distance(side, name);
    columns.forEach((layer, n) => {
      const at = layers[n + 1];
      if (at === undefined) layers.push([...layer]);
      else at.push(...layer);
    });
    return `${sql} ${side.kind.toUpperCase()}`;
  };
  const from = bound(start, 'w_start');
  const to = bound(end, 'w_end');
  return { columns: layers, start: from, end: to };
}

function lineOf(key: SortKey, sql: string, offsets: readonly PlanExpr[], partition: readonly string[]): Line {
  const type = typeOf(key.expr);
  switch (type.oid) {
    case Oid.int2:
    case Oid.int4:
    case Oid.int8:
      return {
        key: `CAST(${sql} AS HUGEINT)`,
        distance: (side) => plain(`CAST('${textOf(side.offset)}' AS HUGEINT)`, BigInt(textOf(side.offset)) < 0n),
      };
    case Oid.float4:
    case Oid.float8:
      return {
        key: `CAST(${sql} AS DOUBLE) + 0`,
        distance: (side) => {
          const text = textOf(side.offset);
          if (/^inf/i.test(text)) throw unsupported('an infinite frame offset');
          return plain(`CAST('${text}' AS DOUBLE)`, Number.isNaN(Number(text)) || Number(text) < 0);
        },
      };
    case Oid.numeric:
      return numericLine(sql, type, offsets.map(textOf));
    case Oid.interval:
      return {
        key: `tl_interval_key(${sql})`,
        distance: (side) => {
          const length = intervalLength(intervalOf(side.offset));
          return plain(`CAST('${length}' AS HUGEINT)`, length < 0n);
        },
      };
    case Oid.time:
      return {
        key: `CAST(epoch_us(${sql}) AS HUGEINT)`,
        distance: (side) => {
          const { micros } = intervalOf(side.offset);
          return plain(`CAST('${micros}' AS HUGEINT)`, micros < 0n);
        },
      };
    case Oid.date:
      return calendarLine(`tl_date_timestamp(${sql})`, 'timestamp', key.descending, partition);
    case Oid.timestamp:
      return calendarLine(sql, 'timestamp', key.descending, partition);
    case Oid.timestamptz:
      return calendarLine(sql, 'timestamptz', key.descending, partition);
    default:
      throw unsupported(`RANGE with an offset over type ${typeName(type)}`);
  }
}

/** A length that is the same for all rows; a negative one is an error as soon as a key is compared. */
function plain(sql: string, invalid: boolean): ReturnType<Line['distance']> {
  return { columns: [], sql: invalid ? `CASE WHEN w_k IS NULL THEN 0 ELSE ${INVALID} END` : sql };
}

function textOf(offset: PlanExpr): string {
  if (offset.kind !== 'constant' || offset.value === null) throw unsupported('a frame offset that is not constant');
  return offset.value;
}

function intervalOf(offset: PlanExpr): Interval {
  const text = textOf(offset);
  if (/infinity/i.test(text)) throw unsupported('an infinite frame offset');
  return parseInterval(text);
}

const DAY = 86_400_000_000n;

function intervalLength({ months, days, micros }: Interval): bigint {
  return (BigInt(months) * 30n + BigInt(days)) * DAY + micros;
}

/**
 * Numerics as DECIMAL: those with a modifier exactly in their own digits; others with 18 digits before and after the point, more of
 * them is 0A000. Infinities and NaN lie beyond, and an offset does not move them.
 */
function numericLine(sql: string, type: Type, offsets: readonly string[]): Line {
  if (offsets.some((text) => /inf/i.test(text))) throw unsupported('an infinite frame offset');
  const modifier = numericModifier(type);
  const digits = offsets.map((text) => ({
    whole: text.replace(/^[-+]?0*/, '').split('.')[0]?.length ?? 0,
    scale: text.split('.')[1]?.length ?? 0,
  }));
  const isNegative = (text: string): boolean => text === 'NaN' || /^-.*[1-9]/.test(text);
  const wholes = Math.max(0, ...digits.map(({ whole }) => whole));
  const scales = Math.max(0, ...digits.map(({ scale }) => scale));
  if (modifier !== undefined && modifier.precision <= 38 && modifier.scale >= 0 && modifier.scale <= 38) {
    const scale = Math.max(modifier.scale, scales);
    // A sum of two must fit, too.
    const room = 37 - scale;
    if (wholes > room) throw unsupported('RANGE with an offset of this many digits');
    const decimal = `DECIMAL(38,${scale})`;
    const fits = modifier.precision - modifier.scale <= room;
    const tooLarge = "error('TL0A000:RANGE with an offset over a number this large is not supported yet')";
    return {
      key: fits
        ? `CAST(${sql} AS ${decimal})`
        : `CASE WHEN abs(${sql}) >= CAST('1e${room}' AS DECIMAL(38,0)) THEN ${tooLarge} ELSE CAST(${sql} AS ${decimal}) END`,
      distance: (side) => {
        const text = textOf(side.offset);
        return plain(`CAST('${text}' AS ${decimal})`, isNegative(text));
      },
    };
  }
  if (wholes > 18 || scales > 18) throw unsupported('RANGE with an offset of this many digits');
  const decimal = 'DECIMAL(38,18)';
  const beyond = (text: string): string => `CAST('${text}' AS ${decimal})`;
  const tooLong =
    "error('TL0A000:RANGE with an offset over numbers with more than 18 digits before or after the point is not supported yet')";
  const long = `length(ltrim(split_part(${sql}, '.', 1), '-')) > 18 OR length(rtrim(split_part(${sql}, '.', 2), '0')) > 18`;
  return {
    key:
      `CASE WHEN ${sql} IS NULL THEN NULL WHEN ${sql} = 'NaN' THEN ${beyond('20000000000000000000')} WHEN ${sql} = 'Infinity' THEN ${beyond('10000000000000000000')} ` +
      `WHEN ${sql} = '-Infinity' THEN ${beyond('-10000000000000000000')} WHEN ${long} THEN ${tooLong} ELSE CAST(${sql} AS ${decimal}) END`,
    distance: (side, name) => {
      const text = textOf(side.offset);
      if (isNegative(text)) return plain('', true);
      return {
        columns: [[`CASE WHEN abs(w_k) < ${beyond('10000000000000000000')} THEN ${beyond(text)} ELSE ${beyond('0')} END AS ${name}`]],
        sql: name,
      };
    },
  };
}

/**
 * Dates and times by microseconds. An offset's length is found by PostgreSQL's calendar from the row's own time. Where months, or
 * days across a change of the clock, make a later row's bound earlier, the frame stays where it was: PostgreSQL never moves it back.
 */
function calendarLine(sql: string, kind: 'timestamp' | 'timestamptz', descending: boolean, partition: readonly string[]): Line {
  const micros = (value: string): string =>
    `CASE WHEN isinf(${value}) THEN CASE WHEN ${value} > CAST('2000-01-01 00:00:00+00' AS ${kind === 'timestamp' ? 'TIMESTAMP' : 'TIMESTAMPTZ'}) THEN ${FOREVER} ELSE -${FOREVER} END ELSE CAST(epoch_us(${value}) AS HUGEINT) END`;
  return {
    key: micros(sql),
    distance: (side, name) => {
      const written = intervalOf(side.offset);
      if (intervalLength(written) < 0n) return plain('', true);
      const earlier = (side.kind === 'preceding') !== descending;
      const moved: Interval = earlier ? { months: -written.months, days: -written.days, micros: -written.micros } : written;
      const limit = `tl_${kind}_add(${sql}, ${literal(moved, { oid: Oid.interval, typmod: -1 })})`;
      const steady = moved.months === 0 && (moved.days === 0 || kind === 'timestamp');
      const window = `${partition.length === 0 ? '' : `PARTITION BY ${partition.join(', ')} `}ORDER BY w_k ${descending ? 'DESC' : 'ASC'} ROWS UNBOUNDED PRECEDING`;
      const reached = steady ? `${name}_to` : `${descending ? 'min' : 'max'}(${name}_to) OVER (${window})`;
      const distance = earlier ? `w_k - ${name}_by` : `${name}_by - w_k`;
      const backwards = "error('TL0A000:an interval that goes forward and back as a frame offset is not supported yet')";
      return {
        columns: [
          [`${limit} AS ${name}_at`],
          [`${micros(`${name}_at`)} AS ${name}_to`],
          [`${reached} AS ${name}_by`],
          [`CASE WHEN w_k IS NULL THEN 0 WHEN ${distance} < 0 THEN ${backwards} ELSE ${distance} END AS ${name}`],
        ],
        sql: name,
      };
    },
  };
}

const FOREVER = 'CAST(9223372036854775807 AS HUGEINT)';
