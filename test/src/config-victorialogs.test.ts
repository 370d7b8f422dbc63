import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { Oid, type } from '../../sql/types.js';
import { buildConfig } from '../../src/config-file.js';

describe('configuration of VictoriaLogs', () => {
  const read = (keys: object, env: Record<string, string> = {}) =>
    buildConfig({ catalogs: { logs: { type: 'victorialogs', ...keys } } }, { env, cwd: '/here', folder: '/etc/tl' }).catalogs['logs'];

  it('needs a URL only', () => {
    const plain = {
      type: 'victorialogs',
      url: 'http://host:9428',
      auth: { type: 'none' },
      limits: { queries: 2, timeout: 25_000, responseBytes: 2 ** 30, indexTimeout: 250 },
      tables: [],
      indexes: [],
      recent: [],
    };
    assert.deepEqual(read({ url: 'http://host:9428/' }), plain);
    assert.deepEqual(read({ url_env: 'LOGS' }, { LOGS: 'http://host:9428' }), plain);
  });

  it('reads how to reach it', () => {
    const config = read(
      {
        url: 'https://host/victoria//',
        prefix: 'x_',
        tenant: { account: 4294967295, project: '7' },
        auth: { type: 'basic', username: 'me', password_env: 'P' },
        tls: { ca_file: 'ca.pem', cert_file: '/c.pem', key_file: 'k.pem', server_name: 'logs' },
        limits: { queries: 3, timeout: '10 s', response_bytes: '64MB', index_timeout: 100 },
      },
      { P: 'sesame' },
    );
    assert.deepEqual(config, {
      type: 'victorialogs',
      prefix: 'x_',
      url: 'https://host/victoria',
      tenant: { account: 4294967295, project: 7 },
      auth: { type: 'basic', username: 'me', password: 'sesame' },
      tls: { caFile: '/etc/tl/ca.pem', certFile: '/c.pem', keyFile: '/etc/tl/k.pem', serverName: 'logs' },
      limits: { queries: 3, timeout: 10_000, responseBytes: 64 * 2 ** 20, indexTimeout: 100 },
      tables: [],
      indexes: [],
      recent: [],
    });
    const bearer = read({ url: 'http://h', auth: { type: 'bearer', token: 't' } });
    assert.deepEqual(bearer?.type === 'victorialogs' && bearer.auth, { type: 'bearer', token: 't' });
  });

  it('reads declared tables', () => {
    const columns = {
      status: 'int4',
      Took: { type: 'double  precision', field: 'http.took' },
      price: 'numeric( 10, 2 )',
      body: 'bytea',
      at: 'timestamp with time zone',
      plain: 'numeric',
    };
    const config = read({
      url: 'http://h',
      tables: { web: { columns, filter: { 'kubernetes.app': 'web', code: '010' } }, own: { encoding: 'own', columns: { body: 'JSONB' } } },
    });
    const plain = (name: string, oid: number, typmod = -1, field = name) => ({ name, field, type: type(oid, typmod) });
    assert.deepEqual(config?.type === 'victorialogs' && config.tables, [
      {
        name: 'web',
        encoding: 'foreign',
        columns: [
          plain('status', Oid.int4),
          plain('Took', Oid.float8, -1, 'http.took'),
          plain('price', Oid.numeric, ((10 << 16) | 2) + 4),
          plain('body', Oid.bytea),
          plain('at', Oid.timestamptz),
          plain('plain', Oid.numeric),
        ],
        filter: { 'kubernetes.app': 'web', code: '010' },
      },
      { name: 'own', encoding: 'own', columns: [plain('body', Oid.jsonb)], filter: {} },
    ]);
  });

  it('reads what it is an index of, and what rows are on their way', () => {
    const config = read({
      url: 'http://h',
      index_for: ['lake.events', { table: 'a.b.clicks', columns: ['user_id', 'kind'], time: 'ts', streams: ['kind'] }],
      recent_for: ['lake.events'],
    });
    assert.deepEqual(config?.type === 'victorialogs' && [config.indexes, config.recent], [
      [
        { schema: 'lake', table: 'events', streams: [] },
        { schema: 'a.b', table: 'clicks', columns: ['user_id', 'kind'], time: 'ts', streams: ['kind'] },
      ],
      [{ schema: 'lake', table: 'events' }],
    ]);
  });

  const at = (keys: object): object => ({ url: 'http://h', ...keys });
  const table = (keys: object): object => at({ tables: { web: keys } });
  const bad: Readonly<Record<string, readonly [object, RegExp]>> = {
    'no URL': [{}, /catalogs\.logs\.url: is required/],
    'a URL twice': [at({ url_env: 'X' }), /url and url_env cannot both/],
    'a secret in the URL': [{ url: 'http://me:sesame@h' }, /url: must hold no user/],
    'a query': [{ url: 'http://h?token=sesame' }, /url: must have no query/],
    'another scheme': [{ url: 'file:///h' }, /url: must begin with https/],
    'an unknown key': [at({ tenants: {} }), /unknown configuration key "catalogs\.logs\.tenants".*tenant/],
    'a tenant below zero': [at({ tenant: { account: -1 } }), /tenant\.account: must be a whole number from 0 to 4294967295/],
    'a tenant of two numbers': [at({ tenant: { project: '1:2' } }), /tenant\.project: must be a whole number/],
    'an unknown way to prove oneself': [at({ auth: { type: 'oauth2' } }), /auth\.type: must be one of none, basic, bearer/],
    'a variable that is not there': [at({ auth: { type: 'bearer', token_env: 'NONE' } }), /NONE is not set/],
    'two lines in a token': [at({ auth: { type: 'bearer', token: 'a\nsesame' } }), /token: must be plain text/],
    'a colon in a user name': [at({ auth: { type: 'basic', username: 'a:b', password: 'sesame' } }), /username: must have no colon/],
    'TLS without TLS': [at({ tls: { server_name: 'x' } }), /tls: is only for a url that begins with https/],
    'half a client certificate': [{ url: 'https://h', tls: { cert_file: 'c' } }, /a client certificate needs both/],
    'a timeout that the server would not keep': [at({ limits: { timeout: '30 s' } }), /limits\.timeout: must be from 1 ms to 25 s/],
    'a time without its unit': [at({ limits: { index_timeout: '30' } }), /index_timeout: must be a time with its unit/],
    'no queries': [at({ limits: { queries: 0 } }), /limits\.queries: must be a whole number from 1/],
    'empty answers': [at({ limits: { response_bytes: 0 } }), /response_bytes: must be 1 at least/],
    'the table of everything': [at({ tables: { logs: {} } }), /tables\.logs: the name is taken/],
    "a table's name": [at({ tables: { 'a b': {} } }), /tables\.a b: a name is lower-case/],
    'an encoding': [table({ encoding: 'ours' }), /web\.encoding: must be own or foreign/],
    'the time as a column': [table({ columns: { _time: 'timestamptz' } }), /columns\._time: is there without being declared/],
    'the time under another name': [table({ columns: { t: { type: 'text', field: '_time' } } }), /t\.field: _time is a column of its own/],
    'a field of wildcards': [table({ columns: { t: { type: 'text', field: 'a*' } } }), /t\.field: the name of a field cannot end in \*/],
    'a long name': [table({ columns: { ['x'.repeat(64)]: 'text' } }), /has at most 63 bytes/],
    'a longer field': [table({ columns: { t: { type: 'text', field: 'x'.repeat(129) } } }), /at most 128 bytes/],
    'half a character': [table({ columns: { t: { type: 'text', field: '\ud800' } } }), /well-formed/],
    'JSON of others, whose form is not ours': [
      table({ columns: { t: 'jsonb' } }),
      /t: documents that others write cannot be read as jsonb/,
    ],
    'an unknown type': [table({ columns: { t: 'txt' } }), /t: "txt" is no type.*text/],
    'a type named like what objects have': [table({ columns: { t: 'constructor' } }), /t: "constructor" is no type/],
    'a length': [table({ columns: { t: 'varchar(10)' } }), /only numeric has a modifier/],
    'too many digits': [table({ columns: { t: 'numeric(2,3)' } }), /must be numeric\(/],
    'no type': [table({ columns: { t: {} } }), /t\.type: is required/],
    'a filter by a number': [table({ filter: { code: 10 } }), /filter\.code: must be text, in quotes/],
    'a filter by time': [table({ filter: { _time: 'x' } }), /filter\._time: cannot be filtered/],
    'an index of no table': [at({ index_for: ['events'] }), /index_for\[0\]: must be a table's name/],
    'an index twice': [at({ index_for: ['a.b', { table: 'a.b' }] }), /index_for: a\.b is there twice/],
    'a stream that is not indexed': [at({ index_for: [{ table: 'a.b', columns: ['x'], streams: ['y'] }] }), /"y" is none of the columns/],
    'a column twice': [at({ index_for: [{ table: 'a.b', columns: ['x', 'x'] }] }), /columns: "x" is there twice/],
    'recent rows twice': [at({ recent_for: ['a.b', 'a.b'] }), /recent_for: a\.b is there twice/],
    'a list that is none': [at({ recent_for: 'a.b' }), /recent_for: must be a list/],
  };
  for (const [name, [keys, message]] of Object.entries(bad)) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => read(keys),
        (error: Error & { sqlstate?: string; hint?: string }) => {
          const text = `${error.message} ${error.hint ?? ''}`;
          assert.match(text, message);
          return error.sqlstate === 'F0000' && !text.includes('sesame');
        },
      );
    });
  }
});
