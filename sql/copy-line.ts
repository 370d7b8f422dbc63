import type { CopyFormat } from './copy-statement.js';

/** Lines of COPY TO in the formats text and csv, each with its newline. */
export interface CopyLine {
  header(): string;
  /** Values in PostgreSQL's text form. */
  row(values: readonly (string | null)[]): string;
}

export function copyLine(columns: readonly { readonly name: string }[], format: CopyFormat): CopyLine {
  const single = columns.length === 1;
  const forced = columns.map(({ name }) => format.forceQuote === 'all' || format.forceQuote.includes(name));
  const field =
    format.format === 'csv'
      ? (text: string, index: number): string => csvField(text, format, { forced: forced[index] === true, single })
      : textField(format.delimiter);
  return {
    header() {
      const names = columns.map(({ name }) =>
        format.format === 'csv' ? csvField(name, format, { forced: false, single }) : field(name, 0),
      );
      return `${names.join(format.delimiter)}\n`;
    },
    row: (values) => `${values.map((text, index) => (text === null ? format.null : field(text, index))).join(format.delimiter)}\n`,
  };
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
};

function textField(delimiter: string): (text: string) => string {
  return (text) => {
    // In a class, \b is the backspace.
    const escaped = text.replace(/[\b\f\n\r\t\v\\]/g, (character) => ESCAPES[character] ?? character);
    return delimiter === '\t' || !escaped.includes(delimiter) ? escaped : escaped.replaceAll(delimiter, `\\${delimiter}`);
  };
}

function csvField(text: string, format: CopyFormat, { forced, single }: { readonly forced: boolean; readonly single: boolean }): string {
  const { delimiter, quote, escape: escaping } = format;
  const quoted =
    forced ||
    text === format.null ||
    // Alone on its line it would be the end-of-data mark.
    (single && text === '\\.') ||
    text.includes(delimiter) ||
    text.includes(quote) ||
    text.includes('\n') ||
    text.includes('\r');
  if (!quoted) return text;
  const inner =
    escaping === quote
      ? text.replaceAll(quote, quote + quote)
      : text.replaceAll(escaping, escaping + escaping).replaceAll(quote, escaping + quote);
  return quote + inner + quote;
}
