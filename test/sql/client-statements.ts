import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One block of spec/pgwire/clients/*.sql. */
export interface ClientStatement {
  readonly client: string;
  readonly text: string;
  readonly versions: readonly string[];
  readonly parameterTypes: readonly number[];
  readonly formats: readonly number[];
  readonly parameters: readonly (string | null)[];
}

function clientsFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return join(folder, '..', 'shared', 'spec', 'pgwire', 'clients');
}

export function clientStatements(): readonly ClientStatement[] {
  const folder = clientsFolder();
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql') && name !== 'schema.sql')
    .flatMap((name) => {
      const [, ...blocks] = readFileSync(join(folder, name), 'utf8').split(/^-- ;;\n?/m);
      return blocks.filter((block) => block.trim() !== '').map((block) => statement(name.replace('.sql', ''), block));
    });
}

function statement(client: string, block: string): ClientStatement {
  const lines = block.split('\n');
  const facts = new Map(
    lines
      .filter((line) => line.startsWith('-- @'))
      .map((line): [string, string] => {
        const [, key = '', value = ''] = /^-- @(\w+) ?(.*)$/.exec(line) ?? [];
        return [key, value];
      }),
  );
  const list = (key: string): unknown[] => JSON.parse(facts.get(key) ?? '[]') as unknown[];
  const parameters = list('params') as (string | null)[];
  const formats = list('param_formats') as number[];
  return {
    client,
    text: lines
      .filter((line) => !line.startsWith('-- @'))
      .join('\n')
      .trim(),
    versions: (facts.get('server_version') ?? '').split(' '),
    parameterTypes: list('param_type_oids') as number[],
    formats: parameters.map((_, i) => (formats.length === 1 ? (formats[0] ?? 0) : (formats[i] ?? 0))),
    parameters,
  };
}
