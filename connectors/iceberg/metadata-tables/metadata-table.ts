import { type } from '../../../sql/types.js';
import { formatTimestampTz } from '../../../sql/value-time.js';
import type { ColumnDescription } from '../../connector.js';
import type { ManifestFileEntry, ManifestListEntry } from '../format/manifest.js';
import type { Snapshot, TableMetadata } from '../format/metadata.js';
import type { Schema } from '../format/schema.js';

export type Row = readonly (string | null)[];

/** A table at one version: what the tables about it are made of. */
export interface AboutVersion {
  readonly metadata: TableMetadata;
  readonly schema: Schema;
  readonly snapshot: Snapshot | undefined;
}

interface TableParts {
  /** After the table's name and a `$`. */
  readonly suffix: string;
  readonly comment: string;
  readonly columns: readonly ColumnDescription[];
}

/** A table about a table. Values are in PostgreSQL's text form, in the columns' order. */
export type MetadataTable =
  /** Of the metadata file alone; the same at every snapshot. */
  | (TableParts & { readonly kind: 'metadata'; readonly rows: (version: AboutVersion) => readonly Row[] })
  /** Of the manifest list. */
  | (TableParts & { readonly kind: 'manifests'; readonly row: (manifest: ManifestListEntry, version: AboutVersion) => Row })
  /** One row a file: tasks read a manifest, or a part of one. `row` computes the wanted columns, by their place, only. */
  | (TableParts & {
      readonly kind: 'files';
      readonly row: (file: ManifestFileEntry, version: AboutVersion, wanted: readonly number[]) => Row;
    })
  /** Of all files together: sums by some key. */
  | (TableParts & { readonly kind: 'totals'; readonly totals: (version: AboutVersion) => Totals });

export interface Totals {
  add(file: ManifestFileEntry): void;
  rows(): readonly Row[];
}

export function column(name: string, oid: number, comment: string, nullable = true): ColumnDescription {
  return { name, type: type(oid), nullable, comment };
}

export function required(name: string, oid: number, comment: string): ColumnDescription {
  return column(name, oid, comment, false);
}

export function instant(ms: number): string {
  return formatTimestampTz(BigInt(ms) * 1000n, 'UTC');
}

export function number(value: number | bigint | string | undefined | null): string | null {
  return value === undefined || value === null ? null : String(value);
}

export function array(values: readonly number[]): string | null {
  return values.length === 0 ? null : `{${values.join(',')}}`;
}
