import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { openLogsClient } from '../../connectors/victorialogs/client/http-client.js';
import type { LogsTls } from '../../connectors/victorialogs/config.js';
import { makeAuthority } from '../support/certificates.js';
import { type FakeLogs, httpAnswer, startFakeLogs } from '../support/fake-logs.js';
import { tempFolder } from '../support/temp-folder.js';

describe('client of VictoriaLogs over TLS', function () {
  this.timeout(30_000);
  let folder: { readonly path: string; remove(): Promise<void> };
  let server: FakeLogs;
  let files: { readonly ca: string; readonly cert: string; readonly key: string; readonly foreign: string; readonly foreignKey: string };

  before(async () => {
    folder = await tempFolder('logs-tls');
    const authority = makeAuthority(folder.path, 'authority');
    const other = makeAuthority(folder.path, 'other');
    const own = authority.issue('server', 'DNS:logs.example');
    const client = authority.issue('client', 'DNS:client');
    const foreign = other.issue('foreign', 'DNS:client');
    files = { ca: authority.certFile, cert: client.certFile, key: client.keyFile, foreign: foreign.certFile, foreignKey: foreign.keyFile };
    server = await startFakeLogs(() => ({ bytes: httpAnswer(200, '{"a":"1"}\n') }), {
      cert: own.cert,
      key: own.key,
      ca: authority.cert,
      requestCert: true,
      rejectUnauthorized: true,
    });
  });
  after(async () => {
    await server?.close();
    await folder?.remove();
  });

  const ask = async (tls: LogsTls): Promise<unknown> => {
    const limits = { queries: 2, timeout: 5000, responseBytes: 2 ** 20, indexTimeout: 250 };
    const config = {
      type: 'victorialogs',
      url: server.url,
      auth: { type: 'bearer', token: 'sesame' },
      tls,
      limits,
      tables: [],
      indexes: [],
      recent: [],
    } as const;
    const client = await openLogsClient({ name: 'logs', config });
    try {
      const rows: unknown[] = [];
      for await (const batch of client.query({ filter: { kind: 'all' }, pipes: [] }, { signal: new AbortController().signal }))
        rows.push(...batch);
      return rows;
    } finally {
      await client.close();
    }
  };

  it('trusts the authority given, shows its certificate, and asks for the name given', async () => {
    assert.deepEqual(await ask({ caFile: files.ca, certFile: files.cert, keyFile: files.key, serverName: 'logs.example' }), [{ a: '1' }]);
    assert.equal(server.requests[0]?.headers['authorization'], 'Bearer sesame');
  });

  it('sends nothing to a server that it cannot trust, or that does not trust it', async () => {
    const before = server.requests.length;
    const mine = { certFile: files.cert, keyFile: files.key };
    const bad: readonly LogsTls[] = [
      { ...mine, serverName: 'logs.example' },
      { ...mine, caFile: files.ca },
      { ...mine, caFile: files.ca, serverName: 'another.example' },
      { caFile: files.ca, serverName: 'logs.example' },
      { caFile: files.ca, serverName: 'logs.example', certFile: files.foreign, keyFile: files.foreignKey },
    ];
    for (const tls of bad)
      await assert.rejects(
        ask(tls),
        (error: { sqlstate?: string; message: string }) =>
          (error.sqlstate === '08001' || error.sqlstate === '08006') && !error.message.includes('sesame'),
        JSON.stringify(tls),
      );
    assert.equal(server.requests.length, before);
  });

  it('says which file it cannot read', async () => {
    await assert.rejects(ask({ caFile: join(folder.path, 'none.pem') }), { sqlstate: 'F0000', message: /none\.pem: ENOENT/ });
  });
});
