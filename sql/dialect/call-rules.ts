import { type Cursor, mark, primary, quoteString, type Written } from './cursor.js';
import { dateFormat } from './date-formats.js';
import type { Dialect } from './names.js';
import { currentTime, regex } from './parts.js';
import type { DialectToken } from './scan.js';

export interface CallContext {
  readonly cursor: Cursor;
  readonly token: DialectToken;
  readonly args: readonly Written[];
}

export interface CallRule {
  /** Absent: the call is written as it is. */
  readonly write?: (call: CallContext) => Written;
  readonly aggregate?: true;
  /** What is written is no plain call: FILTER and OVER can't follow. */
  readonly wrapped?: true;
  /** What is written ends in a FILTER of its own. */
  readonly filtered?: true;
}

type Rules = Readonly<Record<string, CallRule>>;

function wrong(call: CallContext): Error {
  return call.cursor.refuse(`${call.token.raw} of ${call.cursor.label} with these arguments`, call.token);
}

function arg(call: CallContext, n: number): string {
  const found = call.args[n];
  if (found === undefined) throw wrong(call);
  if (found.wholeItem !== undefined) throw call.cursor.refuse(found.wholeItem, call.token);
  return found.sql;
}

/** `$1` … in a template are the arguments, separated by commas or parentheses in it, so no precedence matters. */
function template(text: string, count: number, extra: Pick<Written, 'date' | 'truth'> = {}): CallRule {
  return {
    write: (call) => {
      if (call.args.length !== count) throw wrong(call);
      return primary(mark(call.token) + text.replace(/\$(\d)/g, (_, n: string) => arg(call, Number(n) - 1)), extra);
    },
  };
}

function renamed(name: string, least: number, most = least): CallRule {
  return {
    write: (call) => {
      if (call.args.length < least || call.args.length > most) throw wrong(call);
      return primary(`${mark(call.token)}${name}(${call.args.map((_, n) => arg(call, n)).join(', ')})`);
    },
  };
}

function aggregate(rule: CallRule): CallRule {
  return { ...rule, aggregate: true };
}

function integerOf(call: CallContext, n: number, least: number): string {
  const literal = call.args[n]?.literal;
  if (literal?.kind !== 'integer' || Number(literal.value) < least) throw wrong(call);
  return literal.value;
}

function textOf(call: CallContext, n: number): string {
  const literal = call.args[n]?.literal;
  if (literal?.kind !== 'string') throw wrong(call);
  return literal.value;
}

/** Positions from the end, and 0, mean something else in each engine. */
const substring: CallRule = {
  write: (call) => {
    integerOf(call, 1, 1);
    if (call.args.length === 3) integerOf(call, 2, 0);
    if (call.args.length < 2 || call.args.length > 3) throw wrong(call);
    return primary(`${mark(call.token)}substr(${call.args.map((_, n) => arg(call, n)).join(', ')})`);
  },
};

/** NULL when any argument is; PostgreSQL's greatest and least pass NULLs over. */
function strictExtreme(name: string): CallRule {
  return {
    write: (call) => {
      const list = call.args.map((_, n) => arg(call, n));
      if (list.length === 0) throw wrong(call);
      return primary(
        `CASE WHEN ${list.map((one) => `(${one}) IS NOT NULL`).join(' AND ')} THEN ${mark(call.token)}${name}(${list.join(', ')}) END`,
      );
    },
  };
}

/** NULL when any argument is; PostgreSQL's concat passes NULLs over. */
const concat: CallRule = {
  write: (call) => {
    if (call.args.length < 2) throw wrong(call);
    return primary(`(${call.args.map((_, n) => `(${arg(call, n)})`).join(` ${mark(call.token)}|| `)})`);
  },
};

const replace: CallRule = {
  write: (call) => {
    if (call.args.length !== 3 || textOf(call, 1) === '') throw wrong(call);
    return primary(`${mark(call.token)}replace(${arg(call, 0)}, ${arg(call, 1)}, ${arg(call, 2)})`);
  },
};

