import { createHash } from 'node:crypto';
import { Oid, type } from '../../../sql/types.js';
import type { ColumnDescription, TableDescription, TableName } from '../../connector.js';
import type { LogsTableConfig } from '../config.js';
import { type DiscoveredFields, MOST_FIELDS } from './field-names.js';
import { TIME, timeColumn } from './logs-table.js';

export function describeAllLogs(name: TableName, fields: DiscoveredFields): TableDescription {
  const columns = fields.names.map(
    (field): ColumnDescription => ({ name: field, type: type(Oid.text), nullable: true, comment: undefined }),
  );
  const left = fields.others === 0 ? '' : `; of ${MOST_FIELDS + fields.others} fields these are the ${MOST_FIELDS} most frequent ones`;
  return describe(name, [timeColumn, ...columns], `log entries, with the fields of recent ones as columns${left}`);
}

export function describeDeclared(name: TableName, { columns }: LogsTableConfig): TableDescription {
  const described = columns.map(
    (column): ColumnDescription => ({ name: column.name, type: column.type, nullable: true, comment: undefined }),
  );
  return describe(name, [timeColumn, ...described], 'log entries, as the configuration declares them');
}

function describe({ schema, table }: TableName, columns: readonly ColumnDescription[], comment: string): TableDescription {
  const shape = columns.map((column) => [column.name, column.type.oid, column.type.typmod]);
  return {
    schema,
    table,
    columns,
    comment,
    properties: { 'timeline.ts': TIME },
    rowEstimate: undefined,
    schemaVersion: createHash('sha256').update(JSON.stringify(shape)).digest('hex').slice(0, 16),
  };
}
