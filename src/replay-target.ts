import { extname } from 'node:path';
import { instantText } from '../planner/instant.js';
import type { CopyFile } from '../sql/copy-statement.js';
import { TimelineError, unsupported } from '../sql/errors.js';
import { readQuery } from '../sql/node-tree.js';
import { quoteIdentifier } from '../sql/quote.js';
import type { WrittenName } from '../sql/references.js';
import { splitName } from '../sql/snapshot-call.js';
import { checkPlace } from './file-places.js';
import { below } from './object-store/location.js';
import { resultKind } from './replay/replay-planner.js';
import type { ReplayInterval, ResultWish } from './replay/replay-record.js';
import { uniqueNames } from './replay/result-columns.js';
import { runWrite, type SelectContext, type SelectStatement, type Writing } from './select.js';
import { createdColumns, emptied, PSEUDO_TYPES } from './write-commands.js';
import { createWriting, insertWriting, isDuplicate, newTable, writerFor } from './write-target.js';

/** `inline`, `file`, a location, or a table, as it was written. */
export type WrittenResult =
  | { readonly kind: 'inline' }
  /** Undefined: named by the replay's id, among the results. */
  | { readonly kind: 'file'; readonly location: string | undefined }
  | { readonly kind: 'table'; readonly name: WrittenName };

const HINT = "'inline', 'file', a location (file:///… or s3://….parquet, .csv or .json), or 'schema.table'.";

/** Throws 22023 for what is none of them. */
export function writtenResult(text: string): WrittenResult {
  const trimmed = text.trim();
  const kind = resultKind(trimmed);
  if (kind === 'inline') return { kind };
  if (kind === 'file') {
    if (trimmed === 'file') return { kind, location: undefined };
    formatOf(trimmed);
    return { kind, location: trimmed };
  }
  const parts = splitName(trimmed);
  const name = parts?.at(-1);
  if (parts === undefined || name === undefined || name === '' || parts.length > 2)
    throw invalid(`invalid result of a replay: "${trimmed.slice(0, 200)}"`, HINT);
  return { kind: 'table', name: { schema: parts.at(-2), name } };
}

/** Where a replay's rows go, once its id is known. */
export interface ReplayTarget {
  /** Throws 42501 and the like. */
  check(): Promise<void>;
  place(id: string): Promise<{ readonly statement: SelectStatement; readonly writing: Writing | undefined; readonly wish: ResultWish }>;
}

export interface TargetOptions {
  readonly context: SelectContext;
  /** The query. */
  readonly statement: SelectStatement;
  readonly interval: ReplayInterval | undefined;
  readonly parameters: readonly string[];
  /** INSERT of the query's rows into a table, whose name is SQL. */
  readonly insert: (table: string) => Promise<SelectStatement>;
}

export function replayTarget(written: WrittenResult, options: TargetOptions): ReplayTarget {
  const { statement } = options;
  switch (written.kind) {
    case 'inline':
      requireReadable(statement);
      return { check: async () => undefined, place: async () => ({ statement, writing: undefined, wish: { kind: 'inline' } }) };
    case 'file':
      if (written.location === undefined) requireReadable(statement);
      return fileTarget(written.location, options);
    case 'table':
      return tableTarget(written.name, options);
  }
}

/** Before it runs for hours: timeline.result() could not give such a column back. */
function requireReadable({ columns }: SelectStatement): void {
  for (const { name, type } of columns) {
    const pseudo = PSEUDO_TYPES.get(type.oid);
    if (pseudo === undefined) continue;
    const hint = 'Take its members as columns of their own, or cast it to text.';
    throw unsupported(`column "${name}" of type ${pseudo} in the result of a replay`, { hint });
  }
}

/** Where an explicit location has this, each interval of a schedule has a file of its own. */
const FROM = '{from}';

