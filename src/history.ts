import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export type ReplayState = 'running' | 'completed' | 'failed' | 'cancelled';

/** One plan that ran, or runs: a row of timeline.replays and timeline.queries. */
export interface ReplayRecord {
  readonly id: string;
  readonly driver: 'local' | 'temporal';
  readonly state: ReplayState;
  readonly user: string;
  readonly sql: string;
  /** What replay functions were asked for: function, source and arguments of each call. */
  readonly replay?: readonly Readonly<Record<string, string | null>>[];
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly stages: number;
  readonly tasks: number;
  readonly tasksDone: number;
  readonly rows: number;
  /** Of what writes tables or files. */
  readonly rowsWritten?: number;
  readonly bytesRead: number;
  readonly filesTotal: number;
  readonly filesRead: number;
  /** Of the files that were read, where the connector looked into them; absent in what older versions wrote. */
  readonly rowGroupsTotal?: number;
  readonly rowGroupsRead?: number;
  /** What came of indexes that were searched; absent: none was. */
  readonly indexUse?: string;
  readonly sqlstate: string | undefined;
  readonly error: string | undefined;
}

const KEPT = 1000;
const SQL_KEPT = 4000;

/** What ran, newest last: bounded in memory, appended to a file so that it outlives the server. */
export class History {
  private readonly records = new Map<string, ReplayRecord>();
  private writing: Promise<void> = Promise.resolve();

  private constructor(private readonly path: string | undefined) {}

  /** `path`: an NDJSON file, made when needed; lines that don't parse (a crash cut them off) are passed over. */
  static async open(path: string | undefined): Promise<History> {
    const history = new History(path);
    if (path === undefined) return history;
    await mkdir(dirname(path), { recursive: true });
    const text = await readFile(path, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(-KEPT)) {
      const record = parseRecord(line);
      if (record !== undefined) history.records.set(record.id, record);
    }
    // Rewritten at each start, so that the file stays as bounded as the memory.
    await writeFile(`${path}.new`, [...history.records.values()].map((record) => `${JSON.stringify(record)}\n`).join(''));
    await rename(`${path}.new`, path);
    return history;
  }

  list(): readonly ReplayRecord[] {
    return [...this.records.values()];
  }

  get(id: string): ReplayRecord | undefined {
    return this.records.get(id);
  }

  /** Adds or replaces a record; one that has ended is written to the file. */
  put(record: ReplayRecord): void {
    const kept = { ...record, sql: record.sql.slice(0, SQL_KEPT) };
    this.records.set(record.id, kept);
    if (this.records.size > KEPT) {
      const oldest = this.records.keys().next().value;
      if (oldest !== undefined) this.records.delete(oldest);
    }
    if (record.state === 'running' || this.path === undefined) return;
    const path = this.path;
    // A full disk must not fail the query: its answer is right without its history.
    this.writing = this.writing.then(() => appendFile(path, `${JSON.stringify(kept)}\n`)).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.writing;
  }
}

function parseRecord(line: string): ReplayRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'id' in value && 'startedAt' in value ? (value as ReplayRecord) : undefined;
  } catch {
    return undefined;
  }
}
