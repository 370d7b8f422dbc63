import { notFound } from '../../../src/object-store/store-error.js';
import type { TableName } from '../../connector.js';
import { corrupt } from '../format/corrupt.js';
import type { FileIo } from '../read/file-io.js';
import type { CatalogWriter, IcebergCatalog, LoadedTable } from './catalog.js';
import { FilesystemWriter } from './filesystem-writer.js';

const MAX_LEVELS = 8;

/** Hadoop's layout: warehouse/namespace/…/table/metadata/. */
export class FilesystemCatalog implements IcebergCatalog {
  readonly writer: CatalogWriter;
  readonly #io: FileIo;
  readonly #warehouse: string;

  constructor(options: { readonly io: FileIo; readonly warehouse: string }) {
    this.#io = options.io;
    this.#warehouse = options.warehouse;
    this.writer = new FilesystemWriter({
      ...options,
      current: async (table, signal) => (await this.load(table, signal))?.metadataLocation,
    });
  }

  async tables(signal?: AbortSignal): Promise<readonly TableName[]> {
    const found: TableName[] = [];
    await this.#collect([], found, signal);
    return found.sort((a, b) => (`${a.schema}\0${a.table}` < `${b.schema}\0${b.table}` ? -1 : 1));
  }

  async #collect(levels: readonly string[], found: TableName[], signal: AbortSignal | undefined): Promise<void> {
    const names = (await this.#io.folders([this.#warehouse, ...levels].join('/'), { signal })).filter((name) => !name.startsWith('.'));
    if (levels.length > 1 && names.includes('metadata')) {
      const table = levels.at(-1) ?? '';
      found.push({ schema: levels.slice(0, -1).join('.'), table });
      return;
    }
    if (levels.length === MAX_LEVELS) return;
    for (const name of names) {
      if (name !== 'metadata' && name !== 'data') await this.#collect([...levels, name], found, signal);
    }
  }

  async load(table: TableName, signal?: AbortSignal): Promise<LoadedTable | undefined> {
    return this.#current(table, signal);
  }

  async #current(table: TableName, signal: AbortSignal | undefined): Promise<LoadedTable | undefined> {
    const levels = [...table.schema.split('.'), table.table];
    if (levels.some((level) => level === '' || level === '.' || level === '..' || level.includes('/'))) return undefined;
    const folder = [this.#warehouse, ...levels, 'metadata'].join('/');
    return (await this.#hinted(folder, signal)) ?? (await this.#newest(folder, table, signal));
  }

  /** The hint may lag behind: a writer that died after its commit has not moved it on, so later versions are looked for. */
  async #hinted(folder: string, signal: AbortSignal | undefined): Promise<LoadedTable | undefined> {
    const hint = `${folder}/version-hint.text`;
    if (!(await this.#io.exists(hint, { signal }))) return undefined;
    const text = new TextDecoder().decode(await this.#io.read(hint, { signal, maxBytes: 4096 })).trim();
    if (!/^\d{1,15}$/.test(text)) return undefined;
    let found: LoadedTable | undefined;
    for (let version = Number(text); ; version++) {
      const next = await this.#version(folder, version, signal);
      if (next === undefined) return found;
      found = next;
    }
  }

  async #version(folder: string, version: number, signal: AbortSignal | undefined): Promise<LoadedTable | undefined> {
    for (const ending of ['.metadata.json', '.gz.metadata.json', '.metadata.json.gz']) {
      const metadataLocation = `${folder}/v${version}${ending}`;
      const etag = await this.#io.etag(metadataLocation, { signal });
      if (etag !== undefined) return { metadataLocation, etag };
    }
    return undefined;
  }

  /** Without a usable hint: the highest number among `vN…` and `NNNNN-uuid…` metadata files. */
  async #newest(folder: string, table: TableName, signal: AbortSignal | undefined): Promise<LoadedTable | undefined> {
    let best: { readonly names: string[]; readonly version: number; readonly etag: string } = { names: [], version: -1, etag: '' };
    let foreign = false;
    for await (const { path, etag } of this.#io.list(folder, { signal })) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      foreign ||= !/\.(avro|files\.json)$/.test(name);
      const match = /^(?:v(\d{1,15})|(\d{1,15})-[^/]*)(?:\.gz)?\.metadata\.json(?:\.gz)?$/.exec(name);
      const version = Number(match?.[1] ?? match?.[2] ?? Number.NaN);
      if (version > best.version) best = { names: [name], version, etag };
      else if (version === best.version) best.names.push(name);
    }
    const [name, other] = best.names;
    if (name !== undefined && other !== undefined) {
      throw corrupt(this.#io.display(folder), `it holds two metadata files of version ${best.version}: ${best.names.sort().join(', ')}`);
    }
    if (name !== undefined) return { metadataLocation: `${folder}/${name}`, etag: best.etag };
    // Manifests alone are of a table that is being made, or whose making was cut off.
    if (foreign) throw notFound(`a metadata file of table ${table.schema}.${table.table} in "${this.#io.display(folder)}"`);
    return undefined;
  }
}
