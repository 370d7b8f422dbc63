import { integerText, type Json, type JsonObject } from '../format/exact-json.js';
import {
  asObject,
  asText,
  byId,
  type Draft,
  formatVersion,
  integerOf,
  list,
  MAIN,
  malformed,
  objects,
  refsOf,
  snapshotIdOf,
} from './metadata-draft.js';
import type { ChangeState } from './updates.js';

/** Why it cannot be added now, where others' commits are the reason. */
export function addSnapshot(state: ChangeState, given: unknown): string | undefined {
  const { draft } = state;
  const snapshot = asObject(given, 'snapshot');
  const id = snapshotIdOf(snapshot['snapshot-id']);
  if (byId(draft, 'snapshots', 'snapshot-id', id) !== undefined) return `snapshot ${id} is there already`;
  const entry: Record<string, Json> = { ...snapshot, 'snapshot-id': id };
  if (snapshot['parent-snapshot-id'] === null || snapshot['parent-snapshot-id'] === undefined) delete entry['parent-snapshot-id'];
  else entry['parent-snapshot-id'] = snapshotIdOf(snapshot['parent-snapshot-id']);
  const version = formatVersion(draft);
  if (version >= 2) {
    const sequence = integerOf(snapshot['sequence-number'], 'sequence-number');
    const last = integerOf(draft['last-sequence-number'] ?? 0, 'last-sequence-number');
    if (sequence <= last) return `sequence number ${sequence} is taken (the last is ${last})`;
    draft['last-sequence-number'] = sequence;
  }
  if (version >= 3) {
    const first = integerOf(snapshot['first-row-id'], 'first-row-id');
    const next = integerOf(draft['next-row-id'] ?? 0, 'next-row-id');
    if (first < next) return `row ids from ${first} on are taken (the next is ${next})`;
    draft['next-row-id'] = first + integerOf(snapshot['added-rows'], 'added-rows');
  }
  // Readers take times that run backwards for damage.
  entry['timestamp-ms'] = Math.max(integerOf(snapshot['timestamp-ms'], 'timestamp-ms'), state.beforeMs);
  draft['last-updated-ms'] = Math.max(integerOf(draft['last-updated-ms'], 'last-updated-ms'), entry['timestamp-ms']);
  draft['snapshots'] = [...objects(draft, 'snapshots'), entry];
  return undefined;
}

export function setRef(state: ChangeState, update: Readonly<Record<string, unknown>>): string | undefined {
  const { draft } = state;
  const name = asText(update['ref-name'], 'ref-name');
  const type = asText(update['type'] ?? 'branch', 'type');
  const id = snapshotIdOf(update['snapshot-id']);
  if (type !== 'branch' && type !== 'tag') throw malformed(`a ref is a branch or a tag, not ${type}`);
  if (name === MAIN && type !== 'branch') throw malformed('main is a branch');
  if (byId(draft, 'snapshots', 'snapshot-id', id) === undefined) return `snapshot ${id} is no longer there`;
  const ref: Record<string, Json> = { 'snapshot-id': id, type };
  for (const key of ['min-snapshots-to-keep', 'max-snapshot-age-ms', 'max-ref-age-ms']) {
    const value = update[key];
    if (value !== undefined && value !== null) ref[key] = integerOf(value, key);
  }
  draft['refs'] = { ...refsOf(draft), [name]: ref };
  if (name === MAIN && integerText(draft['current-snapshot-id']) !== String(id)) {
    draft['current-snapshot-id'] = id;
    // A snapshot that was current only within this change was never seen by anybody.
    const log = objects(draft, 'snapshot-log');
    const entry = { 'snapshot-id': id, 'timestamp-ms': integerOf(draft['last-updated-ms'], 'last-updated-ms') };
    draft['snapshot-log'] = [...(state.logged ? log.slice(0, -1) : log), entry];
    state.logged = true;
  }
  return undefined;
}

export function removeRef(draft: Draft, name: string): void {
  const { [name]: gone, ...kept } = refsOf(draft);
  draft['refs'] = kept;
  if (name === MAIN && gone !== undefined) draft['current-snapshot-id'] = null;
}

/**
 * With their statistics. What the log tells of times before a removed snapshot is no longer sure, and goes too. A branch or tag that the change
 * has not removed before came from others meanwhile: it is not lost, the snapshot cannot be removed now.
 */
export function removeSnapshots(state: ChangeState, ids: readonly Json[]): string | undefined {
  const { draft } = state;
  const gone = new Set(ids.map((id) => String(snapshotIdOf(id, 'snapshot-ids'))));
  const isGone = (entry: JsonObject): boolean => gone.has(integerText(entry['snapshot-id']) ?? '');
  if (gone.has(integerText(draft['current-snapshot-id']) ?? '')) throw malformed('its current snapshot cannot be removed');
  const ref = Object.entries(refsOf(draft)).find(([, one]) => isGone(one));
  if (ref !== undefined) return `branch or tag "${ref[0]}" needs snapshot ${integerText(ref[1]['snapshot-id'])}`;
  draft['snapshots'] = objects(draft, 'snapshots').filter((entry) => !isGone(entry));
  const log = objects(draft, 'snapshot-log');
  const lastGone = log.findLastIndex(isGone);
  draft['snapshot-log'] = log.slice(lastGone + 1);
  for (const key of ['statistics', 'partition-statistics']) {
    if (draft[key] !== undefined) draft[key] = objects(draft, key).filter((entry) => !isGone(entry));
  }
  return undefined;
}

export function setStatistics(draft: Draft, key: 'statistics' | 'partition-statistics', given: unknown): void {
  const entry = asObject(given, key);
  removeStatistics(draft, key, entry['snapshot-id']);
  draft[key] = [...list(draft[key], key), entry];
}

export function removeStatistics(draft: Draft, key: 'statistics' | 'partition-statistics', snapshot: unknown): void {
  const id = String(snapshotIdOf(snapshot));
  draft[key] = objects(draft, key).filter((entry) => integerText(entry['snapshot-id']) !== id);
}
