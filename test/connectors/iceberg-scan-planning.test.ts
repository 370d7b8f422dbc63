import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'mocha';
import type { RestCatalogConfig } from '../../connectors/iceberg/catalog/rest/rest-config.js';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import type { Datum } from '../../connectors/iceberg/format/datum.js';
import { parseExactJson, printExactJson } from '../../connectors/iceberg/format/exact-json.js';
import { parseTransform, parseType } from '../../connectors/iceberg/format/schema.js';
import { asSplit } from '../../connectors/iceberg/handle.js';
import { allOf, anyOf, type Condition, inTest, type Test } from '../../connectors/iceberg/prune/predicate.js';
import { scanFilter } from '../../connectors/iceberg/prune/scan-filter.js';
import { contentFile } from '../../connectors/iceberg/prune/scan-task.js';
import { type FakeAnswer, type FakeRequest, type FakeRest, failure, startFakeRest } from './fake-rest.js';
import { parseFilter } from './filters.js';
import { expectedTables, FIXTURES, OLD_PREFIX, temporaryFolder } from './iceberg-fixtures.js';
import { restConfig } from './rest-config.js';

const SIGNAL = new AbortController().signal;

describe('Iceberg scan filters for a REST server', () => {
  const test = (type: string, one: Test): Condition => ({ kind: 'test', column: { id: 1, type: parseType(type) }, test: one });
  const compare = (type: string, op: '=' | '<' | '<=' | '>' | '>=', value: Datum): Condition => test(type, { kind: 'compare', op, value });
  const shown = (condition: Condition): string => printExactJson(scanFilter(condition, () => 'c') ?? null);
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  const unsaid = compare('uuid', '=', new Uint8Array(16));
  const one = compare('int', '=', 1n);

  const cases: readonly (readonly [string, Condition, string])[] = [
    ['a whole number with all digits', compare('long', '<', 9007199254740993n), '{"type":"lt","term":"c","value":9007199254740993}'],
    ['a number beyond 64 bits', compare('long', '<', 1n << 63n), 'null'],
    ['a decimal with its scale', compare('decimal(9,2)', '>=', -5n), '{"type":"gt-eq","term":"c","value":"-0.05"}'],
    ['a day', compare('date', '=', 19000n), '{"type":"eq","term":"c","value":"2022-01-08"}'],
    ['a day before the year 1', compare('date', '=', -800000n), 'null'],
    ['a day after 9999', compare('date', '<', 4000000n), 'null'],
    ['an instant', compare('timestamptz', '<=', 1n), '{"type":"lt-eq","term":"c","value":"1970-01-01T00:00:00.000001+00:00"}'],
    ['a time stamp', compare('timestamp', '>', -1n), '{"type":"gt","term":"c","value":"1969-12-31T23:59:59.999999"}'],
    ['a time', compare('time', '>', 1_500_000n), '{"type":"gt","term":"c","value":"00:00:01.500000"}'],
    ['a text', compare('string', '=', text('é"\u0001')), '{"type":"eq","term":"c","value":"é\\"\\u0001"}'],
    ['a text that begins with a byte order mark', compare('string', '=', text('\ufeffa')), '{"type":"eq","term":"c","value":"\ufeffa"}'],
    ['no text', compare('string', '=', Uint8Array.of(0xff)), 'null'],
    ['true', compare('boolean', '=', 1n), '{"type":"eq","term":"c","value":true}'],
    ['a UUID', unsaid, 'null'],
    ['bytes', compare('binary', '=', text('a')), 'null'],
    ['a prefix', test('string', { kind: 'prefix', prefix: text('re') }), '{"type":"starts-with","term":"c","value":"re"}'],
    ['NULL', test('uuid', { kind: 'is_null' }), '{"type":"is-null","term":"c"}'],
    ['not NULL', test('string', { kind: 'not_null' }), '{"type":"not-null","term":"c"}'],
    ['a list', test('int', inTest([2n, 1n, 2n])), '{"type":"in","term":"c","values":[1,2]}'],
    ['a list of one', test('int', inTest([2n])), '{"type":"eq","term":"c","value":2}'],
    ['a list with zero', test('double', inTest([0, 1])), 'null'],
    ['less than a fraction', compare('double', '<', 0.1), '{"type":"lt","term":"c","value":0.1}'],
    [
      'more than a fraction, as NaN is',
      compare('double', '>', 0.5),
      '{"type":"or","left":{"type":"gt","term":"c","value":0.5},"right":{"type":"is-nan","term":"c"}}',
    ],
    ['NaN', compare('double', '=', Number.NaN), 'null'],
    ['infinity', compare('double', '<', Number.POSITIVE_INFINITY), 'null'],
    ['zero, which -0 equals', compare('double', '=', 0), 'null'],
    ['at least zero', compare('float', '>=', -0), 'null'],
    ['what a float would round', compare('float', '<', 0.1), 'null'],
    ['what a float holds', compare('float', '<', 0.5), '{"type":"lt","term":"c","value":0.5}'],
    ['AND of what can be said', allOf([unsaid, one]), '{"type":"eq","term":"c","value":1}'],
    ['OR with what cannot be said', anyOf([unsaid, one]), 'null'],
    [
      'OR',
      anyOf([one, test('int', { kind: 'is_null' })]),
      '{"type":"or","left":{"type":"eq","term":"c","value":1},"right":{"type":"is-null","term":"c"}}',
    ],
  ];
  for (const [name, condition, expected] of cases) it(name, () => assert.equal(shown(condition), expected));

  it('long lists become ranges, and many alternatives a shallow tree', () => {
    const values = Array.from({ length: 3000 }, (_, index) => BigInt(index));
    assert.equal(
      shown(test('int', inTest(values))),
      '{"type":"and","left":{"type":"gt-eq","term":"c","value":0},"right":{"type":"lt-eq","term":"c","value":2999}}',
    );
    const depth = (json: unknown): number =>
      typeof json === 'object' && json !== null ? 1 + Math.max(...Object.values(json).map(depth)) : 0;
    const many = scanFilter(anyOf(values.map((value) => compare('int', '=', value))), () => 'c');
    assert.ok(depth(many) < 20);
  });

  it('leave out columns that the server may find another by', () => {
    assert.equal(
      scanFilter(one, () => undefined),
      undefined,
    );
  });
});