const padded = (name: string): CallRule => ({
  write: (call) => {
    integerOf(call, 1, 0);
    if (call.args.length !== 3 || textOf(call, 2) === '') throw wrong(call);
    return primary(`${mark(call.token)}${name}(${arg(call, 0)}, ${arg(call, 1)}, ${arg(call, 2)})`);
  },
});

const countIf = aggregate({
  filtered: true,
  write: (call) => {
    if (call.args.length !== 1) throw wrong(call);
    return primary(`${mark(call.token)}count(*) FILTER (WHERE ${arg(call, 0)})`);
  },
});

const part = (field: string, extra = ''): CallRule => template(`CAST(extract(${field} FROM $1)${extra} AS integer)`, 1);
const PARTS = {
  YEAR: part('year'),
  QUARTER: part('quarter'),
  MONTH: part('month'),
  DAY: part('day'),
  HOUR: part('hour'),
  MINUTE: part('minute'),
  SECOND: template('CAST(trunc(extract(second FROM $1)) AS integer)', 1),
};

const conditional = template('CASE WHEN $1 THEN $2 ELSE $3 END', 3);
const ifRule: CallRule = {
  write: (call) =>
    call.args.length === 2
      ? primary(`CASE WHEN ${arg(call, 0)} THEN ${arg(call, 1)} END`)
      : (conditional.write as (c: CallContext) => Written)(call),
};

const now: CallRule = {
  write: (call) => {
    if (call.args.length > 0) throw wrong(call);
    return currentTime(
      { ...call.token, text: call.token.text === 'CURRENT_DATE' || call.token.text === 'CURDATE' ? 'CURRENT_DATE' : 'NOW' },
      call.cursor,
    );
  },
};

const formatted = (value: number, format: number): CallRule => ({
  write: (call) => {
    if (call.args.length !== 2) throw wrong(call);
    return primary(
      `${mark(call.token)}to_char(${arg(call, value)}, ${quoteString(dateFormat(textOf(call, format), call.cursor, call.token))})`,
    );
  },
});

const matches = (wholeText: boolean): CallRule => ({
  write: (call) => {
    const [, pattern] = call.args;
    if (call.args.length !== 2 || pattern === undefined) throw wrong(call);
    return primary(`((${arg(call, 0)}) ${mark(call.token)}~ ${regex(call.cursor, pattern, wholeText, call.token)})`, { truth: true });
  },
});

/** The same in every engine that is read here. */
export const COMMON_CALLS: Rules = {
  LOWER: renamed('lower', 1),
  UPPER: renamed('upper', 1),
  ABS: renamed('abs', 1),
  CEIL: renamed('ceil', 1),
  CEILING: renamed('ceil', 1),
  FLOOR: renamed('floor', 1),
  ROUND: renamed('round', 1, 2),
  SIGN: renamed('sign', 1),
  SQRT: template('sqrt(float8($1))', 1),
  COALESCE: renamed('coalesce', 1, 100),
  NULLIF: renamed('nullif', 2),
  GREATEST: strictExtreme('greatest'),
  LEAST: strictExtreme('least'),
  CONCAT: concat,
  SUBSTR: substring,
  SUBSTRING: substring,
  REPLACE: replace,
  REVERSE: renamed('reverse', 1),
  LPAD: padded('lpad'),
  RPAD: padded('rpad'),
  CURRENT_TIMESTAMP: now,
  CURRENT_DATE: now,
};

