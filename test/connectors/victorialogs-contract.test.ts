import { after, before } from 'mocha';
import { openLogsClient } from '../../connectors/victorialogs/client/http-client.js';
import type { LogsTableConfig } from '../../connectors/victorialogs/config.js';
import { encodeValue } from '../../connectors/victorialogs/encoding.js';
import { Oid, type } from '../../sql/types.js';
import { type LogsServer, startVictoriaLogs } from '../support/victoria-logs.js';
import { type ContractSubject, connectorContract } from './contract.js';
import { parseFilter } from './filters.js';
import { openLogs } from './victorialogs-fixtures.js';

const COLUMNS: LogsTableConfig['columns'] = [
  { name: 'id', field: 'id', type: type(Oid.int8) },
  { name: 'name', field: 'name', type: type(Oid.text) },
  { name: 'score', field: 'score', type: type(Oid.float8) },
];
const TABLES: readonly LogsTableConfig[] = [
  { name: 'own', encoding: 'own', columns: COLUMNS, filter: { app: '~own' } },
  { name: 'foreign_logs', encoding: 'foreign', columns: COLUMNS, filter: { app: 'foreign' } },
];
const NAMES = ['ann', 'bob', '2.10', '2.1', '', "o'neil", 'ünï', '10', 'x_y', 'null'];

/** The same rows twice: in our encoding, and as anybody would write them. */
function documents(): object[] {
  return Array.from({ length: 400 }, (_, n) => n).flatMap((n) => {
    const time = new Date(Date.UTC(2025, 2, 1) + n * 7_200_000).toISOString();
    const row = { id: String(n), name: NAMES[n % NAMES.length] ?? '', score: String(n / 8) };
    const own = Object.entries(row).flatMap(([name, text]) => {
      const column = COLUMNS.find((one) => one.name === name);
      const value = column === undefined || n % 11 === 0 ? null : encodeValue(column.type, text);
      return typeof value === 'string' ? [[name, value]] : [];
    });
    return [
      { _time: time, _msg: '-', app: '~own', ...Object.fromEntries(own) },
      { _time: time, _msg: 'm', app: 'foreign', ...(n % 11 === 0 ? {} : row) },
    ];
  });
}

describe('VictoriaLogs', () => {
  let server: LogsServer | undefined;
  before(async function () {
    server = await startVictoriaLogs();
    if (server === undefined) this.skip();
    await server.insert(documents(), ['app']);
  });
  after(() => server?.close());

  const times = ["_time >= '2025-03-05T00:00:00Z'", "_time < '2025-03-02T06:00:00Z' OR _time >= '2025-03-20T00:00:00Z'"];
  const texts = ["name = 'ann'", "name = '2.10'", "name IN ('bob', '10')", "name <> 'ann'", 'name IS NULL', "NOT name LIKE 'o%'"];
  for (const [table, filters] of [
    ['logs', [...times, "app = 'foreign'", "name = '2.1'", "id = '17'", 'name IS NOT NULL']],
    ['own', [...times, ...texts, 'id = 17', 'id > 300', 'score < 2.5', 'score IS NULL']],
    ['foreign_logs', [...times, ...texts, 'id = 17', 'id > 300', 'score < 2.5', 'score IS NULL']],
  ] as const) {
    connectorContract(`VictoriaLogs, table ${table}`, async (): Promise<ContractSubject> => {
      const config = server?.config({ tables: TABLES });
      if (config === undefined) throw new Error('no server');
      const { connector, close } = await openLogs(await openLogsClient({ name: 'vl', config }), config);
      const description = await connector.describe({ schema: 'vl', table });
      const types = new Map((description?.columns ?? []).map((column) => [column.name, column.type.oid]));
      return {
        connector,
        table: { schema: 'vl', table },
        filters: filters.map((sql) => ({ sql, expr: parseFilter(sql, types) })),
        close,
      };
    });
  }
});
