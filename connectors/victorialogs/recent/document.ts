import type { ColumnDescription } from '../../connector.js';
import type { LogsRow } from '../client/logs-client.js';
import { encodeValue } from '../encoding.js';
import { FIELD, recentKey, writerText } from './layout.js';

/** One row as a document: values in PostgreSQL's text form, in the order of the columns; `time` is RFC 3339 with nine digits and Z. */
export function recentDocument(row: {
  readonly identity: string;
  readonly writer: string;
  readonly number: bigint;
  readonly time: string;
  readonly columns: readonly Pick<ColumnDescription, 'name' | 'type'>[];
  readonly values: readonly (string | null)[];
}): LogsRow {
  const document: Record<string, string> = {
    _time: row.time,
    _msg: '-',
    [FIELD.table]: recentKey(row.identity),
    [FIELD.writer]: writerText(row.writer),
    [FIELD.number]: String(row.number),
  };
  row.columns.forEach(({ name, type }, n) => {
    const text = encodeValue(type, row.values[n] ?? null);
    if (text === undefined) document[FIELD.marked] = '1';
    else if (text !== null) document[name] = text;
  });
  return document;
}
