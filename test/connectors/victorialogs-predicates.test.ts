import assert from 'node:assert/strict';
import { decodeValue, type LogsColumn } from '../../connectors/victorialogs/encoding.js';
import { printFilter, printQuery } from '../../connectors/victorialogs/logsql/print.js';
import type { LogsFilter } from '../../connectors/victorialogs/logsql/syntax.js';
import { translate } from '../../connectors/victorialogs/pushdown/translate.js';
import { Oid, type Type, type } from '../../sql/types.js';
import { cases } from '../support/cases.js';
import { EmbeddedPostgres } from '../support/embedded-postgres.js';
import { type LogsServer, startVictoriaLogs } from '../support/victoria-logs.js';
import { Random } from '../timeline/random.js';
import { documentsOf, type LogsTestRow, testRows } from './logs-documents.js';
import { OWN_COLUMNS, PredicateMaker, type RandomPredicate, tableSql } from './logs-predicates.js';

const BATCH = 40;
const PER_STREAM = 60;
const SEED = Number(process.env['LOGS_SEED'] ?? 8);

/** Predicates that the translation knew something of, by how much. */
interface Tally {
  exact: number;
  superset: number;
  unknown: number;
  /** Of supersets, how many left something out. */
  useful: number;
}

describe('Predicates over log documents, against PostgreSQL', function () {
  this.timeout(1_200_000);
  let server: LogsServer;
  let postgres: EmbeddedPostgres;

  before(async function () {
    const started = await startVictoriaLogs();
    if (started === undefined) return this.skip();
    server = started;
    postgres = await EmbeddedPostgres.start();
  });

  after(async () => {
    await server?.close();
    await postgres?.close();
  });

  async function oracle(table: string, predicates: readonly RandomPredicate[]): Promise<Set<number>[]> {
    const [row] = await postgres.rows(
      `SELECT ${predicates.map(({ sql }) => `array_to_string(array_agg(id) FILTER (WHERE ${sql}), ' ')`).join(', ')} FROM ${table}`,
    );
    if (row === undefined) throw new Error(`PostgreSQL refuses ${predicates.map(({ sql }) => sql).join('\n')}`);
    return row.map((ids) => new Set(ids === null ? [] : ids.toString('utf8').split(' ').map(Number)));
  }

  async function found(filter: LogsFilter, scope: LogsFilter): Promise<Set<number>> {
    const rows = await server.query(
      printQuery({ filter: { kind: 'and', args: [scope, filter] }, pipes: [{ kind: 'fields', fields: ['id'] }] }),
    );
    return new Set(rows.map(({ id }) => Number(id)));
  }

  interface Comparison {
    readonly table: string;
    /** The table's documents among all. */
    readonly scope: LogsFilter;
    readonly rows: readonly LogsTestRow[];
    readonly maker: PredicateMaker;
    readonly columnOf: (name: string) => LogsColumn | undefined;
    readonly count: number;
  }

  async function compare({ table, scope, rows, maker, columnOf, count }: Comparison): Promise<Tally> {
    const tally: Tally = { exact: 0, superset: 0, unknown: 0, useful: 0 };
    for (let done = 0; done < count; done += BATCH) {
      const predicates = Array.from({ length: Math.min(BATCH, count - done) }, () => maker.predicate());
      const expected = await oracle(table, predicates);
      await Promise.all(
        predicates.map(async ({ expr, sql }, at) => {
          const translated = translate(expr, columnOf);
          if (translated === undefined) {
            tally.unknown++;
            return;
          }
          tally[translated.verdict]++;
          const ids = await found(translated.filter, scope);
          const wanted = expected[at]!;
          const lost = [...wanted].filter((id) => !ids.has(id));
          const extra = [...ids].filter((id) => !wanted.has(id));
          const what = (): string => `${sql}\n${printFilter(translated.filter)}\nlost ${lost.slice(0, 5)}, more ${extra.slice(0, 5)}`;
          assert.equal(lost.length, 0, `rows lost by ${translated.verdict} ${what()}`);
          if (translated.verdict === 'exact') assert.equal(extra.length, 0, `more rows by exact ${what()}`);
          else if (ids.size < rows.length) tally.useful++;
        }),
      );
    }
    return tally;
  }

  async function load(table: string, columns: ReadonlyMap<string, Type>, rows: readonly LogsTestRow[]): Promise<void> {
    await postgres.run(tableSql(table, columns));
    const names = [...columns.keys()];
    for (let at = 0; at < rows.length; at += 50) {
      const tuples = rows.slice(at, at + 50).map((row) => {
        const values = names.map((name) => (row[name] == null ? 'NULL' : `'${row[name].replaceAll("'", "''")}'`));
        return `(${[row['id'], ...values].join(', ')})`;
      });
      await postgres.run(`INSERT INTO ${table} VALUES ${tuples.join(', ')}`);
    }
    const [count] = await postgres.rows(`SELECT count(*) FROM ${table}`);
    assert.equal(String(count?.[0]), String(rows.length));
  }

  function valuesOf(columns: ReadonlyMap<string, Type>, rows: readonly LogsTestRow[]): ReadonlyMap<string, readonly string[]> {
    return new Map([...columns.keys()].map((name) => [name, rows.map((row) => row[name]).filter((value) => value != null)]));
  }

  /** The encodings that the store chose for a field, block by block. */
  async function encodings(scope: LogsFilter, field: string): Promise<readonly string[]> {
    const blocks = await server.query(`${printFilter(scope)} | block_stats`);
    return [...new Set(blocks.filter((block) => block['field'] === field).map(({ type }) => type ?? ''))].sort();
  }

  it('own documents: what is exact is exact, and no superset loses a row', async () => {
    const rows = testRows(PER_STREAM);
    const scope: LogsFilter = { kind: 'present', field: 's' };
    await server.insert(documentsOf(rows), ['s']);
    await load('own', OWN_COLUMNS, rows);
    const columnOf = (name: string): LogsColumn | undefined => {
      const columnType = OWN_COLUMNS.get(name);
      if (columnType === undefined) return undefined;
      return name === 'at' ? { field: '_time', type: columnType, encoding: 'time' } : { field: name, type: columnType, encoding: 'own' };
    };
    // What is read back is what was written, to the byte.
    const documents = await server.query(printQuery({ filter: scope, pipes: [] }));
    assert.equal(documents.length, rows.length);
    for (const document of documents) {
      const row = rows[Number(document['id'])]!;
      for (const [name, columnType] of OWN_COLUMNS) {
        const column = columnOf(name)!;
        const expected = normal(columnType, row[name] ?? null);
        assert.equal(decodeValue(column, document[column.field]), expected, `${name} of row ${row['id']}`);
      }
    }
    assert.deepEqual(await encodings(scope, 'i8'), ['dict', 'int64', 'string', 'uint16', 'uint32', 'uint64', 'uint8']);
    assert.deepEqual(await encodings(scope, 't'), ['const', 'dict', 'string']);
    assert.deepEqual(await encodings(scope, 'f8'), ['dict', 'string']);
    const maker = new PredicateMaker(new Random(SEED), OWN_COLUMNS, valuesOf(OWN_COLUMNS, rows));
    const count = cases('LOGS_PREDICATES', { usual: 1500, full: 14_000 });
    const tally = await compare({ table: 'own', scope, rows, maker, columnOf, count });

    assert.ok(tally.exact > tally.superset + tally.unknown, JSON.stringify(tally));
  });

  /** -0 is kept as 0. */
  function normal(columnType: Type, value: string | null): string | null {
    if ((columnType.oid === Oid.float8 || columnType.oid === Oid.float4) && value === '-0') return '0';
    if (columnType.oid === Oid.timestamp || columnType.oid === Oid.timestamptz || columnType.oid === Oid.time)
      return value?.replace(/\.?0+(?=\+00$|$)/, (zeros) => (zeros.startsWith('.') ? '' : zeros)) ?? null;
    return value;
  }

  it('documents of others: no superset loses a row of what is read', async () => {
    const columns: ReadonlyMap<string, Type> = new Map([
      ['t', type(Oid.text)],
      ['v', type(Oid.varchar)],
      ['at', type(Oid.timestamptz)],
    ]);
    const written = testRows(PER_STREAM);
    const documents = written.map((row) => {
      const document: Record<string, string> = { _time: row['at_ns'] ?? '', foreign: row['stream'] ?? '', id: row['id'] ?? '' };
      for (const name of ['t', 'v']) if (row[name] != null) document[name] = row[name];
      return document;
    });
    await server.insert(documents, ['foreign']);
    const columnOf = (name: string): LogsColumn | undefined => {
      const columnType = columns.get(name);
      if (columnType === undefined) return undefined;
      return name === 'at'
        ? { field: '_time', type: columnType, encoding: 'time' }
        : { field: name, type: columnType, encoding: 'foreign' };
    };
    const scope: LogsFilter = { kind: 'present', field: 'foreign' };
    const read = await server.query(printQuery({ filter: scope, pipes: [] }));
    assert.equal(read.length, written.length);
    // The store's own texts, which it may have changed: they are what a table shows.
    const rows = read.map((document): LogsTestRow => {
      const texts = [...columns.keys()].map((name): [string, string | null] => {
        const column = columnOf(name)!;
        return [name, decodeValue(column, document[column.field])];
      });
      return { id: document['id'] ?? '', ...Object.fromEntries(texts) };
    });
    await load('foreign_logs', columns, rows);
    const changed = rows.filter((row) => row['t'] !== (written[Number(row['id'])]?.['t'] || null)).length;
    assert.ok(changed > 20, `the store changed ${changed} texts: are there blocks of its own types?`);
    const all = ['const', 'dict', 'float64', 'int64', 'ipv4', 'iso8601', 'string', 'uint16', 'uint32', 'uint64', 'uint8'];
    assert.deepEqual(await encodings(scope, 't'), all);
    const maker = new PredicateMaker(new Random(SEED + 1), columns, valuesOf(columns, rows));
    const count = cases('LOGS_PREDICATES', { usual: 700, full: 6000 });
    const tally = await compare({ table: 'foreign_logs', scope, rows, maker, columnOf, count });

    assert.ok(tally.useful > 0);
  });
});
