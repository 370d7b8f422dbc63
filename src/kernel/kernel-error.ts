import { internal, TimelineError } from '../../sql/errors.js';

/** Which file of the task a message names; files are shown by their last path component. */
function namedFile(message: string): string | undefined {
  const match = /["']([^"'\n]*\.parquet)["']/.exec(message);
  return match?.[1]?.split('/').pop();
}

function data(sqlstate: string, message: string): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate, message });
}

function limit(sqlstate: string, message: string): TimelineError {
  return new TimelineError({ kind: 'limit', sqlstate, message, retryable: sqlstate === '53100' });
}

/** What DuckDB threw, as the error that PostgreSQL would give. `TL<sqlstate>:message` comes from our own checks. */
export function kernelError(thrown: unknown): TimelineError {
  if (thrown instanceof TimelineError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const own = /TL([0-9A-Z]{5}):([^\n]*)/.exec(message);
  if (own !== null) {
    const sqlstate = own[1] as string;
    return new TimelineError({ kind: ownKind(sqlstate), sqlstate, message: own[2] as string });
  }
  // Files by their last component: no paths of this machine.
  const first = (message.split('\n')[0] as string).replace(/(["'])\/(?:[^"'\n]*\/)?([^"'/\n]+)\1/g, '"$2"');
  if (/No space left on device|Disk quota exceeded|could not write|max_temp_directory_size/i.test(message)) {
    return limit('53100', 'could not write temporary or stage file: no space left on device');
  }
  // Its own limit on what it spills (limits.temp_bytes) is an Out of Memory Error as well.
  if (/^Out of Memory Error/i.test(message)) return limit('53200', `out of memory: ${first.replace(/^Out of Memory Error: /i, '')}`);
  if (/expression depth limit/i.test(first)) return limit('54001', 'stack depth limit exceeded: an expression is nested too deeply');
  const file = namedFile(message);
  if (
    /^(Invalid Input Error|IO Error|Invalid Error|Serialization Error|INTERNAL Error)/.test(message) &&
    /parquet|magic bytes|thrift|TProtocol|don't know what type|footer|zstd|snappy|Corrupt/i.test(message)
  ) {
    if (/No such file|No files found|Cannot open file/i.test(message))
      return new TimelineError({
        kind: 'connector',
        sqlstate: '58P01',
        message: `could not open file${file === undefined ? '' : ` "${file}"`}`,
      });
    return new TimelineError({
      kind: 'connector',
      sqlstate: 'XX001',
      message: `corrupt Parquet file${file === undefined ? '' : ` "${file}"`}: ${first}`,
    });
  }
  if (/^Out of Range Error/.test(message)) return data('22003', rangeMessage(first));
  if (/^Conversion Error/.test(message)) {
    return /out of range|overflow|not in range/i.test(first)
      ? data('22003', rangeMessage(first))
      : data('22P02', first.replace(/^Conversion Error: /, ''));
  }
  if (/^(Not implemented Error)/i.test(message)) return new TimelineError({ kind: 'unsupported', sqlstate: '0A000', message: first });
  return internal(`kernel: ${first}`, thrown);
}

function ownKind(sqlstate: string): 'data' | 'unsupported' | 'internal' | 'limit' | 'semantic' {
  if (sqlstate === '0A000') return 'unsupported';
  if (sqlstate.startsWith('22') || sqlstate.startsWith('21') || sqlstate.startsWith('P0')) return 'data';
  if (sqlstate.startsWith('54') || sqlstate.startsWith('53')) return 'limit';
  return sqlstate.startsWith('XX') ? 'internal' : 'semantic';
}

const INTEGER_NAME: Readonly<Record<string, string>> = { INT16: 'smallint', INT32: 'integer', INT64: 'bigint' };

function rangeMessage(first: string): string {
  const match = /\b(INT16|INT32|INT64)\b/.exec(first);
  if (match !== null) return `${INTEGER_NAME[match[1] as string]} out of range`;
  if (/timestamp|date|interval/i.test(first)) return 'timestamp out of range';
  // DuckDB's variance of floats.
  if (/^Out of Range Error: (VARPOP|VARSAMP) is out of range/.test(first)) return 'value out of range: overflow';
  if (/DECIMAL/i.test(first)) return 'numeric field overflow';
  return first.replace(/^[A-Za-z ]+Error: /, '');
}
