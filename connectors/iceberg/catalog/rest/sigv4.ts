import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Authenticator } from './authenticator.js';
import type { HttpRequest } from './http-exchange.js';
import type { SigV4Auth } from './rest-config.js';

/** AWS's signatures, version 4, of the whole request with its body. */
export class SigV4 implements Authenticator {
  readonly secrets: readonly string[];
  readonly #signer: SignatureV4;

  constructor(auth: SigV4Auth) {
    const { accessKeyId, secretAccessKey, sessionToken } = auth;
    this.secrets = [secretAccessKey ?? '', sessionToken ?? ''];
    this.#signer = new SignatureV4({
      service: auth.service,
      region: auth.region,
      sha256: Sha256,
      credentials:
        accessKeyId === undefined || secretAccessKey === undefined
          ? defaultProvider()
          : { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    });
  }

  async headersFor(request: HttpRequest): Promise<Readonly<Record<string, string>>> {
    const { url } = request;
    const query: Record<string, string | string[]> = {};
    for (const name of new Set(url.searchParams.keys())) query[name] = url.searchParams.getAll(name);
    const signed = await this.#signer.sign({
      method: request.method,
      protocol: url.protocol,
      hostname: url.hostname,
      ...(url.port === '' ? {} : { port: Number(url.port) }),
      path: url.pathname,
      query,
      headers: { ...request.headers, host: url.host },
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    const { host: _, ...headers } = signed.headers;
    return headers;
  }

  renew(): boolean {
    return false;
  }
}

/** The signer wants hashes as a class. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    throw new Error('a hash is used once');
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
}
