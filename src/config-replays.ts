import type { ReplaysConfig, StagesConfig } from './config.js';
import { absoluteLocation } from './config-catalog.js';
import { byteCount, configError, duration, isObject, type Reader } from './config-reader.js';
import { readS3, S3_KEYS } from './config-s3.js';
import { normalLocation } from './object-store/location.js';

interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of relative paths in the environment, and in the document. */
  readonly cwd: string;
  readonly folder: string;
  readonly home: string;
}

const DEFAULT_INLINE_BYTES = 64 * 2 ** 20;
const DEFAULT_RETENTION_MS = 30 * 86_400_000;

/** Section `stages`: where stage files and the records of submitted replays lie. Each key also as TIMELINE_STAGES_…. */
export function readStages(root: Reader, sources: Sources): StagesConfig {
  const { env } = sources;
  const written = root.section('stages', ['location', 's3']);
  const s3 = readS3(root.nested('stages', withS3(written, env), ['location', 's3']));
  const location = locationOf(written, 'location', 'TIMELINE_STAGES_LOCATION', sources) ?? `file://${sources.home}/stages`;
  return { location, ...(s3 === undefined ? {} : { s3 }) };
}

/** Section `replays`: what becomes of submitted replays' results. Each key also as TIMELINE_REPLAYS_…. */
export function readReplays(root: Reader, sources: Sources, stages: StagesConfig): ReplaysConfig {
  const { env } = sources;
  const written = root.section('replays', ['results', 'inline_bytes', 'retention']);
  // Who shares stage files through a bucket can't share a folder of one machine.
  const fallback = stages.location.startsWith('s3://') ? `${stages.location}/results` : `file://${sources.home}/results`;
  const inline = env['TIMELINE_REPLAYS_INLINE_BYTES'] ?? written.value('inline_bytes') ?? DEFAULT_INLINE_BYTES;
  const kept = env['TIMELINE_REPLAYS_RETENTION'] ?? written.value('retention');
  const retention = kept === undefined || kept === null ? DEFAULT_RETENTION_MS : duration(kept, 'replays.retention');
  return {
    results: locationOf(written, 'results', 'TIMELINE_REPLAYS_RESULTS', sources) ?? fallback,
    inlineBytes: byteCount(inline, 'replays.inline_bytes'),
    retention: retention === 0 ? undefined : retention,
  };
}

function locationOf(reader: Reader, key: string, variable: string, { env, cwd, folder }: Sources): string | undefined {
  const given = env[variable];
  const written = given ?? reader.string(key);
  if (written === undefined) return undefined;
  if (written === '') throw configError(`${reader.name(key)}: must be a folder, file:///… or s3://bucket/prefix`);
  try {
    return normalLocation(absoluteLocation(written, given === undefined ? folder : cwd));
  } catch (error) {
    throw configError(`${reader.name(key)}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The document's section `s3` under the variables TIMELINE_STAGES_S3_…; undefined: neither. */
function withS3(written: Reader, env: Sources['env']): unknown {
  const given = S3_KEYS.flatMap((key) => {
    const value = env[`TIMELINE_STAGES_S3_${key.toUpperCase()}`];
    if (value === undefined || value === '') return [];
    return [[key, value === 'true' || value === 'false' ? value === 'true' : value] as const];
  });
  const own = written.value('s3');
  if (given.length === 0) return { s3: own };
  if (own !== undefined && own !== null && !isObject(own)) return { s3: own };
  return { s3: { ...own, ...Object.fromEntries(given) } };
}
