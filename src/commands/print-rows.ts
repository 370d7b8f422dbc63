import type { Format } from './usage.js';

type Row = readonly (string | null)[];

/** Prints rows as they come; a table needs them all for its widths. */
export interface RowPrinter {
  rows(rows: readonly Row[]): string;
  end(): string;
}

export function rowPrinter(format: Format, names: readonly string[]): RowPrinter {
  switch (format) {
    case 'csv': {
      let head = `${names.map(csvCell).join(',')}\n`;
      return {
        rows: (rows) => {
          const text = head + rows.map((row) => `${row.map(csvCell).join(',')}\n`).join('');
          head = '';
          return text;
        },
        end: () => head,
      };
    }
    case 'json':
      return {
        rows: (rows) =>
          rows.map((row) => `${JSON.stringify(Object.fromEntries(names.map((name, i) => [name, row[i] ?? null])))}\n`).join(''),
        end: () => '',
      };
    case 'table': {
      const kept: Row[] = [];
      return {
        rows: (rows) => {
          for (const row of rows) kept.push(row);
          return '';
        },
        end: () => table(names, kept),
      };
    }
  }
}

export function printRows(format: Format, names: readonly string[], rows: readonly Row[]): string {
  const printer = rowPrinter(format, names);
  return printer.rows(rows) + printer.end();
}

function csvCell(value: string | null): string {
  return value === null ? '' : /[",\n\r]/.test(value) || value === '' ? `"${value.replaceAll('"', '""')}"` : value;
}

function table(names: readonly string[], rows: readonly Row[]): string {
  const widths = names.map((name, i) => rows.reduce((most, row) => Math.max(most, (row[i] ?? '').length), name.length));
  const line = (row: Row): string => ` ${row.map((value, i) => (value ?? '').padEnd(widths[i] ?? 0)).join(' | ')}`.trimEnd();
  const rule = widths.map((width) => '-'.repeat(width + 2)).join('+');
  return `${[line(names), rule, ...rows.map(line)].join('\n')}\n(${rows.length} row${rows.length === 1 ? '' : 's'})\n`;
}
