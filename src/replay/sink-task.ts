import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { CommitResult, ConnectorWriter, Meter } from '../../connectors/connector.js';
import { fieldsOf, type SinkColumn, type SinkFile, type SinkTable, type Stage, type StageSink } from '../../planner/physical-plan.js';
import { copyLine } from '../../sql/copy-line.js';
import { internal, TimelineError } from '../../sql/errors.js';
import { jsonLine } from '../../sql/json-line.js';
import type { Batch } from '../../sql/result.js';
import { formatValue } from '../../sql/value-text.js';
import { inParallel } from '../in-parallel.js';
import type { TaskOutput, TaskRequest } from '../kernel/kernel.js';
import type { RunTaskOptions } from './task-runner.js';

/** Files below configured locations (COPY … TO). */
export interface FilePlaces {
  /**
   * Puts a local file in its place, whole or not at all. What lies there already is kept (58P02) unless it has the same bytes, as an
   * earlier attempt of the same task left it, or `overwrite` is set. 42501 outside of the configured locations.
   */
  publish(file: SinkFile, localPath: string, signal: AbortSignal): Promise<{ readonly repeated: boolean }>;
}

/** What a task of this sink asks of the kernel; undefined: a stage file, or nothing. */
export function namedOutput(sink: StageSink | undefined): TaskRequest['named'] {
  if (sink?.kind === 'write') return { columns: sink.columns, compression: 'zstd', relation: sink.table.table };
  if (sink?.kind === 'format' && sink.file.format.kind === 'parquet') {
    const { format, metadata } = sink.file;
    return { columns: sink.columns, compression: format.compression, relation: '', ...(metadata === undefined ? {} : { metadata }) };
  }
  return undefined;
}

/** Hands what the kernel wrote to the table's connector. */
export async function writeRows(
  options: RunTaskOptions,
  sink: StageSink & { readonly kind: 'write' },
  output: TaskOutput,
  place: { readonly folder: string; readonly meter: Meter },
): Promise<readonly unknown[]> {
  if (output.rows === 0) return [];
  const { query, stageId, taskId, attempt, signal } = options;
  return writerOf(options, sink.table).write(sink.table.handle, {
    files: output.files.map((file) => join(place.folder, file.name)),
    rows: output.rows,
    task: `${query}-${stageId}-${taskId}`,
    attempt,
    meter: place.meter,
    signal,
  });
}

/** The one task that makes what earlier stages did visible. Runs again after a failure at any point, to the same end. */
export async function settle(options: RunTaskOptions, sink: StageSink & { readonly kind: 'commit' | 'publish' }): Promise<CommitResult> {
  const { plan, query, store, signal, places } = options;
  const source = plan.stages.find((one) => one.id === sink.stage);
  if (source === undefined) throw internal(`the plan has no stage ${sink.stage}`);
  const manifests = await inParallel(
    [...source.tasks.keys()],
    async (task) => {
      const manifest = await store.manifest(query, source.id, task);
      if (manifest === undefined) throw internal(`the result of task ${source.id}/${task} is gone from the stage store`);
      return manifest;
    },
    { signal },
  );
  const rows = manifests.reduce((sum, manifest) => sum + manifest.rows, 0);
  if (sink.kind === 'commit') {
    const written = manifests.flatMap((manifest) => manifest.written ?? []);
    const result = await writerOf(options, sink.table).commit(sink.table.handle, {
      written,
      batch: query,
      summary: { ...sink.table.summary, query },
      signal,
    });
    return { ...result, rows };
  }
  const [file] = manifests.flatMap((manifest) => manifest.files);
  if (file === undefined || places === undefined) throw internal('there is no file to publish, or no place for it');
  const { repeated } = await places.publish(sink.file, await store.toLocalFile(file.key), signal);
  return { rows, snapshot: null, repeated };
}

/** Formats that are written here, not by DuckDB: rows of stage files, in their order. */
export async function formatRows(options: RunTaskOptions, stage: Stage, inputs: readonly string[], folder: string): Promise<TaskOutput> {
  const { sink } = stage;
  if (sink?.kind !== 'format' || sink.file.format.kind === 'parquet') throw internal('no format for rows');
  const { kernel, plan, signal } = options;
  const name = 'rows.txt';
  const fields = fieldsOf(stage.root);
  const counted = { rows: 0 };
  const batches = kernel.read(inputs, fields, signal);
  const lines = linesOf(batches, sink.columns, sink.file.format, plan.session, counted);
  const target = createWriteStream(join(folder, name), { flags: 'wx' });
  if (sink.file.format.compression === 'gzip') await pipeline(lines, createGzip(), target, { signal });
  else await pipeline(lines, target, { signal });
  const { rows } = counted;
  return { rows, files: [{ name, partition: undefined, rows, bytes: (await stat(join(folder, name))).size }], notices: [] };
}

const CHUNK = 65_536;

async function* linesOf(
  batches: AsyncIterable<Batch>,
  columns: readonly SinkColumn[],
  format: Exclude<SinkFile['format'], { readonly kind: 'parquet' }>,
  settings: { readonly timeZone: string },
  counted: { rows: number },
): AsyncGenerator<string> {
  const line = format.kind === 'copy' ? copyLine(columns, format.copy) : undefined;
  let text = format.kind === 'copy' && format.copy.header ? (line?.header() ?? '') : '';
  for await (const batch of batches) {
    if (batch.kind !== 'columns') throw internal('rows of a stage file in text form');
    for (let row = 0; row < batch.rowCount; row++) {
      const values = columns.map((_, n) => batch.columns[n]?.[row] ?? null);
      text +=
        line === undefined
          ? jsonLine(columns, values, settings)
          : line.row(
              columns.map(({ type }, n) => {
                const value = values[n] ?? null;
                return value === null ? null : formatValue(type, value, settings);
              }),
            );
      if (text.length < CHUNK) continue;
      yield text;
      text = '';
    }
    counted.rows += batch.rowCount;
  }
  if (text !== '') yield text;
}

function writerOf(options: RunTaskOptions, table: SinkTable): ConnectorWriter {
  const writer = options.connectors.get(table.connector)?.writer;
  if (writer !== undefined) return writer;
  throw new TimelineError({
    kind: 'connector',
    sqlstate: '08001',
    message: `catalog "${table.connector}" is not configured to be written in this process`,
    hint: "Give every worker the gateway's configuration.",
  });
}
