import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connector } from '../../connectors/connector.js';
import { Catalog, readCatalog } from '../catalog.js';
import type { CatalogConfig, Config } from '../config.js';
import { openCatalog } from '../open-catalog.js';
import { type Check, type Finding, fail, failure, ok, warn } from './finding.js';

const TIMEOUT = 30_000;
const NAMED_MOST = 5;

/** One check for each configured catalog: is it reachable, can its tables be described? */
export function catalogChecks(config: Config): readonly Check[] {
  const entries = Object.entries(config.catalogs);
  if (entries.length === 0)
    return [{ name: 'catalogs', timeout: TIMEOUT, run: async () => [ok('none is configured: "timeline serve" makes the demo lake')] }];
  return entries.map(([name, catalog]) => ({
    name: `catalog ${name}`,
    timeout: TIMEOUT,
    run: (signal) => look(name, catalog, config, signal),
  }));
}

async function look(name: string, catalog: CatalogConfig, config: Config, signal: AbortSignal): Promise<readonly Omit<Finding, 'check'>[]> {
  const cacheFolder = await mkdtemp(join(tmpdir(), 'timeline-doctor-'));
  let connector: Connector | undefined;
  try {
    connector = await openCatalog(name, catalog, {
      cacheFolder,
      scratchFolder: cacheFolder,
      cacheBytes: 256 << 20,
      cacheMemory: config.limits.cacheMemory,
    });
    signal.throwIfAborted();
    const found = await readCatalog([{ connector, prefix: catalog.prefix ?? '' }], new Catalog([], []));
    const [failed] = found.failed;
    if (failed !== undefined) return [failure(failed.error)];
    const broken = found.brokenTables();
    const named = broken.slice(0, NAMED_MOST).map(({ name: { schema, table }, error }) => `${schema}.${table} (${error.message})`);
    const more = broken.length > NAMED_MOST ? ` and ${broken.length - NAMED_MOST} more` : '';
    const tables = found.tables().length;
    if (broken.length > 0)
      return [
        fail(
          `${broken.length} of ${tables + broken.length} tables cannot be read: ${named.join('; ')}${more}`,
          `catalogs.${name}.locations and catalogs.${name}.s3 say where the tables' files lie, and how to get at them.`,
        ),
      ];
    if (tables === 0) return [warn('reachable, and has no tables', `Is catalogs.${name}.catalog the one that is meant?`)];
    return [ok(`${tables} tables can be read`)];
  } finally {
    await connector?.close().catch(() => undefined);
    await rm(cacheFolder, { recursive: true, force: true });
  }
}
