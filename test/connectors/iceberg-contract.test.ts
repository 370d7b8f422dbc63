import { rmSync } from 'node:fs';
import { type ContractSubject, connectorContract } from './contract.js';
import { parseFilter } from './filters.js';
import { openConnector, sqlConfig, temporaryFolder } from './iceberg-fixtures.js';

const FILTERS: Readonly<Record<string, readonly string[]>> = {
  events_day: [
    'event_id = 100005',
    "ts >= '2025-03-03T00:00:00Z'",
    "entity_id IN ('user-1', 'user-2')",
    'value IS NULL',
    "event_type LIKE 're%'",
    'NOT event_id < 100050',
  ],
  events_bucket: ["entity_id = 'user-7'", "event_type LIKE 're%' OR entity_id = 'user-3'", "event_type > 'play'", 'event_type IS NULL'],
  evolve: ["dt = DATE '2025-03-03'", 'id > 1000000', "alpha <> 'a5'", 'dead IS NOT NULL'],
};

for (const [table, filters] of Object.entries(FILTERS)) {
  connectorContract(`Iceberg, local files, ${table}`, async (): Promise<ContractSubject> => {
    const cache = temporaryFolder();
    const connector = await openConnector(sqlConfig(), cache);
    const description = await connector.describe({ schema: 'py', table });
    const types = new Map((description?.columns ?? []).map((column) => [column.name, column.type.oid]));
    return {
      connector,
      table: { schema: 'py', table },
      filters: filters.map((sql) => ({ sql, expr: parseFilter(sql, types) })),
      close: async () => {
        await connector.close();
        rmSync(cache, { recursive: true });
      },
    };
  });
}
