import type { RestCatalogConfig } from '../../connectors/iceberg/catalog/rest/rest-config.js';

export const restConfig = (uri: string, more: Partial<RestCatalogConfig> = {}): RestCatalogConfig => ({
  type: 'rest',
  uri,
  auth: { type: 'none' },
  headers: {},
  accessDelegation: 'vended-credentials',
  scanPlanning: 'auto',
  timeout: 30_000,
  ...more,
});
