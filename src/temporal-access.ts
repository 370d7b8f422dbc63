import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { pathToFileURL } from 'node:url';
import type { PayloadCodec } from '@temporalio/common';
import type { PemSource, TemporalConfig, TemporalTlsConfig } from './config.js';
import { configError } from './config-reader.js';
import type { TemporalAddress, TemporalTls } from './replay/temporal/access.js';
import { namedCodec } from './replay/temporal/payload-codec.js';

const FILE_MOST = 1 << 20;

/**
 * What a gateway, a worker and the doctor need to reach Temporal: files of the configuration read, the codec loaded. `address` is that of a
 * development server where the configuration names none. Throws F0000 naming the file that is wrong; never a secret.
 */
export async function openTemporalAccess(config: TemporalConfig, address: string): Promise<TemporalAddress> {
  const [tls, apiKey, codec] = await Promise.all([
    config.tls === undefined ? undefined : readTls(config.tls),
    config.apiKeyFile === undefined ? config.apiKey : readApiKey(config.apiKeyFile),
    config.codec === undefined ? undefined : loadCodec(config.codec),
  ]);
  if (apiKey !== undefined && /[^\x21-\x7e]/.test(apiKey)) throw configError('temporal.api_key: has characters that no API key has');
  return {
    address,
    namespace: config.namespace,
    ...(tls === undefined ? {} : { tls }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(codec === undefined ? {} : { codec }),
  };
}

async function readTls(config: TemporalTlsConfig): Promise<TemporalTls> {
  const [ca, cert, key] = await Promise.all([
    readPem(config.ca, 'ca', 'CERTIFICATE'),
    readPem(config.cert, 'cert', 'CERTIFICATE'),
    readPem(config.key, 'key', 'PRIVATE KEY'),
  ]);
  try {
    createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'not readable';
    const hint = /KEY_VALUES_MISMATCH/.test(code) ? 'The key is not that of the certificate.' : 'Keys with a passphrase are not supported.';
    throw configError(`temporal.tls: the certificates and keys cannot be used: ${code}`, hint);
  }
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(config.serverName === undefined ? {} : { serverName: config.serverName }),
  };
}

async function readPem(source: PemSource | undefined, key: string, label: string): Promise<Buffer | undefined> {
  if (source === undefined) return undefined;
  const name = 'file' in source ? source.file : source.name;
  const bytes = 'file' in source ? await readNamed(source.file, `temporal.tls.${key}`) : Buffer.from(source.text, 'utf8');
  if (!new RegExp(`-----BEGIN [A-Z0-9 ]*${label}-----`).test(bytes.toString('latin1')))
    throw configError(`temporal.tls.${key}: ${name} has no PEM block "${label}"`);
  return bytes;
}

async function readApiKey(file: string): Promise<string> {
  const key = (await readNamed(file, 'temporal.api_key_file')).toString('utf8').trim();
  if (key === '') throw configError(`temporal.api_key_file: ${file} is empty`);
  return key;
}

async function readNamed(file: string, key: string): Promise<Buffer> {
  try {
    const bytes = await readFile(file);
    if (bytes.length > FILE_MOST) throw configError(`${key}: ${file} has more than ${FILE_MOST} bytes`);
    return bytes;
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw configError(`${key}: cannot read ${file}: ${String(error.code)}`);
    throw error;
  }
}

/** The module's export `codec`: a PayloadCodec, or a function (it may be async) that makes one. */
async function loadCodec(file: string): Promise<PayloadCodec> {
  let made: unknown;
  try {
    const { codec } = (await import(pathToFileURL(file).href)) as { readonly codec?: unknown };
    made = typeof codec === 'function' ? await (codec as () => unknown)() : codec;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw configError(`temporal.codec: ${file} cannot be loaded: ${text.slice(0, 300)}`);
  }
  if (!isCodec(made))
    throw configError(`temporal.codec: ${file} must export "codec": an object with encode and decode, or a function that makes one`);
  return namedCodec(made, file);
}

function isCodec(value: unknown): value is PayloadCodec {
  return (
    typeof value === 'object' &&
    value !== null &&
    'encode' in value &&
    typeof value.encode === 'function' &&
    'decode' in value &&
    typeof value.decode === 'function'
  );
}
