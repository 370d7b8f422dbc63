import { randomUUID } from 'node:crypto';
import type { DataFile, IndexBuildResult, TableIndex } from '../connectors/connector.js';
import type { PhysicalPlan, ScanField } from '../planner/physical-plan.js';
import { internal, TimelineError } from '../sql/errors.js';
import type { Batch } from '../sql/result.js';
import { Oid, type Type, type } from '../sql/types.js';
import { formatValue } from '../sql/value-text.js';
import type { CatalogEntry } from './catalog.js';
import { type IndexedSnapshot, indexedSnapshot } from './indexed-table.js';
import type { SelectContext } from './select.js';
import type { Notice } from './statement.js';

/** Builds every index that the configuration has of the table. Throws 55000 where it has none. */
export async function buildIndexes(
  entry: CatalogEntry,
  context: SelectContext,
): Promise<{ readonly row: readonly string[]; readonly notices: readonly Notice[] }> {
  const { schema, table } = entry.description;
  const indexes = context.catalog.indexesOf(schema, table);
  if (indexes.length === 0) throw notIndexed(schema, table);
  const snapshot = await indexedSnapshot(entry, context.signal);
  const results: IndexBuildResult[] = [];
  for (const { index } of indexes) results.push(await buildOne(index, entry, snapshot, context));
  const sum = (of: (result: IndexBuildResult) => number): string => String(results.reduce((total, one) => total + of(one), 0));
  const files = String(snapshot.table.files.length * indexes.length);
  return {
    row: [
      files,
      sum(({ before }) => before),
      sum(({ indexed }) => indexed),
      sum(({ uncovered }) => uncovered),
      sum(({ rows }) => rows),
      sum(({ bytes }) => bytes),
    ],
    notices: results.flatMap(({ reasons }) =>
      reasons.map(
        ([reason, count]): Notice => ({
          severity: 'WARNING',
          sqlstate: '01000',
          message: `${count === 1 ? '1 file is' : `${count} files are`} not indexed: ${reason}`,
        }),
      ),
    ),
  };
}

function notIndexed(schema: string, table: string): TimelineError {
  return new TimelineError({
    kind: 'semantic',
    sqlstate: '55000',
    message: `there is no index of ${schema}.${table}`,
    hint: `Name "${schema}.${table}" in index_for of a catalog of type victorialogs (catalogs.<name>.index_for), and start the gateway anew.`,
  });
}

async function buildOne(
  index: TableIndex,
  entry: CatalogEntry,
  snapshot: IndexedSnapshot,
  context: SelectContext,
): Promise<IndexBuildResult> {
  const { access, handle, splits, table } = snapshot;
  const whole = access.whole(
    handle,
    splits.map(({ data }) => data),
  );
  const splitOf = new Map(table.files.map((file, n) => [file.path, whole.splits[n]]));
  const typeOf = new Map(table.columns.map((column) => [column.name, column.type]));
  return index.build({
    ...table,
    onProgress: (text) => context.onProgress?.(text),
    async *rows(file: DataFile, columns, signal) {
      const split = splitOf.get(file.path);
      if (split === undefined) throw internal(`no split reads ${file.path}`);
      const fields: ScanField[] = [{ id: 1, name: '_pos', type: type(Oid.int8) }];
      for (const name of columns) {
        const of = typeOf.get(name);
        if (of === undefined) throw internal(`the table has no column ${name}`);
        fields.push({ id: fields.length + 1, name, type: of });
      }
      const plan = filePlan({ entry, handle: whole.handle, split: { ...split, connector: entry.connector.name }, fields, context });
      yield* planRows(plan, context, signal);
    },
  });
}

/** One task that reads one file. */
function filePlan(options: {
  readonly entry: CatalogEntry;
  readonly handle: unknown;
  readonly split: PhysicalPlan['stages'][number]['tasks'][number]['splits'][string][number];
  readonly fields: readonly ScanField[];
  readonly context: SelectContext;
}): PhysicalPlan {
  const { entry, handle, split, fields, context } = options;
  const { schema, table } = entry.source;
  const scan = 's0';
  return {
    version: 1,
    output: fields,
    stages: [
      {
        id: 1,
        kind: 'final',
        root: { kind: 'scan', scan, connector: entry.connector.name, schema, table, handle, fields, pushed: [], pruning: [] },
        deps: [],
        tasks: [{ id: 0, splits: { [scan]: [split] } }],
        ordered: false,
      },
    ],
    snapshots: [],
    session: { timeZone: 'UTC', now: context.now.toString(), memoryLimit: context.memory },
    notices: [],
  };
}

/** Of a plan, in this process. */
async function* planRows(
  plan: PhysicalPlan,
  context: SelectContext,
  signal: AbortSignal,
): AsyncGenerator<readonly (readonly (string | null)[])[]> {
  const { engine, analysis, maxBytes } = context;
  const run = await engine.drivers.local.start(plan, {
    id: `replay-${randomUUID()}`,
    sql: 'CALL timeline.build_index(…)',
    user: analysis.user,
    signal,
    maxBytes,
  });
  const types = plan.output.map((field) => field.type);
  try {
    for await (const part of run.files) {
      for await (const batch of engine.kernel.read([part], plan.output, signal)) yield textRows(batch, types);
    }
    await run.summary;
  } finally {
    await run.release();
  }
}

function textRows(batch: Batch, types: readonly Type[]): readonly (readonly (string | null)[])[] {
  if (batch.kind === 'text') return batch.rows;
  const { columns, rowCount } = batch;
  const rows: (string | null)[][] = Array.from({ length: rowCount }, () => new Array<string | null>(types.length).fill(null));
  for (const [c, of] of types.entries()) {
    const values = columns[c];
    for (let r = 0; r < rowCount; r++) {
      const value = values?.[r] ?? null;
      const row = rows[r];
      if (value !== null && row !== undefined) row[c] = typeof value === 'string' ? value : formatValue(of, value, UTC);
    }
  }
  return rows;
}

const UTC = { timeZone: 'UTC' } as const;
