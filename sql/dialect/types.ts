import { type Cursor, mark } from './cursor.js';
import type { Dialect } from './names.js';

/** Type names that are the same type in PostgreSQL. `$` marks where the modifiers go, if any may be written. */
const COMMON: Readonly<Record<string, string>> = { DATE: 'date', BOOLEAN: 'boolean', BIGINT: 'bigint', SMALLINT: 'smallint' };
const INTEGERS = { INT: 'integer', INTEGER: 'integer' };

const TYPES: Readonly<Record<Dialect, Readonly<Record<string, string>>>> = {
  trino: {
    ...COMMON,
    ...INTEGERS,
    DOUBLE: 'double precision',
    REAL: 'real',
    VARCHAR: 'varchar$',
    DECIMAL: 'numeric$(38,0)',
    TIMESTAMP: 'timestamp',
    UUID: 'uuid',
  },
  athena: {
    ...COMMON,
    ...INTEGERS,
    DOUBLE: 'double precision',
    REAL: 'real',
    FLOAT: 'real',
    STRING: 'text',
    VARCHAR: 'varchar$',
    DECIMAL: 'numeric$(38,0)',
    TIMESTAMP: 'timestamp',
    UUID: 'uuid',
  },
  bigquery: {
    DATE: 'date',
    BOOL: 'boolean',
    BOOLEAN: 'boolean',
    INT64: 'bigint',
    INT: 'bigint',
    INTEGER: 'bigint',
    BIGINT: 'bigint',
    SMALLINT: 'bigint',
    FLOAT64: 'double precision',
    NUMERIC: 'numeric$(38,9)',
    DECIMAL: 'numeric$(38,9)',
    STRING: 'text',
    DATETIME: 'timestamp',
    TIMESTAMP: 'timestamptz',
  },
  snowflake: {
    DATE: 'date',
    BOOLEAN: 'boolean',
    INT: 'numeric(38,0)',
    INTEGER: 'numeric(38,0)',
    BIGINT: 'numeric(38,0)',
    SMALLINT: 'numeric(38,0)',
    NUMBER: 'numeric$(38,0)',
    NUMERIC: 'numeric$(38,0)',
    DECIMAL: 'numeric$(38,0)',
    FLOAT: 'double precision',
    DOUBLE: 'double precision',
    STRING: 'text',
    TEXT: 'text',
    VARCHAR: 'varchar',
    DATETIME: 'timestamp',
    TIMESTAMP: 'timestamp',
    TIMESTAMP_NTZ: 'timestamp',
    TIMESTAMP_LTZ: 'timestamptz',
  },
  mysql: { DATE: 'date', SIGNED: 'bigint', CHAR: 'text', DECIMAL: 'numeric$(10,0)', DATETIME: 'timestamp(0)', DOUBLE: 'double precision' },
};

/** Reads a type as CAST takes it. */
export function readType(cursor: Cursor): { readonly sql: string; readonly text: boolean } {
  const token = cursor.next();
  const known = token.kind === 'word' && Object.hasOwn(TYPES[cursor.dialect], token.text) ? TYPES[cursor.dialect][token.text] : undefined;
  if (known === undefined) throw cursor.refuse(`the type ${token.raw} of ${cursor.label}`, token);
  if (cursor.dialect === 'mysql' && token.text === 'SIGNED') cursor.take('INTEGER');
  const [base = '', initial = ''] = known.split('$');
  let modifiers = initial;
  if (cursor.take('(')) {
    if (!known.includes('$')) throw cursor.refuse(`a length or precision of the type ${token.raw}`, token);
    const numbers: string[] = [];
    do numbers.push(cursor.next().text);
    while (cursor.take(','));
    cursor.expect(')');
    if (!numbers.every((number) => /^\d+$/.test(number))) throw cursor.unexpected('a number expected', token);
    modifiers = `(${numbers.join(',')})`;
  }
  if (cursor.isTrino && token.text === 'TIMESTAMP' && cursor.take('WITH', 'TIME', 'ZONE'))
    return { sql: `${mark(token)}timestamptz`, text: false };
  if (cursor.isTrino) cursor.take('WITHOUT', 'TIME', 'ZONE');
  const sql = `${base}${modifiers}`;
  return { sql: `${mark(token)}${sql}`, text: sql === 'text' || sql === 'varchar' };
}
