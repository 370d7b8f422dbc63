import { createHash } from 'node:crypto';
import { below } from '../../../src/object-store/location.js';
import type { S3Options } from '../../../src/object-store/object-store.js';
import type { VendedStorage } from '../catalog/catalog.js';

const TABLES_KEPT = 4096;

/** How to reach what lies at a location, and a key that is the same for the same access (a hash: nothing secret). */
export interface GrantedAccess {
  readonly key: string;
  readonly options: S3Options;
}

/** Storage access that a catalog vends, by table: of a table's credentials the one with the longest prefix counts. */
export class StorageGrants {
  readonly #base: S3Options | undefined;
  readonly #tables = new Map<string, VendedStorage>();

  constructor(base: S3Options | undefined) {
    this.#base = base;
  }

  /** `root`: the table's location in normal form. Replaces what it had before. */
  grant(root: string, storage: VendedStorage): void {
    this.#tables.delete(root);
    this.#tables.set(root, storage);
    const oldest = this.#tables.keys().next();
    if (this.#tables.size > TABLES_KEPT && oldest.done === false) this.#tables.delete(oldest.value);
  }

  /** Undefined: nobody has vended anything for it. */
  accessTo(location: string): GrantedAccess | undefined {
    const storage = this.#tableOf(location);
    const [best] = (storage?.credentials ?? [])
      .filter(({ prefix }) => location.startsWith(prefix.replace(/^s3[an]:/, 's3:')))
      .sort((a, b) => b.prefix.length - a.prefix.length);
    if (best === undefined) return undefined;
    const options = s3Options(best.options, this.#base);
    return { key: createHash('sha256').update(JSON.stringify(options)).digest('hex'), options };
  }

  #tableOf(location: string): VendedStorage | undefined {
    // From the location up to the bucket: there are few levels, and may be many tables.
    for (let folder = location; ; ) {
      const found = this.#tables.get(folder);
      if (found !== undefined && below(folder, location) !== undefined) return found;
      const cut = folder.lastIndexOf('/');
      if (cut < 's3://'.length) return undefined;
      folder = folder.slice(0, cut);
    }
  }
}

/** Iceberg's names of S3 options as ours. A configured endpoint counts more than a vended one, which may be a name of the server's own network. */
export function s3Options(vended: Readonly<Record<string, string>>, base: S3Options | undefined): S3Options {
  const endpoint = base?.endpoint ?? vended['s3.endpoint'];
  const keys = vended['s3.access-key-id'] !== undefined && vended['s3.secret-access-key'] !== undefined;
  const pathStyle = base?.endpoint === undefined ? vended['s3.path-style-access'] : undefined;
  const { sessionToken: _, ...own } = base ?? { region: 'us-east-1', pathStyle: false };
  return {
    ...(keys ? own : (base ?? own)),
    ...(endpoint === undefined ? {} : { endpoint }),
    region: vended['s3.region'] ?? vended['client.region'] ?? own.region,
    pathStyle: pathStyle === undefined ? own.pathStyle || (base?.endpoint === undefined && endpoint !== undefined) : pathStyle === 'true',
    ...(keys ? { accessKeyId: vended['s3.access-key-id'] ?? '', secretAccessKey: vended['s3.secret-access-key'] ?? '' } : {}),
    ...(keys && vended['s3.session-token'] !== undefined ? { sessionToken: vended['s3.session-token'] } : {}),
  };
}
