import { randomUUID } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { TimelineError } from '../../../sql/errors.js';
import { corrupt } from '../format/corrupt.js';
import { MAX_METADATA_BYTES } from '../format/metadata.js';
import type { FileIo } from '../read/file-io.js';
import { metadataFolder } from '../write/snapshot-commit.js';
import type { AppliedChange } from '../write/updates.js';

type Applied = AppliedChange & { readonly kind: 'applied' };

const DIGITS = 5;

/** A metadata file's JSON text, unpacked. */
export async function readMetadataText(io: FileIo, location: string, signal: AbortSignal): Promise<string> {
  io.trustTableOf(location);
  const bytes = await io.read(location, { signal, maxBytes: MAX_METADATA_BYTES });
  try {
    const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes, { maxOutputLength: MAX_METADATA_BYTES }) : bytes;
    return new TextDecoder('utf-8', { fatal: true }).decode(plain);
  } catch (error) {
    throw corrupt(io.display(location), `it cannot be unpacked as table metadata (${String(error)})`, error);
  }
}

/** The bytes of a new metadata file and its name's ending, packed as the table's properties wish. */
export function encodeMetadata(applied: Applied): { readonly bytes: Uint8Array; readonly ending: string } {
  const bytes = Buffer.from(applied.text);
  const codec = applied.properties['write.metadata.compression-codec'] ?? 'none';
  return codec.toLowerCase() === 'gzip' ? { bytes: gzipSync(bytes), ending: '.gz.metadata.json' } : { bytes, ending: '.metadata.json' };
}

/** Writes a metadata file under a name of its own, `NNNNN-uuid.metadata.json`, one number above the previous one's. */
export async function writeNumberedMetadata(
  io: FileIo,
  applied: Applied,
  options: { readonly previous: string | undefined; readonly signal: AbortSignal },
): Promise<string> {
  const folder = metadataFolder(applied);
  const { bytes, ending } = encodeMetadata(applied);
  // Names of other writers count as -1: their successor is 0.
  const number = Number(/(?:^|\/)(\d{1,9})-[^/]*$/.exec(options.previous ?? '')?.[1] ?? -1) + 1;
  const location = `${folder}/${String(number).padStart(DIGITS, '0')}-${randomUUID()}${ending}`;
  io.trustTableOf(location);
  if (!(await io.create(location, bytes, { signal: options.signal })))
    throw new TimelineError({ kind: 'connector', sqlstate: '58030', message: `file "${io.display(location)}" exists already` });
  return location;
}

/** 08007: nobody can tell whether the change has happened. */
export function outcomeUnknown(table: { readonly schema: string; readonly table: string }, cause: unknown): TimelineError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new TimelineError({
    kind: 'connector',
    sqlstate: '08007',
    message: `it is not known whether the change of table ${table.schema}.${table.table} was committed: ${why}`,
    cause,
  });
}
