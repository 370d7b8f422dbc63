import assert from 'node:assert/strict';
import { TimelineError } from '../../sql/errors.js';
import { COLOURS, paints } from '../../src/console/palette.js';
import { PICTURE_STYLE } from '../../src/console/picture-style.js';
import { select } from '../support/xml.js';
import { columns, lanesOf, picture, written } from './picture-support.js';

const SPANS = columns(
  'session_id',
  'started_at timestamptz',
  'ended_at timestamptz',
  'duration interval',
  'seconds float8',
  'is_open bool',
  'state',
  'playing bool',
  'bitrate int4',
);

/** A row of the above; times are minutes after ten. */
function span(
  key: string,
  from: number,
  to: number,
  state: string | null,
  playing: string | null,
  bitrate: string | null,
  open = false,
): (string | null)[] {
  const at = (minute: number): string =>
    `2025-03-04 10:${String(Math.floor(minute)).padStart(2, '0')}:${String((minute % 1) * 60).padStart(2, '0')}+00`;
  return [key, at(from), at(to), `00:0${to - from}:00`, String((to - from) * 60), open ? 't' : 'f', state, playing, bitrate];
}

describe('pictures of spans', () => {
  it('draw a lane for each key and signal, segments where and as long as their time', async () => {
    const { root, svg } = await picture(SPANS, [
      span('s1', 0, 2, 'play', 't', '100'),
      span('s1', 2, 5, 'rebuffer', 'f', '100'),
      span('s1', 5, 10, 'play', 't', '300', true),
      span('s2', 4, 6, 'pause', null, null),
    ]);
    const lanes = lanesOf(root);
    assert.deepEqual(
      lanes.map(({ name, segments }) => [name, segments.map(({ told }) => told)]),
      [
        ['state', ['state: play', 'state: rebuffer', 'state: play']],
        ['playing', ['playing: TRUE', 'playing: FALSE', 'playing: TRUE']],
        ['bitrate', ['bitrate: 100', 'bitrate: 300']],
        ['state', ['state: pause']],
        ['playing', ['playing: NULL']],
        ['bitrate', ['bitrate: NULL']],
      ],
    );
    // 1000 pixels for ten minutes, from 150 on.
    const [state, playing] = lanes;
    assert.deepEqual(
      state?.segments.map(({ x }) => x),
      [150, 350, 650],
    );
    assert.deepEqual(
      state?.segments.map(({ width }) => Math.round(width)),
      [199, 299, 499],
    );
    assert.deepEqual(
      lanes[3]?.segments.map(({ x, width }) => [x, Math.round(width)]),
      [[550, 199]],
    );
    assert.deepEqual(
      playing?.segments.map(({ classes }) => classes[0]),
      ['true', 'hit', 'true'],
    );
    assert.deepEqual(lanes[4]?.segments[0]?.classes, ['track', 'cover']);
    assert.match(
      state?.segments[1]?.tooltip ?? '',
      /^state: rebuffer\n2025-03-04 10:02:00\+00 – 2025-03-04 10:05:00\+00\n3 min \(00:03:00\)$/,
    );
    assert.match(state?.segments[2]?.tooltip ?? '', /, open$/);
    assert.equal(select(root, ({ attributes }) => attributes['class'] === 'line')[0]?.attributes['d'], 'M150 151H650V119H1150');
    assert.equal(root.attributes['role'], 'img');
    assert.ok(svg.includes(PICTURE_STYLE));
    const desc = select(root, ({ name }) => name === 'desc')[0]?.text ?? '';
    assert.match(
      desc,
      /^2 keys from 2025-03-04 10:00:00\+00 to 2025-03-04 10:10:00\+00 \(UTC\)\. Lanes: state, playing, bitrate\. state: play 7 min, rebuffer 3 min, pause 2 min\.$/,
    );
  });

  it('put rows of one value together, and leave gaps', async () => {
    const { root } = await picture(SPANS, [
      span('s', 6, 7, 'play', 't', '1'),
      span('s', 0, 1, 'play', 't', '1'),
      span('s', 1, 2, 'play', 'f', '1'),
      span('s', 2, 4, 'play', 't', '1'),
    ]);
    const [state, playing] = lanesOf(root);
    assert.deepEqual(
      state?.segments.map(({ tooltip }) => tooltip.split('\n')[2]),
      ['4 min (00:04:00)', '1 min (00:01:00)'],
    );
    assert.equal(playing?.segments.length, 4);
    assert.ok(written(root).includes('no row'));
  });

  it('draw edges of buckets, and durations with their unit', async () => {
    const given = columns(
      'k',
      'bucket_start timestamptz',
      'bucket_end timestamptz',
      'started_at timestamptz',
      'ended_at timestamptz',
      'age interval',
    );
    const { root } = await picture(given, [
      ['a', '2025-03-04 00:00+00', '2025-03-05 00:00+00', '2025-03-04 12:00+00', '2025-03-05 00:00+00', '1 day 02:00:00'],
      ['a', '2025-03-05 00:00+00', '2025-03-06 00:00+00', '2025-03-05 00:00+00', '2025-03-05 12:00+00', '1 day 14:00:00'],
    ]);
    const edge = select(root, ({ attributes }) => attributes['class'] === 'edge' && 'd' in attributes);
    assert.deepEqual(
      edge.map(({ attributes }) => attributes['d']),
      ['M650 34V77'],
    );
    for (const text of ['1 d 14 h', '1 d 02 h', 'bucket edge']) assert.ok(written(root).includes(text), text);
    assert.deepEqual(
      lanesOf(root).map(({ name }) => name),
      ['age'],
    );
  });

  it('have one lane when there is no signal, and no key when none is named', async () => {
    const { root } = await picture(columns('started_at timestamptz', 'ended_at timestamptz'), [
      ['2025-03-04 00:00+00', '2025-03-05 00:00+00'],
    ]);
    assert.deepEqual(
      lanesOf(root).map(({ segments }) => segments.length),
      [1],
    );
    const grouped = await picture(
      columns('started_at timestamptz', 'ended_at timestamptz', 'v', 'k'),
      [['2025-03-04 00:00+00', '2025-03-05 00:00+00', 'x', 'y']],
      { by: ['k'] },
    );
    assert.deepEqual(
      lanesOf(grouped.root).map(({ name }) => name),
      ['v'],
    );
  });

  it('write times in the zone of the session, a tick for each hour there is', async () => {
    const { root } = await picture(
      columns('started_at timestamptz', 'ended_at timestamptz'),
      [['2025-10-25 22:00+00', '2025-10-26 04:00+00']],
      {
        timeZone: 'Europe/Berlin',
      },
    );
    const hours = written(root).filter((text) => /^\d\d:\d\d$/.test(text));
    // 02:00 comes twice.
    assert.deepEqual(hours, ['00:00', '01:00', '02:00', '02:00', '03:00', '04:00', '05:00']);
    assert.ok(written(root).includes('Europe/Berlin'));
  });

  it('draw points and events as marks', async () => {
    const points = await picture(columns('k', 'evaluated_at timestamptz', 'v', 'n int8'), [
      ['a', '2025-03-04 00:00+00', 'x', '1'],
      ['a', '2025-03-04 02:00+00', 'y', null],
    ]);
    assert.deepEqual(
      lanesOf(points.root).map(({ segments }) => segments.map(({ width }) => width)),
      [
        [3, 3],
        [3, 3],
      ],
    );
    const events = await picture(columns('stream_id', 'version int8', 'event_time timestamptz', 'event_id', 'event_type', 'cdn'), [
      ['s', '1', '2025-03-04 00:00+00', 'e1', 'play', 'CDN1'],
      ['s', '2', '2025-03-04 00:00+00', 'e2', 'seek', null],
    ]);
    const [lane] = lanesOf(events.root);
    assert.equal(lane?.name, 'event_type');
    // At one instant: together, and told so.
    assert.match(lane?.segments[0]?.tooltip ?? '', /2 too close to be told apart:\nplay: 1\nseek: 1/);
  });
});

