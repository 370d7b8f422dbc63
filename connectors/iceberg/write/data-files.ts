import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { internal, TimelineError, unsupported } from '../../../sql/errors.js';
import type { Meter } from '../../connector.js';
import { transformText } from '../format/schema-json.js';
import type { FileIo } from '../read/file-io.js';
import { globLiteral, quoteName, quoteText } from '../read/sql-text.js';
import { dictionaryOption } from './duckdb-parquet.js';
import type { OnStep } from './on-step.js';
import type { ParquetWriter } from './parquet-writer.js';
import {
  datumSql,
  type PartitionColumn,
  partitionColumns,
  partitionFolders,
  type TransformHelper,
  transformSql,
} from './partition-values.js';
import { fieldAccess, incomingType, physicalColumn, unholdable } from './physical-columns.js';
import { findField, type TableShape, targetBytes } from './table-shape.js';
import { helpersOf, openEngine, registerHelpers } from './writer-engine.js';
import type { WrittenFile } from './written-file.js';

export interface DataFilesRequest {
  readonly io: FileIo;
  readonly shape: TableShape;
  readonly parquet: ParquetWriter;
  /** Local Parquet files with the columns by name, in the kernel's types. */
  readonly files: readonly string[];
  readonly rows: number;
  /** Begins the files' names: which write, task and attempt they are of. */
  readonly name: string;
  readonly meter: Meter;
  readonly signal: AbortSignal;
  readonly onStep: OnStep;
}

/** Rows of a partition lie together in a sorted file, and are found by the statistics of its row groups. */
const SORTED_GROUP_ROWS = 20_480;

/**
 * Writes rows as data files of the table: one or more for each partition, each sorted by the table's order, of about the size it
 * wishes. What was uploaded is deleted again when it fails. Errors: 23502 NULL in a required column, 22008 an infinite date or time, 24:00, bytes of the wrong length.
 */
export async function writeDataFiles(request: DataFilesRequest): Promise<WrittenFile[]> {
  const { shape, files, io } = request;
  if (request.rows === 0 || files.length === 0) return [];
  const engine = await openEngine();
  const uploaded: string[] = [];
  let failure: (() => TimelineError | undefined) | undefined;
  const interrupt = (): void => engine.connection.interrupt();
  request.signal.addEventListener('abort', interrupt, { once: true });
  try {
    request.signal.throwIfAborted();
    const partition = partitionColumns(shape);
    const order = orderBy(shape);
    failure = registerHelpers(engine.connection, shape, [...helpersOf(partition), ...order.helpers]);
    const input = `read_parquet([${files.map((file) => quoteText(globLiteral(file))).join(', ')}], hive_partitioning = false)`;
    await checkInput(engine.connection, input, request);
    const source = `SELECT ${shape.schema.fields.map((field) => `${physicalColumn(field)} AS ${quoteName(field.name)}`).join(', ')} FROM ${input}`;
    const rowsPerFile = Math.max(1, Math.floor(targetBytes(shape) / (await inputBytesPerRow(engine.connection, files, request.rows))));
    const written: WrittenFile[] = [];
    for await (const part of partsOf({
      ...request,
      connection: engine.connection,
      folder: engine.folder,
      source,
      partition,
      order: order.sql,
      rowsPerFile,
    })) {
      for (const select of chunks(part, rowsPerFile)) {
        request.signal.throwIfAborted();
        const file = join(engine.folder, `data-${written.length}.parquet`);
        const metrics = await request.parquet({ connection: engine.connection, select, file, shape, signal: request.signal });
        await request.onStep('data file written');
        const folders = partitionFolders(partition, part.values);
        const path = [dataFolder(shape), ...folders, `${request.name}-${written.length}-${randomBytes(4).toString('hex')}.parquet`].join(
          '/',
        );
        uploaded.push(path);
        if (!(await io.create(path, { file }, { signal: request.signal, meter: request.meter }))) throw internal(`${path} exists already`);
        await request.onStep('data file uploaded');
        await rm(file, { force: true });
        written.push({ path, specId: shape.spec.id, sortOrderId: shape.order.id, partition: part.values, ...metrics });
      }
    }
    const rows = written.reduce((sum, file) => sum + file.records, 0);
    if (rows !== request.rows) throw internal(`${request.rows} rows came in for table ${shape.name}, ${rows} were written`);
    return written;
  } catch (error) {
    await Promise.all(uploaded.map((path) => io.delete(path).catch(() => undefined)));
    request.signal.throwIfAborted();
    throw explained(error, failure?.(), shape);
  } finally {
    request.signal.removeEventListener('abort', interrupt);
    await engine.close();
  }
}

