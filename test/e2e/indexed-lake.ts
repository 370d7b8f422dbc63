import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CandidateRequest, Candidates, Connector, RowRuns, TableIndex, TablePredicate } from '../../connectors/connector.js';
import type { DeleteFile, IcebergSplit } from '../../connectors/iceberg/handle.js';
import type { Expr } from '../../sql/expression.js';
import type { EmbeddedPostgres as Analyser } from '../../sql/postgres.js';
import { type PrintableLeaf, printExpression } from '../../sql/print-postgres.js';
import { Oid, type } from '../../sql/types.js';
import { METER, newLake, SIGNAL, type TestLake, writeRows } from '../connectors/iceberg-lake.js';
import { EmbeddedPostgres } from '../support/embedded-postgres.js';
import type { Dice } from './oracle-dice.js';

const FILE_ROWS = 5000;
const FILES = 4;
export const ROWS = FILE_ROWS * FILES;

const COLUMNS = [
  ['id', Oid.int8],
  ['k', Oid.int4],
  ['s', Oid.text],
  ['ts', Oid.timestamptz],
  ['v', Oid.float8],
] as const;

/** Row n of table s.events in both dialects: ids are numbers of rows, a user has about four. */
const EVENTS = (n: string, at: string): string =>
  `${n} AS id, CAST(CASE WHEN ${n} % 13 = 0 THEN NULL ELSE ${n} % 97 END AS integer) AS k, concat('u', CAST((${n} * 7919) % 5003 AS text)) AS s, ` +
  `${at} AS ts, CAST((${n} % 1000) AS double precision) / 8 AS v`;

/** A lake with s.events, of which rows are deleted in two ways, s.users and s.plain; and the same rows of s.events in PostgreSQL, deleted ones too. */
export interface IndexedLake {
  readonly lake: TestLake;
  readonly postgres: EmbeddedPostgres;
  /** The lake's connector, with deletes. */
  readonly connector: Connector;
  readonly paths: readonly string[];
  close(): Promise<void>;
}

