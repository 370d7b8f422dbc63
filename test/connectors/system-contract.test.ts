import { SystemConnector } from '../../connectors/system/connector.js';
import { Oid, type } from '../../sql/types.js';
import { type ContractSubject, connectorContract } from './contract.js';
import { parseFilter } from './filters.js';

connectorContract('system tables', async (): Promise<ContractSubject> => {
  const columns = [
    { name: 'id', type: type(Oid.text) },
    { name: 'rows', type: type(Oid.int8) },
    { name: 'started_at', type: type(Oid.timestamptz) },
  ];
  const connector = new SystemConnector([
    {
      name: 'runs',
      comment: 'runs',
      columns,
      rows: () => [
        ['a', '1', '2025-03-01 00:00:00+00'],
        ["b'c", '9007199254740993', '2025-03-02 00:00:00.000001+00'],
        ['d', null, null],
      ],
    },
  ]);
  const types = new Map(columns.map((column) => [column.name, column.type.oid]));
  return {
    connector,
    table: { schema: 'timeline', table: 'runs' },
    filters: ["id = 'a'", 'rows IS NULL', "started_at >= '2025-03-02T00:00:00Z'"].map((sql) => ({ sql, expr: parseFilter(sql, types) })),
    close: () => connector.close(),
  };
});
