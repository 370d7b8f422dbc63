import type { ParquetRows } from '../../../connectors/connector.js';
import { columnIds } from '../../../planner/columns.js';
import type { DirectInput } from '../../../planner/direct-timeline.js';
import type { PlanExpr } from '../../../planner/physical-plan.js';
import { utcInstant } from '../../../planner/row-computable.js';
import type { ColumnVector } from '../../../sql/column-vector.js';
import { internal, TimelineError } from '../../../sql/errors.js';
import type { Type } from '../../../sql/types.js';
import { KnownTexts } from '../parquet/known-texts.js';
import { openParquet, type ParquetColumn, type ParquetFile } from '../parquet/parquet-file.js';
import { type EventTimes, eventTimes } from './event-times.js';
import { compileRows, type RowProgram } from './row-program.js';
import { gatherVector, type Rows } from './vectors.js';

/** A row group of one of the files. */
export interface EventPart {
  readonly file: number;
  readonly group: number;
  readonly rows: number;
  /** Rows of all parts before it, in the order of files: the source position of its first row. */
  readonly position: number;
  /** What the file says of its times; undefined: nothing certain. Of a part without any time: none. */
  readonly bounds: { readonly min: number; readonly max: number } | undefined;
}

/** A part's rows that pass the filters and have a time. */
export interface PartRows extends EventTimes {
  readonly part: EventPart;
  /** Numbers of the rows in the part, ascending; undefined: all. */
  readonly rows: Rows | undefined;
  /** By the input's field id. */
  readonly columns: ReadonlyMap<number, ColumnVector>;
  /** Rows that pass the filters, but have no time. */
  readonly timeless: number;
}

export interface EventsRequest {
  readonly parquet: ParquetRows;
  readonly input: DirectInput;
  /** The input's field with the time. */
  readonly ts: number;
  /** Fields that `read` gives, without ts. */
  readonly fields: readonly number[];
  /** Those of them that rows are told apart by, and that are of no other use. */
  readonly keys: readonly number[];
  /** Fields that `readOthers` gives. */
  readonly others: readonly number[];
  /** For tests. */
  readonly open?: typeof openParquet;
}

/** Texts that row groups share are forgotten beyond so much. */
const MOST_KNOWN_BYTES = 64 * 2 ** 20;
/** Files held open; more are opened when they are read. */
const MOST_OPEN = 64;

/** The events of a direct operator, decoded from local Parquet files part by part. */
export class ParquetEvents {
  readonly #request: EventsRequest;
  readonly #program: RowProgram;
  readonly #others: RowProgram;
  readonly #open = new Map<number, ParquetFile>();
  /** By scan column. */
  readonly #known: Map<number, KnownTexts>;
  readonly parts: readonly EventPart[];
  /** Do filters leave rows out? */
  readonly filtered: boolean;

