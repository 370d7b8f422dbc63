import { TimelineError, unsupported } from './errors.js';
import { FORMAT_JSON } from './parse.js';
import { listOf, nameParts, nodeOf, optionText, type ParseNode, taggedNode, textOf } from './parse-tree.js';
import { quoteIdentifier, quoteLiteral } from './quote.js';

/** How COPY TO writes rows. PostgreSQL has checked the options (`optionsSql`) before they are used. */
export interface CopyFormat {
  readonly format: 'text' | 'csv' | 'binary';
  readonly delimiter: string;
  readonly null: string;
  readonly header: boolean;
  readonly quote: string;
  readonly escape: string;
  /** Names of columns whose values are quoted always; `all`: every one. */
  readonly forceQuote: 'all' | readonly string[];
}

/** COPY … TO 'location'. */
export interface CopyFile {
  /** As written. */
  readonly location: string;
  readonly overwrite: boolean;
  readonly format:
    | { readonly kind: 'parquet'; readonly compression: 'zstd' | 'snappy' | 'gzip' | 'uncompressed' }
    | { readonly kind: 'copy'; readonly copy: CopyFormat; readonly compression: 'gzip' | 'none' }
    | { readonly kind: 'json'; readonly compression: 'gzip' | 'none' };
}

/** COPY … TO STDOUT, or to a file. */
export interface CopyStatement {
  /** Undefined: COPY (query). */
  readonly table: { readonly schema: string | undefined; readonly name: string; readonly columns: readonly string[] } | undefined;
  readonly format: CopyFormat;
  /** `(format 'csv', …)` or nothing: for the embedded Postgres to check. */
  readonly optionsSql: string;
  readonly file: CopyFile | undefined;
}

/** Reads a CopyStmt. Throws 0A000 and 42501 for what only reads from the client or writes files. */
export function copyStatement(body: ParseNode): CopyStatement {
  if (body['is_from'] === true) {
    throw unsupported('COPY FROM', { hint: 'Tables are read-only here; COPY … TO STDOUT reads them.' });
  }
  if (body['is_program'] === true) throw denied('COPY to or from an external program', 'pg_execute_server_program');
  const query = taggedNode(body['query']).tag;
  if (query !== '' && query !== 'SelectStmt') throw unsupported('COPY of anything but a table or a SELECT');
  const relation = nodeOf(body['relation']);
  const written = listOf(body['options']).map((option) => nodeOf(nodeOf(option)['DefElem']));
  const filename = body['filename'] === undefined ? undefined : textOf(body['filename']);
  const file = filename === undefined ? undefined : copyFile(filename, written);
  // Those that PostgreSQL has not are ours, and files of other formats have no others.
  const own = new Set(['overwrite', 'compression', ...(file === undefined || file.format.kind === 'copy' ? [] : ['format'])]);
  const options = file === undefined ? written : written.filter((option) => !own.has(textOf(option['defname'])));
  return {
    file,
    table:
      query !== ''
        ? undefined
        : {
            schema: relation['schemaname'] === undefined ? undefined : textOf(relation['schemaname']),
            name: textOf(relation['relname']),
            columns: nameParts(body['attlist']),
          },
    format: copyFormat(options),
    optionsSql: options.length === 0 ? '' : ` with (${options.map(optionSql).join(', ')})`,
  };
}

const PARQUET_COMPRESSIONS = ['zstd', 'snappy', 'gzip', 'uncompressed'] as const;

