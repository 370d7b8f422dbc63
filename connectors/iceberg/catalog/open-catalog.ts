import type { IcebergConfig } from '../config.js';
import type { FileIo } from '../read/file-io.js';
import type { IcebergCatalog } from './catalog.js';
import { FilesystemCatalog } from './filesystem.js';
import { PostgresCatalog } from './postgres.js';
import { RestCatalog } from './rest/rest-catalog.js';
import { SqlCatalog } from './sql.js';

/** The catalog that the configuration names. Nothing is asked of it yet. */
export function openCatalog(name: string, config: IcebergConfig['catalog'], io: FileIo): IcebergCatalog {
  switch (config.type) {
    case 'rest':
      return new RestCatalog({ name, config, io });
    case 'sql':
      return /^postgres(?:ql)?:\/\//.test(config.uri)
        ? new PostgresCatalog({ label: name, uri: config.uri, password: config.password, name: config.name, io })
        : new SqlCatalog({ uri: config.uri, name: config.name, io });
    case 'filesystem':
      return new FilesystemCatalog({ io, warehouse: io.warehouse ?? config.warehouse });
  }
}
