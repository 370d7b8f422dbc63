import { TimelineError } from '../../sql/errors.js';
import type { TableName } from '../connector.js';

export function fullName({ schema, table }: TableName): string {
  return `${schema}.${table}`;
}

export function noTable(table: TableName): TimelineError {
  return new TimelineError({ kind: 'semantic', sqlstate: '42P01', message: `relation "${fullName(table)}" does not exist` });
}
