import assert from 'node:assert/strict';
import { TimelineError } from '../../sql/errors.js';
import { Pipeline, type PipelineOptions } from '../conformance/pipeline.js';

const EV = `(SELECT * FROM (VALUES ('a','x',1,'2025-03-01 00:00:00Z'::timestamptz), ('a','y',2,'2025-03-01 00:00:05Z'), ('b','x',3,'2025-03-01 00:00:07Z')) AS v(k, st, n, t))`;
const STREAMS = `(SELECT * FROM (VALUES ('o-1',0,'2025-03-01 00:00:00Z'::timestamptz,'e1','p',true), ('o-1',1,'2025-03-01 00:00:05Z','e2','q',true),
  ('o*2',0,'2025-03-01 00:00:07Z','e3','p',true), ('o_2',0,'2025-03-01 00:00:08Z','e3','p',true)) AS v(stream_id, version, event_time, event_id, event_type, extra))`;
const WITH = `WITH ev AS ${EV}`;

/** Calls from text to rows, where the conformance cases do not go. */
describe('timeline calls', () => {
  let pipeline: Pipeline;
  before(async function () {
    this.timeout(60_000);
    pipeline = await Pipeline.open();
  });
  after(async () => {
    await pipeline?.close();
  });

  const rows = (sql: string, options: PipelineOptions = {}) => pipeline.rows(sql, options);
  async function fails(sql: string, sqlstate: string, at?: string, options: PipelineOptions = {}): Promise<void> {
    await assert.rejects(rows(sql, options), (thrown: unknown) => {
      assert.ok(thrown instanceof TimelineError, String(thrown));
      assert.equal(thrown.sqlstate, sqlstate, thrown.message);
      if (at !== undefined)
        assert.equal(thrown.position, [...sql.slice(0, sql.lastIndexOf(at))].length + 1, `${thrown.message} at ${thrown.position}`);
      return true;
    });
  }

  it('read parameters, arrays of instants, and instants of any spelling', async () => {
    const call = (at: string) =>
      `${WITH} SELECT k, s FROM timeline(ev, key => k, ts => t, s => latest(st), at => ${at}) ORDER BY k, evaluated_at`;
    const expected = [
      ['a', 'y'],
      ['b', 'x'],
    ];
    assert.deepEqual(await rows(call('$1'), { parameters: ['2025-03-01 00:00:10Z'] }), expected);
    assert.deepEqual(await rows(call('now()')), expected);
    assert.deepEqual(await rows(call("'{2025-03-01 00:00:10Z}'")), expected);
    assert.deepEqual(await rows(call("DATE '2025-03-02'")), expected);
    assert.deepEqual(await rows(call("ARRAY['2025-03-01 00:00:10Z', NULL, '2025-03-01 00:00:10Z']")), expected);
    assert.deepEqual(await rows(call('$1::timestamptz[]'), { parameters: ['{2025-03-01 00:00:01Z,2025-03-01 00:00:10Z}'] }), [
      ['a', 'x'],
      ...expected,
    ]);
    assert.deepEqual(await rows(call('NULL')), []);
    assert.deepEqual(await rows(call("'2025-03-01 00:00:10'"), { timeZone: 'Asia/Tokyo' }), []);
  });

  it('stand in one another, side by side, and under any alias', async () => {
    assert.deepEqual(
      await rows(`SELECT k, c, seconds FROM timeline((SELECT k, started_at FROM timeline(${EV}, key => k, ts => t, s => latest(st), until => '2025-03-01 00:00:10Z') x),
        key => k, ts => started_at, c => count_so_far(true), until => '2025-03-01 00:00:20Z') ORDER BY 1, 2`),
      [
        ['a', '1', '5'],
        ['a', '2', '15'],
        ['b', '1', '13'],
      ],
    );
    assert.deepEqual(
      await rows(`${WITH} SELECT p.k, p.s, q.s FROM timeline(ev, key => k, ts => t, s => latest(st), at => '2025-03-01 00:00:10Z') AS p(k, e, s)
        JOIN timeline(ev, key => k, ts => t, s => latest(st), at => '2025-03-01 00:00:02Z') q USING (k)`),
      [['a', 'y', 'x']],
    );
    assert.deepEqual(
      await rows(
        `SELECT DISTINCT timeline.k FROM TIMELINE(${EV}, key := k, ts := t, x := TL_HasExisted(st = 'y'), until := now()) ORDER BY 1`,
      ),
      [['a'], ['b']],
    );
  });

  it('compute states with the common functions, and over earlier signals on several levels', async () => {
    assert.deepEqual(
      await rows(`${WITH} SELECT k, d, m, c, i, deep FROM timeline('ev', key => k, ts => ev.t, d => latest(n + 1) * 2, m => greatest(latest(n), 2), s => latest(st),
        c => CASE s WHEN 'x' THEN 'is x' ELSE 'other' END, i => s IN ('x', 'z') AND k <> 'b', deep => c = 'other' AND NOT i, at => '2025-03-01 00:00:10Z') ORDER BY k`),
      [
        ['a', '6', '2', 'other', 'f', 't'],
        ['b', '8', '3', 'is x', 'f', 'f'],
      ],
    );
    assert.deepEqual(
      await rows(
        `SELECT started_at, long FROM timeline(${EV}, key => k, ts => t, d => duration_where(latest(st) = 'x'), long => d >= '3 s', until => '2025-03-01 00:00:10Z') WHERE k = 'a'`,
      ),
      [
        ['2025-03-01 00:00:00+00', 'f'],
        ['2025-03-01 00:00:03+00', 't'],
      ],
    );
    assert.deepEqual(
      await rows(`SELECT k, seconds FROM timeline(${EV}, key => k, ts => t, until => '2025-03-01 00:00:10Z', emit => 'spans') ORDER BY k`),
      [
        ['a', '10'],
        ['b', '3'],
      ],
    );
  });

  it("read timestamps without zone in the call's zone", async () => {
    const call = (zone: string) =>
      `SELECT k FROM timeline((SELECT k, st, timestamp '2025-07-01 12:00' AS t FROM ${EV} AS q), key => k, ts => t, s => latest(st), timezone => '${zone}', at => '2025-07-01 11:00Z')`;
    assert.equal((await rows(call('Europe/Paris'))).length, 2);
    assert.equal((await rows(call('UTC'))).length, 0);
  });

  it('read streams by patterns, written out or as parameters', async () => {
    const streams: [string, string[]][] = [
      ['o-1', ['o-1', 'o-1']],
      ['o*', ['o-1', 'o-1', 'o*2', 'o_2']],
      ['o\\*2', ['o*2']],
      ['o_*', ['o_2']],
      ['o_1', []],
      ['*\\*2', ['o*2']],
      ['%', []],
    ];
    for (const [pattern, expected] of streams) {
      assert.deepEqual((await rows(`SELECT stream_id FROM read_until(${STREAMS}, '${pattern}', now())`)).flat(), expected, pattern);
      assert.deepEqual(
        (await rows(`SELECT stream_id FROM read_until(${STREAMS}, $1, now())`, { parameters: [pattern] })).flat(),
        expected,
        pattern,
      );
    }
    const backward = `SELECT stream_id, version, extra FROM read_until(${STREAMS}, $1, $2, direction => 'backward', max_events => $3)`;
    assert.deepEqual(await rows(backward, { parameters: ['o-1', '2025-03-01 00:00:10Z', '1'] }), [['o-1', '1', 't']]);
    assert.deepEqual(await rows(backward, { parameters: ['*', '2025-03-01 00:00:10Z', '2'] }), [
      ['o_2', '0', 't'],
      ['o*2', '0', 't'],
    ]);
    assert.deepEqual(await rows(`SELECT * FROM version_at(${STREAMS}, $1, '2025-03-01 00:00:01Z')`, { parameters: ['o*'] }), [
      ['o*2', '-1'],
      ['o-1', '0'],
      ['o_2', '-1'],
    ]);
    const noVersion = `(SELECT stream_id, event_time, event_id FROM ${STREAMS} AS q)`;
    assert.deepEqual(
      await rows(`SELECT version, event_id, event_type FROM read_until(${noVersion}, 'o-1', now(), direction => 'backward')`),
      [
        [null, 'e2', null],
        [null, 'e1', null],
      ],
    );
  });

  it('refuse values that cannot be, once they are known', async () => {
    await fails(`SELECT * FROM read_until(${STREAMS}, 'o-1', now(), max_events => $1)`, '22023', undefined, { parameters: ['0'] });
    await fails(`SELECT * FROM read_range(${STREAMS}, '*', $1, $2)`, '22023', undefined, { parameters: ['2025-03-02', '2025-03-01'] });
    await fails(`SELECT * FROM version_at(${STREAMS}, 'x-*', now(), missing => 'error')`, '42704');
    await fails(`SELECT * FROM timeline(${EV}, key => k, ts => t, s => latest(st), since => $1, until => '2025-01-01')`, '22023', '$1', {
      parameters: ['2025-03-01'],
    });
    await fails(`SELECT * FROM timeline(${EV}, key => k, ts => t, s => latest(st), idle => '-1 s')`, '22023', "'-1 s'");
    await fails(`SELECT * FROM timeline(${EV}, key => k, ts => t, s => latest(st), idle => '1 month')`, '0A000', "'1 month'");
    await fails(`SELECT * FROM timeline(${EV}, key => k, ts => t, s => latest(st), until => 'infinity')`, '22008', "'infinity'");
    await fails(
      `SELECT * FROM timeline(${EV}, key => k, ts => t, s => latest(st), since => '2025-01-01', until => '2025-03-01', every => '1 mon 1 day')`,
      '0A000',
      "'1 mon 1 day'",
    );
  });

  it("give PostgreSQL's errors at the user's places", async () => {
    await fails(`SELECT 'é😀' FROM timeline(${EV}, key => k, ts => t, s => latest(st) + 1)`, '42883', '+ 1');
    await fails(`SELECT * FROM timeline(${EV}, key => k, ts => t, s => latest(st), since => nope())`, '42883', 'nope()');
    await fails(`SELECT * FROM timeline(${EV}, key => k, ts => t, s => latest(st), until => 'soon')`, '22007', "'soon'");
    await fails('SELECT * FROM timeline(nope, key => k, ts => t, s => latest(st))', '42P01', 'nope');
    await fails(`SELECT x.nope FROM timeline(${EV}, key => k, ts => t, s => latest(st)) AS x`, '42703', 'x.nope');
  });

  it('name what is not there yet', async () => {
    await fails(
      `SELECT q.k, t.s FROM ${EV} q, LATERAL timeline(${EV}, key => k, ts => t, s => latest(st), since => q.t) t`,
      '0A000',
      'q.t',
    );
    await fails(`SELECT * FROM timeline(${EV}, key => k, ts => t, s => upper(latest(st)) || random()::text)`, '0A000');
    await fails(
      `SELECT * FROM timeline(${EV}, key => k, ts => t, d => duration_where(latest(st) = 'x'), l => duration_where(d > '3 s'), at => now())`,
      '0A000',
    );
    await fails(
      `SELECT * FROM timeline(${EV}, key => k, ts => t, d => duration_where(latest(st) = 'x'), f => d > '3 s', l => has_existed(f), at => now())`,
      '0A000',
    );
    await fails(
      `SELECT * FROM timeline(${EV}, key => k, ts => t, s => coalesce(duration_where(latest(st) = 'x'), '1 s'), until => now())`,
      '0A000',
    );
  });
});