describe('pictures of anything', () => {
  it('escape whatever the rows hold', async () => {
    const hostile = [
      '<script>alert(1)</script>',
      '"><img src=x onerror=alert(1)>',
      '\u0001\u0008\u001b[31m',
      '\u202eevil',
      '\ud800',
      "]]>&amp;'",
      '&#x3c;',
      '\ufffe',
      '\u{1f468}\u200d\u{1f469}',
      '日本語',
    ];
    const minutes = hostile.map((value, at) => span(value, at, at + 1, value, 't', '1'));
    const { svg, root } = await picture(
      [...SPANS.slice(0, 6), ...columns('<b>&"', 'x')],
      minutes.map((row) => [...row.slice(0, 7), row[6] ?? null]),
      {
        title: hostile.join(' '),
        notices: hostile,
      },
    );
    assert.deepEqual([...new Set(select(root, () => true).map(({ name }) => name))].sort(), [
      'circle',
      'defs',
      'desc',
      'g',
      'line',
      'path',
      'pattern',
      'rect',
      'style',
      'svg',
      'text',
      'title',
    ]);
    for (const { attributes } of select(root, () => true))
      for (const name of Object.keys(attributes)) assert.ok(!/^on|href/i.test(name), name);
    assert.equal(lanesOf(root).length, 2 * hostile.length);
    assert.ok(svg.includes('&lt;script&gt;alert(1)&lt;/script&gt;'));
  });

  it('cut long texts, and keep those apart that differ after the cut', async () => {
    const long = 'x'.repeat(10_000_000);
    const { svg, root } = await picture(SPANS, [span(long, 0, 1, `${long}a`, 't', '1'), span(long, 1, 2, `${long}b`, 't', '1')]);
    assert.ok(svg.length < 20_000, String(svg.length));
    assert.equal(lanesOf(root)[0]?.segments.length, 2);
    assert.match(lanesOf(root)[0]?.segments[0]?.told ?? '', /x… \(10000001 characters, [0-9a-f]{8}\)$/);
  });

  it('are bounded in rows, keys, lanes and marks, and say what they leave out', async () => {
    const at = (second: number): string => new Date(1_741_000_000_000 + second * 1000).toISOString();
    const given = columns('k', 'started_at timestamptz', 'ended_at timestamptz', 'v', 'n float8');
    const rows = Array.from({ length: 100_001 }, (_, i) => [String(i % 60), at(i), at(i + 60), `v${i % 100}`, String(Math.sin(i))]);
    const { svg, root } = await picture(given, rows);
    const notes = written(root).filter((text) => text.includes('left out'));
    assert.deepEqual(notes, [
      'The query gives more than 100,000 rows; the rows after these are left out.',
      '10 keys of 60 left out: a picture shows the first 50.',
    ]);
    assert.ok(select(root, ({ name }) => name === 'rect').length < 60_000);
    assert.ok(svg.length < 16_000_000, String(svg.length));
    assert.ok(written(root).includes('several too close to be told apart'));
    assert.ok(written(root).some((text) => /and 88 further values of v/.test(text)));
    const one = await picture(given, rows, { only: ['7'] });
    assert.equal(lanesOf(one.root).length, 2);
    const wide = await picture(
      [...given.slice(0, 3), ...columns(...Array.from({ length: 70 }, (_, i) => `s${i}`))],
      [['k', at(0), at(1), ...Array<string>(70).fill('x')]],
    );
    assert.equal(lanesOf(wide.root).length, 64);
    assert.ok(written(wide.root).includes('6 signals left out: a picture shows the first 64.'));
  });

  it('say which rows have no place, and which lie over others', async () => {
    const given = columns('k', 'started_at timestamptz', 'ended_at timestamptz');
    const { root } = await picture(given, [
      ['a', null, '2025-03-04 00:00+00'],
      ['a', '2025-03-04 00:00+00', 'infinity'],
      ['a', '2025-03-04 01:00+00', '2025-03-04 00:00+00'],
      ['a', '2025-03-04 00:00+00', '2025-03-04 02:00+00'],
      ['a', '2025-03-04 01:00+00', '2025-03-04 03:00+00'],
    ]);
    assert.ok(written(root).includes('3 rows left out: a time is NULL or infinite, or the end is before the start.'));
    assert.ok(written(root).some((text) => text.startsWith('1 row begin before another')));
    const none = await picture(given, []);
    assert.ok(written(none.root).includes('There are no rows to draw.'));
  });

  it('bear every number and every time', async () => {
    const given = columns('started_at timestamptz', 'ended_at timestamptz', 'n float8');
    const numbers = ['NaN', 'Infinity', '-Infinity', '1.7976931348623157e308', '-1.7976931348623157e308', '5e-324', '0'];
    const { root } = await picture(
      given,
      numbers.map((number, i) => [`2025-03-04 0${i}:00+00`, `2025-03-04 0${i + 1}:00+00`, number]),
    );
    const path = select(root, ({ attributes }) => attributes['class'] === 'line')[0]?.attributes['d'] ?? '';
    assert.doesNotMatch(path, /NaN|Infinity/);
    for (const [from, to] of [
      ['4713-01-01 00:00+00 BC', '294000-12-31 00:00+00'],
      ['1969-12-31 23:59:59.999999+00', '1970-01-01 00:00:00+00'],
      ['2262-04-12 00:00+00', '2262-04-12 00:00+00'],
    ]) {
      const far = await picture(given, [[from ?? '', to ?? '', '1']]);
      assert.doesNotMatch(far.svg.replace(PICTURE_STYLE, ''), /NaN|Infinity/);
      assert.ok(select(far.root, ({ attributes }) => attributes['class'] === 'axis').length > 1, from);
    }
  });

  it('say which columns they need', async () => {
    const fails = async (work: Promise<unknown>, sqlstate: string, message: RegExp): Promise<void> => {
      await assert.rejects(work, (error: TimelineError) => {
        assert.equal(error.sqlstate, sqlstate);
        assert.match(`${error.message} ${error.hint}`, message);
        return error instanceof TimelineError;
      });
    };
    await fails(picture(columns('a', 'b'), []), '42703', /started_at and ended_at .* evaluated_at .* event_time .*gives a, b/);
    await fails(
      picture(columns('started_at text', 'ended_at timestamptz'), []),
      '42804',
      /"started_at".*must be timestamp with time zone, not text/,
    );
    await fails(picture(columns('started_at timestamp', 'ended_at timestamptz'), []), '42804', /not timestamp /);
    await fails(picture(SPANS, [], { by: ['session'] }), '42703', /no column "session"/);
    await fails(picture(SPANS, [], { by: ['session_ids'] }), '42703', /Did you mean "session_id"/);
    await fails(picture(SPANS, [], { width: 100 }), '22023', /320 to 8000/);
  });

  it('give a value the same colour in every picture, and each value its own', () => {
    assert.deepEqual(paints(['play']).get('play'), paints(['end', 'play', 'zzz']).get('play'));
    const many = paints(Array.from({ length: 30 }, (_, i) => `value ${i}`));
    const kinds = new Set([...many.values()].map(({ colour, pattern }) => `${colour} ${pattern}`));
    assert.equal(kinds.size, 3 * COLOURS.length + 1);
  });
});
