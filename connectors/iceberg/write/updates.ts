import { unsupported } from '../../../sql/errors.js';
import type { TableChange } from '../catalog/catalog.js';
import { isJsonObject, type JsonObject, parseExactJson, printExactJson } from '../format/exact-json.js';
import {
  asObject,
  asText,
  type Draft,
  draftOf,
  emptyDraft,
  finished,
  formatVersion,
  integerOf,
  list,
  MAIN,
  malformed,
  objects,
} from './metadata-draft.js';
import { unmetRequirement } from './requirements.js';
import { addSchema, addSortOrder, addSpec, removeSchemas, removeSpecs, setCurrentSchema, setDefault } from './schema-updates.js';
import { addSnapshot, removeRef, removeSnapshots, removeStatistics, setRef, setStatistics } from './snapshot-updates.js';

export type AppliedChange =
  | {
      readonly kind: 'applied';
      /** The new metadata file's JSON. */
      readonly text: string;
      /** The table's location, as the metadata spells it. */
      readonly location: string;
      readonly properties: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'conflict'; readonly reason: string };

const NEWEST_FORMAT = 3;
const DEFAULT_VERSIONS_KEPT = 100;

/** What one change has done so far, for updates that refer to what earlier ones added (id -1). */
export interface ChangeState {
  readonly draft: Draft;
  readonly nowMs: number;
  /** When the table was changed last before. */
  readonly beforeMs: number;
  lastSchema: number | undefined;
  lastSpec: number | undefined;
  lastSortOrder: number | undefined;
  /** The snapshot log has an entry of this change already. */
  logged: boolean;
}

type Update = Readonly<Record<string, unknown>>;

/**
 * Applies a change in the REST protocol's words to a metadata file's JSON (`metadata` undefined: the table is made), as a REST catalog would.
 * 64-bit ids stay exact; in a change they may be bigints. Errors: XX001 for what the format does not allow, 0A000 for unknown updates.
 */
export function applyChange(
  metadata: string | undefined,
  change: TableChange,
  options: { readonly previousLocation: string | undefined; readonly nowMs: number },
): AppliedChange {
  const base = metadata === undefined ? undefined : draftOf(parseObject(metadata));
  const reason = unmetRequirement(base, change.requirements);
  if (reason !== undefined) return { kind: 'conflict', reason };
  const draft = base ?? emptyDraft();
  const before = integerOf(draft['last-updated-ms'], 'last-updated-ms');
  const state: ChangeState = {
    draft,
    // Readers take times that run backwards for damage.
    nowMs: Math.max(options.nowMs, before),
    beforeMs: before,
    lastSchema: undefined,
    lastSpec: undefined,
    lastSortOrder: undefined,
    logged: false,
  };
  draft['last-updated-ms'] = state.nowMs;
  for (const update of change.updates) {
    const conflict = applyUpdate(state, update);
    if (conflict !== undefined) return { kind: 'conflict', reason: conflict };
  }
  checkWhole(draft);
  if (options.previousLocation !== undefined) {
    const log = [...objects(draft, 'metadata-log'), { 'metadata-file': options.previousLocation, 'timestamp-ms': before }];
    draft['metadata-log'] = log.slice(-versionsKept(draft));
  }
  return {
    kind: 'applied',
    text: printExactJson(finished(draft)),
    location: asText(draft['location'], 'location'),
    properties: asObject(draft['properties'], 'properties') as Readonly<Record<string, string>>,
  };
}

