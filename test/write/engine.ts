import { join } from 'node:path';
import pg from 'pg';
import type { Connector } from '../../connectors/connector.js';
import { buildConfig } from '../../src/config-file.js';
import { TimelineEngine } from '../../src/engine.js';
import { DEFAULT_WIRE_LIMITS, startWireServer } from '../../src/wire/server.js';

export interface TestEngine {
  readonly engine: TimelineEngine;
  readonly port: number;
  connect(options?: pg.ClientConfig): Promise<pg.Client>;
  close(): Promise<void>;
}

/** An engine in this process over one connector of the test's own, with its wire server. */
export async function openEngine(options: {
  readonly folder: string;
  readonly connector: Connector;
  /** Others beside it. */
  readonly further?: readonly Connector[];
  readonly config?: object;
}): Promise<TestEngine> {
  const { folder, connector, further = [] } = options;
  const document = { temporal: 'off', home: join(folder, 'home'), ...options.config };
  const sources = [connector, ...further].map((one) => ({ connector: one, prefix: '' }));
  const engine = await TimelineEngine.open(buildConfig(document, { env: {}, cwd: folder, folder }), sources);
  const server = await startWireServer({ engine, host: '127.0.0.1', port: 0, limits: DEFAULT_WIRE_LIMITS });
  const clients: pg.Client[] = [];
  return {
    engine,
    port: server.port,
    async connect(options = {}) {
      const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'analyst', database: 'timeline', ...options });
      client.on('error', () => undefined);
      await client.connect();
      clients.push(client);
      return client;
    },
    async close() {
      await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
      await server.close();
      await engine.close();
    },
  };
}
