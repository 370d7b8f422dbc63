import type { FileCoverage } from '../connectors/connector.js';
import { asTimelineError } from '../sql/errors.js';
import type { Catalog } from './catalog.js';
import { indexedSnapshot } from './indexed-table.js';

/** A data file and one index of its table; without a file: why nothing can be told of the table. */
export interface CoverageRow {
  readonly schema: string;
  readonly table: string;
  readonly catalog: string;
  readonly file: FileCoverage | undefined;
  readonly trouble: string | undefined;
}

/** A table that takes longer hides no other. */
const TABLE_MS = 20_000;

export async function coverageRows(catalog: Catalog): Promise<readonly CoverageRow[]> {
  const rows: CoverageRow[] = [];
  for (const { schema, table } of catalog.indexedTables()) {
    for (const { catalog: name, index } of catalog.indexesOf(schema, table)) {
      const row = (of: Pick<CoverageRow, 'file' | 'trouble'>): number => rows.push({ schema, table, catalog: name, ...of });
      try {
        const entry = catalog.find(schema, table, []);
        if (entry === undefined) {
          row({ file: undefined, trouble: 'there is no such table' });
          continue;
        }
        const { table: indexed } = await indexedSnapshot(entry, AbortSignal.timeout(TABLE_MS));
        for (const file of await index.coverage(indexed)) row({ file, trouble: undefined });
      } catch (error) {
        row({ file: undefined, trouble: asTimelineError(error).message });
      }
    }
  }
  return rows;
}
