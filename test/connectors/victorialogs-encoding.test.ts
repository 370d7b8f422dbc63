import assert from 'node:assert/strict';
import { decodeValue, encodeValue, isDeclarable, type LogsColumn } from '../../connectors/victorialogs/encoding.js';
import { TimelineError } from '../../sql/errors.js';
import { Oid, type } from '../../sql/types.js';

function column(encoding: LogsColumn['encoding'], oid: number): LogsColumn {
  return { field: 'f', type: type(oid), encoding };
}

describe('Values in documents of VictoriaLogs', () => {
  const written: readonly (readonly [number, string, string])[] = [
    [Oid.text, '2.10', '~2.10'],
    [Oid.text, '', '~'],
    [Oid.text, ' \n~"', '~ \n~"'],
    [Oid.varchar, 'é\u{1f600}', '~é\u{1f600}'],
    [Oid.int4, '0', '0'],
    [Oid.int8, '-9223372036854775808', '-9223372036854775808'],
    [Oid.float8, '0.6', '6e-1'],
    [Oid.float8, '-21', '-2.1e+1'],
    [Oid.float8, '5e-324', '5e-324'],
    [Oid.float8, '0.30000000000000004', '3.0000000000000004e-1'],
    [Oid.float4, '0.1', '1.0000000149011612e-1'],
    [Oid.numeric, '-12.30', '~-12.30'],
    [Oid.bool, 't', '~true'],
    [Oid.bool, 'f', '~false'],
    [Oid.date, '2025-03-01', '~2025-03-01'],
    [Oid.timestamp, '2025-03-01 10:00:00', '~2025-03-01T10:00:00.000000'],
    [Oid.timestamptz, '2025-03-01 10:00:00.12+00', '~2025-03-01T10:00:00.120000Z'],
    [Oid.time, '10:00:00.5', '~10:00:00.500000'],
    [Oid.uuid, '0b0e7a52-0000-4000-8000-000000000001', '~0b0e7a52-0000-4000-8000-000000000001'],
    [Oid.bytea, '\\x00ff', '~\\x00ff'],
  ];
  for (const [oid, value, text] of written) {
    it(`${oid} ${JSON.stringify(value)}`, () => {
      assert.equal(encodeValue(type(oid), value), text);
      assert.equal(decodeValue(column('own', oid), text), value);
    });
  }

  it('leaves NULL out, and says what it cannot write', () => {
    assert.equal(encodeValue(type(Oid.text), null), null);
    assert.equal(decodeValue(column('own', Oid.text), undefined), null);
    assert.equal(encodeValue(type(Oid.float8), '-0'), '0e+0');
    assert.equal(encodeValue(type(Oid.timestamptz), '2025-03-01 10:00:00+02'), '~2025-03-01T08:00:00.000000Z');
    for (const [oid, value] of [
      [Oid.float8, 'NaN'],
      [Oid.float4, '-Infinity'],
      [Oid.date, 'infinity'],
      [Oid.date, '0044-03-15 BC'],
      [Oid.timestamp, '10000-01-01 00:00:00'],
      [Oid.timestamptz, '-infinity'],
      [Oid.text, 'é'.repeat(40_000)],
      [Oid.text, '\ud800'],
    ] as const) {
      assert.equal(encodeValue(type(oid), value), undefined, value.slice(0, 20));
    }
  });

  it('refuses documents that are not in our encoding', () => {
    for (const [oid, text] of [
      [Oid.text, 'plain'],
      [Oid.int4, '05'],
      [Oid.int4, '-0'],
      [Oid.float8, '0.6'],
      [Oid.bool, 'true'],
      [Oid.timestamp, '~2025-03-01'],
    ] as const) {
      assert.throws(
        () => decodeValue(column('own', oid), text),
        (error) => error instanceof TimelineError && error.sqlstate === '22P02',
      );
    }
  });

  it('cuts nanoseconds off, and never rounds them up', () => {
    const time = column('time', Oid.timestamptz);
    assert.equal(decodeValue(time, '2025-03-01T10:00:00Z'), '2025-03-01 10:00:00+00');
    assert.equal(decodeValue(time, '2025-03-01T10:00:00.9999999Z'), '2025-03-01 10:00:00.999999+00');
    assert.equal(decodeValue(time, '2025-03-01T10:00:00.000000999Z'), '2025-03-01 10:00:00+00');
    assert.equal(decodeValue(time, '2025-03-01T10:00:00.1205Z'), '2025-03-01 10:00:00.1205+00');
    assert.equal(decodeValue(column('foreign', Oid.timestamptz), '2025-03-01T10:00:00.9999999+02:00'), '2025-03-01 08:00:00.999999+00');
  });

  it('reads foreign documents as PostgreSQL reads text', () => {
    assert.equal(decodeValue(column('foreign', Oid.text), '2.10'), '2.10');
    assert.equal(decodeValue(column('foreign', Oid.text), ''), null);
    assert.equal(decodeValue(column('foreign', Oid.int4), ' +05'), '5');
    assert.equal(decodeValue(column('foreign', Oid.bool), 'yes'), 't');
    assert.equal(decodeValue(column('foreign', Oid.float8), '1e3'), '1000');
    assert.equal(decodeValue(column('foreign', Oid.date), '2025-3-1'), '2025-03-01');
    assert.throws(
      () => decodeValue(column('foreign', Oid.int4), '5.5'),
      (error) =>
        error instanceof TimelineError &&
        error.sqlstate === '22P02' &&
        error.message.includes('"f"') &&
        error.message.includes('5.5') &&
        error.hint?.includes('as text') === true,
    );
    const numeric = (text: string): string | null =>
      decodeValue({ field: 'f', type: type(Oid.numeric, ((5 << 16) | 2) + 4), encoding: 'foreign' }, text);
    assert.deepEqual(['1.5', '-0.500', '123', '1e2', '-0'].map(numeric), ['1.50', '-0.50', '123.00', '100.00', '0.00']);
    for (const text of ['1.234', '1234', 'Infinity', '1,5'])
      assert.throws(
        () => numeric(text),
        (error) => error instanceof TimelineError && error.sqlstate === '22P02',
        text,
      );
    assert.equal(isDeclarable(type(Oid.int8)), true);
    assert.equal(isDeclarable(type(Oid.jsonb)), false);
    assert.equal(isDeclarable(type(Oid.varchar, 7)), false);
  });
});
