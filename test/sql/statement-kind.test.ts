import assert from 'node:assert/strict';
import { loadParser, parseOne } from '../../sql/parse.js';
import { type StatementKind, statementKind } from '../../sql/statement-kind.js';

const kindOf = (sql: string): StatementKind => statementKind(parseOne(sql)?.statement);
const utility = (sql: string) => {
  const kind = kindOf(sql);
  assert.equal(kind.kind, 'utility', sql);
  return kind.kind === 'utility' ? kind.statement : undefined;
};

describe('kinds of statements', () => {
  before(() => loadParser());

  for (const [sql, statement] of [
    ["SET TIME ZONE 'Europe/Paris'", { kind: 'set', name: 'TimeZone', value: 'Europe/Paris', local: false }],
    ['SET LOCAL a.b = 1, 2', { kind: 'set', name: 'a.b', value: '1, 2', local: true }],
    ['SET statement_timeout TO 0', { kind: 'set', name: 'statement_timeout', value: '0', local: false }],
    ['SET x TO on', { kind: 'set', name: 'x', value: 'on', local: false }],
    ['SET x TO -1.5', { kind: 'set', name: 'x', value: '-1.5', local: false }],
    ['SET x TO DEFAULT', { kind: 'reset', name: 'x' }],
    ['RESET ALL', { kind: 'reset', name: undefined }],
    [
      'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE',
      { kind: 'set_transaction', session: true, modes: [['transaction_read_only', 'off']] },
    ],
    ['SHOW ALL', { kind: 'show', name: 'all' }],
    ['SHOW time zone', { kind: 'show', name: 'TimeZone' }],
    ['START TRANSACTION READ ONLY', { kind: 'transaction', action: 'begin', modes: [['transaction_read_only', 'on']] }],
    ['COMMIT AND CHAIN', { kind: 'transaction', action: 'commit', chain: true }],
    ['ABORT', { kind: 'transaction', action: 'rollback', chain: false }],
    ['ROLLBACK TO a', { kind: 'transaction', action: 'rollback_to', name: 'a' }],
    ['DEALLOCATE ALL', { kind: 'deallocate', name: undefined }],
    ['DEALLOCATE q', { kind: 'deallocate', name: 'q' }],
    ['DISCARD ALL', { kind: 'discard', target: 'all' }],
    ['UNLISTEN *', { kind: 'unlisten' }],
    [
      "SELECT pg_catalog.set_config('jit', 'off', false) AS x",
      { kind: 'set_config', name: 'jit', value: 'off', local: false, column: 'x' },
    ],
  ] as const) {
    it(sql, () => assert.deepEqual(utility(sql), statement));
  }

  it('EXPLAIN and its options', () => {
    const plain = { analyze: false, format: 'text', timing: false, summary: false };
    assert.deepEqual(kindOf('EXPLAIN SELECT 1'), { kind: 'explain', options: plain });
    assert.deepEqual(kindOf('EXPLAIN (ANALYZE, FORMAT yaml, COSTS off, TIMING 0) SELECT 1'), {
      kind: 'explain',
      options: { analyze: true, format: 'yaml', timing: false, summary: true },
    });
    assert.deepEqual(kindOf('EXPLAIN (ANALYZE false, VERBOSE, BUFFERS, SETTINGS, MEMORY, SERIALIZE off) SELECT 1'), {
      kind: 'explain',
      options: plain,
    });
    for (const [options, sqlstate, message] of [
      ['FORMAT html', '22023', 'unrecognized value for EXPLAIN option "format": "html"'],
      ['WAL', '22023', 'EXPLAIN option WAL requires ANALYZE'],
      ['TIMING', '22023', 'EXPLAIN option TIMING requires ANALYZE'],
      ['ANALYZE, GENERIC_PLAN', '22023', 'EXPLAIN options ANALYZE and GENERIC_PLAN cannot be used together'],
      ['ANALYZE maybe', '42601', 'analyze requires a Boolean value'],
    ] as const) {
      assert.throws(() => kindOf(`EXPLAIN (${options}) SELECT 1`), { sqlstate, message });
    }
    assert.throws(() => kindOf('EXPLAIN (LOUDLY) SELECT 1'), { sqlstate: '42601' });
  });

  it('a query that merely uses set_config is a query', () => {
    assert.equal(kindOf("SELECT set_config('a', 'b', false), 1").kind, 'select');
    assert.equal(kindOf("SELECT set_config('a', 'b', false) FROM t").kind, 'select');
  });

  it('names what is refused', () => {
    for (const [sql, name] of [
      ['INSERT INTO t VALUES (1) RETURNING *', 'INSERT … RETURNING'],
      ['INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING', 'INSERT … ON CONFLICT'],
      ['UPDATE t SET a = 1', 'UPDATE'],
      ['TRUNCATE t', 'TRUNCATE'],
      ['COPY t FROM STDIN', 'COPY'],
      ['CREATE TABLE t (a int DEFAULT 1)', 'a column with a default'],
      ['CREATE TABLE t (a int, PRIMARY KEY (a))', 'CREATE TABLE with anything but columns'],
      ['CREATE TEMP TABLE t (a int)', 'CREATE TEMP TABLE'],
      ['CREATE UNLOGGED TABLE t AS SELECT 1', 'CREATE UNLOGGED TABLE'],
      ['CREATE TABLE t AS EXECUTE q', 'CREATE TABLE AS EXECUTE'],
      ['CREATE MATERIALIZED VIEW t AS SELECT 1', 'CREATE MATERIALIZED VIEW'],
      ['DROP SEQUENCE t', 'DROP'],
      ['PREPARE q AS DELETE FROM t', 'PREPARE of DELETE'],
      ['EXPLAIN DELETE FROM t', 'EXPLAIN of DELETE'],
      ['CREATE ROLE r', 'CreateRole'],
      ["PREPARE TRANSACTION 'x'", 'two-phase commit'],
    ] as const) {
      assert.throws(
        () => kindOf(sql),
        (error: { sqlstate?: string; message: string }) => error.sqlstate === '0A000' && error.message.startsWith(name),
        sql,
      );
    }
  });

  it('queries inside of statements that write, at their places', () => {
    const query = (sql: string): string => {
      const kind = kindOf(sql);
      if (kind.kind !== 'create_table_as') throw new Error(kind.kind);
      return kind.create.querySql(sql);
    };
    const blank = (text: string): string => ' '.repeat([...text].length);
    const head = `CREATE TABLE "as" (a, "ü") WITH (x = 'as', y) AS `;
    assert.equal(
      query(`${head}SELECT 1 AS "with", 'é' AS b WITH NO DATA ;`),
      `${blank(head)}SELECT 1 AS "with", 'é' AS b${blank(' WITH NO DATA ;')}`,
    );
    assert.equal(query('SELECT a INTO TABLE s.t FROM x -- INTO y'), `SELECT a ${blank('INTO TABLE s.t')} FROM x -- INTO y`);
    assert.equal(query('SELECT a INTO t FROM x UNION SELECT 1'), `SELECT a ${blank('INTO t')} FROM x UNION SELECT 1`);
    const kind = kindOf(`CREATE TABLE IF NOT EXISTS s.t (a, b) WITH (partitioning = 'day(ts)', "write.x" = 3, flag) AS TABLE x`);
    assert.deepEqual(kind.kind === 'create_table_as' && { ...kind.create, querySql: undefined }, {
      table: { schema: 's', name: 't' },
      ifNotExists: true,
      names: ['a', 'b'],
      options: { partitioning: 'day(ts)', 'write.x': '3', flag: 'true' },
      withData: true,
      querySql: undefined,
    });
  });

  it('cursors', () => {
    const declaration = { name: 'c', binary: false, scroll: undefined, hold: false };
    assert.deepEqual(kindOf('DECLARE c CURSOR FOR SELECT 1'), { kind: 'declare', declaration });
    assert.deepEqual(kindOf('DECLARE c BINARY INSENSITIVE SCROLL CURSOR WITH HOLD FOR SELECT 1'), {
      kind: 'declare',
      declaration: { name: 'c', binary: true, scroll: true, hold: true },
    });
    assert.throws(() => kindOf('DECLARE c SCROLL NO SCROLL CURSOR FOR SELECT 1'), { sqlstate: '42P11' });
    const fetches = [
      ['FETCH c', 'forward', 1],
      ['FETCH ALL c', 'forward', Infinity],
      ['FETCH -3 c', 'forward', -3],
      ['FETCH BACKWARD ALL c', 'backward', Infinity],
      ['FETCH PRIOR c', 'backward', 1],
      ['FETCH FIRST c', 'absolute', 1],
      ['FETCH LAST c', 'absolute', -1],
      ['FETCH RELATIVE 0 c', 'relative', 0],
    ] as const;
    for (const [sql, direction, count] of fetches) {
      assert.deepEqual(kindOf(sql), { kind: 'fetch', fetch: { cursor: 'c', move: false, direction, count } }, sql);
      const move = kindOf(sql.replace('FETCH', 'MOVE'));
      assert.deepEqual(move, { kind: 'fetch', fetch: { cursor: 'c', move: true, direction, count } }, sql);
    }
    assert.deepEqual(kindOf('CLOSE ALL'), { kind: 'close', name: undefined });
    assert.deepEqual(kindOf('CLOSE "C"'), { kind: 'close', name: 'C' });
  });

  it('COPY', () => {
    const kind = kindOf(`COPY s.t (a, "B") TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE ("B"), DELIMITER ';')`);
    assert.deepEqual(kind.kind === 'copy' && kind.copy, {
      table: { schema: 's', name: 't', columns: ['a', 'B'] },
      format: { format: 'csv', delimiter: ';', null: '', header: true, quote: '"', escape: '"', forceQuote: ['B'] },
      file: undefined,
      optionsSql: ` with ("format" 'csv', "header", "force_quote" ("B"), "delimiter" ';')`,
    });
    const file = kindOf("COPY t TO '/tmp/x.csv.gz' (FORMAT csv, HEADER, OVERWRITE)");
    const format = { format: 'csv', delimiter: ',', null: '', header: true, quote: '"', escape: '"', forceQuote: [] };
    assert.deepEqual(file.kind === 'copy' && file.copy.file, {
      location: '/tmp/x.csv.gz',
      overwrite: true,
      format: { kind: 'copy', copy: format, compression: 'gzip' },
    });
    assert.equal(file.kind === 'copy' && file.copy.optionsSql, ` with ("format" 'csv', "header")`);
    const json = kindOf("COPY (SELECT 'format json') TO 'x' WITH (OVERWRITE, format JSON)");
    assert.deepEqual(json.kind === 'copy' && json.copy.file?.format, { kind: 'json', compression: 'none' });
    assert.throws(() => kindOf("COPY t TO '/tmp/x' (FORMAT parquet, HEADER)"), { sqlstate: '22023' });
    assert.throws(() => kindOf("COPY t TO '/tmp/x' (FORMAT parquet, COMPRESSION lzo)"), { sqlstate: '22023' });
    assert.throws(() => kindOf("COPY t TO PROGRAM 'x'"), { sqlstate: '42501' });
    assert.throws(() => kindOf("COPY t TO STDOUT (ENCODING 'latin1')"), { sqlstate: '0A000' });
  });
});
