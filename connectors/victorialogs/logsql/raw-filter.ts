import { TimelineError } from '../../../sql/errors.js';

/** Characters of a filter; it is sent with every window of time. */
const MAX_LENGTH = 65_536;
const MAX_DEPTH = 100;

/**
 * Refuses (42601, 54000; `position` in the filter's own characters, from 1) what a user gives as a LogsQL filter if it might mean anything but a filter once
 * it stands in parentheses: a pipe at the top level, a bracket or quote that is not closed, a comment. It reads words as the server's lexer does,
 * and what that would not read as we do is refused; whether the filter has a meaning is for the server to say.
 */
export function requireRawFilter(text: string): void {
  if (text.length > MAX_LENGTH) {
    throw new TimelineError({ kind: 'limit', sqlstate: '54000', message: `a LogsQL filter may have ${MAX_LENGTH} characters` });
  }
  const fault = faultOf(text);
  if (fault === undefined) return;
  const position = [...text.slice(0, fault.at)].length + 1;
  throw new TimelineError({ kind: 'syntax', sqlstate: '42601', message: `in the LogsQL filter: ${fault.why}`, position });
}

interface Fault {
  readonly at: number;
  readonly why: string;
}

/** A range may begin and end with either. */
const OPENED = { '(': 'range', '[': 'range', '{': 'stream' } as const;
const CLOSED = { ')': 'range', ']': 'range', '}': 'stream' } as const;

function faultOf(text: string): Fault | undefined {
  const open: { readonly at: number; readonly kind: 'range' | 'stream' }[] = [];
  const first = /^\s*([\p{L}\p{Nd}_.]+)/u.exec(text);
  if (text.trim() === '') return { at: 0, why: 'it is empty' };
  if (first !== null && NO_FIRST_WORDS.has((first[1] ?? '').toLowerCase()))
    return {
      at: first[0].length - (first[1]?.length ?? 0),
      why: `a filter cannot begin with "${first[1]}": quote it if it is a word to look for`,
    };
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    switch (character) {
      case '#':
        return { at, why: 'it has a comment' };
      case '"':
      case "'":
      case '`': {
        const length = quotedLength(text, at);
        if (length === undefined) return { at, why: 'a string is not closed, or has an escape that LogsQL does not know' };
        at += length - 1;
        break;
      }
      case '(':
      case '[':
      case '{':
        if (open.length === MAX_DEPTH) return { at, why: `it is nested more than ${MAX_DEPTH} deep` };
        open.push({ at, kind: OPENED[character] });
        break;
      case ')':
      case ']':
      case '}':
        if (open.pop()?.kind !== CLOSED[character]) return { at, why: `"${character}" closes nothing` };
        break;
      case '|':
        if (!open.some(({ kind }) => kind === 'range')) return { at, why: 'it has a pipe; write what is to be done with the rows in SQL' };
        break;
      default:
    }
  }
  const left = open[0];
  return left === undefined ? undefined : { at: left.at, why: `"${text.charAt(left.at)}" is not closed` };
}

const ESCAPE = String.raw`\\(?:[abfnrtv\\]|[0-3][0-7]{2}|x[0-9a-fA-F]{2}|u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|U000(?!0[dD][89a-fA-F])0[0-9a-fA-F]{4}|U00(?:0[1-9a-fA-F]|10)[0-9a-fA-F]{4})`;
const STRINGS: Readonly<Record<string, RegExp>> = {
  '"': new RegExp(String.raw`"(?:[^"\\\n]|${ESCAPE}|\\")*"`, 'uy'),
  "'": new RegExp(String.raw`'(?:[^'\\\n]|${ESCAPE}|\\')*'`, 'uy'),
  '`': /`[^`\r]*`/uy,
};

/** Of a string as Go quotes it; undefined: it is none. */
function quotedLength(text: string, at: number): number | undefined {
  const form = STRINGS[text.charAt(at)];
  if (form === undefined) return undefined;
  form.lastIndex = at;
  return form.exec(text)?.[0].length;
}

/** Of pipes, for which a filter alone has no use: inside of parentheses the server takes them for words to look for. */
const NO_FIRST_WORDS: ReadonlySet<string> = new Set(
  (
    'block_stats blocks_count collapse_nums copy cp decolorize delete del rm drop drop_empty_fields extract extract_regexp facets field_names ' +
    'field_values fields keep filter where first format join json_array_len hash last len limit head math eval offset skip pack_json pack_logfmt ' +
    'rename mv replace replace_regexp sample sort order stats stats_remote by stream_context top union uniq unpack_json unpack_logfmt ' +
    'unpack_syslog unpack_words unroll options avg count count_empty count_uniq count_uniq_hash histogram json_values max median min quantile ' +
    'rate rate_sum row_any row_max row_min sum sum_len uniq_values values'
  ).split(' '),
);
