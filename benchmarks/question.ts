/** What both sides are asked about; the values come from the lake itself. */
export interface QuestionFacts {
  /** Parquet files of lake.events. */
  readonly files: readonly string[];
  /** A session of ordinary length. */
  readonly session: string;
  /** Ten minutes from its first event on, as text; for Q4. */
  readonly from?: string;
  readonly to?: string;
}

/** One question, in the words of each side. Both must give the same rows. */
export interface Question {
  readonly id: string;
  readonly title: string;
  readonly timeline: (facts: QuestionFacts) => string;
  /** Formulations for DuckDB; the fastest one counts. */
  readonly duckdb: (facts: QuestionFacts) => readonly string[];
  /** Columns that the two sides print differently. */
  readonly ignore: readonly string[];
}

/** DuckDB's FROM over the same files. */
export function parquet(files: readonly string[]): string {
  return `read_parquet([${files.map((file) => `'${file.replaceAll("'", "''")}'`).join(', ')}], hive_partitioning = false)`;
}
