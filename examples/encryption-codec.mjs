// Encrypts what Timeline keeps in Temporal's histories: AES-256-GCM, with keys that only gateways and workers have.
//
//   head -c 32 /dev/urandom | base64 > codec.key
//   export TIMELINE_CODEC_KEY_FILE=/path/to/codec.key
//   timeline.yaml:  temporal: { address: …, codec: ./encryption-codec.mjs }
//
// To change the key put the new one first and keep the old ones below it, one a line: the first encrypts, all decrypt.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

const ENCODING = 'binary/encrypted';
const text = new TextEncoder();

/** Made once in each gateway and each worker. @returns {import('@temporalio/common').PayloadCodec} */
export function codec() {
  const keys = readKeys(process.env.TIMELINE_CODEC_KEY_FILE);
  const [current] = keys;
  return {
    async encode(payloads) {
      return payloads.map((payload) => {
        const iv = randomBytes(12);
        const cipher = createCipheriv('aes-256-gcm', current.key, iv);
        const sealed = Buffer.concat([cipher.update(pack(payload)), cipher.final()]);
        return {
          metadata: { encoding: text.encode(ENCODING), 'key-id': text.encode(current.id) },
          data: Buffer.concat([iv, cipher.getAuthTag(), sealed]),
        };
      });
    },
    async decode(payloads) {
      return payloads.map((payload) => {
        const { metadata, data } = payload;
        // What was there before the codec stays readable.
        if (Buffer.from(metadata?.encoding ?? []).toString() !== ENCODING) return payload;
        const id = Buffer.from(metadata['key-id'] ?? []).toString();
        const known = keys.find((one) => one.id === id);
        if (known === undefined) throw new Error(`no key with the id ${id} in the key file`);
        const bytes = Buffer.from(data ?? []);
        if (bytes.length < 28) throw new Error('an encrypted payload is too short');
        const decipher = createDecipheriv('aes-256-gcm', known.key, bytes.subarray(0, 12));
        decipher.setAuthTag(bytes.subarray(12, 28));
        return unpack(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]));
      });
    },
  };
}

function readKeys(file) {
  if (file === undefined || file === '') throw new Error('TIMELINE_CODEC_KEY_FILE is not set');
  const keys = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => Buffer.from(line.trim(), 'base64'));
  if (keys.length === 0 || keys.some((key) => key.length !== 32))
    throw new Error('the file that TIMELINE_CODEC_KEY_FILE names must have keys of 32 bytes as base64, one a line');
  // The id tells which key it was, and nothing of the key.
  return keys.map((key) => ({ key, id: createHash('sha256').update('key-id').update(key).digest('hex').slice(0, 16) }));
}

/** Metadata and data of a payload as one text of bytes: the metadata's JSON, its length before it. */
function pack({ metadata, data }) {
  const entries = Object.entries(metadata ?? {}).map(([key, value]) => [key, Buffer.from(value ?? []).toString('base64')]);
  const head = Buffer.from(JSON.stringify(entries));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, Buffer.from(data ?? [])]);
}

function unpack(bytes) {
  const end = 4 + bytes.readUInt32BE(0);
  const entries = JSON.parse(bytes.subarray(4, end).toString());
  return {
    metadata: Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64')])),
    data: bytes.subarray(end),
  };
}