export async function indexedLake(): Promise<IndexedLake> {
  const lake = await newLake();
  const made = async (table: string, columns: readonly (readonly [string, number])[], selects: readonly string[]): Promise<void> => {
    const create = {
      columns: columns.map(([name, oid]) => ({ name, type: type(oid), nullable: true, comment: undefined })),
      options: { 'write.parquet.row-group-limit': '2048' },
    };
    const { handle } = await lake.writer.begin({ table: { schema: 's', table }, create }, SIGNAL);
    const written: unknown[] = [];
    for (const [n, select] of selects.entries()) written.push(...(await writeRows(lake, lake.writer, handle, select, String(n))));
    await lake.writer.commit(handle, { written, batch: table, summary: {}, signal: SIGNAL });
  };
  const events = EVENTS('n', "TIMESTAMPTZ '2025-01-01 00:00:00+00' + n * INTERVAL '61 seconds'");
  await made(
    'events',
    COLUMNS,
    Array.from({ length: FILES }, (_, file) => `SELECT ${events} FROM range(${file * FILE_ROWS}, ${(file + 1) * FILE_ROWS}) AS r(n)`),
  );
  await made(
    'users',
    [
      ['k', Oid.int4],
      ['name', Oid.text],
    ],
    [`SELECT CAST(n AS integer) AS k, concat('name', CAST(n % 10 AS text)) AS name FROM range(97) AS r(n)`],
  );
  const plain = (from: number): string =>
    `SELECT n AS id, CAST(hash(n) AS VARCHAR) AS session, CAST(n % 3 AS VARCHAR) AS device FROM range(${from}, ${from + FILE_ROWS}) AS r(n)`;
  await made(
    'plain',
    [
      ['id', Oid.int8],
      ['session', Oid.text],
      ['device', Oid.text],
    ],
    Array.from({ length: FILES }, (_, file) => plain(file * FILE_ROWS)),
  );
  const postgres = await EmbeddedPostgres.start();
  await postgres.run(
    `SET TimeZone = 'UTC'; CREATE TABLE events AS SELECT ${EVENTS('n::bigint', "timestamptz '2025-01-01 00:00:00+00' + n * interval '61 seconds'")} ` +
      `FROM generate_series(0, ${ROWS - 1}) AS n`,
  );
  const paths = await filesById(lake);
  const deletes = await deleteFiles(lake, paths);
  const splits: Connector['splits'] = async (handle, signal, wish) => {
    const plan = await lake.connector.splits(handle, signal, wish);
    const split = (one: (typeof plan.splits)[number]): (typeof plan.splits)[number] => {
      const { files } = one.data as IcebergSplit;
      return { ...one, data: { files: files.map((file) => (paths.includes(file.path) ? { ...file, deletes } : file)) } };
    };
    return { ...plan, splits: plan.splits.map(split) };
  };
  const connector = new Proxy<Connector>(lake.connector, {
    get(target, name) {
      if (name === 'splits') return splits;
      if (name === 'close') return async () => undefined;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return {
    lake,
    postgres,
    connector,
    paths,
    close: async () => {
      await postgres.close();
      await lake.close();
    },
  };
}

/** The n-th file holds the n-th rows, in their order. */
async function filesById({ connector, query }: TestLake): Promise<readonly string[]> {
  const { handle } = await connector.pin({ schema: 's', table: 'events$rows' });
  const { splits } = await connector.splits(handle, SIGNAL);
  const description = await connector.describe({ schema: 's', table: 'events$rows' });
  const columns = (description?.columns ?? []).filter(({ name }) => ['_file', '_pos', 'id'].includes(name));
  const data = splits.map((split) => split.data);
  const opened = await connector.read(handle, data, { columns, meter: METER, signal: SIGNAL });
  if (opened.kind !== 'sql') throw new Error('rows');
  const found = await query(
    `SELECT _file, min(id), bool_and(id % ${FILE_ROWS} = _pos), count(*) FROM ${opened.relation} AS r GROUP BY _file ORDER BY 2`,
  );
  await opened.release();
  if (found.length !== FILES || !found.every((row) => row[2] === true))
    throw new Error(`files are not as they should be: ${String(found)}`);
  return found.map(([path]) => String(path));
}

/** Every 17th row by position, and all with v = 3.5. */
async function deleteFiles({ folder, query }: TestLake, paths: readonly string[]): Promise<readonly DeleteFile[]> {
  const [positions, equality] = [join(folder, 'warehouse', 'positions.parquet'), join(folder, 'warehouse', 'equality.parquet')];
  const named = paths.map((path) => `SELECT '${path}' AS file_path, n AS pos FROM range(0, ${FILE_ROWS}, 17) AS r(n)`).join(' UNION ALL ');
  await query(
    `COPY (SELECT * FROM (${named}) ORDER BY ALL) TO '${positions}' (FORMAT parquet, FIELD_IDS {file_path: 2147483546, pos: 2147483545})`,
  );
  await query(`COPY (SELECT 3.5::DOUBLE AS v) TO '${equality}' (FORMAT parquet, FIELD_IDS {v: 5})`);
  const bytes = (path: string): number => readFileSync(path).length;
  const rows = FILES * Math.ceil(FILE_ROWS / 17);
  return [
    { kind: 'positions', path: `file://${positions}`, bytes: bytes(positions), rows },
    { kind: 'equality', path: `file://${equality}`, bytes: bytes(equality), rows: 1, columns: [5] },
  ];
}

/** How the index behaves at the next search. */
export type Behaviour =
  | { readonly kind: 'honest' | 'lying' | 'hanging' | 'failing' }
  /** It may give more rows than pass, cover some files only, or give up. */
  | { readonly kind: 'random'; readonly dice: Dice };

/** An index over s.events that knows by PostgreSQL which rows pass. */
export class KnowingIndex implements TableIndex {
  readonly tables = [{ schema: 's', table: 'events' }];
  behaviour: Behaviour = { kind: 'honest' };
  /** Answers by kind. */
  readonly given = { narrowed: 0, scan: 0, left: 0 };
  readonly #lake: IndexedLake;
  readonly #analyser: () => Analyser;

  constructor(lake: IndexedLake, analyser: () => Analyser) {
    this.#lake = lake;
    this.#analyser = analyser;
  }

  async candidates(request: CandidateRequest): Promise<Candidates> {
    const { behaviour } = this;
    if (behaviour.kind === 'hanging') return new Promise<never>(() => undefined);
    if (behaviour.kind === 'failing') throw new Error('the index is on fire');
    if (behaviour.kind === 'random' && behaviour.dice.chance(0.1)) {
      this.given.scan++;
      return { kind: 'scan', reason: 'it does not feel like it' };
    }
    const passing = await this.#passing(request.filters);
    const ids = behaviour.kind === 'lying' ? passing.filter((_, n) => n !== Math.floor(passing.length / 2)) : passing;
    const only = new Map(
      request.files
        .filter(() => behaviour.kind !== 'random' || behaviour.dice.chance(0.8))
        .map(({ path }) => [path, runsOf(ids, this.#lake.paths.indexOf(path), behaviour)]),
    );
    this.given.narrowed++;
    this.given.left += ROWS - [...only.values()].flat().reduce((sum, [, rows]) => sum + rows, 0);
    return { kind: 'narrowed', only, hits: ids.length, form: 'positions', used: `${request.filters.length} filters` };
  }

  async #passing(filters: readonly TablePredicate[]): Promise<readonly number[]> {
    const where = filters.map((filter) => this.#sql(filter)).join(' AND ');
    const rows = await this.#lake.postgres.rows(`SELECT id FROM events WHERE ${where} ORDER BY id`);
    return rows.map(([id]) => Number(id?.toString('utf8')));
  }

  #sql(filter: TablePredicate): string {
    const names = {
      typeSql: (oid: number): string => this.#analyser().names.typeSql(oid),
      isVariadic: () => false,
    };
    const leaves = JSON.parse(JSON.stringify(filter), (_, value: unknown) =>
      isColumn(value) ? { kind: 'argument', name: value.name } : value,
    ) as Expr<PrintableLeaf & { readonly name: string }>;
    return `(${printExpression<PrintableLeaf & { readonly name: string }>(leaves, names, ({ name }) => name)})`;
  }

  build(): never {
    throw new Error('nothing to build');
  }

  coverage(): never {
    throw new Error('nothing is covered');
  }
}

function isColumn(value: unknown): value is { readonly name: string } {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'table_column';
}

function runsOf(ids: readonly number[], file: number, behaviour: Behaviour): RowRuns {
  const own = ids.filter((id) => Math.floor(id / FILE_ROWS) === file).map((id) => id % FILE_ROWS);
  if (behaviour.kind !== 'random') return own.map((row) => [row, 1]);
  const { dice } = behaviour;
  const [first, last] = [own[0], own.at(-1)];
  switch (dice.pick(['rows', 'rows', 'more', 'range', 'whole'])) {
    case 'whole':
      return own.length === 0 ? [] : [[0, FILE_ROWS]];
    case 'range':
      return first === undefined || last === undefined ? [] : [[first, last - first + 1]];
    case 'more': {
      const all = new Set([...own, ...Array.from({ length: dice.whole(0, 300) }, () => dice.whole(0, FILE_ROWS - 1))]);
      return [...all].sort((a, b) => a - b).map((row) => [row, 1]);
    }
    default:
      return own.map((row) => [row, 1]);
  }
}

/** What connectors keep that have nothing but an index. */
export function indexConnector(index: TableIndex): Connector {
  const none = (): never => {
    throw new Error('it has no tables');
  };
  return {
    name: 'logs',
    index,
    tables: async () => [],
    describe: async () => undefined,
    pin: none,
    pushdown: none,
    statistics: none,
    splits: none,
    read: none,
    close: async () => undefined,
  };
}

/** A condition over s.events; some pass few rows, some most. */
export function randomCondition(dice: Dice, alias = '', depth = 2): string {
  const of = (column: string): string => `${alias}${column}`;
  const user = (): string => `'u${dice.whole(0, 5100)}'`;
  const list = (count: number, one: () => string): string => Array.from({ length: count }, one).join(', ');
  if (depth > 0 && dice.chance(0.35)) {
    const [a, b] = [randomCondition(dice, alias, depth - 1), randomCondition(dice, alias, depth - 1)];
    return dice.pick([`(${a} AND ${b})`, `(${a} AND ${b})`, `(${a} OR ${b})`, `NOT (${a})`]);
  }
  return dice.pick([
    () => `${of('s')} = ${user()}`,
    () => `${of('s')} IN (${list(dice.whole(1, 20), user)})`,
    () => `${of('id')} = ${dice.whole(0, ROWS)}`,
    () => `${of('id')} IN (${list(dice.whole(1, 60), () => String(dice.whole(0, ROWS)))})`,
    () => `${of('id')} BETWEEN ${dice.whole(0, ROWS)} AND ${dice.whole(0, ROWS)}`,
    () => `${of('k')} = ${dice.whole(0, 99)}`,
    () => `${of('k')} IS NULL`,
    () => `${of('k')} < ${dice.whole(0, 30)}`,
    () => `${of('s')} LIKE 'u${dice.whole(0, 99)}%'`,
    () => `${of('v')} = ${dice.whole(0, 999) / 8}`,
    () => `${of('v')} * 2 > ${dice.whole(200, 249)}`,
    () => `${of('ts')} < timestamptz '2025-01-01 00:00:00+00' + interval '${dice.whole(0, 300)} hours'`,
    () => `${of('s')} IS NOT DISTINCT FROM ${user()}`,
  ])();
}

/** A query over s.events whose rows are the same however they are found. */
export function randomQuery(dice: Dice): string {
  const where = randomCondition(dice);
  return dice.pick([
    () => `SELECT id, k, s, ts, v FROM s.events WHERE ${where}`,
    () => `SELECT count(*), count(k), sum(id), min(s), max(ts) FROM s.events WHERE ${where}`,
    () => `SELECT k, count(*), sum(v) FROM s.events WHERE ${where} GROUP BY k`,
    () =>
      `SELECT id, s FROM s.events WHERE ${where} ORDER BY ${dice.pick(['v DESC, id', 'id DESC', 'ts, id', 's, id'])} LIMIT ${dice.whole(1, 20)}`,
    () => `SELECT id FROM s.events WHERE ${where} ORDER BY id`,
    () => `SELECT count(*) FROM (SELECT id FROM s.events WHERE ${where} LIMIT ${dice.whole(1, 9)}) x`,
    () =>
      `SELECT a.id, b.id FROM s.events a JOIN s.events b ON a.s = b.s AND a.id < b.id WHERE a.s IN ('u1', 'u${dice.whole(2, 5000)}', 'u77') AND ${randomCondition(dice, 'b.', 1)}`,
    () =>
      `SELECT e.id, u.name FROM s.events e JOIN s.users u ON e.k = u.k WHERE u.name = 'name${dice.whole(0, 9)}' AND ${randomCondition(dice, 'e.')}`,
    () =>
      `SELECT id FROM s.events e WHERE ${randomCondition(dice, 'e.', 1)} AND EXISTS (SELECT FROM s.events f WHERE f.s = e.s AND ${randomCondition(dice, 'f.', 1)})`,
    () =>
      `WITH x AS (SELECT * FROM s.events WHERE ${where}) SELECT count(*)::int8 AS n FROM x UNION ALL SELECT max(id) FROM x WHERE ${randomCondition(dice, '', 0)}`,
    () => `SELECT (SELECT count(*) FROM s.events f WHERE f.s = e.s) AS n, e.id FROM s.events e WHERE e.s = 'u${dice.whole(0, 5002)}'`,
    () =>
      `SELECT * FROM timeline(s.events, key => s, ts => ts, order_by => id, last => latest(k), at => timestamptz '2025-01-08 00:00:00+00') t WHERE s IN ('u1', 'u5', 'u${dice.whole(0, 5002)}')`,
    () =>
      `SELECT * FROM timeline((SELECT * FROM s.events WHERE ${where}), key => s, ts => ts, order_by => id, last => latest(k), since => timestamptz '2025-01-02 00:00:00+00', until => timestamptz '2025-01-09 00:00:00+00') t WHERE s < 'u3'`,
  ])();
}
