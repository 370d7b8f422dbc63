import assert from 'node:assert/strict';
import { TimelineError } from '../../sql/errors.js';
import { loadParser, parseOne } from '../../sql/parse.js';
import { isPattern, likePattern } from '../../sql/replay-select.js';
import type { TableLookup, TableShape } from '../../sql/source-columns.js';
import { rewriteTimelineCalls } from '../../sql/timeline-call.js';
import { Oid, type } from '../../sql/types.js';

const lookup: TableLookup = (schema, table): TableShape | undefined => {
  if (schema !== undefined && schema !== 'lake') return undefined;
  const columns = (...names: readonly string[]) => names.map((name) => ({ name, type: type(name === 'ts' ? Oid.timestamptz : Oid.text) }));
  if (table === 'ev') return { columns: columns('k', 'k2', 'ts', 'st', 'n', 'Odd "name"'), properties: {} };
  if (table === 'told')
    return {
      columns: columns('id', 'ts', 'who', 'kind'),
      properties: {
        'timeline.key': 'who',
        'timeline.ts': 'ts',
        'timeline.order_by': 'id',
        'timeline.stream': 'who',
        'timeline.time': 'ts',
        'timeline.event_id': 'id',
        'timeline.event_type': 'kind',
      },
    };
  return undefined;
};

function rewrite(sql: string) {
  return rewriteTimelineCalls(sql, parseOne(sql)?.statement, lookup);
}

/** Fails with this SQLSTATE at the place of `^` in the text. */
function fails(marked: string, sqlstate: string, hint?: RegExp): void {
  const at = marked.indexOf('^');
  const sql = marked.replace('^', '');
  assert.throws(
    () => rewrite(sql),
    (thrown: unknown) => {
      assert.ok(thrown instanceof TimelineError, String(thrown));
      assert.equal(thrown.sqlstate, sqlstate, thrown.message);
      assert.equal(thrown.position, [...marked.slice(0, at)].length + 1, `${thrown.message} at ${sql.slice((thrown.position ?? 1) - 1)}`);
      if (hint !== undefined) assert.match(thrown.hint ?? '', hint);
      return true;
    },
  );
}