const TRINO: Rules = {
  LENGTH: renamed('length', 1),
  IF: ifRule,
  COUNT_IF: countIf,
  BOOL_AND: aggregate(renamed('bool_and', 1)),
  BOOL_OR: aggregate(renamed('bool_or', 1)),
  EVERY: aggregate(renamed('bool_and', 1)),
  ARBITRARY: aggregate(renamed('any_value', 1)),
  ANY_VALUE: aggregate(renamed('any_value', 1)),
  ARRAY_AGG: aggregate(renamed('array_agg', 1)),
  AVG: aggregate(template('avg(float8($1))', 1)),
  MOD: renamed('mod', 2),
  NOW: now,
  STRPOS: renamed('strpos', 2),
  STARTS_WITH: template('starts_with($1, $2)', 2, { truth: true }),
  CARDINALITY: renamed('cardinality', 1),
  CONTAINS: template('(($2) = ANY ($1))', 2, { truth: true }),
  REGEXP_LIKE: matches(false),
  DATE_FORMAT: formatted(0, 1),
  DATE: template('CAST($1 AS date)', 1, { date: true }),
  TO_UNIXTIME: template('CAST(extract(epoch FROM $1) AS double precision)', 1),
  FROM_UNIXTIME: template('to_timestamp(float8($1))', 1),
  ...PARTS,
  DAY_OF_WEEK: part('isodow'),
  DOW: part('isodow'),
  DAY_OF_MONTH: part('day'),
  DAY_OF_YEAR: part('doy'),
  DOY: part('doy'),
  WEEK: part('week'),
  WEEK_OF_YEAR: part('week'),
  YEAR_OF_WEEK: part('isoyear'),
};

const BIGQUERY: Rules = {
  LENGTH: renamed('length', 1),
  CHAR_LENGTH: renamed('length', 1),
  IF: conditional,
  IFNULL: template('coalesce($1, $2)', 2),
  COUNTIF: countIf,
  LOGICAL_AND: aggregate(renamed('bool_and', 1)),
  LOGICAL_OR: aggregate(renamed('bool_or', 1)),
  ANY_VALUE: aggregate(renamed('any_value', 1)),
  AVG: aggregate(template('avg(float8($1))', 1)),
  STRING_AGG: aggregate({
    write: (call) => {
      if (call.args.length < 1 || call.args.length > 2) throw wrong(call);
      return primary(`${mark(call.token)}string_agg(${arg(call, 0)}, ${call.args.length === 2 ? arg(call, 1) : "','"})`);
    },
  }),
  MOD: renamed('mod', 2),
  DIV: template('(int8($1) / int8($2))', 2),
  SAFE_DIVIDE: template('(float8($1) / nullif(float8($2), 0))', 2),
  STRPOS: renamed('strpos', 2),
  INSTR: renamed('strpos', 2),
  STARTS_WITH: template('starts_with($1, $2)', 2, { truth: true }),
  ARRAY_LENGTH: renamed('cardinality', 1),
  REGEXP_CONTAINS: matches(false),
  FORMAT_TIMESTAMP: formatted(1, 0),
  FORMAT_DATETIME: formatted(1, 0),
  FORMAT_DATE: formatted(1, 0),
  DATE: {
    write: (call) => {
      if (call.args.length === 1) return primary(`CAST(${arg(call, 0)} AS ${mark(call.token)}date)`, { date: true });
      if (call.args.length === 3)
        return primary(`${mark(call.token)}make_date(int4(${arg(call, 0)}), int4(${arg(call, 1)}), int4(${arg(call, 2)}))`, { date: true });
      throw wrong(call);
    },
  },
  TIMESTAMP: template('CAST($1 AS timestamptz)', 1),
  DATETIME: template('CAST($1 AS timestamp)', 1),
  UNIX_SECONDS: template('CAST(floor(extract(epoch FROM $1)) AS bigint)', 1),
  TIMESTAMP_SECONDS: template('to_timestamp(float8($1))', 1),
};

