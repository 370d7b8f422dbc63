import type { FileHandle } from 'node:fs/promises';
import { duckdbType } from '../../../sql/duckdb-type.js';
import { asTimelineError, internal } from '../../../sql/errors.js';
import type { ColumnDescription } from '../../connector.js';
import type { LogsClient, QueryOptions } from '../client/logs-client.js';
import type { LogsWindow } from '../handle.js';
import type { LogsFilter, LogsQuery } from '../logsql/syntax.js';
import { incompleteRow } from '../read/line-texts.js';
import { type ScratchFile, scratchFile } from '../read/scratch-file.js';
import { globLiteral, quoteName, quoteText } from '../read/sql-text.js';
import { EntrySums, type Group, groupOfStats, InexactSum, keysOf } from './group-lines.js';
import type { GroupPlan, GroupQuery } from './group-plan.js';

/** Smaller windows are not halved: microseconds are the least that tells entries apart for us. */
const LEAST_WINDOW = 2_000n;
/** A sum of at least so many entries pays to be asked of the server in smaller windows, rather than to fetch the entries. */
const LEAST_SUMMED = 20_000n;
/** Windows that take too long one after the other: then it is the server that is slow. Windows of years may have their entries in one day. */
const MOST_LATE = 12;
const BUFFER_CHARACTERS = 1 << 18;
const LINE_BYTES = 32 << 20;

export interface GroupsRequest {
  readonly client: Pick<LogsClient, 'query'>;
  readonly folder: string;
  readonly plan: GroupPlan;
  readonly parts: readonly { readonly windows: readonly LogsWindow[]; readonly filter: LogsFilter }[];
  readonly options: QueryOptions;
}

/** Partial groups of all windows in a file of JSON lines. Errors: the client's; there is no file then. */
export function writeGroups(request: GroupsRequest): Promise<ScratchFile> {
  return scratchFile(request.folder, 'groups', async (file) => {
    const lines = new Lines(file);
    const patience: Patience = { late: 0 };
    for (const { windows, filter } of request.parts)
      for (const [from, to] of windows)
        for (const query of request.plan.queries) await new Window(request, query, filter, lines, patience).write(BigInt(from), BigInt(to));
    await lines.flush();
  });
}

/** DuckDB's relation over such a file; undefined: over no groups. */
export function groupsRelation(columns: readonly Pick<ColumnDescription, 'name' | 'type'>[], path: string | undefined): string {
  const casts = columns.map(
    ({ name, type }, n) => `CAST(${path === undefined ? 'NULL' : `v[${n + 1}]`} AS ${duckdbType(type)}) AS ${quoteName(name)}`,
  );
  if (path === undefined) return `(SELECT ${casts.join(', ')} WHERE false)`;
  const pointers = columns.map(({ name }) => quoteText(`/${name}`)).join(', ');
  const source = `read_ndjson_objects(${globLiteral(path)}, maximum_object_size=${LINE_BYTES})`;
  return `(SELECT ${casts.join(', ')} FROM (SELECT json_extract_string(json, [${pointers}]) AS v FROM ${source}))`;
}

interface Patience {
  /** Windows that took too long since one did not. */
  late: number;
}

/** One query of the plan over windows of time. Groups of two halves add up to those of the whole, so a window can always be halved. */
class Window {
  constructor(
    private readonly request: GroupsRequest,
    private readonly query: GroupQuery,
    private readonly filter: LogsFilter,
    private readonly lines: Lines,
    private readonly patience: Patience,
  ) {}

  /** `entries`: they are fetched and added up here. */
  async write(from: bigint, to: bigint, by: 'groups' | 'entries' = 'groups'): Promise<void> {
    const before = await this.lines.mark();
    try {
      for await (const group of by === 'groups' ? this.#groups(from, to) : this.#addedUp(from, to)) await this.lines.add(group);
      this.patience.late = 0;
    } catch (error) {
      this.request.options.signal.throwIfAborted();
      if (asTimelineError(error).sqlstate === '57014' && ++this.patience.late >= MOST_LATE) throw error;
      const next = nextStep(error, to - from);
      if (next === undefined) throw error;
      await this.lines.backTo(before);
      if (next === 'entries') return this.write(from, to, 'entries');
      const middle = from + ((to - from) / 2_000n) * 1_000n;
      await this.write(from, middle, by);
      await this.write(middle, to, by);
    }
  }

  async *#groups(from: bigint, to: bigint): AsyncGenerator<Group> {
    const { plan } = this.request;
    const { kind, calls } = this.query;
    const by = kind === 'groups' ? plan.by : [];
    const pipe = kind === 'distinct' ? ({ kind: 'uniq', fields: plan.fields } as const) : ({ kind: 'stats', by, calls } as const);
    for await (const rows of this.#ask(from, to, pipe)) {
      for (const row of rows) {
        if (kind === 'groups') yield groupOfStats(plan, this.query, row);
        else if (kind === 'distinct') yield keysOf(plan, row);
        else if (row[calls[0]?.as ?? ''] === '0') continue;
        else if (kind === 'absent') yield {};
        else throw incompleteRow();
      }
    }
  }

  async *#addedUp(from: bigint, to: bigint): AsyncGenerator<Group> {
    const { plan } = this.request;
    const { of } = this.query;
    if (of === undefined) throw internal('a sum of no field');
    const sums = new EntrySums(plan, this.query, of.field);
    for await (const rows of this.#ask(from, to, { kind: 'fields', fields: [...new Set([...plan.fields, of.field])] }))
      for (const row of rows) sums.add(row);
    yield* sums.groups();
  }

  #ask(from: bigint, to: bigint, pipe: LogsQuery['pipes'][number]): ReturnType<LogsClient['query']> {
    const { client, options } = this.request;
    const filter: LogsFilter = { kind: 'and', args: [{ kind: 'time', from, to }, this.filter, ...this.query.filters] };
    return client.query({ filter, pipes: [pipe] }, options);
  }
}

/** What took too long, or more memory than the server has for it, and sums that are too large, come in smaller windows. */
function nextStep(error: unknown, width: bigint): 'halves' | 'entries' | undefined {
  if (error instanceof InexactSum) return error.least < LEAST_SUMMED || width < LEAST_WINDOW ? 'entries' : 'halves';
  const { sqlstate } = asTimelineError(error);
  const tooMuch = sqlstate === '57014' || sqlstate === '53200';
  return tooMuch && width >= LEAST_WINDOW ? 'halves' : undefined;
}

/** Lines of a file that can be taken back. */
class Lines {
  #bytes = 0;
  #waiting = '';

  constructor(private readonly file: FileHandle) {}

  async add(group: Group): Promise<void> {
    this.#waiting += `${JSON.stringify(group)}\n`;
    if (this.#waiting.length > BUFFER_CHARACTERS) await this.flush();
  }

  /** What `backTo` goes back to. */
  async mark(): Promise<number> {
    await this.flush();
    return this.#bytes;
  }

  async backTo(mark: number): Promise<void> {
    this.#waiting = '';
    this.#bytes = mark;
    await this.file.truncate(mark);
  }

  async flush(): Promise<void> {
    const bytes = Buffer.from(this.#waiting);
    this.#waiting = '';
    for (let at = 0; at < bytes.byteLength; ) {
      const { bytesWritten } = await this.file.write(bytes, at, bytes.byteLength - at, this.#bytes + at);
      at += bytesWritten;
    }
    this.#bytes += bytes.byteLength;
  }
}
