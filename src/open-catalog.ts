import type { Connector } from '../connectors/connector.js';
import { IcebergConnector } from '../connectors/iceberg/connector.js';
import { openLogsClient } from '../connectors/victorialogs/client/http-client.js';
import { VictoriaLogsConnector } from '../connectors/victorialogs/connector.js';
import type { IndexRecords } from '../connectors/victorialogs/index/certificate-store.js';
import type { CatalogConfig } from './config.js';

/** What connectors may keep of remote files, here. */
export interface CatalogCache {
  /** For what is being read. */
  readonly scratchFolder: string;
  readonly cacheFolder: string;
  readonly cacheBytes: number;
  readonly cacheMemory: number;
  /** Where certificates of indexes lie: stage files. Absent: indexes are neither built nor used. */
  readonly records?: IndexRecords;
}

/** The connector of `catalogs.<name>`. */
export async function openCatalog(name: string, config: CatalogConfig, { records, ...cache }: CatalogCache): Promise<Connector> {
  switch (config.type) {
    case 'iceberg':
      return IcebergConnector.open({ name, config, ...cache });
    case 'victorialogs':
      return VictoriaLogsConnector.open({
        name,
        config,
        scratchFolder: cache.scratchFolder,
        client: await openLogsClient({ name, config }),
        ...(records === undefined ? {} : { records }),
      });
  }
}