interface Part {
  readonly values: readonly (string | null)[];
  /** SELECT of its rows in order, to which LIMIT and OFFSET may be put. */
  readonly select: string;
  readonly rows: number;
}

interface PartsRequest extends DataFilesRequest {
  readonly connection: DuckDBConnection;
  readonly folder: string;
  readonly source: string;
  readonly partition: readonly PartitionColumn[];
  readonly order: string;
  readonly rowsPerFile: number;
}

/** The rows by partition. Of several partitions all rows are sorted once, into a file, and each partition's are then a run of it: one file is open at a time. */
async function* partsOf(request: PartsRequest): AsyncIterable<Part> {
  const { connection, source, partition, order, folder, shape } = request;
  const real = partition.filter(({ field }) => field.transform.kind !== 'void');
  if (real.length === 0) {
    yield await wholePart(
      request,
      partition.map(() => null),
    );
    return;
  }
  const keys = real.map((column, at) => `${column.sql} AS ${keyName(at)}`).join(', ');
  const names = real.map((_, at) => keyName(at));
  await connection.run(
    `CREATE TEMP TABLE tuples AS SELECT *, CAST(row_number() OVER (ORDER BY ${names.join(', ')}) AS INTEGER) AS timeline_part FROM ` +
      `(SELECT ${names.join(', ')}, count(*) AS timeline_rows FROM (SELECT ${keys} FROM (${source})) GROUP BY ALL)`,
  );
  const texts = real.map((column, at) => `${datumSql(column.type, keyName(at))}`);
  const found = await connection.runAndReadAll(
    `SELECT timeline_part, timeline_rows, ${texts.join(', ')} FROM tuples ORDER BY timeline_part`,
  );
  const tuples = found
    .getRowsJson()
    .map(([part, rows, ...values]) => ({ part: Number(part), rows: Number(rows), values: values as (string | null)[] }));
  const valuesOf = (values: readonly (string | null)[]): (string | null)[] =>
    partition.map((column) => (column.field.transform.kind === 'void' ? null : (values[real.indexOf(column)] ?? null)));
  const [only] = tuples;
  if (tuples.length === 1 && only !== undefined) {
    yield await wholePart(request, valuesOf(only.values));
    return;
  }
  const sorted = quoteText(join(folder, 'sorted.parquet'));
  const same = names.map((name) => `s.${name} IS NOT DISTINCT FROM t.${name}`).join(' AND ');
  await connection.run(
    `COPY (SELECT s.* EXCLUDE (${names.join(', ')}), t.timeline_part FROM (SELECT *, ${keys} FROM (${source})) s JOIN tuples t ON ${same} ` +
      `ORDER BY t.timeline_part${order === '' ? '' : `, ${order}`}) TO ${sorted} (FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE ${SORTED_GROUP_ROWS}${dictionaryOption(shape)})`,
  );
  for (const { part, rows, values } of tuples) {
    yield {
      values: valuesOf(values),
      select: `SELECT * EXCLUDE (timeline_part) FROM read_parquet(${sorted}) WHERE timeline_part = ${part}`,
      rows,
    };
  }
}

/** All rows are one part. Several files of it are cut out of one sorted file: sorting once for each could order equal rows in another way. */
async function wholePart(request: PartsRequest, values: readonly (string | null)[]): Promise<Part> {
  const { connection, source, order, folder, shape, rows } = request;
  if (order === '') return { values, select: source, rows };
  const select = `SELECT * FROM (${source}) ORDER BY ${order}`;
  if (filesOf(rows, request.rowsPerFile) === 1) return { values, select, rows };
  const sorted = quoteText(join(folder, 'sorted.parquet'));
  await connection.run(
    `COPY (${select}) TO ${sorted} (FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE ${SORTED_GROUP_ROWS}${dictionaryOption(shape)})`,
  );
  return { values, select: `SELECT * FROM read_parquet(${sorted})`, rows };
}

/** A last file of a few rows would be for nothing. */
function filesOf(rows: number, rowsPerFile: number): number {
  return Math.max(1, Math.round(rows / rowsPerFile));
}

function keyName(at: number): string {
  return `timeline_key_${at}`;
}

function* chunks(part: Part, rowsPerFile: number): Iterable<string> {
  const count = filesOf(part.rows, rowsPerFile);
  const size = Math.ceil(part.rows / count);
  if (count === 1) yield part.select;
  else for (let at = 0; at < part.rows; at += size) yield `${part.select} LIMIT ${size} OFFSET ${at}`;
}

