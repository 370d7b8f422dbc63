import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { fromNodeProviderChain, fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import type { S3Options } from './object-store.js';
import { transfers } from './transfer-counters.js';

/** The SDK would write remarks on retries to the console. */
const SILENT = { trace: () => undefined, debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** A client that tries nothing twice: retries are the store's. Nothing is asked of anybody yet. */
export function s3Client(config: S3Options | undefined): S3Client {
  const region = config?.region ?? 'us-east-1';
  const client = new S3Client({
    region,
    forcePathStyle: config?.pathStyle ?? false,
    maxAttempts: 1,
    logger: SILENT,
    // Checksums of newer SDKs are not understood by every S3 server; the store sends and tests its own.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: 5_000, requestTimeout: config?.stallMs ?? STALL_MS },
    ...(config?.endpoint === undefined ? {} : { endpoint: config.endpoint }),
    ...access(config, region),
  });
  client.middlewareStack.add(
    (next) => (args) => {
      transfers.requests++;
      return next(args);
    },
    { step: 'finalizeRequest', name: 'countedRequests' },
  );
  return client;
}

/** A server that has sent nothing for so long will not. */
export const STALL_MS = 30_000;

function access(config: S3Options | undefined, region: string): Pick<S3ClientConfig, 'credentials' | 'signer'> {
  if (config?.anonymous === true) {
    // The SDK asks for credentials even where nothing is signed.
    return { credentials: { accessKeyId: '', secretAccessKey: '' }, signer: { sign: async (request) => request } };
  }
  const { accessKeyId, secretAccessKey, sessionToken, profile, roleArn } = config ?? {};
  const fixed =
    accessKeyId === undefined || secretAccessKey === undefined
      ? undefined
      : { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
  const named = profile === undefined ? undefined : fromNodeProviderChain({ profile });
  const own = fixed ?? named;
  if (roleArn !== undefined) {
    const params = { RoleArn: roleArn, RoleSessionName: 'timeline' };
    return {
      credentials: fromTemporaryCredentials({
        params,
        ...(own === undefined ? {} : { masterCredentials: own }),
        clientConfig: { region, ...(config?.stsEndpoint === undefined ? {} : { endpoint: config.stsEndpoint }) },
      }),
    };
  }
  return own === undefined ? {} : { credentials: own };
}