describe('Iceberg files in the JSON of the REST protocol', () => {
  const spec = (type: string, transform = 'identity') => ({
    specs: new Map([[0, { id: 0, fields: [{ fieldId: 1000, sourceId: 1, name: 'p', transform: parseTransform(transform) }] }]]),
    types: (id: number) => (id === 1 ? parseType(type) : undefined),
  });
  const json = (more: object): string =>
    JSON.stringify({
      'spec-id': 0,
      content: 'data',
      'file-path': 'p',
      'file-format': 'parquet',
      'record-count': 1,
      'file-size-in-bytes': 9,
      partition: [null],
      ...more,
    });
  const read = (text: string, type = 'int', transform = 'identity') => contentFile(parseExactJson(text), spec(type, transform));

  const values: readonly (readonly [type: string, transform: string, json: string, value: unknown])[] = [
    ['long', 'identity', '9007199254740993', 9007199254740993n],
    ['double', 'identity', '1.0', 1],
    ['double', 'identity', '"NaN"', Number.NaN],
    ['decimal(9,2)', 'identity', '"-1.20"', -120n],
    ['date', 'identity', '"2022-01-08"', 19000n],
    ['timestamptz', 'day', '"2022-01-08"', 19000n],
    ['timestamptz', 'day', '19000', 19000],
    ['timestamptz', 'hour', '456000', 456000],
    ['timestamptz', 'identity', '"1970-01-01T00:00:00.000001+00:00"', 1n],
    ['timestamp_ns', 'identity', '"1970-01-01T00:00:00.000001002"', 1002n],
    ['string', 'identity', '"a"', 'a'],
    ['uuid', 'identity', '"00000000-0000-0000-0000-0000000000ff"', Buffer.from('000000000000000000000000000000ff', 'hex')],
    ['binary', 'identity', '"00FF"', Buffer.of(0, 255)],
    ['boolean', 'identity', 'true', true],
  ];
  for (const [type, transform, text, value] of values)
    it(`have partition values: ${transform} of ${type}, ${text}`, () => {
      const list = read(json({}).replace('"partition":[null]', `"partition":[${text}]`), type, transform);
      assert.deepEqual(list.partition.get(1000), value);
      const object = read(json({}).replace('"partition":[null]', `"partition":{"1000":${text}}`), type, transform);
      assert.deepEqual(object.partition.get(1000), value);
    });
  for (const [type, text] of [
    ['int', '"1"'],
    ['int', '1.5'],
    ['long', '9223372036854775808'],
    ['decimal(9,2)', '"1.234"'],
    ['date', '"2022-02-30"'],
    ['uuid', '"x"'],
    ['binary', '"0"'],
    ['fixed[2]', '"00"'],
    ['string', '1'],
  ] as const)
    it(`are refused with ${text} for ${type}`, () => {
      assert.throws(() => read(json({}).replace('[null]', `[${text}]`), type), /partition field "p" is not of its type/);
    });

  it('have bounds only where they are bytes beyond doubt', () => {
    const bounds = (type: string, ...items: unknown[]) =>
      read(json({ 'lower-bounds': { keys: items.map(() => 1), values: items } }), type).lower.get(1);
    assert.deepEqual(bounds('int', '0A000000'), Buffer.of(10, 0, 0, 0));
    assert.equal(bounds('int', 10), undefined);
    assert.equal(bounds('int', '0A'), undefined);
    assert.equal(bounds('string', '3131'), undefined, 'the text 3131, or 11');
    assert.equal(bounds('decimal(4,0)', '3131'), undefined);
  });

  for (const [what, more] of Object.entries({
    'another content': { content: 'manifest' },
    'no path': { 'file-path': '' },
    'a spec that is not there': { 'spec-id': 7 },
    'negative rows': { 'record-count': -1 },
    'no partition': { partition: undefined },
    'too many partition values': { partition: [1, 2] },
    'counts that do not fit': { 'value-counts': { keys: [1], values: [] } },
  }))
    it(`are refused with ${what}`, () => void assert.throws(() => read(json(more))));
});

