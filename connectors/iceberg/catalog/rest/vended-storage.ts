import { isJsonObject, type Json } from '../../format/exact-json.js';
import type { VendedStorage } from '../catalog.js';
import { texts } from './rest-session.js';

const EXPIRY = 's3.session-token-expires-at-ms';
/** What this much is left of is renewed before use: longer than one task reads. */
const MARGIN_MS = 5 * 60_000;

/** Storage access of a table's answer: `storage-credentials`, or for older servers its `config`. Undefined: it gives none. */
export function vendedStorage(
  answer: { readonly 'storage-credentials'?: Json; readonly config?: Json },
  serverProperties: Readonly<Record<string, string>>,
): VendedStorage | undefined {
  const common = { ...storageOptions(serverProperties), ...storageOptions(texts(answer.config)) };
  const list = Array.isArray(answer['storage-credentials']) ? (answer['storage-credentials'] as readonly Json[]) : [];
  const credentials = list.flatMap((item) => {
    const prefix = isJsonObject(item) ? item['prefix'] : undefined;
    if (!isJsonObject(item) || typeof prefix !== 'string') return [];
    return [{ prefix, options: { ...common, ...storageOptions(texts(item['config'])) } }];
  });
  if (credentials.length === 0 && Object.keys(common).length > 0) credentials.push({ prefix: '', options: common });
  if (credentials.length === 0) return undefined;
  const expiries = credentials.map(({ options }) => Number(options[EXPIRY] ?? Number.NaN)).filter((at) => Number.isFinite(at));
  return { credentials, ...(expiries.length === 0 ? {} : { expiresAt: Math.min(...expiries) }) };
}

function storageOptions(properties: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(properties).filter(([key]) => key.startsWith('s3.') || key === 'client.region'));
}

/** Time to ask for others? Of short lives the last quarter is the margin. */
export function isStale(storage: VendedStorage, gotAt: number, now: number): boolean {
  if (storage.expiresAt === undefined) return false;
  return now >= storage.expiresAt - Math.min(MARGIN_MS, (storage.expiresAt - gotAt) / 4);
}
