import type pg from 'pg';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { Oid, type Type } from '../../sql/types.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import type { BruteCase, Event } from './brute-force.js';
import { canonical, show } from './brute-values.js';
import { Random } from './random.js';
import { C, randomEvents } from './random-events.js';
import { randomSpec } from './random-timeline.js';
import type { World } from './random-world.js';
import { columnName, comparable, readText, typeSql, valueSql } from './timeline-sql.js';

const HOUR = 3_600_000_000;

/** Where the stored tables live: a night in Paris with a clock change, in steps of ten minutes. */
export const NIGHT: World = {
  kind: 'calendar',
  zone: 'Europe/Paris',
  base: Date.parse('2024-03-30T20:00:00Z') * 1000,
  unit: HOUR / 6,
  span: 45,
  every: [
    { months: 0, days: 0, micros: String(HOUR) },
    { months: 0, days: 0, micros: String(HOUR / 2) },
    { months: 0, days: 1, micros: '0' },
  ],
};

export interface Stored {
  readonly name: string;
  readonly events: readonly Event[];
  readonly types: ReadonlyMap<number, Type>;
}

/** Columns that Iceberg has types for. */
export const STORED = [C.key, C.ts, C.seq, C.state, C.number, C.flag, C.end, C.id, C.key2, C.float, C.numeric, C.seq2, C.flag2] as const;

type Layout = 'ordered' | 'mixed' | 'appended';

/** A server with stored tables of random events in three layouts, each a second time with its rows and files in another order. */
export class RandomLake {
  readonly tables: Stored[] = [];
  readonly permuted: Stored[] = [];

  private constructor(
    private readonly home: Awaited<ReturnType<typeof tempFolder>>,
    readonly server: TimelineServer,
    readonly client: pg.Client,
  ) {}

  static async open(): Promise<RandomLake> {
    const home = await tempFolder('random-lake');
    const catalog = {
      type: 'iceberg',
      catalog: { type: 'filesystem', warehouse: `file://${home.path}/warehouse` },
      write: { schemas: ['r'] },
    };
    const server = await startTimeline({ home: home.path, config: JSON.stringify({ catalogs: { lake: catalog } }) });
    const client = await server.connect();
    const lake = new RandomLake(home, server, client);
    await client.query("SET TimeZone = 'UTC'");
    for (const layout of ['ordered', 'mixed', 'appended'] as const) {
      const stored = randomTable(layout);
      const time = (event: Event): number => Number(event[C.ts] ?? 0);
      const rows = layout === 'mixed' ? stored.events : [...stored.events].sort((a, b) => time(a) - time(b));
      await lake.#write(stored, rows, layout === 'ordered' ? 1 : 4);
      lake.tables.push(stored);
      const other = { ...stored, name: `${stored.name}_permuted` };
      const random = new Random(99);
      const shuffled = rows.map((row) => ({ row, at: random.below(1e6) })).sort((a, b) => a.at - b.at);
      await lake.#write(
        other,
        shuffled.map(({ row }) => row),
        3,
      );
      lake.permuted.push(other);
    }
    return lake;
  }

  async close(): Promise<void> {
    await this.client.end();
    await this.server.stop();
    await this.home.remove();
  }

  async #write({ name, types }: Stored, rows: readonly Event[], files: number): Promise<void> {
    const columns = STORED.map((id) => `${columnName(id)} ${id === C.numeric ? 'numeric(10,2)' : typeSql(types.get(id)!)}`);
    await this.client.query(`CREATE TABLE ${name} (${columns.join(', ')})`);
    for (let file = 0; file < files; file++) {
      const part = rows.slice((rows.length * file) / files, (rows.length * (file + 1)) / files);
      const values = part.map(
        (event) => `(${STORED.map((id) => `${valueSql(event[id] ?? null, types.get(id)!)}::${typeSql(types.get(id)!)}`).join(',')})`,
      );
      await this.client.query(`INSERT INTO ${name} VALUES ${values.join(',')}`);
    }
  }

  /** A query's rows, each column read as its type; an error as `SQLSTATE: message`. */
  async rows(sql: string): Promise<(string | null)[][] | string> {
    const text = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig;
    try {
      return (await this.client.query({ text: sql, rowMode: 'array', types: text })).rows as (string | null)[][];
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      return `${code}: ${message}`;
    }
  }
}

/** ordered: one file by time; mixed: four files in no order; appended: four files one after the other in time, each by time. */
function randomTable(layout: Layout): Stored {
  const random = new Random(layout.length);
  const keys: readonly [number, number] = layout === 'appended' ? [Oid.int4, Oid.text] : [Oid.text, Oid.int4];
  const key = (): string | number => (keys[0] === Oid.int4 ? random.below(12) : `key ${random.below(12)}`);
  const made = randomEvents(random, NIGHT, { keys, key, count: 150 });
  // `seq` is the row's number, so that the order of files does not matter
  const events = made.events.map(
    (event, n): Event => ({ ...event, [C.seq]: n, [C.numeric]: event[C.numeric] === 'NaN' ? '7' : event[C.numeric]! }),
  );
  return { name: `r.${layout}`, events, types: new Map(STORED.map((id): [number, Type] => [id, made.types.get(id)!])) };
}

/** A call over a stored table: only what its columns allow. */
export function randomCall(random: Random, { name, events, types }: Stored): BruteCase & { readonly source: string } {
  const all = randomEvents(random, NIGHT, { keys: [types.get(C.key)!.oid, types.get(C.key2)!.oid], count: 0 }).types;
  const horizon = Math.max(...events.map((event) => Number(event[C.ts] ?? -Infinity)));
  for (;;) {
    const made = randomSpec(random, NIGHT, all, { probes: false });
    const spec = {
      ...made,
      orderBy: [...made.orderBy.filter((id) => types.has(id)), C.seq],
      dedupe: made.dedupe.filter((id) => types.has(id)),
    };
    const columns = spec.leaves.flatMap((leaf) => ['value' in leaf ? leaf.value : C.ts, 'when' in leaf ? (leaf.when ?? C.ts) : C.ts]);
    if (columns.every((id) => types.has(id))) return { spec, events, types, horizon, source: name };
  }
}

/** One value of the server's text, in the form that `comparable` gives it. */
export function readCell(of: Type, text: string | null, loose: boolean): string | null {
  if (text === null) return null;
  const value = of.oid === Oid.bool ? text === 't' : readText(of, text);
  return (loose ? canonical : comparable)(of, value);
}

/**
 * Which of several texts of equal values is given does not matter: of a key (in a signal, too) it is any event's, and DuckDB's sort makes 0 of a -0 that is
 * sorted by.
 */
export function isLoose({ keys, orderBy, signals }: TimelineSpec, column: number): boolean {
  return column < keys.length || orderBy.includes(C.float) || JSON.stringify(signals).includes('"kind":"key"');
}

export function asSet(rows: readonly (readonly (string | null)[])[]): readonly string[] {
  return rows.map(show).sort();
}