describe('Iceberg scans planned by a REST server that does as the test says', () => {
  const folder = temporaryFolder();
  const table = expectedTables()['v2_posdel']!;
  const original = readFileSync(join(FIXTURES, table.metadata), 'utf8');
  let metadata = original;
  const name = { schema: 'n', table: 't' };
  const open: IcebergConnector[] = [];
  let fake: FakeRest;
  let said: string | undefined;
  let without: readonly string[];
  before(async () => {
    fake = await startFakeRest();
  });
  afterEach(async () => {
    fake.requests.length = 0;
    for (const connector of open.splice(0)) await connector.close();
  });
  after(async () => {
    await fake.close();
    rmSync(folder, { recursive: true });
  });

  const TABLE = '/v1/{prefix}/namespaces/{namespace}/tables/{table}';
  const ENDPOINTS = [`POST ${TABLE}/plan`, `GET ${TABLE}/plan/{plan-id}`, `DELETE ${TABLE}/plan/{plan-id}`, `POST ${TABLE}/tasks`];
  const serve = (answer: (request: FakeRequest) => FakeAnswer | undefined): void => {
    said = 'server';
    without = [];
    metadata = original;
    fake.answer = (request) => {
      if (request.path === '/v1/config')
        return { json: { defaults: {}, overrides: {}, endpoints: ENDPOINTS.filter((one) => !without.includes(one)) } };
      if (request.method === 'GET' && request.path.endsWith('/tables/t')) {
        const config = said === undefined ? {} : { 'scan-planning-mode': said };
        return {
          text: `{"metadata-location":"${OLD_PREFIX}/${table.metadata}","config":${JSON.stringify(config)},"metadata":${metadata}}`,
        };
      }
      return answer(request);
    };
  };
  const connect = async (scanPlanning: RestCatalogConfig['scanPlanning']): Promise<IcebergConnector> => {
    const connector = await IcebergConnector.open({
      name: 'lake',
      config: { catalog: restConfig(fake.uri, { scanPlanning, timeout: 2_000 }), locations: { [OLD_PREFIX]: FIXTURES } },
      cacheFolder: folder,
      cacheBytes: 0,
    });
    open.push(connector);
    return connector;
  };
  const planned = async (mode: RestCatalogConfig['scanPlanning'], filter?: string, signal = SIGNAL) => {
    const connector = await connect(mode);
    const { columns } = (await connector.describe(name))!;
    const { handle } = await connector.pin(name);
    const filters = filter === undefined ? [] : [parseFilter(filter, new Map(columns.map((one) => [one.name, one.type.oid])))];
    const pushed = connector.pushdown(handle, { filters, columns: columns.map((one) => one.name), limit: undefined });
    const plan = await connector.splits(pushed.handle, signal);
    return { files: plan.splits.flatMap(({ data }) => asSplit(data).files), pruning: plan.pruning };
  };
  const file = (number: number, more: object = {}) => ({
    'spec-id': 0,
    content: 'data',
    'file-path': `file:/fixtures/iceberg/spark/db/v2_posdel/data/f${number}.parquet`,
    'file-format': 'parquet',
    'record-count': 10,
    'file-size-in-bytes': 1000,
    partition: ['2025-03-02', 3],
    ...more,
  });
  const task = (number: number, more: object = {}, references?: readonly number[]) => ({
    'data-file': file(number, more),
    ...(references === undefined ? {} : { 'delete-file-references': references }),
  });
  const range = (count: number, from = 0) => Array.from({ length: count }, (_, index) => task(index + from));
  const complete = (more: object): FakeAnswer => ({ json: { status: 'completed', ...more } });
  const paths = (): string[] => fake.requests.map(({ method, path }) => `${method} ${path.replace('/v1/namespaces/n/tables/t', '')}`);

  it('are asked for with the snapshot, the filter and the columns whose statistics count, and pruned again', async () => {
    const out = { partition: ['2025-03-05', 3] };
    serve(({ path }) => (path.endsWith('/plan') ? complete({ 'file-scan-tasks': [task(1), task(2, out)] }) : undefined));
    const { files, pruning } = await planned('auto', "ts >= '2025-03-02' AND ts < '2025-03-03'");
    assert.deepEqual(
      files.map(({ path }) => path),
      [file(1)['file-path']],
    );
    assert.deepEqual(
      pruning.slice(0, 2).map(({ step, after }) => [step, after]),
      [
        ["files by the catalog's server", 2],
        ['files by partition', 1],
      ],
    );
    const body = fake.requests.find(({ path }) => path.endsWith('/plan'))?.body ?? '';
    const snapshot = /"current-snapshot-id"\s*:\s*(\d+)/.exec(metadata)?.[1];
    assert.match(body, new RegExp(`^\\{"snapshot-id":${snapshot},"case-sensitive":true,"use-snapshot-schema":true,"filter":`));
    assert.deepEqual((JSON.parse(body) as { 'stats-fields': unknown })['stats-fields'], ['ts']);
  });

  it('may come later, in pages, with the deletes of each page', async () => {
    const position = { ...file(0), content: 'position-deletes', 'file-path': 'file:/fixtures/iceberg/spark/db/v2_posdel/data/d.parquet' };
    let polls = 0;
    serve(({ method, path, body }) => {
      if (path.endsWith('/plan')) return { json: { status: 'submitted', 'plan-id': 'a/b' } };
      if (method === 'GET' && path.endsWith('/plan/a%2Fb'))
        return ++polls < 3 ? { json: { status: 'submitted' } } : complete({ 'plan-tasks': ['x', 'y'], 'file-scan-tasks': range(33, 10) });
      if (!path.endsWith('/tasks')) return undefined;
      if (body.includes('x')) return { json: { 'file-scan-tasks': [task(1, {}, [0])], 'delete-files': [position], 'plan-tasks': ['z'] } };
      return { json: body.includes('y') ? {} : { 'file-scan-tasks': [task(2)] } };
    });
    const { files, pruning } = await planned('on');
    assert.equal(files.length, 35);
    assert.deepEqual(
      files.filter(({ deletes }) => deletes !== undefined).map(({ path, deletes }) => [path, deletes?.[0]?.kind]),
      [[file(1)['file-path'], 'positions']],
    );
    assert.deepEqual(
      pruning.find(({ step }) => step === 'deletes'),
      { step: 'deletes', before: 1, after: 1 },
    );
    assert.equal(polls, 3);
    assert.ok(!paths().some((path) => path.startsWith('DELETE')), 'a plan that was taken needs no end');
  });

  it('are given up when the statement is cancelled, and the server is told', async () => {
    serve(({ method, path }) => {
      if (method === 'DELETE') return { status: 204 };
      return path.includes('/plan') ? { json: { status: 'submitted', 'plan-id': 'p' } } : undefined;
    });
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(new Error('cancelled')), 300);
    await assert.rejects(() => planned('auto', undefined, cancel.signal));
    for (let n = 0; n < 50 && !paths().includes('DELETE /plan/p'); n++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(paths().includes('DELETE /plan/p'));
  });

  const puffin = (more: object = {}) => ({
    ...file(0),
    content: 'position-deletes',
    'file-path': 'file:/fixtures/iceberg/spark/db/v2_posdel/data/d.puffin',
    'file-format': 'puffin',
    'content-offset': 4,
    'content-size-in-bytes': 40,
    'referenced-data-file': file(1)['file-path'],
    ...more,
  });
  it('have the deletion vector that names their file, whichever of the Puffin file is referred to', async () => {
    const other = puffin({ 'content-offset': 44, 'referenced-data-file': file(2)['file-path'] });
    const tasks = [task(1, {}, [1]), task(2, {}, [1]), ...range(33, 10)];
    serve(() => complete({ 'file-scan-tasks': tasks, 'delete-files': [puffin(), other] }));
    const { files } = await planned('on');
    assert.deepEqual(
      files.flatMap(({ deletes }) => (deletes?.[0]?.kind === 'vector' ? [deletes[0].offset] : [])),
      [4, 44],
    );
  });

  const all = range(35);
  const bad: Readonly<Record<string, FakeAnswer>> = {
    'that is not there': failure(404, 'NoSuchTableException'),
    'that the server does not take': failure(406, 'UnsupportedOperationException'),
    'that is not implemented': failure(501, 'NotImplemented'),
    'that is no JSON': { text: '<html>' },
    'that is a list': { json: [] },
    'without a status': { json: { 'file-scan-tasks': all } },
    'of an unknown status': { json: { status: 'done', 'file-scan-tasks': all } },
    'that failed': { json: { status: 'failed', error: { message: 'x', type: 'Oops', code: 500 } } },
    'that was cancelled': { json: { status: 'cancelled' } },
    'that comes later, without a name': { json: { status: 'submitted' } },
    'whose name is a path': { json: { status: 'submitted', 'plan-id': '..' } },
    'with fewer files than the snapshot has': complete({ 'file-scan-tasks': all.slice(1) }),
    'without files': complete({}),
    'with a file twice, in two spellings': complete({
      'file-scan-tasks': [...all.slice(1), task(1, { 'file-path': file(1)['file-path'].replace('file:/', 'file:///') })],
    }),
    'with a task that is no object': complete({ 'file-scan-tasks': [...all.slice(1), 7] }),
    'with a task without a file': complete({ 'file-scan-tasks': [...all.slice(1), {}] }),
    'with tasks that are no list': complete({ 'file-scan-tasks': { a: 1 } }),
    'with an ORC file': complete({ 'file-scan-tasks': [...all.slice(1), task(99, { 'file-format': 'orc' })] }),
    'with an encrypted file': complete({ 'file-scan-tasks': [...all.slice(1), task(99, { 'key-metadata': 'AB' })] }),
    'with an encrypted delete file': complete({
      'file-scan-tasks': all,
      'delete-files': [{ ...file(99), content: 'position-deletes', 'key-metadata': 'AB' }],
    }),
    'that reads a delete file': complete({ 'file-scan-tasks': [...all.slice(1), task(99, { content: 'position-deletes' })] }),
    'that refers to a delete file that is not there': complete({ 'file-scan-tasks': [...all.slice(1), task(99, {}, [0])] }),
    'with equality deletes of no column': complete({ 'file-scan-tasks': all, 'delete-files': [file(99, { content: 'equality-deletes' })] }),
    'with the vector of another file': complete({ 'file-scan-tasks': [...all.slice(1), task(99, {}, [0])], 'delete-files': [puffin()] }),
    'with a vector that nobody refers to': complete({ 'file-scan-tasks': all, 'delete-files': [puffin()] }),
    'with two vectors of one file': complete({
      'file-scan-tasks': [task(1, {}, [0, 1]), ...range(34, 10)],
      'delete-files': [puffin(), puffin({ 'content-offset': 44 })],
    }),
    'with a vector of no file': complete({ 'file-scan-tasks': all, 'delete-files': [puffin({ 'referenced-data-file': undefined })] }),
  };
  for (const [what, answer] of Object.entries(bad)) {
    it(`a plan ${what} is no plan: manifests are read, or the scan is refused`, async () => {
      serve(({ path, method }) => (method !== 'DELETE' && path.includes('/plan') ? answer : undefined));
      const { files, pruning } = await planned('auto');
      assert.equal(files.length, 35);
      assert.ok(files.every(({ path }) => !/f\d+\.parquet$/.test(path)));
      assert.match(pruning[0]?.note ?? '', /^from manifests, since /);
      await assert.rejects(
        () => planned('on'),
        (error: Error & { sqlstate?: string }) => ['58030', '0A000', '08001'].includes(error.sqlstate ?? '') && /n\.t/.test(error.message),
      );
    });
  }

  it('tasks without an end are no plan', async () => {
    let number = 0;
    serve(({ path }) =>
      path.endsWith('/plan') ? complete({ 'plan-tasks': ['a'] }) : { json: { 'plan-tasks': [number++ < 5 ? `t${number}` : 'a'] } },
    );
    assert.match((await planned('auto')).pruning[0]?.note ?? '', /its plan tasks do not end/);
  });

  describe('name a column only where the server must find the same one', () => {
    const evolved: Readonly<Record<string, (fields: Record<string, unknown>[]) => void>> = {
      'not one that was renamed since': (fields) => Object.assign(fields[1]!, { name: 'who' }),
      'not one whose name another has now': (fields) => {
        Object.assign(fields[1]!, { name: 'who' });
        Object.assign(fields[2]!, { name: 'entity_id' });
      },
      'not one with a default for old files': (fields) => Object.assign(fields[1]!, { 'initial-default': 'user-3' }),
      'one that stayed as it was': (fields) => Object.assign(fields[2]!, { name: 'kind' }),
    };
    for (const [what, change] of Object.entries(evolved)) {
      it(what, async () => {
        serve(({ path }) => (path.endsWith('/plan') ? complete({ 'file-scan-tasks': range(35) }) : undefined));
        const schemas = /"schemas"\s*:\s*(\[[\s\S]*?\])\s*,\s*"default-spec-id"/.exec(original)?.[1] ?? '';
        const [first] = JSON.parse(schemas) as [{ fields: Record<string, unknown>[] }];
        const newer = structuredClone(first);
        change(newer.fields);
        metadata = original
          .replace(schemas, JSON.stringify([first, { ...newer, 'schema-id': 1 }]))
          .replace(/"current-schema-id"\s*:\s*0/, '"current-schema-id":1');
        assert.notEqual(metadata, original);
        await planned('on', `${newer.fields[1]?.['name']} = 'user-3'`);
        const body = JSON.parse(fake.requests.find(({ path }) => path.endsWith('/plan'))?.body ?? '{}') as { filter?: unknown };
        assert.equal(body.filter !== undefined, what === 'one that stayed as it was');
      });
    }
  });

  it('who is denied a plan is not given one from manifests', async () => {
    serve(() => failure(403, 'ForbiddenException'));
    await assert.rejects(() => planned('auto'), { sqlstate: '42501' });
  });

  it('are asked for only where the server wants it, or the configuration', async () => {
    serve(() => complete({ 'file-scan-tasks': all }));
    const asked = async (mode: RestCatalogConfig['scanPlanning']): Promise<boolean> => {
      fake.requests.length = 0;
      await planned(mode);
      return paths().includes('POST /plan');
    };
    assert.deepEqual([await asked('off'), await asked('auto'), await asked('on')], [false, true, true]);
    said = undefined;
    assert.deepEqual([await asked('auto'), await asked('on')], [false, true]);
    said = 'client';
    assert.equal(await asked('auto'), false);
    await assert.rejects(() => planned('on'), { sqlstate: '0A000', message: /leaves scans of table n\.t to its clients/ });
    said = 'server';
    without = [`POST ${TABLE}/plan`];
    assert.match((await planned('auto')).pruning[0]?.note ?? '', /does not offer to/);
    await assert.rejects(() => planned('on'), { sqlstate: '0A000', message: /does not offer it/ });
  });
});
