import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { TableChange } from '../../connectors/iceberg/catalog/catalog.js';
import { parseExactJson, printExactJson } from '../../connectors/iceberg/format/exact-json.js';
import { applyChange } from '../../connectors/iceberg/write/updates.js';

type Json = Record<string, unknown>;

const BIG = 8888888888888888888n;
const FIELD = { id: 1, name: 'a', required: false, type: 'long' };
const CREATE: TableChange = {
  requirements: [{ type: 'assert-create' }],
  updates: [
    { action: 'assign-uuid', uuid: 'u-1' },
    { action: 'upgrade-format-version', 'format-version': 2 },
    { action: 'add-schema', schema: { type: 'struct', 'schema-id': 0, fields: [FIELD] } },
    { action: 'set-current-schema', 'schema-id': -1 },
    { action: 'add-spec', spec: { 'spec-id': 0, fields: [{ 'source-id': 1, name: 'a_b', transform: 'bucket[4]' }] } },
    { action: 'set-default-spec', 'spec-id': -1 },
    { action: 'add-sort-order', 'sort-order': { 'order-id': 0, fields: [] } },
    { action: 'set-default-sort-order', 'sort-order-id': -1 },
    { action: 'set-location', location: 'file:///w/t/' },
    { action: 'set-properties', updates: { p: '1', q: '2' } },
  ],
};