  private constructor(request: EventsRequest, programs: readonly [RowProgram, RowProgram], parts: readonly EventPart[]) {
    this.#request = request;
    [this.#program, this.#others] = programs;
    this.#known = new Map(keyColumns(request).map((id) => [id, new KnownTexts()]));
    this.parts = parts;
    this.filtered = request.input.filters.length > 0;
  }

  /** A text says why they cannot be read so. */
  static async open(request: EventsRequest): Promise<ParquetEvents | string> {
    const { parquet, input, ts, fields, others } = request;
    const open = request.open ?? openParquet;
    const program = compileRows(input, [ts, ...fields]);
    const unfiltered = compileRows({ ...input, filters: [] }, others);
    const time = timeColumn(input.columns.get(ts));
    const parts: EventPart[] = [];
    const opened = new Map<number, ParquetFile>();
    let position = 0;
    try {
      for (const [index, file] of parquet.files.entries()) {
        const reading = await open(file);
        if (opened.size < MOST_OPEN) opened.set(index, reading);
        try {
          for (const id of new Set([...program.reads, ...unfiltered.reads])) {
            if (!reading.reads(columnOf(request, index, id)))
              return `column "${nameOf(input, id)}" is kept in a way that only DuckDB decodes`;
          }
          const leaf = time === undefined ? undefined : (columnOf(request, index, time).leaf ?? null);
          for (const group of file.rowGroups ?? reading.rowGroups.keys()) {
            const found = reading.rowGroups[group];
            if (found === undefined) throw internal(`timeline: ${file.location} has no row group ${group}`);
            parts.push({ file: index, group, rows: found.rows, position, bounds: boundsOf(found, leaf) });
            position += found.rows;
          }
        } finally {
          if (opened.get(index) !== reading) reading.close();
        }
      }
    } catch (error) {
      for (const file of opened.values()) file.close();
      throw error;
    }
    const events = new ParquetEvents(request, [program, unfiltered], parts);
    for (const [index, file] of opened) events.#open.set(index, file);
    return events;
  }

  get rows(): number {
    return this.parts.reduce((sum, part) => sum + part.rows, 0);
  }

  /** Of memory, about, beside what `read` gives. */
  get bytes(): number {
    return [...this.#known.values()].reduce((sum, known) => sum + known.bytes, 0);
  }

  async read(part: EventPart): Promise<PartRows> {
    const program = this.#program;
    const { ts, fields } = this.#request;
    const { rowCount, columns, rows } = program.run(await this.#columns(part, program.reads), part.rows);
    const timed = eventTimes(columns.get(ts) as ColumnVector);
    const given = fields.map((id): readonly [number, ColumnVector] => {
      const vector = columns.get(id) as ColumnVector;
      return [id, timed.rows === undefined ? vector : gatherVector(vector, timed.rows)];
    });
    return {
      part,
      times: timed.times,
      rows: timed.rows === undefined || rows === undefined ? (rows ?? timed.rows) : timed.rows.map((row) => rows[row] as number),
      columns: new Map(given),
      timeless: rowCount - timed.times.length,
    };
  }

  /** Only the times, for those rows that pass. */
  async readTimes(part: EventPart): Promise<Float64Array> {
    const { input, ts } = this.#request;
    const program = compileRows(input, [ts]);
    const { columns } = program.run(await this.#columns(part, program.reads), part.rows);
    return eventTimes(columns.get(ts) as ColumnVector).times;
  }

  /** Other fields of all rows of a part, whatever filters say. */
  async readOthers(part: EventPart): Promise<ReadonlyMap<number, ColumnVector>> {
    const program = this.#others;
    return program.run(await this.#columns(part, program.reads), part.rows).columns;
  }

  /** As errors should name a part's file. */
  location({ file }: EventPart): string {
    return this.#request.parquet.files[file]?.location ?? '';
  }

  close(): void {
    for (const file of this.#open.values()) file.close();
    this.#open.clear();
  }

  async #columns(part: EventPart, ids: readonly number[]): Promise<ReadonlyMap<number, ColumnVector>> {
    const file = await this.#file(part.file);
    const columns = ids.map((id) => ({ ...columnOf(this.#request, part.file, id), ...this.#shared(id) }));
    const vectors = decoded(() => file.read(part.group, columns));
    return new Map(ids.map((id, n) => [id, vectors[n] as ColumnVector]));
  }

  #shared(id: number): Pick<ParquetColumn, 'known'> {
    let known = this.#known.get(id);
    if (known === undefined) return {};
    if (known.bytes > MOST_KNOWN_BYTES) {
      known = new KnownTexts();
      this.#known.set(id, known);
    }
    return { known };
  }

  async #file(index: number): Promise<ParquetFile> {
    const known = this.#open.get(index);
    if (known !== undefined) return known;
    const file = this.#request.parquet.files[index];
    if (file === undefined) throw internal(`timeline: no file ${index}`);
    const opened = await (this.#request.open ?? openParquet)(file);
    const [oldest] = this.#open;
    if (oldest !== undefined && this.#open.size >= MOST_OPEN) {
      oldest[1].close();
      this.#open.delete(oldest[0]);
    }
    this.#open.set(index, opened);
    return opened;
  }
}

/** The scan's column that is the time just as it is. */
function timeColumn(expr: PlanExpr | undefined): number | undefined {
  if (expr === undefined) return undefined;
  const inner = utcInstant(expr) ?? (expr.kind === 'cast' && expr.via === 'relabel' ? expr.arg : undefined);
  if (inner !== undefined) return timeColumn(inner);
  return expr.kind === 'column' ? expr.id : undefined;
}

/** Columns that are keys, and nothing else is computed of: that would be computed for what the row group has not. */
function keyColumns({ input, keys, fields }: EventsRequest): readonly number[] {
  const own = keys.flatMap((key) => {
    const expr = input.columns.get(key);
    return expr?.kind === 'column' ? [expr.id] : [];
  });
  const read = new Set<number>();
  for (const expr of input.filters) columnIds(expr, read);
  for (const id of fields) if (!keys.includes(id)) columnIds(input.columns.get(id) as PlanExpr, read);
  return own.filter((id) => !read.has(id));
}

function columnOf({ parquet, input }: EventsRequest, file: number, id: number): ParquetColumn {
  const index = input.scan.fields.findIndex((field) => field.id === id);
  const leaf = parquet.files[file]?.columns[index];
  if (leaf === undefined) throw internal(`timeline: the scan does not give column ${id}`);
  return { leaf, type: input.scan.fields[index]?.type as Type };
}

function nameOf(input: DirectInput, id: number): string {
  return input.scan.fields.find((field) => field.id === id)?.name ?? String(id);
}

/** `leaf`: undefined, the time is computed; null, the file has no such column. */
function boundsOf(group: ParquetFile['rowGroups'][number], leaf: number | null | undefined): EventPart['bounds'] {
  if (leaf === undefined) return undefined;
  // nothing of it will be an event
  if (leaf === null) return { min: -Infinity, max: -Infinity };
  const bounds = group.bounds(leaf);
  return bounds === undefined ? undefined : { min: bounds.min, max: bounds.max };
}

/** What pages hold shows when they are read. DuckDB may know it. */
export class NotDecoded extends Error {}

function decoded<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof TimelineError && error.sqlstate === '0A000') throw new NotDecoded(error.message);
    throw error;
  }
}

/** Bounds that do not fit the rows: what was decided by them would be wrong. */
export function wrongBounds(location: string): TimelineError {
  return new TimelineError({
    kind: 'data',
    sqlstate: 'XX001',
    message: `the statistics of file "${location}" do not fit its rows: an event lies outside of the bounds of its row group`,
  });
}
