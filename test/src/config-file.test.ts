import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TimelineError } from '../../sql/errors.js';
import { buildConfig, loadConfig } from '../../src/config-file.js';
import { byteCount } from '../../src/config-reader.js';
import { tempFolder } from '../support/temp-folder.js';

const build = (document: unknown, env: Record<string, string> = {}) =>
  buildConfig(document, { env, cwd: '/work/here', folder: '/etc/timeline' });

function failure(work: () => unknown): TimelineError {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof TimelineError, String(error));
    return error;
  }
  return assert.fail('no error');
}

describe('configuration', () => {
  it('has defaults for everything', () => {
    const config = build({});
    assert.deepEqual(config.listen, { host: '127.0.0.1', pg: 7432, http: 7480 });
    assert.equal(config.home, '/etc/timeline/.timeline');
    assert.equal(config.temporal.mode, 'dev');
    assert.equal(config.limits.maxBytes, undefined);
  });

  it('takes environment variables over the file', () => {
    const config = build(
      { listen: { pg: 1, http: 2 }, home: 'a', limits: { max_bytes: 5 } },
      {
        TIMELINE_PG_PORT: '0',
        TIMELINE_HTTP_PORT: '8',
        TIMELINE_HOME: 'b',
        TIMELINE_LIMITS_MAX_BYTES: '1MB',
        TEMPORAL_ADDRESS: 'there:7233',
      },
    );
    assert.deepEqual([config.listen.pg, config.listen.http, config.home, config.limits.maxBytes], [0, 8, '/work/here/b', 1048576]);
    assert.deepEqual([config.temporal.mode, config.temporal.address], ['address', 'there:7233']);
  });

  it('has a place for stage files and results, in the home folder or shared', () => {
    const plain = build({});
    assert.deepEqual(plain.stages, { location: 'file:///etc/timeline/.timeline/stages' });
    assert.deepEqual(plain.replays, {
      results: 'file:///etc/timeline/.timeline/results',
      inlineBytes: 64 * 2 ** 20,
      retention: 30 * 86_400_000,
    });
    const shared = build(
      { stages: { location: 's3a://bucket/a//b/', s3: { endpoint: 'http://e' } }, replays: { inline_bytes: '1MB', retention: 0 } },
      { TIMELINE_STAGES_S3_ACCESS_KEY_ID: 'k', TIMELINE_STAGES_S3_SECRET_ACCESS_KEY: 's', TIMELINE_STAGES_S3_PATH_STYLE: 'false' },
    );
    assert.deepEqual(shared.stages, {
      location: 's3://bucket/a/b',
      s3: { endpoint: 'http://e', accessKeyId: 'k', secretAccessKey: 's', region: 'us-east-1', pathStyle: false },
    });
    assert.deepEqual(shared.replays, { results: 's3://bucket/a/b/results', inlineBytes: 2 ** 20, retention: undefined });
    const named = build(
      { stages: { location: 'there' }, replays: { results: 'x', retention: '90 min' } },
      { TIMELINE_REPLAYS_RESULTS: 'out', TIMELINE_STAGES_LOCATION: 's3://b', TIMELINE_REPLAYS_INLINE_BYTES: '7' },
    );
    assert.equal(build({ stages: { location: 'there' } }).stages.location, 'file:///etc/timeline/there');
    assert.deepEqual(named.stages, { location: 's3://b' });
    assert.deepEqual(named.replays, { results: 'file:///work/here/out', inlineBytes: 7, retention: 90 * 60_000 });
    for (const [text, ms] of [
      ['30 d', 2_592_000_000],
      ['2 hours', 7_200_000],
      ['1.5min', 90_000],
      ['1 week', 604_800_000],
    ] as const)
      assert.equal(build({ replays: { retention: text } }).replays.retention, ms);
  });

  it('reads an Iceberg catalog and makes its paths absolute', () => {
    const { catalogs } = build({
      catalogs: {
        fx: {
          type: 'iceberg',
          prefix: 'x_',
          catalog: { type: 'sql', uri: 'sqlite:///py/catalog.db', name: 'fx' },
          locations: { 'file:///old/': 'new/', 's3://a/': 's3://b/' },
          s3: { endpoint: 'http://127.0.0.1:9', access_key_id: 'k', secret_access_key: 's' },
        },
        lake: { type: 'iceberg', catalog: { type: 'filesystem', warehouse: '../data' } },
      },
    });
    assert.deepEqual(catalogs['fx'], {
      type: 'iceberg',
      prefix: 'x_',
      catalog: { type: 'sql', uri: 'sqlite:////etc/timeline/py/catalog.db', name: 'fx' },
      locations: { 'file:///old/': 'file:///etc/timeline/new/', 's3://a/': 's3://b/' },
      s3: { endpoint: 'http://127.0.0.1:9', region: 'us-east-1', accessKeyId: 'k', secretAccessKey: 's', pathStyle: true },
    });
    const lake = catalogs['lake'];
    assert.deepEqual(lake?.type === 'iceberg' && lake.catalog, { type: 'filesystem', warehouse: 'file:///etc/data' });
  });

  it('reads how to reach an S3 service', () => {
    const s3 = (keys: object) => {
      const catalog = { type: 'filesystem', warehouse: 's3://b' };
      const read = build({ catalogs: { a: { type: 'iceberg', catalog, s3: keys } } }).catalogs['a'];
      return read?.type === 'iceberg' ? read.s3 : undefined;
    };
    assert.deepEqual(
      s3({
        session_token: 't',
        profile: 'p',
        role_arn: 'arn:aws:iam::1:role/r',
        sts_endpoint: 'http://sts',
        coalesce_gap: '64KiB',
        max_request_bytes: 1000,
      }),
      {
        region: 'us-east-1',
        pathStyle: false,
        sessionToken: 't',
        profile: 'p',
        roleArn: 'arn:aws:iam::1:role/r',
        stsEndpoint: 'http://sts',
        coalesceGap: 65536,
        maxRequestBytes: 1000,
      },
    );
    assert.deepEqual(s3({ anonymous: true }), { region: 'us-east-1', pathStyle: false, anonymous: true });
    assert.match(failure(() => s3({ max_request_bytes: 0 })).message, /catalogs.a.s3.max_request_bytes: must be 1 at least/);
    assert.match(failure(() => s3({ anonymous: true, profile: 'p' })).message, /catalogs.a.s3.anonymous: nothing is signed/);
    assert.match(failure(() => s3({ access_key_id: 'k' })).message, /catalogs.a.s3.secret_access_key: is required/);
  });

  it('names an unknown key with its path and the nearest known one', () => {
    const error = failure(() => build({ catalogs: { a: { type: 'iceberg', catalgo: {} } } }));
    assert.equal(error.message, 'unknown configuration key "catalogs.a.catalgo"');
    assert.equal(error.hint, 'Perhaps you meant "catalogs.a.catalog".');
  });

  for (const [title, document, message] of [
    ['a port', { listen: { pg: 70000 } }, /listen.pg: must be a port/],
    ['a mapping', { listen: [] }, /listen: must be a mapping/],
    ['a catalog type', { catalogs: { a: { type: 'mysql' } } }, /catalogs.a.type: must be iceberg/],
    ['a catalog name', { catalogs: { 'A B': {} } }, /a name is lower-case/],
    ['a missing uri', { catalogs: { a: { type: 'iceberg', catalog: { type: 'sql' } } } }, /catalogs.a.catalog.uri: is required/],
    ['a foreign database', { catalogs: { a: { type: 'iceberg', catalog: { type: 'sql', uri: 'mysql://h/db' } } } }, /only sqlite/],
    ['what is not there yet', { auth: {} }, /auth: not supported yet/],
    ['a key of stages', { stages: { locaton: 'x' } }, /unknown configuration key "stages.locaton"/],
    ['a key of replays', { replays: { inline: 1 } }, /unknown configuration key "replays.inline"/],
    ['a place for stages', { stages: { location: 'gs://x' } }, /stages.location: .*only file and s3/],
    ['a place for results', { replays: { results: '' } }, /replays.results: must be a folder/],
    ['a retention', { replays: { retention: 30 } }, /replays.retention: must be a time with its unit/],
    ['a size', { limits: { max_bytes: 'much' } }, /limits.max_bytes: must be a number of bytes/],
  ] as const) {
    it(`refuses ${title}`, () => {
      assert.match(failure(() => build(document)).message, message);
    });
  }

  it('reads timeline.yaml, and says what is wrong in one', async () => {
    const folder = await tempFolder('config');
    try {
      assert.equal(loadConfig({ env: {}, cwd: folder.path }).listen.pg, 7432);
      await writeFile(join(folder.path, 'timeline.yaml'), 'listen: {pg: 9}\n');
      assert.equal(loadConfig({ env: {}, cwd: folder.path }).listen.pg, 9);
      await writeFile(join(folder.path, 'bad.yaml'), 'listen: {pg: [\n');
      assert.match(failure(() => loadConfig({ env: { TIMELINE_CONFIG: 'bad.yaml' }, cwd: folder.path })).message, /bad\.yaml/);
      assert.match(failure(() => loadConfig({ env: { TIMELINE_CONFIG: 'none.yaml' }, cwd: folder.path })).message, /none\.yaml: ENOENT/);
    } finally {
      await folder.remove();
    }
  });

  it('reads sizes', () => {
    assert.deepEqual(
      ['12', '1kB', '2MiB', '1.5GB'].map((text) => byteCount(text, 'x')),
      [12, 1024, 2097152, 1610612736],
    );
  });
});