function orderBy(shape: TableShape): { readonly sql: string; readonly helpers: readonly TransformHelper[] } {
  const helpers: TransformHelper[] = [];
  const terms = shape.order.fields.map((field, at) => {
    const found = findField(shape.schema.fields, field.sourceId);
    const computed =
      found === undefined ? undefined : transformSql(field.transform, found.field.type, fieldAccess(found.path), `tl_order_${at}`);
    if (computed === undefined)
      throw unsupported(`writing table ${shape.name} in its sort order (${transformText(field.transform)} of column ${field.sourceId})`);
    if (computed.helper !== undefined) helpers.push(computed.helper);
    return `${computed.sql} ${field.descending ? 'DESC' : 'ASC'} NULLS ${field.nullsFirst ? 'FIRST' : 'LAST'}`;
  });
  return { sql: terms.join(', '), helpers };
}

/** The kernel's files must have exactly the types that `begin` promised, and no value that Iceberg cannot hold. */
async function checkInput(connection: DuckDBConnection, input: string, { shape, rows }: DataFilesRequest): Promise<void> {
  const described = await connection.runAndReadAll(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${input})`);
  const types = new Map(described.getRowsJson().map(([name, type]) => [String(name), String(type)]));
  for (const field of shape.schema.fields) {
    const [wanted, given] = [normalType(incomingType(field.type)), types.get(field.name)];
    if (given !== wanted) throw internal(`column "${field.name}" of table ${shape.name} comes as ${given ?? 'nothing'}, not as ${wanted}`);
  }
  const required = shape.schema.fields.filter((field) => field.required);
  const checks = [
    'count(*)',
    ...required.map((field) => `count(*) FILTER (WHERE ${quoteName(field.name)} IS NULL)`),
    ...shape.schema.fields.map((field) => {
      const test = unholdable(field.type, quoteName(field.name));
      return test === undefined ? '0' : `count(*) FILTER (WHERE ${test.sql})`;
    }),
  ];
  const counted = (await connection.runAndReadAll(`SELECT ${checks.join(', ')} FROM ${input}`)).getRowsJson()[0]?.map(Number) ?? [];
  if (counted[0] !== rows) throw internal(`${rows} rows were told for table ${shape.name}, its files hold ${counted[0]}`);
  for (const [at, field] of required.entries()) {
    if (counted[1 + at] === 0) continue;
    const message = `null value in column "${field.name}" of relation "${shape.name}" violates not-null constraint`;
    throw new TimelineError({ kind: 'data', sqlstate: '23502', message });
  }
  for (const [at, field] of shape.schema.fields.entries()) {
    if (counted[1 + required.length + at] === 0) continue;
    const what = unholdable(field.type, '')?.what ?? 'such a value';
    const message = `${what} cannot be kept in column "${field.name}" of Iceberg table ${shape.name}`;
    throw new TimelineError({ kind: 'data', sqlstate: '22008', message });
  }
}

function normalType(type: string): string {
  return type.replaceAll('TIMESTAMPTZ', 'TIMESTAMP WITH TIME ZONE');
}

/** What the rows take compressed in the kernel's files: near enough to what they will take in the table's. */
async function inputBytesPerRow(connection: DuckDBConnection, files: readonly string[], rows: number): Promise<number> {
  const list = files.map((file) => quoteText(globLiteral(file))).join(', ');
  const found = await connection.runAndReadAll(`SELECT sum(total_compressed_size) FROM parquet_metadata([${list}])`);
  return Math.max(1, Number(found.getRowsJson()[0]?.[0] ?? 0) / Math.max(1, rows));
}

function dataFolder(shape: Pick<TableShape, 'location' | 'properties'>): string {
  return (shape.properties['write.data.path'] ?? `${shape.location}/data`).replace(/\/+$/, '');
}

function explained(error: unknown, thrown: TimelineError | undefined, shape: TableShape): unknown {
  if (thrown !== undefined) return thrown;
  if (error instanceof TimelineError) return error;
  const message = error instanceof Error ? error.message : String(error);
  // Casts out of jsonb texts are all that may fail for a value.
  const value = /^Conversion Error: (.*)/s.exec(message)?.[1]?.split('\n')[0];
  if (value !== undefined)
    return new TimelineError({
      kind: 'data',
      sqlstate: '22P02',
      message: `a value cannot be kept in table ${shape.name}: ${value}`,
      cause: error,
    });
  return internal(`writing files of table ${shape.name} failed: ${message}`, error);
}
