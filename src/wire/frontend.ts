import { TimelineError, unsupported } from '../../sql/errors.js';
import type { Frame } from './frames.js';
import { Payload } from './payload.js';
import { FatalError, protocolError } from './protocol-error.js';

/** What a client may ask for after the start-up, decoded. `raw`: bytes that belong to a type known only later (Bind values, copied). */
export type FrontendMessage =
  | { readonly kind: 'query'; readonly text: string }
  | { readonly kind: 'parse'; readonly name: string; readonly text: string; readonly parameterTypes: readonly number[] }
  | {
      readonly kind: 'bind';
      readonly portal: string;
      readonly statement: string;
      readonly parameterFormats: readonly number[];
      readonly parameters: readonly (Buffer | null)[];
      readonly resultFormats: readonly number[];
    }
  | { readonly kind: 'describe' | 'close'; readonly target: 'statement' | 'portal'; readonly name: string }
  | { readonly kind: 'execute'; readonly portal: string; readonly maxRows: number }
  | { readonly kind: 'flush' | 'sync' | 'terminate' | 'copy' | 'functionCall' };

/** Throws 08P01 or 22021 for a frame whose contents are wrong, a FatalError for a message that may not come here. */
export function decodeFrame(frame: Frame): FrontendMessage {
  const payload = new Payload(frame.payload);
  switch (String.fromCharCode(frame.type)) {
    case 'Q': {
      const text = payload.cstring();
      payload.end();
      return { kind: 'query', text };
    }
    case 'P': {
      const name = payload.cstring();
      const text = payload.cstring();
      const parameterTypes = list(payload, 4, () => payload.uint32());
      payload.end();
      return { kind: 'parse', name, text, parameterTypes };
    }
    case 'B': {
      const portal = payload.cstring();
      const statement = payload.cstring();
      const parameterFormats = list(payload, 2, () => formatCode(payload));
      const parameters = list(payload, 4, () => {
        const size = payload.int32();
        // Copied: the reader's buffer is used again.
        return size === -1 ? null : Buffer.from(payload.bytes(size));
      });
      const resultFormats = list(payload, 2, () => formatCode(payload));
      payload.end();
      return { kind: 'bind', portal, statement, parameterFormats, parameters, resultFormats };
    }
    case 'D':
      return { kind: 'describe', ...target(payload, 'DESCRIBE') };
    case 'C':
      return { kind: 'close', ...target(payload, 'CLOSE') };
    case 'E': {
      const portal = payload.cstring();
      const maxRows = payload.int32();
      payload.end();
      // Zero and below: no limit.
      return { kind: 'execute', portal, maxRows: Math.max(0, maxRows) };
    }
    case 'H':
      payload.end();
      return { kind: 'flush' };
    case 'S':
      payload.end();
      return { kind: 'sync' };
    case 'X':
      return { kind: 'terminate' };
    case 'c':
    case 'd':
    case 'f':
      return { kind: 'copy' };
    case 'F':
      return { kind: 'functionCall' };
    default:
      throw new FatalError(protocolError(`unexpected message type 0x${frame.type.toString(16)}`));
  }
}

/** An int16 count and its items; the count is checked against the bytes that are there. */
function list<T>(payload: Payload, leastSize: number, read: () => T): T[] {
  const count = payload.uint16();
  if (count * leastSize > payload.remaining) throw protocolError('insufficient data left in message');
  return Array.from({ length: count }, read);
}

function formatCode(payload: Payload): number {
  const code = payload.uint16();
  if (code !== 0 && code !== 1)
    throw new TimelineError({ kind: 'protocol', sqlstate: '22023', message: `unsupported format code: ${code}` });
  return code;
}

function target(payload: Payload, message: string): { target: 'statement' | 'portal'; name: string } {
  const letter = payload.byte();
  const name = payload.cstring();
  payload.end();
  if (letter === 0x53) return { target: 'statement', name };
  if (letter === 0x50) return { target: 'portal', name };
  throw protocolError(`invalid ${message} message subtype ${letter}`);
}

export function functionCallRefused(): Error {
  return unsupported('the function call protocol (fast path)', { hint: 'Call the function in a SELECT.' });
}
