import { Oid } from '../types.js';
import { type FunctionEntry, type FunctionList, fill, type PrintedArgument, raise } from './entry.js';
import { outputTemplate } from './io-casts.js';

/** Letters whose case DuckDB's Unicode tables know differently from PostgreSQL's (all added after Unicode 5). */
const DIFFERING_CASE = '[\\x{24b6}-\\x{24e9}\\x{2c2f}\\x{2c5f}\\x{a7c0}-\\x{a7f6}\\x{10570}-\\x{105bc}\\x{1e900}-\\x{1e943}]';

function cased(fn: 'lower' | 'upper'): FunctionEntry {
  const refused = raise('0A000', `${fn}() of this text is not supported yet`);
  return `CASE WHEN strlen($1) <> length($1) AND regexp_matches($1, '${DIFFERING_CASE}') THEN ${refused} ELSE ${fn}($1) END`;
}

const NEGATIVE_LENGTH = raise('22011', 'negative substring length not allowed');

/** Start before 1 counts characters that aren't there; DuckDB would count from the end. */
const SUBSTRING_FROM = 'CASE WHEN $2 >= 1 THEN substring($1, $2) WHEN $2 < 1 THEN $1 END';
const SUBSTRING_FOR =
  `CASE WHEN $3 < 0 THEN ${NEGATIVE_LENGTH} WHEN $2 >= 1 THEN substring($1, $2, $3) ` +
  'WHEN CAST($2 AS BIGINT) + $3 <= 1 THEN substring($1, 1, 0) WHEN $2 < 1 THEN substring($1, 1, CAST($2 AS BIGINT) + $3 - 1) END';

/** LIKE's escape is a backslash by default in PostgreSQL, and nothing in DuckDB. */
function like(operator: 'LIKE' | 'NOT LIKE'): FunctionEntry {
  const guarded = `CASE WHEN suffix($2, '\\') THEN ${raise('0A000', 'a LIKE pattern that ends with a backslash is not supported yet')} ELSE $1 ${operator} $2 ESCAPE '\\' END`;
  return ([, pattern]) => {
    const constant = pattern?.constant;
    if (typeof constant !== 'string') return guarded;
    if (!constant.includes('\\')) return `($1 ${operator} $2)`;
    return constant.endsWith('\\') ? undefined : `($1 ${operator} $2 ESCAPE '\\')`;
  };
}

/** ILIKE over ASCII only: beyond it the two fold case differently. */
function ilike(operator: 'ILIKE' | 'NOT ILIKE'): FunctionEntry {
  return ([, pattern]) => {
    const constant = pattern?.constant;
    if (typeof constant !== 'string' || /[^\x20-\x7e]|\\$/.test(constant)) return undefined;
    const matched = constant.includes('\\') ? `($1 ${operator} $2 ESCAPE '\\')` : `($1 ${operator} $2)`;
    // KELVIN SIGN and the dotted I are the letters beyond ASCII that fold into it.
    return /[ik]/i.test(constant)
      ? `CASE WHEN strlen($1) <> length($1) AND regexp_matches($1, '[\\x{212a}\\x{130}]') THEN ${raise('0A000', 'ILIKE over this text is not supported yet')} ELSE ${matched} END`
      : matched;
  };
}

const ATOM = String.raw`(?:[A-Za-z0-9 _\-/:,;@#%&=!~'"<>]|[^\x00-\x7f]|\\[.\/\-+*?()[\]{}|^$\\]|\.|\[\^?(?:[A-Za-z0-9](?:-[A-Za-z0-9])?|[ _.:/,@#%&=!])+\])`;
const PIECE = String.raw`${ATOM}(?:[*+?]|\{\d{1,2}(?:,\d{0,2})?\})?`;
const BRANCH = `(?:${PIECE})+`;
const SAFE_PATTERN = new RegExp(String.raw`^\^?(?:${BRANCH}|\(${BRANCH}(?:\|${BRANCH})*\)[*+?]?)*\$?$`, 'u');

/** Patterns that mean the same in PostgreSQL's regular expressions and in RE2 (a dot matching newlines): literals, sets, plain quantifiers, groups, `^` first and `$` last. */
export function isPortableRegex(pattern: string): boolean {
  return pattern.length <= 500 && pattern !== '' && SAFE_PATTERN.test(pattern);
}

function regex(negated: boolean): FunctionEntry {
  return ([, pattern]: readonly PrintedArgument[]) => {
    const constant = pattern?.constant;
    if (typeof constant !== 'string' || !isPortableRegex(constant)) return undefined;
    // 's': a dot matches a newline too, as in PostgreSQL.
    return `${negated ? '(NOT ' : ''}regexp_matches($1, $2, 's')${negated ? ')' : ''}`;
  };
}

/** DuckDB's lpad and rpad refuse an empty fill and negative lengths. */
function pad(fn: 'lpad' | 'rpad', fillText: string): FunctionEntry {
  const cut = 'left($1, greatest($2, 0))';
  return (
    `CASE WHEN $2 IS NULL OR $1 IS NULL OR ${fillText} IS NULL THEN NULL WHEN $2 > 1000000 THEN ${raise('54000', 'requested length too large')} ` +
    `WHEN ${fillText} = '' OR length($1) >= $2 THEN ${cut} ELSE ${fn}($1, $2, ${fillText}) END`
  );
}

