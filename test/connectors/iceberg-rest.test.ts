import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { after, afterEach, before, describe, it } from 'mocha';
import { RestCatalog } from '../../connectors/iceberg/catalog/rest/rest-catalog.js';
import type { RestCatalogConfig } from '../../connectors/iceberg/catalog/rest/rest-config.js';
import { FileIo } from '../../connectors/iceberg/read/file-io.js';
import { StorageGrants, s3Options } from '../../connectors/iceberg/read/storage-grants.js';
import { type FakeAnswer, type FakeRequest, type FakeRest, failure, startFakeRest } from './fake-rest.js';
import { restConfig } from './rest-config.js';

const SIGNAL = new AbortController().signal;
const TABLE = { schema: 'n', table: 't' };
const SECRET = 'very-secret-thing';

/** An `io` that keeps what it is granted. */
class WatchedIo extends FileIo {
  readonly granted: { location: string; storage: Parameters<FileIo['grant']>[1] }[] = [];
  constructor() {
    super({ locations: {}, warehouse: undefined, s3: undefined, cache: { folder: '/nowhere', maxBytes: 0 } });
  }
  override grant(location: string, storage: Parameters<FileIo['grant']>[1]): void {
    this.granted.push({ location, storage });
    super.grant(location, storage);
  }
}