function fileTarget(written: string | undefined, { context, statement, interval }: TargetOptions): ReplayTarget {
  const { config } = context.engine;
  const { results } = config.replays;
  const place = async (id: string): Promise<CopyFile> => {
    if (written === undefined) {
      const location = `${results}/${id}.parquet`;
      return { location, overwrite: false, format: formatOf(location) };
    }
    if (interval !== undefined && !written.includes(FROM))
      throw invalid(`the files of a schedule's intervals would all be "${written}"`, `Put ${FROM} into the name, or use 'file'.`);
    const named = interval === undefined ? written : written.replaceAll(FROM, stamp(interval.from));
    const file: CopyFile = { location: named, overwrite: false, format: formatOf(named) };
    const inside = below(results, normal(named)) !== undefined;
    const s3 = config.stages.s3;
    const places = inside ? { locations: [results], ...(s3 === undefined ? {} : { s3 }) } : config.copy;
    const location = await checkPlace(places, file).catch((thrown: unknown) => {
      if (!(thrown instanceof TimelineError) || thrown.sqlstate !== '58P02') throw thrown;
      throw new TimelineError({ ...thrown.toJSON(), hint: 'A replay replaces no file: name another one.' });
    });
    return { ...file, location };
  };
  return {
    check: async () => void (await place('replay')),
    async place(id) {
      const file = await place(id);
      const names = uniqueNames(
        statement.columns.map(({ name }) => name),
        { file: true },
      );
      const columns = statement.columns.map(({ name, type }, n) => ({
        name: file.format.kind === 'parquet' ? (names[n] ?? name) : name,
        type,
      }));
      const writing: Writing = async (tree, known) => ({
        query: readQuery(tree, known),
        write: { sink: { kind: 'file', file, columns }, from: columns.map((_, n) => n) },
      });
      return { statement, writing, wish: { kind: 'file', location: file.location } };
    },
  };
}

/** Only to see where it lies; checkPlace says what is wrong with it. */
function normal(location: string): string {
  return location.includes('..') ? '' : location.replace(/\/{2,}$/, '/');
}

function tableTarget(name: WrittenName, options: TargetOptions): ReplayTarget {
  const { context, statement, interval, parameters, insert } = options;
  const { engine, analysis } = context;
  const wishOf = (schema: string, table: string): ResultWish => ({ kind: 'table', schema, table });

  async function existing() {
    const find = () => engine.catalog().find(name.schema, name.name, analysis.searchPath);
    const found = find() ?? ((await engine.refreshCatalog()) ? find() : undefined);
    if (found !== undefined) writerFor(found);
    return found;
  }

  async function inserting(schema: string, table: string) {
    const inserted = await insert(`${quoteIdentifier(schema)}.${quoteIdentifier(table)}`);
    const now = { ...context, catalog: engine.catalog() };
    return { statement: inserted, writing: insertWriting(now), wish: wishOf(schema, table) };
  }

  return {
    async check() {
      const found = await existing();
      if (found !== undefined) await inserting(found.description.schema, found.description.table);
      else {
        newTable(name, { ...context, catalog: engine.catalog() });
        createdColumns(statement, []);
      }
    },
    async place() {
      const found = await existing();
      if (found !== undefined) return inserting(found.description.schema, found.description.table);
      const now = { ...context, catalog: engine.catalog() };
      const table = newTable(name, now);
      const columns = createdColumns(statement, []);
      const create = { columns, options: {}, withData: true };
      if (interval === undefined)
        return { statement, writing: createWriting(table, create, now), wish: wishOf(table.schema, table.source.table) };
      // Several intervals may begin at once: the table is there before any of them commits.
      try {
        await runWrite(emptied(statement), parameters, { ...now, driver: 'local' }, createWriting(table, create, now));
      } catch (thrown) {
        if (!isDuplicate(thrown)) throw thrown;
      }
      await engine.refreshCatalog();
      return inserting(table.schema, table.source.table);
    },
  };
}

function formatOf(location: string): CopyFile['format'] {
  const zipped = /\.gz$/i.test(location);
  const compression = zipped ? 'gzip' : 'none';
  switch (extname(zipped ? location.slice(0, -3) : location).toLowerCase()) {
    case '.parquet':
      if (!zipped) return { kind: 'parquet', compression: 'zstd' };
      break;
    case '.csv':
      return { kind: 'copy', copy: CSV, compression };
    case '.json':
    case '.ndjson':
    case '.jsonl':
      return { kind: 'json', compression };
    default:
  }
  throw invalid(`nobody can tell the format of "${location.slice(0, 200)}"`, 'Let it end in .parquet, .csv, .json, .csv.gz or .json.gz.');
}

const CSV = { format: 'csv', delimiter: ',', null: '', header: true, quote: '"', escape: '"', forceQuote: [] } as const;

/** An instant as part of a file's name: `2025-03-01T00-00-00Z`. */
function stamp(micros: string): string {
  return instantText(micros).replace(' ', 'T').replace('+00', 'Z').replaceAll(':', '-');
}

function invalid(message: string, hint: string): TimelineError {
  return new TimelineError({ kind: 'semantic', sqlstate: '22023', message, hint });
}
