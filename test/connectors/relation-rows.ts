import { createHash } from 'node:crypto';
import { DuckDBInstance } from '@duckdb/node-api';
import type { ColumnDescription, Readable } from '../../connectors/connector.js';
import { ELEMENT_OF, Oid } from '../../sql/types.js';

/** Runs SQL on a fresh DuckDB whose time zone is not UTC by purpose: nothing of a relation may depend on it. */
export async function runDuck(sql: string): Promise<(string | null)[][]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    await connection.run(`SET TimeZone = 'America/New_York'`);
    const reader = await connection.runAndReadAll(sql);
    return reader.getRows().map((row) => row.map((value) => (value === null ? null : String(value))));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** The relation's rows as canonical JSON texts (fixtures/iceberg/README.md), sorted. */
export async function canonicalRows(options: {
  readonly readable: Readable;
  readonly columns: readonly ColumnDescription[];
  readonly types: readonly unknown[];
  readonly where?: string | undefined;
}): Promise<string[]> {
  const { readable, columns, types } = options;
  if (readable.kind !== 'sql') throw new Error('not a relation');
  const where = options.where === undefined ? '' : `WHERE ${options.where}`;
  const select = columns.map((column) => textOf(column)).join(', ');
  try {
    const rows = await runDuck(`SELECT ${select} FROM ${readable.relation} AS r ${where}`);
    return rows
      .map((row) => `[${row.map((text, index) => canonical(types[index], text)).join(',')}]`)
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  } finally {
    await readable.release();
  }
}

export function digest(rows: readonly string[]): string {
  return createHash('sha256').update(rows.join('\n')).digest('hex');
}

function textOf(column: ColumnDescription): string {
  const name = `r."${column.name.replaceAll('"', '""')}"`;
  const element = ELEMENT_OF.get(column.type.oid);
  // A JSON list of the elements' texts.
  return element === undefined
    ? scalarText(name, column.type.oid)
    : `CAST(to_json([${scalarText('e', element)} FOR e IN ${name}]) AS VARCHAR)`;
}

function scalarText(value: string, oid: number): string {
  switch (oid) {
    case Oid.timestamptz:
      return `CAST(${value} AT TIME ZONE 'UTC' AS VARCHAR)`;
    case Oid.bytea:
      return `lower(hex(${value}))`;
    case Oid.float4:
      return `CAST(CAST(${value} AS DOUBLE) AS VARCHAR)`;
    default:
      return `CAST(${value} AS VARCHAR)`;
  }
}

/** Canonical JSON of a value's text (or of a value inside of JSON) by its Iceberg type as the metadata's JSON has it. */
function canonical(type: unknown, value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof type === 'object' && type !== null)
    return nested(type as Record<string, unknown>, typeof value === 'string' ? parseExact(value) : value);
  const text = value instanceof Exact ? value.text : String(value);
  switch (type) {
    case 'boolean':
    case 'int':
    case 'long':
      return text;
    case 'float':
    case 'double':
      return floating(Number(text.replace(/^(-?)inf$/, '$1Infinity').replace('nan', 'NaN')));
    case 'string':
    case 'variant':
    case 'uuid':
    case 'date':
      return JSON.stringify(text);
    case 'time':
      return JSON.stringify(sixDigits(text));
    case 'timestamp':
      return JSON.stringify(sixDigits(text.replace(' ', 'T')));
    case 'timestamptz':
      return JSON.stringify(`${sixDigits(text.replace(' ', 'T').replace('+00:00', ''))}Z`);
    case 'binary':
      return JSON.stringify(`0x${text.replace(/^\\x/, '')}`);
    default:
      if (String(type).startsWith('fixed')) return JSON.stringify(`0x${text.replace(/^\\x/, '')}`);
      if (String(type).startsWith('decimal')) return JSON.stringify(text);
      throw new Error(`type ${String(type)}`);
  }
}

function nested(type: Record<string, unknown>, value: unknown): string {
  if (type['type'] === 'list') return `[${(value as unknown[]).map((item) => canonical(type['element'], item)).join(',')}]`;
  if (type['type'] === 'map') {
    const entries = Object.entries(value as Record<string, unknown>).map(
      ([key, item]) => [canonical(type['key'], key), canonical(type['value'], item)] as const,
    );
    return `[${entries
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `[${key},${item}]`)
      .join(',')}]`;
  }
  const fields = type['fields'] as { name: string; type: unknown }[];
  return `{${fields.map((field) => `${JSON.stringify(field.name)}:${canonical(field.type, (value as Record<string, unknown>)[field.name])}`).join(',')}}`;
}

/** A number of a JSON text, digit by digit. */
class Exact {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

function parseExact(json: string): unknown {
  const marked = json.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
    token.startsWith('"') ? token : `{"#exact":"${token}"}`,
  );
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && '#exact' in value
      ? new Exact(String((value as Record<string, unknown>)['#exact']))
      : value,
  );
}

function sixDigits(text: string): string {
  const [whole = '', fraction = ''] = text.split('.');
  return `${whole.replace(/^(\d{1,3})-/, (_all, year: string) => `${year.padStart(4, '0')}-`)}.${fraction.padEnd(6, '0')}`;
}

function floating(value: number): string {
  if (!Number.isFinite(value)) return JSON.stringify(String(value));
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 53) return String(value === 0 ? 0 : value);
  const size = Math.abs(value);
  if (size >= 1e16 || size < 1e-4) {
    return value
      .toExponential()
      .replace(/e([+-])(\d)$/, 'e$10$2')
      .replace(/e\+/, 'e+');
  }
  return String(value);
}