/** left/right with a negative count leave out that many characters. */
const LEFT = 'CASE WHEN $2 >= 0 THEN left($1, $2) WHEN $2 < 0 THEN left($1, greatest(CAST(length($1) AS BIGINT) + $2, 0)) END';
const RIGHT = `CASE WHEN $2 = -2147483648 THEN ${raise('0A000', 'right() with this count is not supported yet')} WHEN $2 >= 0 THEN right($1, $2) WHEN $2 < 0 THEN right($1, greatest(CAST(length($1) AS BIGINT) + $2, 0)) END`;

const SPLIT_PART =
  `CASE WHEN $3 = 0 THEN ${raise('22023', 'field position must not be zero')} WHEN $2 = '' THEN CASE WHEN $3 IN (1, -1) THEN $1 ELSE '' END ` +
  `WHEN $1 IS NULL OR $2 IS NULL OR $3 IS NULL THEN NULL ELSE coalesce(string_split($1, $2)[$3], '') END`;

/** Text of an argument of any type, where an explicit cast to text and the type's output form are the same. */
function asText(arg: PrintedArgument): string | undefined {
  const template = arg.oid === Oid.bool ? undefined : outputTemplate(arg.oid);
  return template === undefined ? undefined : fill(template, [arg.sql]);
}

/** concat and concat_ws leave out NULLs, and take the output form of a value (a boolean is t or f). */
function concatenate(separated: boolean): FunctionEntry {
  return (args) => {
    const texts = args.map((arg) => {
      const template = outputTemplate(arg.oid);
      return template === undefined ? undefined : fill(template, [arg.sql]);
    });
    if (texts.some((text) => text === undefined) || texts.length < (separated ? 2 : 1)) return undefined;
    return `${separated ? 'concat_ws' : 'concat'}(${texts.join(', ')})`;
  };
}

function beside(position: 0 | 1): FunctionEntry {
  return (args) => {
    const other = args[position];
    const text = other === undefined ? undefined : asText(other);
    if (text === undefined) return undefined;
    return position === 1 ? `($1 || ${text})` : `(${text} || $2)`;
  };
}

export const TEXT: FunctionList = {
  'concat(any)': concatenate(false),
  'concat_ws(text,any)': concatenate(true),
  'textanycat(text,anynonarray)': beside(1),
  'anytextcat(anynonarray,text)': beside(0),
  'lower(text)': cased('lower'),
  'upper(text)': cased('upper'),
  'length(text)': 'CAST(length($1) AS INTEGER)',
  'char_length(text)': 'CAST(length($1) AS INTEGER)',
  'character_length(text)': 'CAST(length($1) AS INTEGER)',
  'textlen(text)': 'CAST(length($1) AS INTEGER)',
  'octet_length(text)': 'CAST(strlen($1) AS INTEGER)',
  'length(bpchar)': "CAST(length(rtrim($1, ' ')) AS INTEGER)",
  'octet_length(bytea)': 'CAST(octet_length($1) AS INTEGER)',
  'length(bytea)': 'CAST(octet_length($1) AS INTEGER)',
  'substr(text,int4)': SUBSTRING_FROM,
  'substring(text,int4)': SUBSTRING_FROM,
  'substr(text,int4,int4)': SUBSTRING_FOR,
  'substring(text,int4,int4)': SUBSTRING_FOR,
  'left(text,int4)': LEFT,
  'right(text,int4)': RIGHT,
  'btrim(text)': "trim($1, ' ')",
  'ltrim(text)': "ltrim($1, ' ')",
  'rtrim(text)': "rtrim($1, ' ')",
  'btrim(text,text)': 'trim($1, $2)',
  'ltrim(text,text)': 'ltrim($1, $2)',
  'rtrim(text,text)': 'rtrim($1, $2)',
  'replace(text,text,text)': "CASE WHEN $2 = '' THEN CASE WHEN $3 IS NOT NULL THEN $1 END ELSE replace($1, $2, $3) END",
  'position(text,text)': 'CAST(strpos($1, $2) AS INTEGER)',
  'strpos(text,text)': 'CAST(strpos($1, $2) AS INTEGER)',
  'split_part(text,text,int4)': SPLIT_PART,
  'textcat(text,text)': '($1 || $2)',
  'starts_with(text,text)': 'starts_with($1, $2)',
  'reverse(text)': 'tl_reverse($1)',
  'lpad(text,int4)': pad('lpad', "' '"),
  'rpad(text,int4)': pad('rpad', "' '"),
  'lpad(text,int4,text)': pad('lpad', '$3'),
  'rpad(text,int4,text)': pad('rpad', '$3'),
  'repeat(text,int4)': `CASE WHEN $2 > 100000 THEN ${raise('54000', 'requested length too large')} ELSE repeat($1, greatest($2, 0) + 0 * $2) END`,
  'md5(text)': 'md5($1)',
  'ascii(text)': "CASE WHEN $1 = '' THEN 0 ELSE CAST(ascii($1) AS INTEGER) END",
  'textlike(text,text)': like('LIKE'),
  'textnlike(text,text)': like('NOT LIKE'),
  'like(text,text)': like('LIKE'),
  'notlike(text,text)': like('NOT LIKE'),
  'texticlike(text,text)': ilike('ILIKE'),
  'texticnlike(text,text)': ilike('NOT ILIKE'),
  'textregexeq(text,text)': regex(false),
  'textregexne(text,text)': regex(true),
  'varchar(varchar,int4,bool)':
    `CASE WHEN $2 < 5 THEN $1 WHEN length($1) <= $2 - 4 THEN $1 WHEN $3 OR length(rtrim($1, ' ')) <= $2 - 4 THEN left($1, $2 - 4) ` +
    `WHEN $1 IS NOT NULL AND $2 IS NOT NULL AND $3 IS NOT NULL THEN ${raise('22001', 'value too long for type character varying')} END`,
};
