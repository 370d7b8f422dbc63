import type { LogsClient } from '../client/logs-client.js';
import { CertificateStore, type IndexRecords } from './certificate-store.js';
import { tableKey } from './layout.js';

/** One indexed table at one place: its documents' key, and what is certified of them. */
export interface TableDocuments {
  /** `_t`. */
  readonly key: string;
  readonly store: CertificateStore;
  /** Totals by day that searches have seen: certificates of before hold only while there are no fewer. */
  readonly seen: { at: number; startedAt: string; days: Map<number, number> };
  /** Ids of files whose documents were found to have other values in this life of the server: only a build makes that good. */
  readonly altered: { startedAt: string; readonly files: Set<string> };
}

export interface IndexPlace {
  /** The catalog's name, for messages. */
  readonly name: string;
  /** Address and tenant. */
  readonly place: string;
  readonly client: LogsClient;
  readonly records: IndexRecords;
}

/** TableDocuments by TableIdentity.table, made when first asked for. */
export function createTableDocuments({ place, records }: Pick<IndexPlace, 'place' | 'records'>): (identity: string) => TableDocuments {
  const tables = new Map<string, TableDocuments>();
  return (identity) => {
    const known = tables.get(identity);
    if (known !== undefined) return known;
    const key = tableKey(identity);
    const made: TableDocuments = {
      key,
      store: new CertificateStore(records, place, key),
      seen: { at: 0, startedAt: '', days: new Map() },
      altered: { startedAt: '', files: new Set() },
    };
    tables.set(identity, made);
    return made;
  };
}