/** Why the change is no longer possible, where others may have made it so. */
function applyUpdate(state: ChangeState, update: Update): string | undefined {
  const { draft } = state;
  const action = asText(update['action'], 'the action of an update');
  switch (action) {
    case 'assign-uuid':
      return void assignUuid(draft, asText(update['uuid'], 'uuid'));
    case 'upgrade-format-version':
      return void upgrade(draft, integerOf(update['format-version'], 'format-version'));
    case 'add-schema':
      return void addSchema(state, update);
    case 'set-current-schema':
      return void setCurrentSchema(state, update['schema-id']);
    case 'add-spec':
      return void addSpec(state, update['spec']);
    case 'set-default-spec':
      return void setDefault(state, 'spec', update['spec-id']);
    case 'add-sort-order':
      return void addSortOrder(state, update['sort-order']);
    case 'set-default-sort-order':
      return void setDefault(state, 'sort-order', update['sort-order-id']);
    case 'remove-partition-specs':
      return void removeSpecs(draft, update['spec-ids']);
    case 'remove-schemas':
      return void removeSchemas(draft, update['schema-ids']);
    case 'add-snapshot':
      return addSnapshot(state, update['snapshot']);
    case 'set-snapshot-ref':
      return setRef(state, update);
    case 'remove-snapshots':
      return removeSnapshots(state, list(update['snapshot-ids'], 'snapshot-ids'));
    case 'remove-snapshot-ref':
      return void removeRef(draft, asText(update['ref-name'], 'ref-name'));
    case 'set-statistics':
      return void setStatistics(draft, 'statistics', update['statistics']);
    case 'set-partition-statistics':
      return void setStatistics(draft, 'partition-statistics', update['partition-statistics']);
    case 'remove-statistics':
      return void removeStatistics(draft, 'statistics', update['snapshot-id']);
    case 'remove-partition-statistics':
      return void removeStatistics(draft, 'partition-statistics', update['snapshot-id']);
    case 'set-location':
      draft['location'] = asText(update['location'], 'location').replace(/(?<=[^/])\/+$/, '');
      return undefined;
    case 'set-properties':
      draft['properties'] = { ...asObject(draft['properties'], 'properties'), ...texts(update['updates']) };
      return undefined;
    case 'remove-properties': {
      const removals = new Set(list(update['removals'], 'removals'));
      const kept = Object.entries(asObject(draft['properties'], 'properties')).filter(([key]) => !removals.has(key));
      draft['properties'] = Object.fromEntries(kept);
      return undefined;
    }
    default:
      throw unsupported(`the update ${action} of an Iceberg table`);
  }
}

function assignUuid(draft: Draft, uuid: string): void {
  if (draft['table-uuid'] !== null && draft['table-uuid'] !== undefined && draft['table-uuid'] !== uuid)
    throw malformed('its UUID cannot be assigned anew');
  draft['table-uuid'] = uuid;
}

function upgrade(draft: Draft, version: number): void {
  const current = formatVersion(draft);
  // A new table begins at version 2, and may be made with another one.
  const isNew = list(draft['schemas'], 'schemas').length === 0;
  if (version > NEWEST_FORMAT) throw unsupported(`Iceberg format version ${version}`);
  if (version < 1 || (version < current && !isNew)) throw malformed(`format version ${current} cannot become ${version}`);
  draft['format-version'] = version;
}

function checkWhole(draft: Draft): void {
  for (const key of ['location', 'table-uuid'])
    if (typeof draft[key] !== 'string') throw malformed(`a table without ${key} cannot be made`);
  for (const key of ['current-schema-id', 'default-spec-id', 'default-sort-order-id'])
    if (integerOf(draft[key], key) < 0) throw malformed(`a table without ${key} cannot be made`);
  const current = draft['current-snapshot-id'];
  const main = asObject(draft['refs'], 'refs')[MAIN];
  if ((current === null) !== (main === undefined)) throw malformed('its branch main and its current snapshot disagree');
}

function versionsKept(draft: Draft): number {
  const text = asObject(draft['properties'], 'properties')['write.metadata.previous-versions-max'];
  const count = typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : DEFAULT_VERSIONS_KEPT;
  return Math.max(1, count);
}

function texts(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(asObject(value, 'updates'));
  return Object.fromEntries(entries.map(([key, item]) => [key, asText(item, `property ${key}`)]));
}

function parseObject(text: string): JsonObject {
  let json: unknown;
  try {
    json = parseExactJson(text);
  } catch (error) {
    throw malformed(`it is not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  if (!isJsonObject(json)) throw malformed('it is not a JSON object');
  return json;
}
