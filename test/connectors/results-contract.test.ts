import { join } from 'node:path';
import { buildConfig } from '../../src/config-file.js';
import { FIELDS, resultPlan } from '../replay/result-plan.js';
import { ListedResults, openSubmittedRuns } from '../replay/submitted-runs.js';
import { tempFolder } from '../support/temp-folder.js';
import { type ContractSubject, connectorContract } from './contract.js';
import { parseFilter } from './filters.js';

for (const [kind, inlineBytes] of [
  ['stage files', 1 << 20],
  ['a file', 0],
] as const) {
  connectorContract(`results of submitted replays, ${kind}`, async (): Promise<ContractSubject> => {
    const home = await tempFolder('results-contract');
    const config = buildConfig({ temporal: 'off', home: join(home.path, 'home') }, { env: {}, cwd: home.path, folder: home.path });
    const runs = await openSubmittedRuns(config);
    await runs.run(resultPlan(), 'replay-1');
    await runs.end('replay-1', inlineBytes);
    const connector = new ListedResults({ ...runs.parts, files: runs.parts.results, retention: undefined });
    connector.ids.push('replay-1');
    const types = new Map(FIELDS.map((field) => [field.name, field.type.oid]));
    return {
      connector,
      table: { schema: 'timeline_results', table: 'replay-1' },
      filters: ['id = 7', 'name IS NULL', "moment >= '2025-03-02T00:00:00Z'"].map((sql) => ({ sql, expr: parseFilter(sql, types) })),
      close: async () => {
        await connector.close();
        await runs.close();
        await home.remove();
      },
    };
  });
}
