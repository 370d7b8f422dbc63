import type { EmbeddedPostgres } from '../sql/postgres.js';
import type { PostgresSetting } from './settings.js';

/** The embedded Postgres's pg_settings by lower-case name: known to SET and SHOW, without effect here. */
export async function readPostgresSettings(postgres: EmbeddedPostgres): Promise<ReadonlyMap<string, PostgresSetting>> {
  const { rows } = await postgres.query(
    "SELECT name, setting, vartype, coalesce(array_to_string(enumvals, ','), ''), context FROM pg_catalog.pg_settings",
    [],
    { user: 'timeline', database: 'timeline', searchPath: ['public'], timeZone: 'UTC', settings: {} },
  );
  return new Map(
    rows.map((row): [string, PostgresSetting] => {
      const [name = '', value, type, values, context] = row.map((cell) => cell ?? '');
      return [name.toLowerCase(), { name, value: value ?? '', type: type as PostgresSetting['type'], values: (values ?? '').split(','), context: context ?? '' }];
    }),
  );
}
