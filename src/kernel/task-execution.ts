import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { operatorsIn } from '../../planner/logical-plan.js';
import type { Field, Operator, PruningStep, ScanOperator } from '../../planner/physical-plan.js';
import { fieldsOf } from '../../planner/physical-plan.js';
import { decimalScale } from '../../sql/duckdb-type.js';
import { internal } from '../../sql/errors.js';
import type { Value } from '../../sql/value.js';
import { parseValue } from '../../sql/value-text.js';
import type { PostgresCompute } from '../timeline/state-fallback.js';
import type { TaskOutput, TaskRequest } from './kernel.js';
import { namedCopy } from './named-file.js';
import type { PostgresFunctions } from './postgres-functions.js';
import { columnList, type PrintContext, printOperator } from './print-operator.js';
import { writeResult } from './result-rows.js';
import { copyStatement, encodedColumn, partitionExpression } from './stage-file.js';
import { writeKeys } from './stage-keys.js';
import type { FeedChoice } from './timeline/event-feed.js';
import { timelineOutput } from './timeline-output.js';
import { runTimeline, timelineRelation } from './timeline-step.js';
import { createValueTable } from './value-table.js';

const NAMED_FILE = 'rows.parquet';

export interface Execution {
  readonly connection: DuckDBConnection;
  /** Another connection to the same instance, for filling tables. */
  readonly filling: DuckDBConnection;
  readonly postgres: PostgresFunctions;
  readonly request: TaskRequest;
  /** Rows handed to DuckDB and to the kernel of TIMELINE at once. */
  readonly batchRows: number;
  /** How events reach TIMELINE where the plan leaves a choice. */
  readonly feed: FeedChoice;
  /** Of the task. */
  readonly memoryBytes: number;
  /** Throws when the task was aborted. */
  readonly checkpoint: () => void;
}

/** Runs one task's tree on a prepared connection and writes its stage files. */
export async function executeTask({
  connection,
  filling,
  postgres,
  request,
  checkpoint,
  batchRows,
  feed,
  memoryBytes,
}: Execution): Promise<TaskOutput> {
  const relations = new Map<Operator, string>();
  const context: PrintContext = { scans: request.scans, inputs: request.inputs, relations };
  const notices: string[] = [];
  const steps: PruningStep[] = [];
  const carries: Record<string, string> = {};
  // Inputs before the operators above them.
  for (const op of [...operatorsIn(request.root)].reverse()) {
    checkpoint();
    if (op.kind === 'scan' && request.scans[op.scan]?.kind === 'rows') {
      const table = `rows_${relations.size}`;
      await loadRows({ connection: filling, table, scan: op, request, batchRows });
      relations.set(op, table);
    } else if (op.kind === 'timeline') {
      const table = `timeline_${relations.size}`;
      const output = timelineOutput(request.root, op);
      const session = { timeZone: op.spec.timeZone };
      const compute: PostgresCompute = (spec, texts) =>
        postgres.scalar(
          spec,
          texts.map((text) => [text]),
          1,
          session,
        )[0] ?? null;
      const run = await runTimeline({
        op,
        context,
        connection,
        filling,
        postgres: compute,
        table,
        output,
        checkpoint,
        batchRows,
        feed,
        memoryBytes,
        carried: { carries: request.carries, folder: request.outputFolder },
      });
      Object.assign(carries, run.carries);
      notices.push(...run.notices);
      steps.push({ step: 'events', before: run.rows, after: run.rows, note: run.events });
      relations.set(op, timelineRelation({ op, table, output }));
    }
  }
  checkpoint();
  const told = {
    notices,
    ...(steps.length === 0 ? {} : { steps }),
    ...(Object.keys(carries).length === 0 ? {} : { carries }),
  };
  const select = printOperator(request.root, context);
  const fields = fieldsOf(request.root);
  if (request.named !== undefined) {
    const { columns, compression, relation, metadata } = request.named;
    const path = join(request.outputFolder, NAMED_FILE);
    const result = await connection.runAndReadAll(namedCopy({ select, columns, path, compression, relation, metadata }));
    const rows = Number(result.getRows()[0]?.[0] ?? 0);
    return { rows, files: [{ name: NAMED_FILE, partition: undefined, rows, bytes: (await stat(path)).size }], ...told };
  }
  if (request.inlineBytes !== undefined && request.exchange === undefined) {
    const types = fields.map((field) => field.type);
    const { outputFolder: folder, inlineBytes } = request;
    const columns = columnList(fields.map(resultColumn));
    const result = await writeResult({
      connection,
      select: `SELECT ${columns} FROM (${select})`,
      types,
      folder,
      inlineBytes,
      checkpoint,
    });
    return { ...result, ...told };
  }
  const files =
    request.exchange === undefined
      ? [
          await writeFile({
            connection,
            select: `SELECT ${columnList(fields.map(encodedColumn))} FROM (${select})`,
            fields,
            folder: request.outputFolder,
            name: 'part.parquet',
            partition: undefined,
          }),
        ]
      : await writePartitions({ connection, request, exchange: request.exchange, select, fields, checkpoint });
  checkpoint();
  const keys =
    request.keys === undefined
      ? {}
      : { keys: await writeKeys({ connection, fields, keys: request.keys, folder: request.outputFolder, files }) };
  return { rows: files.reduce((total, file) => total + file.rows, 0), files, ...told, ...keys };
}

