import { unsupported } from '../../../sql/errors.js';
import { Oid, type } from '../../../sql/types.js';
import { type ColumnDescription, type ConnectorWriter, PROCEDURES } from '../../connector.js';
import { expireSnapshots } from './expire-snapshots.js';
import type { MaintainHost } from './maintain-host.js';
import { optimize } from './optimize.js';
import { removeOrphanFiles } from './remove-orphan-files.js';
import { rewriteManifests } from './rewrite-manifests.js';

const TASKS = { optimize, expire_snapshots: expireSnapshots, remove_orphan_files: removeOrphanFiles, rewrite_manifests: rewriteManifests };

/** ConnectorWriter.maintain of a catalog. The caller has looked whether the table may be written. */
export function maintainTables(host: MaintainHost): ConnectorWriter['maintain'] {
  return async (procedure, table, args, signal) => {
    const task = Object.hasOwn(TASKS, procedure) ? TASKS[procedure as keyof typeof TASKS] : undefined;
    if (task === undefined) throw unsupported(`the procedure ${procedure} for Iceberg tables`);
    return { columns: columnsOf(procedure), rows: await task(host, table, args, signal) };
  };
}

function columnsOf(procedure: string): ColumnDescription[] {
  const columns = PROCEDURES[procedure]?.columns ?? [];
  return columns.map(([name, kind]) => ({ name, type: type(kind === 'int8' ? Oid.int8 : Oid.text), nullable: true, comment: undefined }));
}
