import { LocalStore } from './local-store.js';
import { parseLocation } from './location.js';
import type { ObjectStore, S3Options } from './object-store.js';
import { S3Store } from './s3-store.js';

/** A store over `file:///folder`, `/folder` or `s3://bucket/prefix`. Nothing is asked of the storage yet. */
export function openStore(url: string, options: { readonly s3?: S3Options | undefined } = {}): ObjectStore {
  const location = parseLocation(url);
  if (location.kind === 'file') return new LocalStore(location.path);
  return new S3Store({ bucket: location.bucket, prefix: location.key, config: options.s3 });
}
