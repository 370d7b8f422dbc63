import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { readIcebergCatalog } from '../../src/config-catalog.js';

describe('configuration of Iceberg catalogs', () => {
  const read = (catalog: unknown, env: Record<string, string> = {}) =>
    readIcebergCatalog(catalog, 'catalogs.lake', { folder: '/etc/tl', env });

  it('reads a REST catalog', () => {
    assert.deepEqual(read({ type: 'rest', uri: 'https://host/api/v1/' }), {
      type: 'rest',
      uri: 'https://host/api',
      auth: { type: 'none' },
      headers: {},
      accessDelegation: 'vended-credentials',
      scanPlanning: 'auto',
      timeout: 30_000,
    });
    const auth = { type: 'oauth2', client_id: 'me', client_secret_env: 'SECRET', token_uri: 'https://id/token', extra: { audience: 'a' } };
    const full = {
      type: 'rest',
      uri: 'http://host',
      warehouse: 'w',
      auth,
      headers: { 'x-a': 1 },
      access_delegation: 'none',
      scan_planning: 'on',
      timeout: 5,
    };
    assert.deepEqual(read(full, { SECRET: 's' }), {
      type: 'rest',
      uri: 'http://host',
      warehouse: 'w',
      auth: { type: 'oauth2', clientId: 'me', clientSecret: 's', tokenUri: 'https://id/token', scope: 'catalog', extra: { audience: 'a' } },
      headers: { 'x-a': '1' },
      accessDelegation: 'none',
      scanPlanning: 'on',
      timeout: 5,
    });
    const sigv4 = read({ type: 'rest', uri: 'http://host', auth: { type: 'sigv4', service: 'glue', region: 'eu-central-1' } });
    assert.deepEqual(sigv4.type === 'rest' && sigv4.auth, { type: 'sigv4', service: 'glue', region: 'eu-central-1' });
  });

  it('reads a SQL catalog in PostgreSQL', () => {
    assert.deepEqual(
      read({ type: 'sql', uri: 'postgresql+psycopg2://me@host/db', password_env: 'P', warehouse: 's3://b/w', name: 'n' }, { P: 'x' }),
      {
        type: 'sql',
        uri: 'postgresql://me@host/db',
        password: 'x',
        warehouse: 's3://b/w',
        name: 'n',
      },
    );
  });

  const rest = (more: object): object => ({ type: 'rest', uri: 'http://h', ...more });
  const bad: Readonly<Record<string, readonly [unknown, RegExp]>> = {
    'another type': [{ type: 'hive' }, /catalogs\.lake\.catalog\.type: must be rest, sql or filesystem/],
    'a secret in the URI': [rest({ uri: 'http://me:sesame@h' }), /catalog\.uri: must hold no user/],
    'another scheme': [rest({ uri: 'ftp://h' }), /catalog\.uri: must begin with https/],
    'no URL': [rest({ uri: 'h' }), /catalog\.uri: must be a URL/],
    'a query': [rest({ uri: 'http://h?token=sesame' }), /catalog\.uri: must have no query/],
    'an unknown way to prove oneself': [rest({ auth: { type: 'kerberos' } }), /auth\.type: must be one of none, bearer/],
    'a variable that is not there': [
      rest({ auth: { type: 'bearer', token_env: 'NONE' } }),
      /token_env: the environment variable NONE is not set/,
    ],
    'a secret twice': [rest({ auth: { type: 'bearer', token: 'sesame', token_env: 'X' } }), /token and token_env/],
    'no secret': [rest({ auth: { type: 'oauth2', client_id: 'x' } }), /auth\.client_secret: is required/],
    'half a key': [rest({ auth: { type: 'sigv4', service: 's', region: 'r', access_key_id: 'a' } }), /given together/],
    'two lines in a token': [rest({ auth: { type: 'bearer', token: 'a\nsesame' } }), /token: must be plain text/],
    'a time': [rest({ timeout: 0 }), /timeout: must be milliseconds/],
    'an unknown key': [rest({ warehous: 'x' }), /unknown configuration key "catalogs\.lake\.catalog\.warehous"/],
    'another database': [{ type: 'sql', uri: 'mysql://h/d' }, /only sqlite:\/\/\/path and postgresql/],
  };
  for (const [name, [catalog, message]] of Object.entries(bad)) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => read(catalog),
        (error: Error & { sqlstate?: string }) =>
          error.sqlstate === 'F0000' && message.test(error.message) && !error.message.includes('sesame'),
      );
    });
  }
});
