import { TimelineError } from './errors.js';

/** Arguments of the marker `timeline_ops.call` (timeline-stubs.ts), in order, as options and with what each may be. */
const OPTIONS: readonly (readonly [option: string, type: string, ...also: string[]])[] = [
  ['spec', 'text'],
  ['since', 'timestamp with time zone', 'timestamp without time zone', 'date'],
  ['until', 'timestamp with time zone', 'timestamp without time zone', 'date'],
  ['at', 'timestamp with time zone[]'],
  ['every', 'interval', 'time without time zone'],
  ['origin', 'timestamp with time zone', 'timestamp without time zone', 'date'],
  ['timezone', 'text', 'character varying', 'character', 'name'],
  ['lookback', 'interval', 'time without time zone'],
  ['idle', 'interval', 'time without time zone'],
  ['fill', 'boolean'],
];

const MISSING = /^function timeline_ops\.(\w+)\((.*)\) does not exist$/;

/**
 * PostgreSQL's error about a text that sql/timeline-call.ts wrote, in words of the text that the user wrote: 42804 for an option of a
 * wrong type, at its value; operators without our schema. `text` is the rewritten one; `mapped` is the error with its place in the user's.
 */
export function inUsersWords(error: TimelineError, mapped: TimelineError, text: string): TimelineError {
  const [, name = '', given = ''] = MISSING.exec(error.message) ?? [];
  const types = given.split(', ');
  switch (name) {
    case 'call': {
      const wrong = OPTIONS.find(([, ...fits], n) => !['unknown', ...fits].includes(types[n] ?? 'unknown'));
      if (wrong !== undefined)
        return wrongType(error, text, mapped, { option: wrong[0], wanted: wrong[1], given: types[OPTIONS.indexOf(wrong)] ?? '' });
      break;
    }
    case 'instants':
      return wrongType(error, text, mapped, { option: 'at', wanted: 'timestamp with time zone or an array of it', given });
    case 'ends':
      return wrongType(error, text, mapped, { option: 'ends', wanted: 'boolean', given });
    default:
  }
  if (/^column "~s\..*" must appear in the GROUP BY clause/.test(error.message)) {
    return new TimelineError({
      kind: 'semantic',
      sqlstate: '42803',
      message: 'aggregate functions are not allowed in timeline()',
      hint: 'Aggregate in the query around it.',
      ...(mapped.position === undefined ? {} : { position: mapped.position }),
    });
  }
  if (!/timeline_ops\.|~s\b/.test(error.message)) return mapped;
  const message = mapped.message.replace(/timeline_ops\.(state_)?/g, '').replace(/"~s"\.|~s\./g, '');
  return new TimelineError({ ...mapped.toJSON(), message });
}

function wrongType(
  error: TimelineError,
  text: string,
  mapped: TimelineError,
  { option, wanted, given }: { readonly option: string; readonly wanted: string; readonly given: string },
): TimelineError {
  const position = placeOf(option, text, error.position) ?? mapped.position;
  return new TimelineError({
    kind: 'semantic',
    sqlstate: '42804',
    message: `"${option}" must be ${wanted}, not ${given}`,
    ...(position === undefined ? {} : { position }),
  });
}

/** Where the option's value stands, as the marker that stands at `position` or before it says. */
function placeOf(option: string, text: string, position: number | undefined): number | undefined {
  if (position === undefined) return undefined;
  const marker = 'timeline_ops.call(';
  const points = [...text];
  const before = points.slice(0, position - 1 + marker.length).join('');
  const start = before.lastIndexOf(marker);
  if (start < 0) return undefined;
  const [, escaped, quoted = ''] = /^ ?(E?)'((?:[^']|'')*)'/.exec(text.slice(text.indexOf(marker, start) + marker.length)) ?? [];
  const json = quoted.replaceAll("''", "'");
  try {
    const { positions } = JSON.parse(escaped === 'E' ? json.replaceAll('\\\\', '\\') : json) as {
      readonly positions?: Readonly<Record<string, unknown>>;
    };
    const place = positions?.[option];
    return typeof place === 'number' ? place : undefined;
  } catch {
    return undefined;
  }
}