describe('rewriting of TIMELINE() calls', () => {
  before(() => loadParser());

  it('leaves other texts alone', () => {
    const sql = "SELECT timeline FROM t WHERE x = 'timeline(ev)' -- timeline(ev)";
    assert.deepEqual({ ...rewrite(sql), mapPosition: 0 }, { text: sql, mapPosition: 0, calls: 0, reads: [] });
    assert.equal(rewrite(sql).mapPosition(7), 7);
  });

  it('finds calls anywhere: joins, WITH, subqueries, set operations, inside of other calls', () => {
    const call = 'timeline(ev, key => k, ts => ts, s => latest(st))';
    const counts: [string, number][] = [
      [`SELECT * FROM ${call}`, 1],
      [`SELECT * FROM ${call} a JOIN ${call} b USING (k), LATERAL ${call} c`, 3],
      [`WITH w AS (SELECT * FROM ${call} a) SELECT * FROM w UNION ALL SELECT * FROM ${call} b WHERE k IN (SELECT k FROM ${call} c)`, 3],
      [
        'SELECT * FROM timeline((SELECT k, started_at AS ts, s AS st FROM timeline(ev, key => k, ts => ts, s => latest(st)) x), key => k, ts => ts, s => latest(st))',
        2,
      ],
    ];
    for (const [sql, calls] of counts) {
      const rewritten = rewrite(sql);
      assert.equal(rewritten.calls, calls, sql);
      assert.equal(parseOne(rewritten.text) === undefined, false);
      assert.doesNotMatch(rewritten.text, /\btimeline\(|latest\(st\)\s*\)$/);
    }
  });

  it('names columns of quoted, odd and upper case names', () => {
    const { text } = rewrite(
      'SELECT * FROM TIMELINE("lake".ev, "key" => k, ts := ts, "A b" => latest("Odd ""name"""), order_by => ("Odd ""name""", k2))',
    );
    assert.match(text, /\(timeline_ops\.latest\("Odd ""name"""\)\) AS "A b"/);
    assert.match(text, /timeline_ops\.order_by\("~s"\."Odd ""name"""\) AND timeline_ops\.order_by\("~s"\."k2"\)/);
  });

  it('takes roles from table properties', () => {
    assert.match(
      rewrite('SELECT * FROM timeline(told, s => latest(kind))').text,
      /"~s"\."who" AS "who".*timeline_ops\.ts\("~s"\."ts"\).*order_by\("~s"\."id"\)/,
    );
    const { text } = rewrite("SELECT * FROM read_until(told, 'x', now())");
    assert.match(
      text,
      /"~s"\."who" AS stream_id, NULL::bigint AS version, "~s"\."ts" AS event_time, "~s"\."id" AS event_id, "~s"\."kind" AS event_type FROM/,
    );
    assert.match(text, /WHERE "~s"\."who" = 'x' AND .* ORDER BY "~s"\."ts", "~s"\."who", "~s"\."id"\) AS read_until$/);
  });

  it('knows operators by all their names', () => {
    for (const name of ['TL_HasExisted', 'tl_has_existed', 'HAS_EXISTED', 'tl_hasexisted']) {
      assert.match(
        rewrite(`SELECT * FROM timeline(ev, key => k, ts => ts, s => ${name}(st = 'x'))`).text,
        /timeline_ops\.has_existed\(st = 'x'\)/,
      );
    }
    assert.match(
      rewrite('SELECT * FROM timeline(ev, key => k, ts => ts, s => TL_DurationInCurState(TL_LatestEventToState(st)))').text,
      /duration_in_state\(timeline_ops\.latest\(st\)\)/,
    );
  });

  it('tells row predicates from states in has_existed', () => {
    const { text } = rewrite(
      "SELECT * FROM timeline(ev, key => k, ts => ts, st => latest(st), a => has_existed(st = 'x'), b => has_existed(latest(st) = 'x'), up => latest(n) = 'y', c => has_existed_within(up, '1 s'))",
    );
    assert.match(text, /timeline_ops\.has_existed\(st = 'x'\)/);
    assert.match(text, /timeline_ops\.state_has_existed\(timeline_ops\.latest\(st\) = 'x'\)/);
    assert.match(text, /timeline_ops\.state_has_existed_within\("~s"\."~g3", '1 s'\)/);
  });

  it('puts signals that others use on levels of their own, without growing', () => {
    const signals = Array.from({ length: 63 }, (_, n) => `s${n + 1} => s${n} AND s${n}`).join(', ');
    const { text } = rewrite(`SELECT * FROM timeline(ev, key => k, ts => ts, s0 => has_existed(st = 'x'), ${signals})`);
    assert.ok(text.length < 20_000, String(text.length));
    assert.equal(text.split('FROM (SELECT "~s".*').length, 64);
  });

  it('a version is asked for with the table, and read by at_snapshot()', () => {
    const asked: unknown[] = [];
    const spy: TableLookup = (schema, table, version) => {
      asked.push([schema, table, version?.text]);
      return lookup(schema, table);
    };
    const run = (sql: string): string => rewriteTimelineCalls(sql, parseOne(sql)?.statement, spy).text;
    const option = run("SELECT * FROM timeline(lake.ev, key => k, ts => ts, s => latest(st), as_of => 'v''1')");
    assert.match(option, /FROM at_snapshot\('"lake"\."ev"', 'v''1'\) AS "~s"/);
    const source = run('SELECT * FROM timeline(at_snapshot(lake.ev, 3 + 4), key => k, ts => ts, s => latest(st))');
    assert.match(source, /FROM at_snapshot\(lake\.ev, 3 \+ 4\) AS "~s"/);
    assert.deepEqual(asked, [
      ['lake', 'ev', "'v''1'"],
      ['lake', 'ev', '3 + 4'],
    ]);
  });

  it('maps positions through what it copied', () => {
    const sql = "SELECT 'é😀' FROM timeline(ev, key => k, ts => ts, s => /* 😀 */ latest(st) + nope('é', 1), until => x.y) AS t";
    const { text, mapPosition } = rewrite(sql);
    for (const word of ["nope('é', 1)", 'x.y', 'AS t']) {
      const there = [...text.slice(0, text.lastIndexOf(word))].length + 1;
      assert.equal(mapPosition(there), [...sql.slice(0, sql.lastIndexOf(word))].length + 1, word);
    }
    assert.equal(
      mapPosition([...text.slice(0, text.indexOf('timeline_ops.call'))].length + 1),
      [...sql.slice(0, sql.indexOf('timeline('))].length + 1,
    );
    assert.equal(mapPosition(1), 1);
    assert.equal(mapPosition([...text].length + 1), [...sql].length + 1);
  });

  it("maps every position of the user's text somewhere, in order within an expression", () => {
    const sql =
      'SELECT * FROM timeline(ev, key => k, ts => ts, s => latest(st), b => s IS NULL AND latest(n) IS NULL, ends => st = $1, since => $2)';
    const { text, mapPosition } = rewrite(sql);
    for (let n = 1; n <= text.length + 1; n++) {
      const mapped = mapPosition(n);
      assert.ok(mapped >= 1 && mapped <= sql.length + 1);
    }
  });

  it('says what is wrong with a call, and where', () => {
    fails('SELECT * FROM timeline(ev, ^keey => k, ts => ts, s => latest(st))', '42703', /"key"/);
    fails('SELECT * FROM ^timeline(ev, ts => ts, s => latest(st))', '42601');
    fails('SELECT * FROM ^timeline(ev, key => k, s => latest(st))', '42601');
    fails("SELECT 'é😀' FROM timeline(ev, key => k, ts => ts, ^s => st = 'play')", '42703', /latest/);
    fails('SELECT * FROM timeline(ev, key => k, ts => ts, s => latest(st) = ^st)', '42703', /latest\(st\)/);
    fails('SELECT * FROM timeline(ev, key => k, ts => ts, s => latest(st), ^s => latest(n))', '42601');
    fails('SELECT * FROM timeline(ev, key => k, key2 => latest(n), ts => ts, x => NOT ^y, y => has_existed(n))', '42703');
    fails(
      "SELECT * FROM timeline(ev, key => k, ts => ts, a => latest(n), b => has_existed(a = 'x' AND ^st = 'y'))",
      '42703',
      /latest\(st\)/,
    );
    fails('SELECT * FROM timeline(ev, key => k, ts => ts, a => latest(n), b => latest(^a))', '0A000');
    fails('SELECT * FROM timeline(ev, key => k, ts => ts, a => latest(^latest(n)))', '0A000');
    fails('SELECT * FROM timeline(ev, key => k, ts => ts, a => ^latest())', '42883');
    fails('SELECT * FROM timeline(ev, key => k, ts => ts, a => latest(^stt))', '42703', /"st"/);
    fails('SELECT * FROM timeline(ev, key => ^kk, ts => ts, a => latest(st))', '42703');
    fails('SELECT * FROM timeline(ev, key => k, ts => ts, s => latest(st), ^at => now(), until => now())', '42601');
    fails("SELECT * FROM timeline(ev, key => k, ts => ts, s => latest(st), ^every => '1 day')", '42601');
    fails('SELECT * FROM timeline(ev, key => k, ts => ts, s => latest(st), ^fill => true)', '42601');
    fails("SELECT * FROM timeline(ev, key => k, ts => ts, s => latest(st), ^lookback => 'none')", '42601');
    fails("SELECT * FROM timeline(ev, key => k, ts => ts, s => latest(st), ^emit => 'events')", '42601');
    fails("SELECT * FROM timeline(ev, key => k, ts => ts, s => latest(st), at => now(), ^emit => 'spans')", '42601');
    fails("SELECT * FROM timeline(ev, key => k, ts => ts, s => latest(st), ^emit => 'points')", '42601');
    fails("SELECT * FROM timeline(ev, key => k, ts => ts, s => latest(st), emit => ^'dots')", '22023');
    fails('SELECT * FROM timeline(ev, key => k, ts => ts, s => latest(st), ^max_events => 3)', '42601');
    fails('SELECT * FROM timeline((SELECT * FROM ev), key => k, ts => ts, s => latest(st), ^as_of => 3)', '0A000');
    fails('SELECT * FROM timeline(ev, key => k, ts => ts, ^started_at => latest(st))', '42601');
    fails('SELECT * FROM timeline(ev, key => k, ts => ts, s => latest(st), ^tl_new => latest(n))', '42703');
    fails('SELECT * FROM timeline(ev, ^k, ts => ts)', '42601');
    fails('SELECT * FROM timeline(^1 + 1, key => k)', '42601');
    fails(
      `SELECT * FROM timeline(ev, key => k, ts => ts, ${Array.from({ length: 64 }, (_, n) => `s${n} => latest(st)`).join(', ')}, ^s64 => latest(st))`,
      '54000',
    );
    fails('SELECT * FROM ^timeline(DISTINCT ev, key => k)', '42601');
    fails("SELECT * FROM ^read_until(told, 'x')", '42601');
    fails("SELECT * FROM read_until(told, 'x', now(), ^directoin => 'backward')", '42703', /"direction"/);
    fails("SELECT * FROM read_until(told, 'x', now(), max_events => ^0)", '22023');
    fails("SELECT * FROM read_range(told, 'x', now(), now(), bounds => ^'[[')", '22023');
    fails("SELECT * FROM ^read_until(ev, 'x', now())", '42703');
    fails("SELECT * FROM ^version_at(told, 'x', now())", '42703');
  });

  it('writes stream patterns for LIKE', () => {
    assert.equal(isPattern('a*'), true);
    assert.equal(isPattern('a\\*'), false);
    assert.equal(likePattern('50%_\\x*-\\*-*'), '50\\%\\_\\\\x%-*-%');
    assert.match(rewrite("SELECT * FROM read_until(told, 'a\\*b', now())").text, /"who" = 'a\*b'/);
  });

  it('answers deep nesting, or ends it with 54001', () => {
    const deep = `${'('.repeat(3000)}latest(st)${')'.repeat(3000)}`;
    try {
      rewrite(`SELECT * FROM timeline(ev, key => k, ts => ts, s => ${deep} IS NULL)`);
    } catch (thrown) {
      assert.ok(thrown instanceof TimelineError && thrown.sqlstate === '54001', String(thrown));
    }
  });
});
