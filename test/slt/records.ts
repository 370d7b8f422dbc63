/**
 * The .slt format: records separated by blank lines; `#` starts a comment line outside of a record.
 *
 *   statement ok | statement error <SQLSTATE> [regular expression on the message]
 *   <SQL, one or more lines>
 *
 *   query <types> [nosort | rowsort]
 *   <SQL>
 *   ----
 *   <rows: values separated by tabs, or one value a line>
 *
 * `types`: one letter a column: T I B compared as PostgreSQL's text, R as text or else as numbers within 1e-12.
 * NULL stands for NULL, (empty) for the empty string; \t \n \\ for tab, newline, backslash within a value. Default order: nosort.
 * `protocol simple | extended | both` applies to the records after it (default both). `halt` ends the file.
 */
export type SltRecord =
  | {
      readonly kind: 'statement';
      readonly line: number;
      readonly sql: string;
      readonly protocol: SltProtocol;
      readonly error: SltError | undefined;
    }
  | {
      readonly kind: 'query';
      readonly line: number;
      readonly sql: string;
      readonly protocol: SltProtocol;
      readonly types: string;
      readonly sort: 'nosort' | 'rowsort';
      readonly expected: readonly string[];
    };

export type SltProtocol = 'simple' | 'extended' | 'both';

export interface SltError {
  readonly sqlstate: string;
  readonly message: RegExp | undefined;
}

/** Throws an Error with the line for text that is no .slt. */
export function parseSlt(text: string): SltRecord[] {
  const lines = text.split(/\r?\n/);
  const records: SltRecord[] = [];
  let protocol: SltProtocol = 'both';
  let at = 0;
  const block = (stop: (line: string) => boolean): string[] => {
    const taken: string[] = [];
    while (at < lines.length && !stop(lines[at] ?? '')) taken.push(lines[at++] ?? '');
    return taken;
  };
  while (at < lines.length) {
    const head = (lines[at] ?? '').trim();
    const line = at + 1;
    at += 1;
    if (head === '' || head.startsWith('#')) continue;
    if (head === 'halt') break;
    const [verb = '', ...words] = head.split(/\s+/);
    const wrong = (): Error => new Error(`line ${line}: not a record: ${head}`);
    if (verb === 'protocol') {
      const [name = ''] = words;
      if (name !== 'simple' && name !== 'extended' && name !== 'both') throw wrong();
      protocol = name;
    } else if (verb === 'statement') {
      const error = statementError(head);
      if (error === null) throw wrong();
      const sql = block((each) => each.trim() === '').join('\n');
      if (sql === '') throw new Error(`line ${line}: a record without SQL`);
      records.push({ kind: 'statement', line, sql, protocol, error });
    } else if (verb === 'query') {
      const [types = '', sort = 'nosort'] = words;
      if (!/^[TIRB]+$/.test(types) || (sort !== 'nosort' && sort !== 'rowsort') || words.length > 2) throw wrong();
      const sql = block((each) => each.trim() === '----' || each.trim() === '').join('\n');
      if (lines[at]?.trim() !== '----' || sql === '') throw new Error(`line ${line}: a query without SQL or ----`);
      at += 1;
      records.push({ kind: 'query', line, sql, protocol, types, sort, expected: block((each) => each === '') });
    } else throw wrong();
  }
  return records;
}

function statementError(head: string): SltError | undefined | null {
  if (/^statement\s+ok$/.test(head)) return undefined;
  const match = /^statement\s+error\s+([0-9A-Z]{5})(?:\s+(.+))?$/.exec(head);
  if (match === null) return null;
  return { sqlstate: match[1] ?? '', message: match[2] === undefined ? undefined : new RegExp(match[2]) };
}

/** Rows as the expected part writes them. */
export function renderRow(row: readonly (string | null)[]): string[] {
  return row.map((value) => {
    if (value === null) return 'NULL';
    if (value === '') return '(empty)';
    return value.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n');
  });
}

/** The expected lines as rows of `width` values: tabs within lines, or a value a line. */
export function expectedRows(lines: readonly string[], width: number): string[][] {
  const split = lines.map((line) => line.split('\t'));
  if (split.every((row) => row.length === width)) return split;
  const flat = split.flat();
  return Array.from({ length: Math.ceil(flat.length / width) }, (_, index) => flat.slice(index * width, (index + 1) * width));
}
