import { TimelineError, unsupported } from '../../sql/errors.js';
import type { CancelKey } from './cancel-keys.js';
import { Payload } from './payload.js';
import { FatalError, protocolError } from './protocol-error.js';

const CANCEL_REQUEST = 80_877_102;
const SSL_REQUEST = 80_877_103;
const GSSENC_REQUEST = 80_877_104;

/** An untyped packet at the start of a connection. */
export type StartupPacket =
  | { readonly kind: 'ssl' | 'gssenc' }
  | { readonly kind: 'cancel'; readonly key: CancelKey }
  | {
      readonly kind: 'startup';
      readonly user: string;
      readonly database: string;
      readonly settings: Readonly<Record<string, string>>;
      /** The client asked for a newer minor version, or for options that we do not know: it must be told. */
      readonly negotiate: boolean;
      readonly unknownOptions: readonly string[];
    };

/** `payload`: the packet after its length. Throws a FatalError (08P01, 0A000, 28000, 22021). */
export function decodeStartup(payload: Buffer): StartupPacket {
  try {
    return decode(new Payload(payload));
  } catch (error) {
    throw error instanceof TimelineError ? new FatalError(error) : error;
  }
}

function decode(payload: Payload): StartupPacket {
  const code = payload.uint32();
  if (code === SSL_REQUEST || code === GSSENC_REQUEST) {
    payload.end();
    return { kind: code === SSL_REQUEST ? 'ssl' : 'gssenc' };
  }
  if (code === CANCEL_REQUEST) {
    const key = { processId: payload.int32(), secret: payload.int32() };
    payload.end();
    return { kind: 'cancel', key };
  }
  const major = code >>> 16;
  const minor = code & 0xffff;
  if (major !== 3) {
    throw new TimelineError({
      kind: 'protocol',
      sqlstate: '0A000',
      message: `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.0`,
    });
  }
  const parameters = readParameters(payload);
  const unknownOptions = [...parameters.keys()].filter((name) => name.startsWith('_pq_.'));
  for (const option of unknownOptions) parameters.delete(option);
  const user = parameters.get('user') ?? '';
  if (user === '') {
    throw new TimelineError({ kind: 'protocol', sqlstate: '28000', message: 'no PostgreSQL user name specified in startup packet' });
  }
  const database = parameters.get('database') || user;
  const replication = parameters.get('replication') ?? 'false';
  if (!/^(false|off|no|0|)$/i.test(replication)) throw unsupported('a replication connection');
  checkEncoding(parameters.get('client_encoding'));
  for (const name of ['user', 'database', 'replication']) parameters.delete(name);
  return {
    kind: 'startup',
    user,
    database,
    settings: Object.fromEntries(parameters),
    negotiate: minor > 0 || unknownOptions.length > 0,
    unknownOptions,
  };
}

function readParameters(payload: Payload): Map<string, string> {
  const parameters = new Map<string, string>();
  for (;;) {
    if (payload.remaining === 0) throw protocolError('invalid startup packet layout: expected terminator as last byte');
    const name = payload.cstring();
    if (name === '') break;
    parameters.set(name, payload.cstring());
  }
  if (payload.remaining !== 0) throw protocolError('invalid startup packet layout: expected terminator as last byte');
  return parameters;
}

/** We speak UTF-8 only; asyncpg quotes the name. */
function checkEncoding(encoding: string | undefined): void {
  const plain = (encoding ?? 'utf8').toLowerCase().replace(/[^a-z0-9]/g, '');
  if (plain === 'utf8' || plain === 'unicode' || plain === 'sqlascii') return;
  throw new TimelineError({
    kind: 'unsupported',
    sqlstate: '0A000',
    message: `client_encoding "${encoding}" is not supported yet`,
    hint: 'Use UTF8.',
  });
}
