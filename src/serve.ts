import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TimelineError } from '../sql/errors.js';
import type { Config } from './config.js';
import { loadConfig } from './config-file.js';
import { RenderEndpoint } from './console/render-endpoint.js';
import { DEMO_QUERIES } from './demo-queries.js';
import { type DurableEngine, startDurableEngine } from './durable-engine.js';
import { TimelineEngine } from './engine.js';
import { makeDemoLake } from './events/demo-lake.js';
import { startHttpServer } from './telemetry/http-server.js';
import { log } from './telemetry/log.js';
import { startWireServer } from './wire/server.js';

/** How long the ready line waits for a durable engine that only has to be started. */
const DURABLE_WAIT_MS = 8000;

/** `timeline serve`: runs until SIGINT or SIGTERM, then ends everything that it started. */
export async function serve(): Promise<void> {
  const config = await withDemoLake(loadConfig({ env: process.env, cwd: process.cwd() }));
  const stop = stopSignal();
  const closers: (() => Promise<void>)[] = [];
  try {
    const engine = await TimelineEngine.open(config);
    closers.push(() => engine.close());
    const durable = startDurableEngine({ config, engine });
    closers.push(() => durable.close());
    const wire = await startWireServer({
      engine,
      host: config.listen.host,
      port: config.listen.pg,
      limits: { maxConnections: config.limits.maxConnections, maxMessageBytes: 64 * 2 ** 20, loginTimeoutMs: 10_000 },
    });
    closers.push(() => wire.close());
    let ready = false;
    const render = new RenderEndpoint(engine);
    const http = await startHttpServer({
      host: config.listen.host,
      port: config.listen.http,
      metrics: engine.metrics,
      notReady: () => (ready ? [] : ['starting']),
      further: new Map([['/render', (request, response) => render.handle(request, response)]]),
    });
    closers.push(() => http.close());
    await Promise.race([durable.settled, sleep(DURABLE_WAIT_MS), stop.promise]);
    ready = true;
    announce(config, durable, wire, http);
    await stop.promise;
    log('info', 'stopping');
  } finally {
    stop.dispose();
    for (const close of closers.reverse()) await close().catch((error: unknown) => log('error', `while stopping: ${String(error)}`));
  }
}

/** Without any configured catalog there is the demo lake, made on the first start. */
export async function withDemoLake(config: Config): Promise<Config> {
  if (Object.keys(config.catalogs).length > 0) return config;
  const folder = join(config.home, 'lake');
  const fresh = !existsSync(join(folder, 'lake.json'));
  if (fresh) log('info', 'making the demo lake: video events of March 2025');
  const lake = await makeDemoLake({ folder });
  if (fresh) log('info', `demo lake ready: ${lake.rows} events in ${lake.sessions} sessions`);
  return {
    ...config,
    catalogs: {
      demo: {
        type: 'iceberg',
        catalog: { type: 'sql', uri: lake.catalogUri, warehouse: lake.warehouse, name: lake.catalogName },
        locations: lake.locations,
        // So that CREATE TABLE results.x AS … can be tried at once; the events themselves stay as they are.
        write: { schemas: ['results'] },
      },
    },
  };
}

function announce(
  config: Config,
  durable: DurableEngine,
  wire: { readonly host: string; readonly port: number },
  http: { readonly host: string; readonly port: number },
): void {
  const demo = 'demo' in config.catalogs ? demoQueries() : '';
  process.stdout.write(
    `timeline ready pg=${wire.host}:${wire.port} http=${http.host}:${http.port} driver=${durable.ready() ? 'temporal' : 'local'}\n` +
      `\n  psql "host=${wire.host} port=${wire.port} user=analyst dbname=timeline"\n${demo}`,
  );
}

function demoQueries(): string {
  return DEMO_QUERIES.map((query) => `\n-- ${query.title}\n${query.sql}\n`).join('');
}

function stopSignal(): { readonly promise: Promise<void>; dispose(): void } {
  let stopped: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    stopped = resolve;
  });
  const handler = (): void => stopped();
  process.on('SIGINT', handler);
  process.on('SIGTERM', handler);
  return {
    promise,
    dispose: () => {
      process.off('SIGINT', handler);
      process.off('SIGTERM', handler);
    },
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

export function requireTemporalAddress(config: Config): string {
  if (config.temporal.mode === 'address' && config.temporal.address !== undefined) return config.temporal.address;
  throw new TimelineError({
    kind: 'semantic',
    sqlstate: 'F0000',
    message: 'a worker needs a Temporal server',
    hint: 'Set TEMPORAL_ADDRESS or temporal.address.',
  });
}
