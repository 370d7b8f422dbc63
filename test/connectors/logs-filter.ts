import type { LogsFilter } from '../../connectors/victorialogs/logsql/syntax.js';

export interface Entry {
  /** Nanoseconds since 1970. */
  readonly at: bigint;
  readonly fields: Readonly<Record<string, string>>;
}

/** Of filters what tables and indexes send, as the server understands them; others are an error. */
export function passes(filter: LogsFilter, entry: Entry): boolean {
  const text = 'field' in filter ? (entry.fields[filter.field] ?? '') : '';
  switch (filter.kind) {
    case 'all':
      return true;
    case 'nothing':
      return false;
    case 'equals':
      return text === filter.value;
    case 'in':
      return filter.values.includes(text);
    case 'present':
      return text !== '';
    case 'prefix':
      return text.startsWith(filter.prefix);
    case 'regex':
      return new RegExp(filter.pattern, 's').test(text);
    case 'compare': {
      const [left, right] = [Number(text), Number(filter.value)];
      return text !== '' && { '<': left < right, '<=': left <= right, '>': left > right, '>=': left >= right }[filter.op];
    }
    case 'string_range':
      return (
        Buffer.compare(Buffer.from(text), Buffer.from(filter.from)) >= 0 && Buffer.compare(Buffer.from(text), Buffer.from(filter.to)) < 0
      );
    case 'time':
      return (filter.from === undefined || entry.at >= filter.from) && (filter.to === undefined || entry.at < filter.to);
    case 'and':
      return filter.args.every((arg) => passes(arg, entry));
    case 'or':
      return filter.args.some((arg) => passes(arg, entry));
    case 'not':
      return !passes(filter.arg, entry);
    default:
      throw new Error(`no filter ${filter.kind}`);
  }
}