describe('Iceberg REST catalog: against a server that does as the test says', () => {
  let fake: FakeRest;
  before(async () => {
    fake = await startFakeRest();
  });
  afterEach(() => {
    fake.requests.length = 0;
    fake.answer = () => undefined;
  });
  after(() => fake.close());

  const open = (more: Partial<RestCatalogConfig> = {}, io: FileIo = new WatchedIo()): RestCatalog =>
    new RestCatalog({ name: 'lake', config: restConfig(fake.uri, { timeout: 2_000, ...more }), io });
  const config = (more: object = {}): FakeAnswer => ({ json: { defaults: {}, overrides: {}, ...more } });
  const loaded = (more: object = {}): FakeAnswer => ({
    json: { 'metadata-location': 's3://b/w/n/t/metadata/v1.json', metadata: { location: 's3://b/w/n/t' }, ...more },
  });
  /** Answers of the paths below; the configuration is the plain one. */
  const serve = (answer: (request: FakeRequest) => FakeAnswer | undefined): void => {
    fake.answer = (request) => answer(request) ?? (request.path === '/v1/config' ? config() : undefined);
  };
  const paths = (): string[] => fake.requests.map(({ method, path }) => `${method} ${path}`);
  const rejectsQuietly = async (work: () => Promise<unknown>, expected: { sqlstate: string; message?: RegExp }): Promise<void> => {
    await assert.rejects(work, (error: Error & { sqlstate?: string; hint?: string }) => {
      assert.equal(error.sqlstate, expected.sqlstate, error.message);
      if (expected.message !== undefined) assert.match(error.message, expected.message);
      assert.ok(!`${error.message} ${error.hint} ${error.stack}`.includes(SECRET), 'it shows a secret');
      return true;
    });
  };

  describe('configuration', () => {
    it('asks for its warehouse and takes the prefix and the separator', async () => {
      serve(({ path, query }) => {
        if (path === '/v1/config') return config({ overrides: { prefix: 'arn%3Ax/y', 'namespace-separator': '%2E' } });
        if (path.endsWith('/namespaces'))
          return { json: { namespaces: query.get('parent') === null ? [['a']] : query.get('parent') === 'a' ? [['a', 'b']] : [] } };
        if (path.includes('/tables/')) return undefined;
        return { json: { identifiers: path.includes('a%2Eb') ? [{ namespace: ['a', 'b'], name: 't/u' }] : [] } };
      });
      const catalog = open({ warehouse: 'my house' });
      assert.deepEqual(await catalog.tables(), [{ schema: 'a.b', table: 't/u' }]);
      assert.equal(fake.requests[0]?.query.get('warehouse'), 'my house');
      await catalog.load({ schema: 'a.b', table: 't/u' });
      assert.equal(paths().at(-1), 'GET /v1/arn%3Ax/y/namespaces/a%2Eb/tables/t%2Fu');
    });

    it('uses the unit separator where nothing else is said, and asks anew after a failure', async () => {
      fake.answer = () => failure(500, 'Oops');
      const catalog = open();
      await rejectsQuietly(() => catalog.load(TABLE), { sqlstate: '08001', message: /catalog "lake" answers 500 Oops/ });
      serve(() => undefined);
      assert.equal(await catalog.load({ schema: 'a.b', table: 't' }), undefined);
      assert.equal(paths().at(-1), 'GET /v1/namespaces/a%1Fb/tables/t');
    });

    for (const overrides of [{ prefix: '../x' }, { prefix: 'a?b' }, { prefix: '%2e%2E/x' }, { 'namespace-separator': '/' }]) {
      it(`refuses ${JSON.stringify(overrides)}`, async () => {
        fake.answer = () => config({ overrides });
        await rejectsQuietly(() => open().tables(), { sqlstate: '58030' });
      });
    }

    it('is not sent to another server', async () => {
      fake.answer = () => config({ overrides: { uri: 'https://elsewhere.example/' } });
      await rejectsQuietly(() => open().tables(), { sqlstate: '0A000' });
      fake.answer = () => ({ status: 307, headers: { location: 'https://elsewhere.example/x' } });
      await rejectsQuietly(() => open().tables(), { sqlstate: '08001', message: /redirects to elsewhere\.example/ });
    });
  });

  describe('lists', () => {
    it('go over pages', async () => {
      serve(({ path, query }) => {
        if (path.endsWith('/tables')) {
          const page = Number(query.get('pageToken') || 0);
          return {
            json: { identifiers: [{ namespace: ['n'], name: `t${page}` }], 'next-page-token': page < 30 ? String(page + 1) : null },
          };
        }
        return query.has('parent')
          ? failure(400, 'BadRequestException')
          : path.endsWith('/namespaces')
            ? { json: { namespaces: [['n']] } }
            : undefined;
      });
      assert.equal((await open().tables()).length, 31);
    });

    it('of pages without an end are refused', async () => {
      serve(({ path, query }) =>
        path.endsWith('/namespaces')
          ? { json: { namespaces: [['n']], 'next-page-token': query.get('pageToken') === 'a' ? 'b' : 'a' } }
          : undefined,
      );
      await rejectsQuietly(() => open().tables(), { sqlstate: '58030', message: /pages do not end/ });
    });

    it('leave out namespaces that we may not see', async () => {
      serve(({ path, query }) => {
        if (path.endsWith('/namespaces'))
          return query.has('parent') ? { json: { namespaces: [] } } : { json: { namespaces: [['n'], ['hidden']] } };
        if (path.includes('hidden')) return failure(403, 'Forbidden');
        return path.endsWith('/tables') ? { json: { identifiers: [{ namespace: ['n'], name: 't' }] } } : undefined;
      });
      assert.deepEqual(await open().tables(), [TABLE]);
    });
  });

  describe('access to the place of a new table', () => {
    const place = 's3://b/w/n/new';
    const staged = (location: string): FakeAnswer => ({
      json: { metadata: { location }, 'storage-credentials': [{ prefix: place, config: { 's3.access-key-id': 'k' } }] },
    });

    it('is asked for once in a process, for that very place', async () => {
      serve(({ method, path }) => (method === 'POST' && path.endsWith('/tables') ? staged(`${place}/`) : undefined));
      const io = new WatchedIo();
      const { writer } = open({}, io);
      await writer.accessNew?.(TABLE, place, SIGNAL);
      await writer.accessNew?.(TABLE, place, SIGNAL);
      assert.equal(fake.requests.filter(({ method }) => method === 'POST').length, 1);
      assert.equal((JSON.parse(fake.requests.at(-1)?.body ?? '{}') as { location?: string }).location, place);
      assert.equal(io.granted.length, 1);
    });

    it('is refused where the server chooses another, and granted for none', async () => {
      serve(({ method }) => (method === 'POST' ? staged('s3://b/w/n/new-2') : undefined));
      const io = new WatchedIo();
      await rejectsQuietly(async () => open({}, io).writer.accessNew?.(TABLE, place, SIGNAL), { sqlstate: '0A000', message: /n\.t/ });
      assert.deepEqual(io.granted, []);
    });

    it("is the table's own when it has come to be", async () => {
      serve(({ method }) => (method === 'POST' ? failure(409, 'AlreadyExistsException') : loaded()));
      await open().writer.accessNew?.(TABLE, place, SIGNAL);
      assert.deepEqual(paths().slice(1), ['POST /v1/namespaces/n/tables', 'GET /v1/namespaces/n/tables/t']);
    });

    it('is not asked for where none is vended', async () => {
      await open({ accessDelegation: 'none' }).writer.accessNew?.(TABLE, place, SIGNAL);
      assert.deepEqual(paths(), []);
    });
  });

  describe('hostile answers', () => {
    const cases: Readonly<Record<string, FakeAnswer>> = {
      'a page of HTML': { text: '<html>very-secret-thing</html>', headers: { 'content-type': 'text/html' } },
      'a list': { json: [] },
      null: { json: null },
      'no list': { json: { namespaces: 'none' } },
      'a namespace of numbers': { json: { namespaces: [[1]] } },
      'an empty namespace': { json: { namespaces: [[]] } },
      'nested too deeply': { text: '['.repeat(5_000_000) },
    };
    for (const [name, answer] of Object.entries(cases)) {
      it(name, async () => {
        serve(({ path }) => (path.endsWith('/namespaces') ? answer : undefined));
        await rejectsQuietly(() => open().tables(), {
          sqlstate: '58030',
          message: /catalog "lake" gives an answer to the list of namespaces/,
        });
      });
    }

    it('too large', async () => {
      serve(({ path }) => (path.endsWith('/namespaces') ? { text: ' '.repeat((64 << 20) + 1) } : undefined));
      await rejectsQuietly(() => open({ timeout: 30_000 }).tables(), { sqlstate: '08001', message: /more than 67108864 bytes/ });
    });

    it('cut off, then whole', async () => {
      let cuts = 0;
      serve(({ path }) => {
        if (path.endsWith('/t')) return cuts++ < 2 ? { ...loaded(), text: JSON.stringify(loaded().json), cutAfter: 20 } : loaded();
        return undefined;
      });
      assert.equal((await open().load(TABLE))?.metadataLocation, 's3://b/w/n/t/metadata/v1.json');
      assert.equal(cuts, 3);
    });

    it('none in time', async () => {
      serve(({ path }) => (path.endsWith('/t') ? { delay: 'never' } : undefined));
      await rejectsQuietly(() => open({ timeout: 50 }).load(TABLE), { sqlstate: '08001', message: /no answer within 0\.05 s/ });
    });

    it('without metadata', async () => {
      for (const json of [{}, { metadata: {} }, { metadata: { location: 'x' } }]) {
        serve(({ path }) => (path.endsWith('/t') ? { json } : undefined));
        await rejectsQuietly(() => open().load(TABLE), { sqlstate: '58030' });
      }
    });
  });

  describe('authorisation', () => {
    it('by bearer token, which no error shows', async () => {
      fake.answer = () => failure(401, 'NotAuthorizedException', `token ${SECRET} is bad`);
      await rejectsQuietly(() => open({ auth: { type: 'bearer', token: SECRET } }).tables(), { sqlstate: '42501', message: /\*\*\*/ });
      assert.equal(fake.requests[0]?.headers.authorization, `Bearer ${SECRET}`);
      assert.equal(fake.requests.length, 1);
    });

    it('by user and password, and by headers', async () => {
      serve(() => undefined);
      const auth = { type: 'basic', username: 'u', password: SECRET } as const;
      await open({ auth, headers: { 'x-tenant': 'seven' } }).load(TABLE);
      assert.equal(fake.requests[0]?.headers.authorization, `Basic ${Buffer.from(`u:${SECRET}`).toString('base64')}`);
      assert.equal(fake.requests[0]?.headers['x-tenant'], 'seven');
    });

    const oauth2 = { type: 'oauth2', clientId: 'me', clientSecret: SECRET, scope: 'PRINCIPAL_ROLE:ALL', extra: { audience: 'x' } } as const;

    it('by OAuth2: one token for many requests, another one before it expires or when it is refused', async () => {
      let tokens = 0;
      let life = 3600;
      let refuse = '';
      serve(({ path, headers }) => {
        if (path === '/v1/oauth/tokens') return { json: { access_token: `token-${++tokens}`, token_type: 'bearer', expires_in: life } };
        return headers.authorization === refuse ? failure(401, 'NotAuthorizedException') : undefined;
      });
      const catalog = open({ auth: oauth2 });
      await Promise.all(Array.from({ length: 5 }, () => catalog.load(TABLE)));
      assert.equal(tokens, 1);
      const form = new URLSearchParams(fake.requests[0]?.body);
      assert.deepEqual(Object.fromEntries(form), {
        audience: 'x',
        grant_type: 'client_credentials',
        client_id: 'me',
        client_secret: SECRET,
        scope: 'PRINCIPAL_ROLE:ALL',
      });
      refuse = 'Bearer token-1';
      life = 0.05;
      assert.equal(await catalog.load(TABLE), undefined);
      assert.equal(tokens, 2);
      await new Promise((resolve) => setTimeout(resolve, 60));
      await catalog.load(TABLE);
      assert.equal(tokens, 3);
      assert.equal(fake.requests.at(-1)?.headers.authorization, 'Bearer token-3');
    });

    it('by OAuth2: gives up after one new token, and tells why none was given', async () => {
      serve(({ path }) => (path === '/v1/oauth/tokens' ? { json: { access_token: SECRET } } : failure(401, 'NotAuthorizedException')));
      await rejectsQuietly(() => open({ auth: oauth2 }).tables(), { sqlstate: '42501' });
      assert.equal(fake.requests.length, 4);
      fake.answer = () => ({ status: 400, json: { error: 'invalid_client', error_description: `${SECRET} is unknown` } });
      await rejectsQuietly(() => open({ auth: oauth2 }).tables(), { sqlstate: '42501', message: /invalid_client.*\*\*\* is unknown/ });
      fake.answer = () => ({ json: { access_token: 'two\nlines' } });
      await rejectsQuietly(() => open({ auth: oauth2 }).tables(), { sqlstate: '58030' });
    });

    it('by a header of the configuration: its value is not shown, nor a secret as forms spell it', async () => {
      fake.answer = () => failure(403, 'Forbidden', `${SECRET} is no key`);
      await rejectsQuietly(() => open({ headers: { Authorization: `Bearer ${SECRET}` } }).tables(), {
        sqlstate: '42501',
        message: /\*\*\* is no key/,
      });
      const auth = { type: 'basic', username: 'me', password: 'a b/c' } as const;
      fake.answer = () => failure(403, 'Forbidden', 'password=a+b%2Fc');
      await rejectsQuietly(() => open({ auth }).tables(), { sqlstate: '42501', message: /password=\*\*\*/ });
    });

    it('by SigV4, as AWS describes it', async () => {
      serve(() => undefined);
      const auth = {
        type: 'sigv4',
        service: 'glue',
        region: 'eu-central-1',
        accessKeyId: 'AKID',
        secretAccessKey: SECRET,
        sessionToken: 'sess',
      } as const;
      await open({ auth, warehouse: '1234:s3 tables/x' }).load({ schema: 'a.b', table: 'ü' });
      for (const request of fake.requests.slice(0, 2)) assert.equal(request.headers.authorization, signatureOf(request, auth));
      assert.equal(fake.requests[0]?.headers['x-amz-security-token'], 'sess');
    });
  });

  describe('storage access', () => {
    const keys = (id: string, expires?: number): object => ({
      's3.access-key-id': id,
      's3.secret-access-key': SECRET,
      's3.session-token': 'st',
      ...(expires === undefined ? {} : { 's3.session-token-expires-at-ms': String(expires) }),
    });

    it('is asked for, and goes to the files of the table only', async () => {
      serve(({ path }) => (path.endsWith('/t') ? loaded({ config: { 'client.region': 'r', ...keys('A') } }) : undefined));
      const io = new WatchedIo();
      const table = await open({}, io).load(TABLE);
      assert.equal(fake.requests.at(-1)?.headers['x-iceberg-access-delegation'], 'vended-credentials');
      assert.equal(io.granted[0]?.location, 's3://b/w/n/t');
      assert.equal(io.granted[0]?.storage.credentials[0]?.options['s3.access-key-id'], 'A');
      assert.ok(!Buffer.from(table?.metadata ?? []).includes(SECRET));
    });

    it('of the longest prefix counts', () => {
      const grants = new StorageGrants({ region: 'home', pathStyle: false, endpoint: 'http://mine' });
      grants.grant('s3://b/t', {
        credentials: [
          {
            prefix: 's3://b/t/data',
            options: { ...keys('data'), 's3.region': 'away', 's3.endpoint': 'http://theirs' } as Record<string, string>,
          },
          { prefix: 's3', options: keys('any') as Record<string, string> },
        ],
      });
      assert.equal(grants.accessTo('s3://b/t/data/x')?.options.accessKeyId, 'data');
      assert.equal(grants.accessTo('s3://b/t/metadata/x')?.options.accessKeyId, 'any');
      assert.equal(grants.accessTo('s3://b/tt/x'), undefined);
      const { options } = grants.accessTo('s3://b/t/data/x') ?? assert.fail();
      assert.deepEqual([options.region, options.endpoint, options.sessionToken], ['away', 'http://mine', 'st']);
      assert.ok(!grants.accessTo('s3://b/t/x')?.key.includes(SECRET));
      assert.equal(s3Options({ 's3.endpoint': 'http://x' }, undefined).pathStyle, true);
    });

    it('is renewed before it expires: at its endpoint, or with the table', async () => {
      for (const endpoints of [undefined, ['GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials']]) {
        fake.requests.length = 0;
        let asked = 0;
        serve(({ path }) => {
          if (path === '/v1/config') return config({ endpoints });
          const credentials = [{ prefix: 's3://b/w/n/t', config: keys(`K${++asked}`, Date.now() + (asked === 1 ? 10 : 3_600_000)) }];
          if (path.endsWith('/t')) return loaded({ 'storage-credentials': credentials, config: { 's3.endpoint': 'http://e' } });
          return path.endsWith('/credentials') ? { json: { 'storage-credentials': credentials } } : undefined;
        });
        const io = new WatchedIo();
        const catalog = open({}, io);
        await catalog.access(TABLE);
        await new Promise((resolve) => setTimeout(resolve, 20));
        await catalog.access(TABLE);
        await catalog.access(TABLE);
        assert.equal(asked, 2);
        assert.equal(io.granted.at(-1)?.storage.credentials[0]?.options['s3.access-key-id'], 'K2');
        assert.equal(io.granted.at(-1)?.storage.credentials[0]?.options['s3.endpoint'], 'http://e');
        assert.equal(
          paths().at(-1),
          endpoints === undefined ? 'GET /v1/namespaces/n/tables/t' : 'GET /v1/namespaces/n/tables/t/credentials',
        );
      }
    });
  });

  describe('commits', () => {
    const change = { requirements: [], updates: [{ action: 'set-snapshot-ref', 'snapshot-id': 8888888888888888888n }] };
    const commitWith = async (answer: FakeAnswer, more: object = {}): Promise<{ readonly kind: string }> => {
      serve(({ path, method }) => (path === '/v1/config' ? config(more) : method === 'POST' ? answer : undefined));
      return open().writer.commit(TABLE, change, SIGNAL);
    };

    it('send 64-bit ids whole', async () => {
      assert.deepEqual(await commitWith(loaded()), { kind: 'committed' });
      assert.match(fake.requests.at(-1)?.body ?? '', /"snapshot-id":8888888888888888888}/);
    });

    it('that others were before are conflicts', async () => {
      assert.deepEqual(await commitWith(failure(409, 'CommitFailedException')), { kind: 'conflict' });
      assert.deepEqual(await commitWith(failure(404, 'NoSuchTableException')), { kind: 'conflict' });
      await rejectsQuietly(() => commitWith(failure(404, 'NoSuchNamespaceException')), { sqlstate: '3F000' });
      await rejectsQuietly(() => commitWith(failure(403, 'Forbidden')), { sqlstate: '42501' });
    });

    const unknown: Readonly<Record<string, FakeAnswer>> = {
      500: failure(500, 'CommitStateUnknownException'),
      502: { status: 502, text: '<html>' },
      503: failure(503, 'Busy'),
      504: failure(504, 'Late'),
      'an answer cut off': { ...loaded(), text: '{"metadata": {', cutAfter: 5 },
      'a page that says nothing': { text: '<html>', headers: { 'content-type': 'text/html' } },
      'no answer': { delay: 'never' },
    };
    for (const [name, answer] of Object.entries(unknown)) {
      it(`of unknown outcome are sent once: ${name}`, async () => {
        await rejectsQuietly(() => commitWith(answer), { sqlstate: '08007', message: /n\.t/ });
        assert.equal(paths().filter((path) => path.startsWith('POST')).length, 1);
      });
    }

    it('are sent again with the same key, where the server knows keys', async () => {
      let posts = 0;
      serve(({ path, method }) => {
        if (path === '/v1/config') return config({ 'idempotency-key-lifetime': 'PT30M' });
        if (method !== 'POST') return undefined;
        return ++posts < 3 ? failure(503, 'Busy') : loaded();
      });
      assert.deepEqual(await open().writer.commit(TABLE, change, SIGNAL), { kind: 'committed' });
      const used = new Set(fake.requests.filter(({ method }) => method === 'POST').map(({ headers }) => headers['idempotency-key']));
      assert.equal(used.size, 1);
      assert.match(String([...used][0]), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      // A conflict after an unknown outcome may be our own success.
      posts = 0;
      serve(({ path, method }) => {
        if (path === '/v1/config') return config({ 'idempotency-key-lifetime': 'PT30M' });
        return method !== 'POST' ? undefined : ++posts === 1 ? failure(504, 'Late') : failure(409, 'CommitFailedException');
      });
      await rejectsQuietly(() => open().writer.commit(TABLE, change, SIGNAL), { sqlstate: '08007' });
    });

    it('are refused where the server offers none', async () => {
      await rejectsQuietly(() => commitWith(loaded(), { endpoints: ['GET /v1/{prefix}/namespaces'] }), {
        sqlstate: '0A000',
        message: /"lake"/,
      });
    });
  });
});

/** AWS's own description of the signature, step by step. */
function signatureOf(
  request: FakeRequest,
  auth: { service: string; region: string; accessKeyId: string; secretAccessKey: string },
): string {
  const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
  const mac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const encode = (text: string): string =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const time = String(request.headers['x-amz-date']);
  const signed = /SignedHeaders=([^,]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const query = [...request.query].map(([key, value]) => `${encode(key)}=${encode(value)}`).sort();
  const canonical = [
    request.method,
    request.path.split('/').map(encode).join('/'),
    query.join('&'),
    ...signed.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}`),
    '',
    signed,
    sha(request.body),
  ].join('\n');
  const scope = `${time.slice(0, 8)}/${auth.region}/${auth.service}/aws4_request`;
  const key = [auth.region, auth.service, 'aws4_request'].reduce(mac, mac(`AWS4${auth.secretAccessKey}`, time.slice(0, 8)));
  const signature = mac(key, ['AWS4-HMAC-SHA256', time, scope, sha(canonical)].join('\n')).toString('hex');
  return `AWS4-HMAC-SHA256 Credential=${auth.accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
}
