import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type Datum, decodeBound } from '../../connectors/iceberg/format/datum.js';
import { murmur3 } from '../../connectors/iceberg/format/murmur3.js';
import { type IcebergType, parseTransform, parseType } from '../../connectors/iceberg/format/schema.js';
import { applyTransform } from '../../connectors/iceberg/format/transforms.js';
import { postgresType } from '../../connectors/iceberg/format/types.js';
import { dateDays, timestampMicros } from '../../connectors/iceberg/prune/constant.js';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const apply = (transform: string, type: string, value: Datum): Datum | undefined =>
  applyTransform(parseTransform(transform), parseType(type), value);

describe('Iceberg transforms', () => {
  it("hash as the specification's appendix B says", () => {
    const bucket = (type: string, value: Datum): number => Number(apply('bucket[2147483647]', type, value));
    const hashes: [string, Datum, number][] = [
      ['int', 34n, 2017239379],
      ['long', 34n, 2017239379],
      ['decimal(9,2)', 1420n, -500754589],
      ['date', dateDays('2017-11-16')!, -653330422],
      ['time', 81_068_000_000n, -662762989],
      ['timestamp', timestampMicros('2017-11-16 22:31:08')!, -2047944441],
      ['timestamptz', timestampMicros('2017-11-16 14:31:08-08')!, -2047944441],
      ['string', utf8('iceberg'), 1210000089],
      ['uuid', Buffer.from('f79c3e09677c4bbda4793f349cb785e7', 'hex'), 1488055340],
      ['fixed[4]', Uint8Array.of(0, 1, 2, 3), -188683207],
      ['binary', Uint8Array.of(0, 1, 2, 3), -188683207],
    ];
    for (const [type, value, hash] of hashes) assert.equal(bucket(type, value), (hash & 0x7fffffff) % 2147483647, type);
    assert.equal(murmur3(utf8('iceberg')), 1210000089);
    assert.equal(murmur3(new Uint8Array()), 0);
    assert.equal(apply('bucket[4]', 'double', 1), undefined);
  });

  it('cut times at their units, before 1970 too', () => {
    const at = (text: string): bigint => timestampMicros(text)!;
    assert.equal(apply('year', 'timestamp', at('2017-12-01 10:12:55')), 47n);
    assert.equal(apply('month', 'timestamptz', at('2017-12-01 10:12:55+00')), 575n);
    assert.equal(apply('day', 'timestamp', at('2017-12-01 10:12:55')), 17501n);
    assert.equal(apply('hour', 'timestamp', at('2017-12-01 10:12:55')), 420034n);
    assert.equal(apply('day', 'timestamp', at('1969-12-31 23:59:59.999999')), -1n);
    assert.equal(apply('hour', 'timestamp', -1n), -1n);
    assert.equal(apply('month', 'date', dateDays('1969-12-31')!), -1n);
    assert.equal(apply('year', 'date', dateDays('1969-01-01')!), -1n);
    assert.equal(apply('hour', 'date', 1n), undefined);
    assert.equal(apply('day', 'long', 1n), undefined);
  });

  it('truncate numbers downwards and texts by code points', () => {
    assert.equal(apply('truncate[10]', 'int', 1n), 0n);
    assert.equal(apply('truncate[10]', 'int', -1n), -10n);
    assert.equal(apply('truncate[50]', 'decimal(9,2)', 1065n), 1050n);
    assert.deepEqual(apply('truncate[3]', 'string', utf8('iceberg')), utf8('ice'));
    assert.deepEqual(apply('truncate[2]', 'string', utf8('ä𝄞x')), utf8('ä𝄞'));
    assert.deepEqual(apply('truncate[5]', 'string', utf8('ab')), utf8('ab'));
    assert.deepEqual(apply('truncate[2]', 'binary', Uint8Array.of(1, 2, 3)), Uint8Array.of(1, 2));
  });

  it('conclude nothing from what they do not know', () => {
    assert.equal(apply('void', 'int', 1n), undefined);
    assert.equal(apply('zorder', 'int', 1n), undefined);
    assert.equal(parseTransform('bucket[0]').kind, 'unknown');
  });
});

describe('Iceberg bounds', () => {
  const bound = (type: string, hex: string): Datum | undefined => decodeBound(parseType(type), Buffer.from(hex, 'hex'));

  it('decode by length, so that promoted columns keep their old bounds', () => {
    assert.equal(bound('long', '05000000'), 5n);
    assert.equal(bound('long', 'ffffffffffffffff'), -1n);
    assert.equal(bound('double', '0000803f'), 1);
    assert.equal(bound('double', '000000000000f03f'), 1);
    assert.equal(bound('decimal(18,2)', 'ff38'), -200n);
    assert.equal(bound('boolean', '01'), 1n);
  });

  it('refuse what is not a value of the type', () => {
    for (const [type, hex] of [
      ['int', '01'],
      ['uuid', '00'],
      ['double', '00'],
      ['decimal(3,1)', ''],
      ['boolean', ''],
    ] as const)
      assert.equal(bound(type, hex), undefined);
  });
});

describe('Iceberg types', () => {
  it('have their PostgreSQL type', () => {
    const list = (element: string): IcebergType => parseType({ type: 'list', 'element-id': 1, element, 'element-required': false });
    assert.deepEqual(postgresType(parseType('decimal(9, 2)')), { oid: 1700, typmod: ((9 << 16) | 2) + 4 });
    assert.equal(postgresType(parseType('fixed[3]')).oid, 17);
    assert.equal(postgresType(list('string')).oid, 1009);
    assert.equal(postgresType(parseType({ type: 'struct', fields: [] })).oid, 3802);
    assert.equal(postgresType(parseType({ type: 'list', 'element-id': 1, element: { type: 'struct', fields: [] } })).oid, 3802);
  });

  it('are refused when they are nonsense', () => {
    for (const json of ['decimal(99,2)', 'decimal(3,5)', { type: 'list' }, { type: 'struct' }, null, 3])
      assert.throws(() => parseType(json));
    let deep: unknown = 'int';
    for (let level = 0; level < 1000; level++) deep = { type: 'list', 'element-id': 1, element: deep };
    assert.throws(() => parseType(deep), /too deeply/);
  });
});
