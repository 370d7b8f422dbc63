import type { TimelineError } from '../../sql/errors.js';
import type { Notice } from '../statement.js';
import type { MessageWriter } from './message-writer.js';

/** A message without fields: `1` ParseComplete, `2` BindComplete, `3` CloseComplete, `n` NoData, `s` PortalSuspended, `I` EmptyQueryResponse. */
export function writeBare(writer: MessageWriter, type: '1' | '2' | '3' | 'n' | 's' | 'I'): void {
  writer.end(writer.begin(type));
}

export function writeAuthenticationOk(writer: MessageWriter): void {
  const start = writer.begin('R');
  writer.int32(0);
  writer.end(start);
}

export function writeParameterStatus(writer: MessageWriter, name: string, value: string): void {
  const start = writer.begin('S');
  writer.cstring(name);
  writer.cstring(value);
  writer.end(start);
}

export function writeBackendKey(writer: MessageWriter, key: { readonly processId: number; readonly secret: number }): void {
  const start = writer.begin('K');
  writer.int32(key.processId);
  writer.int32(key.secret);
  writer.end(start);
}

export function writeNegotiateVersion(writer: MessageWriter, unknownOptions: readonly string[]): void {
  const start = writer.begin('v');
  writer.int32(0);
  writer.int32(unknownOptions.length);
  for (const option of unknownOptions) writer.cstring(option);
  writer.end(start);
}

export function writeReadyForQuery(writer: MessageWriter, status: 'I' | 'T' | 'E'): void {
  const start = writer.begin('Z');
  writer.byte(status.charCodeAt(0));
  writer.end(start);
}

export function writeCommandComplete(writer: MessageWriter, tag: string): void {
  const start = writer.begin('C');
  writer.cstring(tag);
  writer.end(start);
}

export function writeParameterDescription(writer: MessageWriter, types: readonly number[]): void {
  const start = writer.begin('t');
  writer.int16(types.length);
  for (const oid of types) writer.int32(oid);
  writer.end(start);
}

/** `positionOffset`: code points before the statement in the text that the client sent. */
export function writeError(writer: MessageWriter, error: TimelineError, severity: 'ERROR' | 'FATAL', positionOffset = 0): void {
  const position = error.position === undefined ? undefined : String(error.position + positionOffset);
  writeFields(writer, 'E', [
    ['S', severity],
    ['V', severity],
    ['C', error.sqlstate],
    ['M', error.message],
    ['D', error.detail],
    ['H', error.hint],
    ['P', position],
  ]);
}

export function writeNotice(writer: MessageWriter, notice: Notice): void {
  writeFields(writer, 'N', [
    ['S', notice.severity],
    ['V', notice.severity],
    ['C', notice.sqlstate],
    ['M', notice.message],
    ['H', notice.hint],
  ]);
}

function writeFields(writer: MessageWriter, type: string, fields: readonly (readonly [code: string, text: string | undefined])[]): void {
  const start = writer.begin(type);
  for (const [code, text] of fields) {
    if (text === undefined) continue;
    writer.byte(code.charCodeAt(0));
    writer.cstring(text);
  }
  writer.byte(0);
  writer.end(start);
}
