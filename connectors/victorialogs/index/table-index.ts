import { internal } from '../../../sql/errors.js';
import type {
  CandidateRequest,
  Candidates,
  FileCoverage,
  IndexBuildRequest,
  IndexBuildResult,
  IndexedTable,
  TableIndex,
  TableName,
} from '../../connector.js';
import type { LogsIndexConfig } from '../config.js';
import { buildIndex } from './build.js';
import { findCandidates } from './candidates.js';
import { coverageOf } from './file-coverage.js';
import { createRechecks, type Rechecks } from './recheck.js';
import { createTableDocuments, type IndexPlace } from './table-documents.js';

export interface LogsTableIndexOptions extends IndexPlace {
  readonly indexes: readonly LogsIndexConfig[];
  /** Milliseconds that a search may take: LogsLimits.indexTimeout. */
  readonly timeout: number;
  /** Milliseconds after which the server has documents on its disk; for tests. */
  readonly settle?: number;
}

/** Documents are on the server's disk 5 to 10 s after they were taken. */
const SETTLE_MS = 15_000;

/** The index that documents in a VictoriaLogs are of tables of other catalogs. */
export class LogsTableIndex implements TableIndex {
  readonly tables: readonly TableName[];
  readonly #documents: ReturnType<typeof createTableDocuments>;
  readonly #rechecks: Rechecks;

  constructor(private readonly options: LogsTableIndexOptions) {
    this.tables = options.indexes.map(({ schema, table }) => ({ schema, table }));
    this.#documents = createTableDocuments(options);
    this.#rechecks = createRechecks(options);
  }

  async candidates(request: CandidateRequest): Promise<Candidates> {
    if (this.#configOf(request.table) === undefined) return { kind: 'scan', reason: 'the table is not in index_for' };
    const documents = this.#documents(request.identity.table);
    return findCandidates({
      place: this.options,
      documents,
      request,
      timeout: this.options.timeout,
      onVoid: () => this.#rechecks.start(documents),
    });
  }

  async build(request: IndexBuildRequest): Promise<IndexBuildResult> {
    const config = this.#configOf(request.table);
    if (config === undefined) throw internal(`${request.table.schema}.${request.table.table} is not in index_for`);
    const documents = this.#documents(request.identity.table);
    return buildIndex({ place: this.options, documents, request, config, settle: this.options.settle ?? SETTLE_MS });
  }

  coverage(table: IndexedTable): Promise<readonly FileCoverage[]> {
    return coverageOf({
      place: this.options,
      documents: this.#documents(table.identity.table),
      table,
      config: this.#configOf(table.table),
    });
  }

  async close(): Promise<void> {
    await this.#rechecks.close();
  }

  #configOf({ schema, table }: TableName): LogsIndexConfig | undefined {
    return this.options.indexes.find((one) => one.schema === schema && one.table === table);
  }
}
