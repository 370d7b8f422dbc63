import type { Connector } from '../connectors/connector.js';
import { IcebergConnector } from '../connectors/iceberg/connector.js';
import { unsupported } from '../sql/errors.js';
import type { CatalogConfig } from './config.js';

/** What connectors may keep of remote files, here. */
export interface CatalogCache {
  readonly cacheFolder: string;
  readonly cacheBytes: number;
  readonly cacheMemory: number;
}

/** The connector of `catalogs.<name>`. */
export async function openCatalog(name: string, config: CatalogConfig, cache: CatalogCache): Promise<Connector> {
  switch (config.type) {
    case 'iceberg':
      return IcebergConnector.open({ name, config, ...cache });
    case 'victorialogs':
      throw unsupported(`catalogs.${name}.type victorialogs`);
  }
}
