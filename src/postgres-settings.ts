import type { EmbeddedPostgres } from '../sql/postgres.js';
import type { PostgresSetting } from './settings.js';

/** The embedded Postgres's pg_settings by lower-case name: known to SET and SHOW, without effect here. */
export async function readPostgresSettings(postgres: EmbeddedPostgres): Promise<ReadonlyMap<string, PostgresSetting>> {
  const rows = await postgres.catalogueRows(
    "SELECT name, setting, vartype, coalesce(array_to_string(enumvals, ','), ''), context FROM pg_catalog.pg_settings",
  );
  return new Map(
    rows.map((row): [string, PostgresSetting] => {
      const [name = '', value = '', kind = '', values = '', context = ''] = row.map((cell) => cell ?? '');
      return [name.toLowerCase(), { name, value, type: kind as PostgresSetting['type'], values: values.split(','), context }];
    }),
  );
}
