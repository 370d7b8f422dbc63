import type { Snapshot, TableMetadata } from '../format/metadata.js';

/** What expiry goes by, where a branch or tag has no rule of its own. */
export interface RetentionRules {
  readonly nowMs: number;
  /** Snapshots younger than this stay. */
  readonly olderThanMs: number;
  /** So many of each branch stay. */
  readonly retainLast: number;
  /** Branches and tags of older snapshots go; undefined: none. */
  readonly maxRefAgeMs: number | undefined;
}

export interface Retained {
  readonly snapshots: ReadonlySet<string>;
  /** Names of branches and tags that go. */
  readonly expiredRefs: readonly string[];
}

/** Which snapshots stay: what a branch or tag that stays needs, and what nothing refers to but is young. Branch main always stays. */
export function retainedSnapshots(metadata: TableMetadata, rules: RetentionRules): Retained {
  const byId = new Map(metadata.snapshots.map((snapshot) => [snapshot.id, snapshot]));
  const refs = new Map(metadata.refs);
  if (metadata.currentSnapshotId !== null && !refs.has('main'))
    refs.set('main', { snapshotId: metadata.currentSnapshotId, type: 'branch' });
  const expiredRefs: string[] = [];
  const kept = new Set<string>();
  /** What refs that stay can reach, kept or not. */
  const reached = new Set<string>();
  for (const [name, ref] of refs) {
    const head = byId.get(ref.snapshotId);
    const age = ref.maxRefAgeMs ?? rules.maxRefAgeMs;
    if (name !== 'main' && (head === undefined || (age !== undefined && rules.nowMs - head.timestampMs > age))) {
      expiredRefs.push(name);
      continue;
    }
    if (head === undefined) continue;
    kept.add(head.id);
    const ancestors = ancestorsOf(head, byId);
    for (const one of ancestors) reached.add(one.id);
    if (ref.type !== 'branch') continue;
    const least = ref.minSnapshotsToKeep ?? rules.retainLast;
    const youngerThan = ref.maxSnapshotAgeMs === undefined ? rules.olderThanMs : rules.nowMs - ref.maxSnapshotAgeMs;
    for (const [place, snapshot] of ancestors.entries()) {
      if (place >= least && snapshot.timestampMs < youngerThan) break;
      kept.add(snapshot.id);
    }
  }
  for (const snapshot of metadata.snapshots) {
    if (!reached.has(snapshot.id) && snapshot.timestampMs >= rules.olderThanMs) kept.add(snapshot.id);
  }
  return { snapshots: kept, expiredRefs };
}

/** The newest first. */
function ancestorsOf(head: Snapshot, byId: ReadonlyMap<string, Snapshot>): readonly Snapshot[] {
  const found = new Set<Snapshot>();
  for (let one: Snapshot | undefined = head; one !== undefined && !found.has(one); ) {
    found.add(one);
    one = one.parentId === null ? undefined : byId.get(one.parentId);
  }
  return [...found];
}