/** Results are encoded from decimals of one width. */
function resultColumn(field: Field): string {
  const scale = decimalScale(field.type);
  return scale === undefined ? `c${field.id}` : `CAST(c${field.id} AS DECIMAL(38,${scale}))`;
}

/** Rows that a connector gave in PostgreSQL's text form, as a table. */
async function loadRows({
  connection,
  table,
  scan,
  request,
  batchRows,
}: {
  readonly connection: DuckDBConnection;
  readonly table: string;
  readonly scan: ScanOperator;
  readonly request: TaskRequest;
  readonly batchRows: number;
}): Promise<void> {
  const readable = request.scans[scan.scan];
  if (readable?.kind !== 'rows') throw internal(`scan ${scan.scan} has no rows`);
  const target = await createValueTable(connection, table, scan.fields, batchRows);
  const settings = { timeZone: request.session.timeZone };
  const columns = scan.fields.map((field, i) =>
    readable.rows.map((row): Value | null => {
      const text = row[i];
      if (text === undefined) throw internal(`scan ${scan.scan}: a row has ${row.length} values for ${scan.fields.length} columns`);
      return text === null ? null : parseValue(field.type, text, settings);
    }),
  );
  target.append(columns, readable.rows.length);
  target.finish();
}

interface FileWrite {
  readonly connection: DuckDBConnection;
  readonly select: string;
  readonly fields: readonly Field[];
  readonly folder: string;
  readonly name: string;
  readonly partition: number | undefined;
}

async function writeFile(write: FileWrite): Promise<TaskOutput['files'][number]> {
  const path = join(write.folder, write.name);
  const result = await write.connection.runAndReadAll(copyStatement(write.select, path, write.fields));
  const rows = Number(result.getRows()[0]?.[0] ?? 0);
  return { name: write.name, partition: write.partition, rows, bytes: (await stat(path)).size };
}

interface PartitionedWrite {
  readonly connection: DuckDBConnection;
  readonly request: TaskRequest;
  readonly exchange: NonNullable<TaskRequest['exchange']>;
  readonly select: string;
  readonly fields: readonly Field[];
  readonly checkpoint: () => void;
}

/** Through a temporary table, so that each partition is one file however many threads DuckDB has. */
async function writePartitions({
  connection,
  request,
  exchange,
  select,
  fields,
  checkpoint,
}: PartitionedWrite): Promise<TaskOutput['files']> {
  const partition = partitionExpression(fields, exchange.by, exchange.partitions);
  await connection.run(`CREATE TABLE exchange_rows AS SELECT *, ${partition} AS exchange_partition FROM (${select})`);
  const present = await connection.runAndReadAll('SELECT DISTINCT exchange_partition FROM exchange_rows ORDER BY 1');
  const files: TaskOutput['files'][number][] = [];
  for (const [value] of present.getRows()) {
    checkpoint();
    const n = Number(value);
    const rows = `SELECT ${columnList(fields.map(encodedColumn))} FROM exchange_rows WHERE exchange_partition = ${n}`;
    files.push(
      await writeFile({ connection, select: rows, fields, folder: request.outputFolder, name: `part-${n}.parquet`, partition: n }),
    );
  }
  return files;
}