function copyFile(location: string, options: readonly ParseNode[]): CopyFile {
  const option = (name: string): ParseNode | undefined => options.find((one) => textOf(one['defname']) === name);
  const value = (name: string): string | undefined => optionText(option(name)?.['arg'])?.toLowerCase();
  const written = value('format');
  const format =
    (written === FORMAT_JSON ? 'json' : written) ??
    (/\.parquet$/i.test(location) ? 'parquet' : /\.(json|ndjson|jsonl)$/i.test(location) ? 'json' : 'text');
  const overwrite = option('overwrite');
  const base = { location, overwrite: overwrite !== undefined && isTrue(optionText(overwrite['arg'])) };
  const compression = value('compression');
  const wrong = (known: readonly string[]): TimelineError =>
    new TimelineError({
      kind: 'semantic',
      sqlstate: '22023',
      message: `COPY compression "${compression}" not recognized`,
      hint: `For format ${format} there are ${known.join(', ')}.`,
    });
  if (format === 'parquet' || format === 'json' || format === 'ndjson') {
    const other = options.map((one) => textOf(one['defname'])).find((name) => !['format', 'compression', 'overwrite'].includes(name));
    if (other !== undefined) {
      const message = `COPY ${other.toUpperCase()} cannot be used with FORMAT ${format}`;
      throw new TimelineError({ kind: 'semantic', sqlstate: '22023', message });
    }
  }
  if (format === 'parquet') {
    const known = PARQUET_COMPRESSIONS.find((one) => one === (compression === 'none' ? 'uncompressed' : (compression ?? 'zstd')));
    if (known === undefined) throw wrong(PARQUET_COMPRESSIONS);
    return { ...base, format: { kind: 'parquet', compression: known } };
  }
  if (compression !== undefined && compression !== 'gzip' && compression !== 'none') throw wrong(['gzip', 'none']);
  const text = { compression: compression ?? (/\.gz$/i.test(location) ? 'gzip' : 'none') } as const;
  if (format === 'json' || format === 'ndjson') return { ...base, format: { kind: 'json', ...text } };
  if (format === 'binary') throw unsupported('COPY to a file in format binary', { hint: 'Use parquet, csv, json or text.' });
  return { ...base, format: { kind: 'copy', copy: copyFormat(options), ...text } };
}

function copyFormat(options: readonly ParseNode[]): CopyFormat {
  const find = (name: string): ParseNode | undefined => options.find((option) => textOf(option['defname']) === name);
  const optionOf = (name: string): string | undefined => {
    const option = find(name);
    return option === undefined ? undefined : optionText(option['arg']);
  };
  if (optionOf('format') === FORMAT_JSON)
    throw new TimelineError({ kind: 'semantic', sqlstate: '22023', message: 'COPY format "json" not recognized', hint: 'Files have it.' });
  const format = (optionOf('format') ?? 'text') as CopyFormat['format'];
  const csv = format === 'csv';
  const quote = optionOf('quote') ?? '"';
  const header = find('header');
  const encoding = optionOf('encoding');
  if (encoding !== undefined && !/^(utf-?8|unicode)$/i.test(encoding))
    throw unsupported(`COPY with encoding ${encoding}`, { hint: 'Use UTF8.' });
  const forced = find('force_quote')?.['arg'];
  return {
    format,
    delimiter: optionOf('delimiter') ?? (csv ? ',' : '\t'),
    null: optionOf('null') ?? (csv ? '' : '\\N'),
    header: header !== undefined && isTrue(optionText(header['arg'])),
    quote,
    escape: optionOf('escape') ?? quote,
    forceQuote: taggedNode(forced).tag === 'A_Star' ? 'all' : nameParts(listOf(taggedNode(forced).body['items'])),
  };
}

function optionSql(option: ParseNode): string {
  const name = quoteIdentifier(textOf(option['defname']));
  const { tag, body } = taggedNode(option['arg']);
  switch (tag) {
    case '':
      return name;
    case 'A_Star':
      return `${name} *`;
    case 'List':
      return `${name} (${nameParts(body['items']).map(quoteIdentifier).join(', ')})`;
    case 'Integer':
    case 'Float':
      return `${name} ${optionText(option['arg']) ?? ''}`;
    default:
      return `${name} ${quoteLiteral(optionText(option['arg']) ?? '')}`;
  }
}

function isTrue(value: string | undefined): boolean {
  return value === undefined || ['true', 'on', '1'].includes(value.toLowerCase());
}

function denied(what: string, role: string): TimelineError {
  return new TimelineError({
    kind: 'semantic',
    sqlstate: '42501',
    message: `permission denied to ${what}`,
    detail: `Only roles with privileges of the "${role}" role may ${what}.`,
    hint: "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.",
  });
}
