import type { PinnedSnapshot } from '../../planner/physical-plan.js';

/**
 * Names of a result's columns in a table or a file, where no two may be the same: the second `count` is `count_2`. `file`: for a file, whose
 * readers know no upper and lower case.
 */
export function uniqueNames(names: readonly string[], options: { readonly file?: boolean } = {}): readonly string[] {
  const fold = (name: string): string => (options.file === true ? name.toLowerCase() : name);
  const taken = new Set<string>();
  const given = new Set(names.map(fold));
  return names.map((name) => {
    let unique = name;
    for (let n = 2; taken.has(fold(unique)) || (unique !== name && given.has(fold(unique))); n++) unique = `${name}_${n}`;
    taken.add(fold(unique));
    return unique;
  });
}

const SQL_MOST_BYTES = 4096;

/**
 * Where a result comes from, for a Parquet file's key-value metadata (SinkFile.metadata) and the summary of an Iceberg snapshot
 * (SinkTable.summary): `timeline.sql` (its first 4 KB), `timeline.snapshots` (JSON, as PinnedSnapshot), `timeline.replay`. CSV and JSON have
 * no place for it.
 */
export function resultMetadata(of: {
  readonly id: string;
  readonly sql: string;
  readonly snapshots: readonly PinnedSnapshot[];
}): Readonly<Record<string, string>> {
  const bytes = Buffer.from(of.sql, 'utf8');
  let end = Math.min(bytes.length, SQL_MOST_BYTES);
  // Not in the middle of a character.
  while (end > 0 && end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return {
    'timeline.sql': bytes.subarray(0, end).toString('utf8'),
    'timeline.snapshots': JSON.stringify(of.snapshots),
    'timeline.replay': of.id,
  };
}
