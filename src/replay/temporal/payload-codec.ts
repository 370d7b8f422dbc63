import type { Payload, PayloadCodec } from '@temporalio/common';
import { asTimelineError, TimelineError } from '../../../sql/errors.js';

const CHECKED = 'payloads of this task queue can be read';
const KNOWN: ReadonlySet<string> = new Set(['json/plain', 'binary/null', 'binary/plain', 'json/protobuf', 'binary/protobuf']);

/** What stands where no codec is configured: says by name that one is missing. */
export const PLAIN: PayloadCodec = {
  encode: async (payloads) => payloads,
  decode: async (payloads) => {
    for (const payload of payloads) {
      const encoding = encodingOf(payload);
      if (!KNOWN.has(encoding)) throw missingCodec(encoding);
    }
    return payloads;
  },
};

/** A codec of the user's, whose errors say whose they are. `name` is its file. */
export function namedCodec(codec: PayloadCodec, name: string): PayloadCodec {
  return {
    encode: (payloads) => guarded(() => codec.encode(payloads), `the payload codec ${name} cannot encode`),
    decode: async (payloads) => {
      const decoded = await guarded(() => codec.decode(payloads), `the payload codec ${name} cannot decode what another process encoded`);
      for (const payload of decoded) {
        const encoding = encodingOf(payload);
        if (!KNOWN.has(encoding))
          throw codecError(`the payload codec ${name} leaves payloads in the encoding "${encoding}": another codec made them`);
      }
      return decoded;
    },
  };
}

async function guarded(work: () => Promise<Payload[]>, what: string): Promise<Payload[]> {
  try {
    return await work();
  } catch (error) {
    throw codecError(`${what}: ${asTimelineError(error).message.slice(0, 300)}`, error);
  }
}

function encodingOf(payload: Payload): string {
  const encoding = payload.metadata?.['encoding'];
  return encoding === undefined || encoding === null ? '' : Buffer.from(encoding).toString('utf8').slice(0, 100);
}

function missingCodec(encoding: string): TimelineError {
  return codecError(`a payload in Temporal has the encoding "${encoding}", and no payload codec is configured here`);
}

function codecError(message: string, cause?: unknown): TimelineError {
  return new TimelineError({
    kind: 'semantic',
    sqlstate: 'F0000',
    message,
    hint: 'Gateways and workers of one task queue need the same temporal.codec, with the same keys.',
    cause,
  });
}

/** What a record of the codec in use looks like: one encoded payload, as JSON. */
export async function codecSample(codec: PayloadCodec): Promise<string> {
  const [payload] = await codec.encode([{ metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from(JSON.stringify(CHECKED)) }]);
  return JSON.stringify({
    version: 1,
    metadata: Object.fromEntries(
      Object.entries(payload?.metadata ?? {}).map(([key, value]) => [key, Buffer.from(value ?? []).toString('base64')]),
    ),
    data: Buffer.from(payload?.data ?? []).toString('base64'),
  });
}

/** Throws F0000 where a sample of another process cannot be read by this codec. */
export async function checkSample(sample: string, codec: PayloadCodec): Promise<void> {
  const { metadata, data } = parseSample(sample);
  const [payload] = await codec.decode([
    { metadata: Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, Buffer.from(value, 'base64')])), data },
  ]);
  if (Buffer.from(payload?.data ?? []).toString('utf8') !== JSON.stringify(CHECKED))
    throw codecError('payloads of this task queue come out of the payload codec as something else');
}

function parseSample(sample: string): { readonly metadata: Readonly<Record<string, string>>; readonly data: Buffer } {
  try {
    const value: unknown = JSON.parse(sample);
    if (typeof value === 'object' && value !== null && 'metadata' in value && 'data' in value && typeof value.data === 'string') {
      const metadata = Object.entries(value.metadata ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
      return { metadata: Object.fromEntries(metadata), data: Buffer.from(value.data, 'base64') };
    }
  } catch {
    // Said below.
  }
  throw codecError('the record of the payload codec in the stage store is malformed');
}
