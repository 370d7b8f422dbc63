import { type ErrorKind, internal, TimelineError } from './errors.js';
import type { ResultColumn } from './result.js';
import { decodeUtf8 } from './value-binary.js';

/** Frontend messages of protocol 3.0, for the embedded Postgres. */
export const Frontend = {
  query: (sql: string): Buffer => frame('Q', cstring(sql)),
  parse: (sql: string, parameterTypes: readonly number[]): Buffer => Frontend.parseNamed('', sql, parameterTypes),
  parseNamed: (name: string, sql: string, parameterTypes: readonly number[]): Buffer =>
    frame('P', cstring(name), cstring(sql), int16(parameterTypes.length), ...parameterTypes.map(uint32)),
  /** Text parameters, text results. */
  bind: (parameters: readonly (string | null)[]): Buffer =>
    frame('B', cstring(''), cstring(''), int16(0), int16(parameters.length), ...parameters.flatMap(parameterValue), int16(0)),
  describeStatement: (): Buffer => frame('D', Buffer.from('S\0')),
  describePortal: (): Buffer => frame('D', Buffer.from('P\0')),
  /** `maxRows` 0: all. */
  execute: (maxRows: number): Buffer => frame('E', cstring(''), uint32(maxRows)),
  sync: (): Buffer => frame('S'),
} as const;

function frame(tag: string, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 4);
  const head = Buffer.alloc(5);
  head.write(tag, 0, 'latin1');
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, ...parts]);
}

function cstring(text: string): Buffer {
  if (text.includes('\0'))
    throw new TimelineError({ kind: 'data', sqlstate: '22021', message: 'invalid byte sequence for encoding "UTF8": 0x00' });
  return Buffer.from(`${text}\0`, 'utf8');
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function parameterValue(value: string | null): readonly Buffer[] {
  if (value === null) return [uint32(0xffffffff)];
  const bytes = Buffer.from(value, 'utf8');
  return [uint32(bytes.length), bytes];
}

/** What the embedded Postgres answered up to one ReadyForQuery. */
export interface Answer {
  readonly parameterTypes: readonly number[];
  /** Of the last RowDescription; undefined: none, or NoData. */
  readonly columns: readonly ResultColumn[] | undefined;
  readonly rows: readonly (readonly (string | null)[])[];
  /** Of the last CommandComplete. */
  readonly tag: string;
  /** Execute stopped at its row limit. */
  readonly suspended: boolean;
  readonly error: TimelineError | undefined;
}

/** Reads answers, one for each ReadyForQuery. */
export function readAnswers(bytes: Uint8Array): readonly Answer[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const answers: Answer[] = [];
  let parameterTypes: readonly number[] = [];
  let columns: readonly ResultColumn[] | undefined;
  let rows: (readonly (string | null)[])[] = [];
  let tag = '';
  let suspended = false;
  let error: TimelineError | undefined;
  for (let at = 0; at < buffer.length; ) {
    if (at + 5 > buffer.length) throw internal('the embedded Postgres sent half a message');
    const end = at + 1 + buffer.readUInt32BE(at + 1);
    if (end > buffer.length) throw internal('the embedded Postgres sent half a message');
    const body = buffer.subarray(at + 5, end);
    switch (String.fromCharCode(buffer[at] ?? 0)) {
      case 't':
        parameterTypes = Array.from({ length: body.readUInt16BE(0) }, (_, i) => body.readUInt32BE(2 + 4 * i));
        break;
      case 'T':
        columns = readColumns(body);
        rows = [];
        break;
      case 'D':
        rows.push(readRow(body));
        break;
      case 'C':
        tag = body.toString('utf8', 0, body.length - 1);
        break;
      case 's':
        suspended = true;
        break;
      case 'E':
        error ??= readError(body);
        break;
      case 'Z':
        answers.push({ parameterTypes, columns, rows, tag, suspended, error });
        [parameterTypes, columns, rows, tag, suspended, error] = [[], undefined, [], '', false, undefined];
        break;
    }
    at = end;
  }
  return answers;
}

function readColumns(body: Buffer): ResultColumn[] {
  let at = 2;
  return Array.from({ length: body.readUInt16BE(0) }, () => {
    const end = body.indexOf(0, at);
    const name = body.toString('utf8', at, end);
    at = end + 19;
    return {
      name,
      tableOid: body.readUInt32BE(end + 1),
      columnNumber: body.readInt16BE(end + 5),
      type: { oid: body.readUInt32BE(end + 7), typmod: body.readInt32BE(end + 13) },
    };
  });
}

function readRow(body: Buffer): (string | null)[] {
  let at = 2;
  return Array.from({ length: body.readUInt16BE(0) }, () => {
    const length = body.readInt32BE(at);
    at += 4;
    if (length < 0) return null;
    at += length;
    return decodeUtf8(body.subarray(at - length, at));
  });
}

function readError(body: Buffer): TimelineError {
  const fields = new Map<string, string>();
  for (let at = 0; at < body.length && body[at] !== 0; ) {
    const end = body.indexOf(0, at + 1);
    fields.set(String.fromCharCode(body[at] ?? 0), body.toString('utf8', at + 1, end));
    at = end + 1;
  }
  const sqlstate = fields.get('C') ?? 'XX000';
  const detail = fields.get('D');
  const hint = fields.get('H');
  const position = fields.get('P');
  return new TimelineError({
    kind: kindOf(sqlstate),
    sqlstate,
    message: fields.get('M') ?? 'unknown error',
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
    ...(position === undefined ? {} : { position: Number(position) }),
  });
}

function kindOf(sqlstate: string): ErrorKind {
  if (sqlstate === '42601') return 'syntax';
  switch (sqlstate.slice(0, 2)) {
    case '22':
      return 'data';
    case '0A':
      return 'unsupported';
    case '53':
    case '54':
      return 'limit';
    case '57':
      return 'cancelled';
    case '08':
      return 'protocol';
    case 'XX':
      return 'internal';
    default:
      return 'semantic';
  }
}
