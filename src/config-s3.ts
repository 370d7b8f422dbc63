import type { S3Config } from './config.js';
import { byteCount, type Reader } from './config-reader.js';

const TEXTS = {
  endpoint: 'endpoint',
  access_key_id: 'accessKeyId',
  secret_access_key: 'secretAccessKey',
  session_token: 'sessionToken',
  profile: 'profile',
  role_arn: 'roleArn',
  sts_endpoint: 'stsEndpoint',
} as const;
const SIZES = { coalesce_gap: 'coalesceGap', max_request_bytes: 'maxRequestBytes' } as const;

export const S3_KEYS = [...Object.keys(TEXTS), ...Object.keys(SIZES), 'region', 'path_style', 'anonymous'];

/** A section `s3`. Without keys, profile and `anonymous` the SDK's default chain finds credentials. */
export function readS3(reader: Reader): S3Config | undefined {
  if (!reader.has('s3')) return undefined;
  const s3 = reader.section('s3', S3_KEYS);
  const texts = Object.entries(TEXTS).flatMap(([key, name]) => {
    const value = s3.string(key);
    return value === undefined ? [] : [[name, value] as const];
  });
  const sizes = Object.entries(SIZES).flatMap(([key, name]) => {
    const value = s3.value(key);
    if (value === undefined || value === null) return [];
    const bytes = byteCount(value, s3.name(key));
    if (key === 'max_request_bytes' && bytes < 1) throw s3.error(s3.name(key), 'must be 1 at least');
    return [[name, bytes] as const];
  });
  const signs = ['access_key_id', 'secret_access_key', 'session_token', 'profile', 'role_arn'].filter((key) => s3.has(key));
  const anonymous = s3.boolean('anonymous') ?? false;
  if (anonymous && signs.length > 0) throw s3.error(s3.name('anonymous'), `nothing is signed, so there must be no ${signs[0]}`);
  for (const [one, other] of [
    ['access_key_id', 'secret_access_key'],
    ['secret_access_key', 'access_key_id'],
  ] as const) {
    if (s3.has(one)) s3.required(other);
  }
  return {
    ...Object.fromEntries([...texts, ...sizes]),
    region: s3.string('region') ?? 'us-east-1',
    pathStyle: s3.boolean('path_style') ?? s3.has('endpoint'),
    ...(anonymous ? { anonymous } : {}),
  };
}
