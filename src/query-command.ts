import { TimelineError, unsupported } from '../sql/errors.js';
import { formatValue } from '../sql/value-text.js';
import { loadConfig } from './config-file.js';
import { TimelineEngine } from './engine.js';
import { withDemoLake } from './serve.js';

type Format = 'table' | 'csv' | 'json';

/** `timeline query`: one statement in this process, printed. */
export async function queryCommand(sql: string, format: string, dialect = 'postgres'): Promise<void> {
  if (!isFormat(format))
    throw new TimelineError({ kind: 'syntax', sqlstate: '22023', message: `unknown format "${format}"`, hint: 'table, csv or json.' });
  const engine = await TimelineEngine.open(await withDemoLake(loadConfig({ env: process.env, cwd: process.cwd() })));
  const abort = new AbortController();
  const interrupt = (): void => abort.abort(new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'interrupted' }));
  process.once('SIGINT', interrupt);
  try {
    const session = await engine.connect({
      user: process.env['USER'] ?? 'timeline',
      database: 'timeline',
      settings: { 'timeline.dialect': dialect },
      onNotice: (notice) => process.stderr.write(`${notice.severity}: ${notice.message}\n`),
      onParameterStatus: () => undefined,
    });
    const prepared = await session.prepare(sql, []);
    const execution = await session.execute(prepared, [], { signal: abort.signal });
    const columns = execution.columns ?? [];
    if (execution.copy !== undefined) throw unsupported('COPY TO STDOUT in timeline query', { hint: 'Use --format csv.' });
    const rows: (string | null)[][] = [];
    for await (const batch of execution.batches) {
      if (batch.kind === 'text') rows.push(...batch.rows.map((row) => [...row]));
      else {
        for (let i = 0; i < batch.rowCount; i++) {
          rows.push(
            columns.map((column, at) => {
              const value = batch.columns[at]?.[i] ?? null;
              return value === null ? null : formatValue(column.type, value, { timeZone: 'UTC' });
            }),
          );
        }
      }
    }
    for (const notice of execution.notices) process.stderr.write(`${notice.severity}: ${notice.message}\n`);
    const names = columns.map((column) => column.name);
    // A statement without rows is answered by its tag, as psql does.
    process.stdout.write(execution.columns === undefined ? `${execution.tag(0)}\n` : print(format, names, rows));
    await session.close();
  } finally {
    process.off('SIGINT', interrupt);
    await engine.close();
  }
}

function isFormat(text: string): text is Format {
  return text === 'table' || text === 'csv' || text === 'json';
}

function print(format: Format, names: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
  switch (format) {
    case 'csv': {
      const cell = (value: string | null): string =>
        value === null ? '' : /[",\n\r]/.test(value) || value === '' ? `"${value.replaceAll('"', '""')}"` : value;
      return [names, ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('');
    }
    case 'json':
      return rows.map((row) => `${JSON.stringify(Object.fromEntries(names.map((name, i) => [name, row[i] ?? null])))}\n`).join('');
    case 'table': {
      const widths = names.map((name, i) => Math.max(name.length, ...rows.map((row) => (row[i] ?? '').length)));
      const line = (row: readonly (string | null)[]): string =>
        ` ${row.map((value, i) => (value ?? '').padEnd(widths[i] ?? 0)).join(' | ')}`.trimEnd();
      const rule = widths.map((width) => '-'.repeat(width + 2)).join('+');
      return `${[line(names), rule, ...rows.map(line)].join('\n')}\n(${rows.length} row${rows.length === 1 ? '' : 's'})\n`;
    }
  }
}
