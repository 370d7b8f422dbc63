/** The SQL of other engines that is read here. */
export const DIALECTS = ['trino', 'athena', 'bigquery', 'snowflake', 'mysql'] as const;
export type Dialect = (typeof DIALECTS)[number];

export const DIALECT_LABELS: Readonly<Record<Dialect, string>> = {
  trino: 'Trino',
  athena: 'Athena',
  bigquery: 'BigQuery',
  snowflake: 'Snowflake',
  mysql: 'MySQL',
};

export function isDialect(name: string): name is Dialect {
  return (DIALECTS as readonly string[]).includes(name);
}