const SNOWFLAKE: Rules = {
  LENGTH: renamed('length', 1),
  LEN: renamed('length', 1),
  TRIM: renamed('btrim', 1),
  LTRIM: renamed('ltrim', 1),
  RTRIM: renamed('rtrim', 1),
  IFF: conditional,
  IFNULL: template('coalesce($1, $2)', 2),
  NVL: template('coalesce($1, $2)', 2),
  NVL2: template('CASE WHEN ($1) IS NOT NULL THEN $2 ELSE $3 END', 3),
  ZEROIFNULL: template('coalesce($1, 0)', 1),
  NULLIFZERO: template('nullif($1, 0)', 1),
  EQUAL_NULL: template('(($1) IS NOT DISTINCT FROM ($2))', 2, { truth: true }),
  DECODE: {
    write: (call) => {
      if (call.args.length < 3) throw wrong(call);
      let sql = 'CASE';
      let n = 1;
      for (; n + 1 < call.args.length; n += 2)
        sql += ` WHEN (${arg(call, 0)}) IS NOT DISTINCT FROM (${arg(call, n)}) THEN ${arg(call, n + 1)}`;
      return primary(`${sql}${n < call.args.length ? ` ELSE ${arg(call, n)}` : ''} END`);
    },
  },
  COUNT_IF: countIf,
  BOOLAND_AGG: aggregate(renamed('bool_and', 1)),
  BOOLOR_AGG: aggregate(renamed('bool_or', 1)),
  ANY_VALUE: aggregate(renamed('any_value', 1)),
  MOD: renamed('mod', 2),
  DIV0: template('CASE WHEN ($2) = 0 THEN 0 ELSE ($1) / ($2) END', 2),
  CHARINDEX: template('strpos($2, $1)', 2),
  CONTAINS: template('(strpos($1, $2) > 0)', 2, { truth: true }),
  STARTSWITH: template('starts_with($1, $2)', 2, { truth: true }),
  REGEXP_LIKE: matches(true),
  RLIKE: matches(true),
  TO_DATE: template('CAST($1 AS date)', 1, { date: true }),
  DATE: template('CAST($1 AS date)', 1, { date: true }),
  ...PARTS,
  DAYOFMONTH: part('day'),
  DAYOFYEAR: part('doy'),
  DAYOFWEEKISO: part('isodow'),
  WEEKISO: part('week'),
};

const MYSQL: Rules = {
  LENGTH: renamed('octet_length', 1),
  CHAR_LENGTH: renamed('length', 1),
  TRIM: renamed('btrim', 1),
  LTRIM: renamed('ltrim', 1),
  RTRIM: renamed('rtrim', 1),
  LCASE: renamed('lower', 1),
  UCASE: renamed('upper', 1),
  MID: substring,
  IF: conditional,
  IFNULL: template('coalesce($1, $2)', 2),
  ISNULL: template('(($1) IS NULL)', 1, { truth: true }),
  MOD: template('mod($1, nullif($2, 0))', 2),
  AVG: {
    aggregate: true,
    wrapped: true,
    write: (call) => {
      if (call.args.length !== 1) throw wrong(call);
      call.cursor.wholeItems.created += 1;
      return primary(`round(avg(int8(${arg(call, 0)})), 4)`, {
        wholeItem: 'avg inside of an expression, where MySQL keeps digits that it does not show,',
      });
    },
  },
  NOW: now,
  CURDATE: now,
  DATE: template('CAST($1 AS date)', 1, { date: true }),
  DATEDIFF: template('date_mi(CAST($1 AS date), CAST($2 AS date))', 2),
  DATE_FORMAT: formatted(0, 1),
  ...PARTS,
  DAYOFMONTH: part('day'),
  DAYOFYEAR: part('doy'),
  DAYOFWEEK: part('dow', ' + 1'),
  WEEKDAY: part('isodow', ' - 1'),
};

export const DIALECT_CALLS: Readonly<Record<Dialect, Rules>> = {
  trino: TRINO,
  athena: TRINO,
  bigquery: BIGQUERY,
  snowflake: SNOWFLAKE,
  mysql: MYSQL,
};