describe('updates of Iceberg table metadata', () => {
  const apply = (text: string | undefined, change: Partial<TableChange>, nowMs = 2000, previousLocation?: string): string => {
    const done = applyChange(text, { requirements: [], updates: [], ...change }, { previousLocation, nowMs });
    if (done.kind === 'conflict') throw new Error(`conflict: ${done.reason}`);
    return done.text;
  };
  const json = (text: string): Json => JSON.parse(text) as Json;
  const created = apply(undefined, CREATE, 1000);
  const append = (id: bigint, sequence: number, parent?: bigint): Json[] => [
    {
      action: 'add-snapshot',
      snapshot: {
        'snapshot-id': id,
        ...(parent === undefined ? {} : { 'parent-snapshot-id': parent }),
        'sequence-number': sequence,
        'timestamp-ms': 1500 + sequence,
        'manifest-list': `file:///w/t/metadata/${id}.avro`,
        summary: { operation: 'append' },
        'schema-id': 0,
      },
    },
    { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': id },
  ];

  it('makes a table', () => {
    const table = json(created);
    assert.equal(table['location'], 'file:///w/t');
    assert.equal(table['last-column-id'], 1);
    assert.equal(table['last-partition-id'], 1000);
    assert.deepEqual(table['partition-specs'], [
      { 'spec-id': 0, fields: [{ 'source-id': 1, name: 'a_b', transform: 'bucket[4]', 'field-id': 1000 }] },
    ]);
    assert.deepEqual(table['properties'], { p: '1', q: '2' });
    assert.equal(table['current-snapshot-id'], null);
    assert.deepEqual(applyChange(created, CREATE, { previousLocation: 'x', nowMs: 1 }).kind, 'conflict');
  });

  it('adds snapshots with 64-bit ids and keeps the logs', () => {
    const one = apply(created, { updates: append(BIG, 1) }, 2000, 'm0');
    assert.match(one, /"current-snapshot-id":8888888888888888888\b/);
    const two = apply(
      one,
      { updates: append(BIG + 1n, 2, BIG), requirements: [{ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': BIG }] },
      3000,
      'm1',
    );
    assert.match(two, /"parent-snapshot-id":8888888888888888888\b/);
    assert.match(two, /"snapshot-log":\[\{"snapshot-id":8888888888888888888,"timestamp-ms":2000},\{"snapshot-id":8888888888888888889/);
    assert.equal(json(two)['last-sequence-number'], 2);
    assert.deepEqual(json(two)['metadata-log'], [
      { 'metadata-file': 'm0', 'timestamp-ms': 1000 },
      { 'metadata-file': 'm1', 'timestamp-ms': 2000 },
    ]);
    const taken = applyChange(two, { requirements: [], updates: append(5n, 2) }, { previousLocation: 'm2', nowMs: 1 });
    assert.equal(taken.kind, 'conflict');
    const moved = applyChange(
      two,
      { requirements: [{ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': BIG }], updates: [] },
      { previousLocation: 'm2', nowMs: 1 },
    );
    assert.equal(moved.kind, 'conflict');
    // Clocks that run behind change nothing of the order.
    assert.equal(json(apply(two, { updates: append(7n, 3) }, 5, 'm2'))['last-updated-ms'], 3000);
  });

  it('knows ids beyond 2^53 that doubles print alike', () => {
    for (const id of [2n ** 62n, 2n ** 53n, BigInt(String(2 ** 62 + 1024 * 7)), -(2n ** 60n)]) {
      const positive = id < 0n ? -id : id;
      assert.equal(printExactJson(parseExactJson(`[${id}]`)), `[${id}]`);
      const text = apply(created, { updates: append(positive, 1) });
      const requirements = [{ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': positive }];
      assert.match(apply(text, { requirements, updates: append(2n, 2, positive) }), /"current-snapshot-id":\s*2,/);
    }
    assert.equal(printExactJson(parseExactJson('[1e3,0.5,1000,9007199254740993]')), '[1e3,0.5,1000,9007199254740993]');
  });

  it('keeps as many earlier metadata files as the table wishes', () => {
    let text = apply(created, { updates: [{ action: 'set-properties', updates: { 'write.metadata.previous-versions-max': '2' } }] });
    for (let version = 0; version < 5; version++) text = apply(text, {}, 3000 + version, `m${version}`);
    const log = json(text)['metadata-log'] as Json[];
    assert.deepEqual(
      log.map((entry) => entry['metadata-file']),
      ['m3', 'm4'],
    );
  });

  it('expires snapshots with their refs, statistics and log', () => {
    let text = apply(created, { updates: [...append(1n, 1)] });
    text = apply(text, {
      updates: [
        { action: 'set-snapshot-ref', 'ref-name': 'old', type: 'tag', 'snapshot-id': 1, 'max-ref-age-ms': 5 },
        { action: 'set-statistics', statistics: { 'snapshot-id': 1, 'statistics-path': 'p' } },
      ],
    });
    text = apply(text, { updates: append(2n, 2, 1n) });
    assert.deepEqual((json(text)['refs'] as Json)['old'], { 'snapshot-id': 1, type: 'tag', 'max-ref-age-ms': 5 });
    assert.throws(() => apply(text, { updates: [{ action: 'remove-snapshots', 'snapshot-ids': [2] }] }), { sqlstate: 'XX001' });
    // A tag that the change does not know of: others have just made it.
    const removal = { action: 'remove-snapshots', 'snapshot-ids': [1n] };
    assert.throws(() => apply(text, { updates: [removal] }), /conflict: branch or tag "old" needs snapshot 1/);
    const left = json(apply(text, { updates: [{ action: 'remove-snapshot-ref', 'ref-name': 'old' }, removal] }));
    assert.deepEqual(Object.keys(left['refs'] as Json), ['main']);
    assert.deepEqual(left['statistics'], []);
    assert.deepEqual((left['snapshot-log'] as Json[]).length, 1);
    const gone = json(apply(text, { updates: [{ action: 'remove-snapshot-ref', 'ref-name': 'main' }] }));
    assert.equal(gone['current-snapshot-id'], null);
  });

  it('evolves schemas, specs and orders, and reuses what is the same', () => {
    const nested = { id: 2, name: 'm', required: false, type: { type: 'map', 'key-id': 3, key: 'string', 'value-id': 9, value: 'int' } };
    const schema = { type: 'struct', 'schema-id': 7, fields: [FIELD, nested] };
    const text = apply(created, {
      requirements: [
        { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': 1 },
        { type: 'assert-current-schema-id', 'current-schema-id': 0 },
        { type: 'assert-last-assigned-partition-id', 'last-assigned-partition-id': 1000 },
        { type: 'assert-default-spec-id', 'default-spec-id': 0 },
        { type: 'assert-default-sort-order-id', 'default-sort-order-id': 0 },
        { type: 'assert-table-uuid', uuid: 'U-1' },
      ],
      updates: [
        { action: 'add-schema', schema },
        { action: 'set-current-schema', 'schema-id': -1 },
        { action: 'add-schema', schema: { ...schema, 'schema-id': 12 } },
        { action: 'add-spec', spec: { fields: [{ 'source-id': 1, name: 'a', transform: 'identity' }] } },
        { action: 'set-default-spec', 'spec-id': -1 },
        { action: 'remove-partition-specs', 'spec-ids': [0] },
        {
          action: 'add-sort-order',
          'sort-order': { fields: [{ transform: 'identity', 'source-id': 1, direction: 'asc', 'null-order': 'nulls-first' }] },
        },
        { action: 'set-default-sort-order', 'sort-order-id': -1 },
        { action: 'remove-properties', removals: ['p'] },
      ],
    });
    const table = json(text);
    assert.deepEqual(
      (table['schemas'] as Json[]).map((one) => one['schema-id']),
      [0, 1],
    );
    assert.equal(table['current-schema-id'], 1);
    assert.equal(table['last-column-id'], 9);
    assert.deepEqual(
      (table['partition-specs'] as Json[]).map((one) => one['spec-id']),
      [1],
    );
    assert.equal(table['last-partition-id'], 1001);
    assert.equal(table['default-sort-order-id'], 1);
    assert.deepEqual(table['properties'], { q: '2' });
    const stale = { requirements: [{ type: 'assert-current-schema-id', 'current-schema-id': 0 }], updates: [] };
    assert.equal(applyChange(text, stale, { previousLocation: 'x', nowMs: 1 }).kind, 'conflict');
  });

  it('writes version 1 as version 1, and upgrades it', () => {
    const old = printExactJson({
      'format-version': 1,
      'table-uuid': 'u',
      location: 'l',
      'last-updated-ms': 1,
      'last-column-id': 1,
      schema: { type: 'struct', fields: [FIELD] },
      'partition-spec': [{ 'source-id': 1, name: 'a', transform: 'identity' }],
      'current-snapshot-id': -1,
      snapshots: [],
    });
    const kept = json(apply(old, { updates: [{ action: 'set-properties', updates: { a: 'b' } }] }));
    assert.equal(kept['current-snapshot-id'], -1);
    assert.deepEqual((kept['schema'] as Json)['fields'], [FIELD]);
    assert.deepEqual(kept['partition-spec'], [{ 'field-id': 1000, 'source-id': 1, name: 'a', transform: 'identity' }]);
    const up = json(apply(old, { updates: [{ action: 'upgrade-format-version', 'format-version': 3 }] }));
    assert.deepEqual([up['schema'], up['partition-spec'], up['last-sequence-number'], up['next-row-id']], [undefined, undefined, 0, 0]);
    assert.throws(() => apply(JSON.stringify(up), { updates: [{ action: 'upgrade-format-version', 'format-version': 2 }] }), {
      sqlstate: 'XX001',
    });
  });

  it('refuses what it does not know', () => {
    assert.throws(() => apply(created, { updates: [{ action: 'add-encryption-key' }] }), {
      sqlstate: '0A000',
      message: /add-encryption-key/,
    });
    assert.throws(() => apply(created, { requirements: [{ type: 'constructor' }] }), { sqlstate: '0A000', message: /constructor/ });
    assert.throws(() => apply('[]', {}), { sqlstate: 'XX001' });
    assert.throws(() => apply('{', {}), { sqlstate: 'XX001' });
    assert.throws(() => apply(undefined, { updates: [{ action: 'assign-uuid', uuid: 'u' }] }), { sqlstate: 'XX001', message: /location/ });
  });

  it('loses no digit of numbers it does not look at', () => {
    const text = '{"a":1.0,"b":-9223372036854775808,"c":1e400,"d":"\\"x\\":12345678901234567890","e":[0.1,12345678901234567890],"f":{}}';
    assert.equal(printExactJson(parseExactJson(text)), text);
  });
});
