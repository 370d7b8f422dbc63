import type { S3Options } from '../../src/object-store/object-store.js';
import type { RestCatalogConfig } from './catalog/rest/rest-config.js';

/** One Iceberg catalog; the configuration's entry fits. */
export interface IcebergConfig {
  readonly catalog:
    | { readonly type: 'sql'; readonly uri: string; readonly password?: string; readonly warehouse?: string; readonly name?: string }
    | { readonly type: 'filesystem'; readonly warehouse: string }
    | RestCatalogConfig;
  readonly locations: Readonly<Record<string, string>>;
  readonly s3?: S3Options;
  /** Absent: nothing may be written. */
  readonly write?: { readonly schemas: readonly string[] | '*' };
}
