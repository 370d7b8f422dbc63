import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { TablePredicate } from '../../connectors/connector.js';
import type { IcebergConfig } from '../../connectors/iceberg/config.js';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { canonicalRows } from './relation-rows.js';

export interface ExpectedRows {
  readonly rows: number;
  readonly sha256?: string;
  readonly columns?: readonly string[];
}

export interface ExpectedTable {
  readonly table: string;
  readonly writer: string;
  readonly metadata: string;
  readonly current: ExpectedRows;
  readonly queries: readonly (ExpectedRows & { readonly filter: string; readonly files_planned?: number | null })[];
  readonly snapshots: readonly (ExpectedRows & { readonly id: string; readonly ts?: number })[];
  readonly refs?: Readonly<Record<string, ExpectedRows & { readonly snapshot?: string }>>;
}

export const FIXTURES = join(projectRoot(), '..', 'shared', 'fixtures', 'iceberg');
export const OLD_PREFIX = 'file:///fixtures/iceberg';

function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = resolve(folder, '..');
  return folder;
}

export function expectedTables(): Readonly<Record<string, ExpectedTable>> {
  return JSON.parse(readFileSync(join(FIXTURES, 'expected.json'), 'utf8')) as Record<string, ExpectedTable>;
}

export function sqlConfig(folder = FIXTURES): IcebergConfig {
  return { catalog: { type: 'sql', uri: `sqlite:///${folder}/py/catalog.db` }, locations: { [OLD_PREFIX]: folder } };
}

export function sparkConfig(folder = FIXTURES): IcebergConfig {
  return { catalog: { type: 'filesystem', warehouse: `${folder}/spark` }, locations: { [OLD_PREFIX]: folder } };
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'timeline-iceberg-test-'));
}

export async function openConnector(config: IcebergConfig, cacheFolder: string): Promise<IcebergConnector> {
  return IcebergConnector.open({ name: 'fixture', config, cacheFolder, cacheBytes: 1 << 30 });
}

/** The JSON types of a snapshot's columns, straight from the metadata file. */
function schemaTypes(metadata: string, columns: readonly string[], folder = FIXTURES): unknown[] {
  const bytes = readFileSync(join(folder, metadata));
  const json = JSON.parse((bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString('utf8')) as {
    schemas: { fields: { name: string; type: unknown }[] }[];
  };
  const schema = json.schemas.find(
    ({ fields }) => fields.length === columns.length && fields.every((field, index) => field.name === columns[index]),
  );
  if (schema === undefined) throw new Error(`no schema with columns ${columns.join(', ')}`);
  return schema.fields.map((field) => field.type);
}

export interface ReadOptions {
  readonly connector: IcebergConnector;
  readonly schema: string;
  readonly expected: ExpectedTable;
  readonly asOf?: string;
  readonly filters?: readonly TablePredicate[];
  readonly where?: string;
}

export const NO_METER = { charge: (): void => undefined };

/** Plans, opens and reads a table through the connector's contract only; handle and splits go through JSON as in a plan. */
export async function readTable(options: ReadOptions): Promise<{ rows: string[]; files: number; columns: string[] }> {
  const { connector, schema, expected, asOf } = options;
  const name = { schema, table: expected.table };
  const description = await connector.describe(name, undefined, asOf);
  if (description === undefined) throw new Error(`no table ${schema}.${expected.table}`);
  const pinned = await connector.pin(name, asOf);
  const pushed = connector.pushdown(pinned.handle, {
    filters: options.filters ?? [],
    columns: description.columns.map((one) => one.name),
    limit: undefined,
  });
  const handle: unknown = JSON.parse(JSON.stringify(pushed.handle));
  const signal = new AbortController().signal;
  const plan = await connector.splits(handle, signal);
  const splits = plan.splits.map((split) => JSON.parse(JSON.stringify(split.data)) as unknown);
  const files = (splits as { files: unknown[] }[]).reduce((sum, split) => sum + split.files.length, 0);
  const readable = await connector.read(handle, splits, { columns: description.columns, meter: NO_METER, signal });
  const columns = description.columns.map((one) => one.name);
  const types = schemaTypes(expected.metadata, columns);
  return { rows: await canonicalRows({ readable, columns: description.columns, types, where: options.where }), files, columns };
}
