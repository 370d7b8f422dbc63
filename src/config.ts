import type { RestCatalogConfig } from '../connectors/iceberg/catalog/rest/rest-config.js';
import type { VictoriaLogsConfig } from '../connectors/victorialogs/config.js';
import type { S3Options } from './object-store/object-store.js';

/** The configuration of one process, after files, environment and defaults. See config-file.ts for where it comes from. */
export interface Config {
  readonly listen: { readonly host: string; readonly pg: number; readonly http: number };
  /** Absolute folder for state and caches. */
  readonly home: string;
  readonly catalogs: Readonly<Record<string, CatalogConfig>>;
  readonly temporal: TemporalConfig;
  readonly limits: LimitsConfig;
  readonly copy: CopyConfig;
  readonly stages: StagesConfig;
  readonly replays: ReplaysConfig;
  readonly worker: WorkerConfig;
}

/** Batches of tasks that one worker process runs at once; 0: it leaves that queue to others. */
export interface WorkerConfig {
  /** Of interactive queries. */
  readonly slots: number;
  /** Of submitted replays. */
  readonly bulkSlots: number;
}

/** Where stage files and the records of submitted replays lie: what gateways and workers share besides Temporal. */
export interface StagesConfig {
  /** Normal form, `file:///folder` (workers of one machine) or `s3://bucket/prefix`. */
  readonly location: string;
  readonly s3?: S3Config;
}

export interface ReplaysConfig {
  /** Normal form: results that are files of their own lie there as `{id}.parquet`. In S3 with the settings of stages. */
  readonly results: string;
  /** Results with more bytes become such a file. */
  readonly inlineBytes: number;
  /** Milliseconds after its end that a replay's result and records are kept; undefined: for ever. */
  readonly retention: number | undefined;
}

/** Where COPY … TO makes files; no locations: nowhere. */
export interface CopyConfig {
  /** Normal locations, `file:///folder` or `s3://bucket/prefix`: what lies below one may be written. */
  readonly locations: readonly string[];
  readonly s3?: S3Config;
}

export type CatalogConfig = IcebergCatalogConfig | VictoriaLogsConfig;

export interface IcebergCatalogConfig {
  readonly type: 'iceberg';
  /** Put before namespace names that two catalogs share. */
  readonly prefix?: string;
  readonly catalog:
    | { readonly type: 'sql'; readonly uri: string; readonly password?: string; readonly warehouse?: string; readonly name?: string }
    | { readonly type: 'filesystem'; readonly warehouse: string }
    | RestCatalogConfig;
  /** Old location prefix -> new one (`file:///…`, `s3://…`, or a path relative to the configuration file, made absolute when read). */
  readonly locations: Readonly<Record<string, string>>;
  readonly s3?: S3Config;
  /** Absent: nothing may be written. */
  readonly write?: WriteConfig;
}

export interface WriteConfig {
  /** Namespaces in which tables may be made, written and dropped. */
  readonly schemas: readonly string[] | '*';
}

export type S3Config = S3Options;

export interface TemporalConfig {
  /** off: queries run in-process. dev: start a development server. address: connect. */
  readonly mode: 'off' | 'dev' | 'address';
  readonly address?: string;
  readonly namespace: string;
  readonly taskQueue: string;
  /** Absent: no TLS. */
  readonly tls?: TemporalTlsConfig;
  /** At most one of the two. Never to be shown. */
  readonly apiKey?: string;
  readonly apiKeyFile?: string;
  /** Absolute path of the ES module that exports the payload codec. */
  readonly codec?: string;
}

export interface TemporalTlsConfig {
  readonly ca?: PemSource;
  readonly cert?: PemSource;
  readonly key?: PemSource;
  readonly serverName?: string;
}

/** An absolute path, or the text itself and the variable that has it. */
export type PemSource = { readonly file: string } | { readonly text: string; readonly name: string };

export interface LimitsConfig {
  readonly maxConnections: number;
  /** Bytes that one query may read; undefined: no limit. */
  readonly maxBytes: number | undefined;
  /** Kernel memory per task, bytes. */
  readonly taskMemory: number;
  /** Bytes on disk that one task may spill, and that the SCROLL and WITH HOLD cursors of one session may keep. */
  readonly tempBytes: number;
  /** Rows of one answer; undefined: no limit. */
  readonly maxRows: number | undefined;
  /** Milliseconds of one statement; undefined: no limit. */
  readonly statementTimeout: number | undefined;
  /** Rows that the engine's own code hands on at once: to DuckDB, and to the evaluator of TIMELINE. */
  readonly batchRows: number;
  /** Bound of the object-store disk cache, bytes. */
  readonly cacheBytes: number;
  /** Bound of what each catalog keeps in memory of remote files (footers, indexes), bytes. */
  readonly cacheMemory: number;
}
