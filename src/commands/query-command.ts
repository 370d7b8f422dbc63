import { unsupported } from '../../sql/errors.js';
import { formatValue } from '../../sql/value-text.js';
import { loadConfig } from '../config-file.js';
import { TimelineEngine } from '../engine.js';
import { withDemoLake } from '../serve.js';
import { printRows } from './print-rows.js';
import { isProgress, progressBar } from './progress-bar.js';
import { formatOf, Interrupted } from './usage.js';

/** `timeline query`: one statement in this process, printed. */
export async function queryCommand(sql: string, format: string, dialect = 'postgres'): Promise<void> {
  const shape = formatOf(format);
  const onTerminal = process.stderr.isTTY === true;
  const bar = progressBar(process.stderr, { plain: false });
  const engine = await TimelineEngine.open(await withDemoLake(loadConfig({ env: process.env, cwd: process.cwd() })));
  const abort = new AbortController();
  const interrupt = (): void => abort.abort(new Interrupted());
  process.once('SIGINT', interrupt);
  try {
    const session = await engine.connect({
      user: process.env['USER'] ?? 'timeline',
      database: 'timeline',
      settings: { 'timeline.dialect': dialect, ...(onTerminal ? { 'timeline.progress': 'on' } : {}) },
      onNotice: ({ severity, message }) => {
        if (onTerminal && isProgress(message)) return bar.show(message);
        bar.clear();
        process.stderr.write(`${severity}: ${message}\n`);
      },
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
    bar.clear();
    for (const notice of execution.notices) process.stderr.write(`${notice.severity}: ${notice.message}\n`);
    const names = columns.map((column) => column.name);
    // A statement without rows is answered by its tag, as psql does.
    process.stdout.write(execution.columns === undefined ? `${execution.tag(0)}\n` : printRows(shape, names, rows));
    await session.close();
  } catch (error) {
    throw abort.signal.aborted ? new Interrupted() : error;
  } finally {
    bar.clear();
    process.off('SIGINT', interrupt);
    await engine.close();
  }
}
