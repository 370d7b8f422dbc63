import { duckdbType } from '../../../sql/duckdb-type.js';
import { Oid, type Type } from '../../../sql/types.js';
import type { LogsColumn } from '../encoding.js';
import { quoteText } from './sql-text.js';

/** Can SQL read the column's values from the text of documents just as `decodeValue` does? Of foreign ones only text. */
export function isPlain({ encoding, type }: LogsColumn): boolean {
  return encoding !== 'foreign' || type.oid === Oid.text || type.oid === Oid.varchar;
}

/** SQL of a plain column's value, from that of its text in a document, which is NULL or empty where the document has none. */
export function fromDocument(column: LogsColumn, text: string): string {
  switch (column.encoding) {
    case 'time':
      return `CAST(${text} AS ${duckdbType(column.type)})`;
    case 'foreign':
      return `nullif(${text}, '')`;
    case 'own':
      return own(column, text);
  }
}

/** SQL of a value from that of PostgreSQL's text form. */
export function fromPostgres(type: Type, text: string): string {
  return type.oid === Oid.bool ? `(${text} = 't')` : `CAST(${text} AS ${duckdbType(type)})`;
}

function own(column: LogsColumn, text: string): string {
  const { pattern, value } = ownForm(column.type, text);
  const shown = `CAST(to_json(left(${text}, 100)) AS VARCHAR)`;
  const message = quoteText(`TL22P02:field ${JSON.stringify(column.field)}: `);
  const refuse = `error(${message} || ${shown} || ' is no value of the column''s type')`;
  const fits = pattern === undefined ? `starts_with(${text}, '~')` : `regexp_full_match(${text}, ${quoteText(pattern)})`;
  return `CASE WHEN ${text} IS NULL OR ${text} = '' THEN NULL WHEN ${fits} THEN ${value} ELSE ${refuse} END`;
}

/** What a text in our encoding looks like (absent: anything after ~), and the SQL of its value. */
function ownForm(type: Type, text: string): { readonly pattern?: string; readonly value: string } {
  const cut = `substr(${text}, 2)`;
  const as = (sql: string): string => `CAST(${sql} AS ${duckdbType(type)})`;
  switch (type.oid) {
    case Oid.int2:
    case Oid.int4:
    case Oid.int8:
      return { pattern: '0|-?[1-9][0-9]{0,18}', value: as(text) };
    case Oid.float4:
    case Oid.float8:
      return { pattern: '-?[0-9](\\.[0-9]{1,17})?e[+-][0-9]{1,3}', value: as(`CAST(${text} AS DOUBLE)`) };
    case Oid.bool:
      return { pattern: '~true|~false', value: `(${text} = '~true')` };
    case Oid.timestamp:
      return { pattern: `~${DATE}T${TIME}`, value: as(cut) };
    case Oid.timestamptz:
      return { pattern: `~${DATE}T${TIME}Z`, value: as(cut) };
    case Oid.time:
      return { pattern: `~${TIME}`, value: as(cut) };
    case Oid.bytea:
      return { pattern: '~\\\\x([0-9a-f]{2})*', value: `from_hex(substr(${text}, 4))` };
    default:
      return { value: duckdbType(type) === 'VARCHAR' ? cut : as(cut) };
  }
}

const DATE = '[0-9]{4}-[0-9]{2}-[0-9]{2}';
const TIME = '[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}';
