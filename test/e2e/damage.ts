import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sharedFixtures } from '../support/project-root.js';

export interface Lake {
  /** timeline.yaml for it. */
  readonly config: string;
  /** Absolute paths below the table's folder that end as asked. */
  files(ending: (name: string) => boolean): Promise<readonly string[]>;
}

/** A copy of the fixture lake that may be damaged; `files` are those of py.events_day. */
export async function copyLake(folder: string): Promise<Lake> {
  await cp(join(sharedFixtures(), 'iceberg', 'py'), join(folder, 'py'), { recursive: true });
  return {
    config: lakeConfig(folder),
    files: async (ending) => {
      const table = join(folder, 'py', 'py', 'events_day');
      const names = await readdir(table, { recursive: true });
      return names.filter((name) => ending(name.split('/').at(-1) ?? '')).map((name) => join(table, name));
    },
  };
}

/** With S3 keys, which must not be seen anywhere. */
export function lakeConfig(folder: string): string {
  return JSON.stringify({
    catalogs: {
      fx: {
        type: 'iceberg',
        catalog: { type: 'sql', uri: `sqlite:///${folder}/py/catalog.db`, name: 'fx' },
        locations: { 'file:///fixtures/iceberg': `file://${folder}` },
        s3: { endpoint: 'http://127.0.0.1:1', access_key_id: SECRETS[0], secret_access_key: SECRETS[1] },
      },
    },
  });
}

export const SECRETS = ['AKIA-do-not-show', 'secret-do-not-show'] as const;
