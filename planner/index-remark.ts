import type { ConnectorSplit, TableColumn, TablePredicate } from '../connectors/connector.js';
import { functionName } from '../sql/functions/signature.js';
import { Oid } from '../sql/types.js';
import type { IndexedSplits } from './index-narrowing.js';
import type { ScanOperator } from './physical-plan.js';
import type { PlanContext, PlanningConnector } from './planning.js';
import { count, size } from './units.js';

/** Of ids, as far as their types tell. */
const KEY_TYPES: ReadonlySet<number> = new Set([Oid.text, Oid.varchar, Oid.bpchar, Oid.uuid, Oid.int4, Oid.int8]);
const EQUALITIES: ReadonlySet<string> = new Set([
  'texteq',
  'bpchareq',
  'uuid_eq',
  'int4eq',
  'int8eq',
  'int48eq',
  'int84eq',
  'int24eq',
  'int42eq',
]);
/** Longer lists of values select no few rows. */
const MOST_VALUES = 100;

/** Columns that a conjunct sets equal to a constant or to one of a few. */
export function keyColumns(filters: readonly TablePredicate[]): readonly string[] {
  const columns = filters.flatMap((filter) => {
    if (filter.kind === 'call' && EQUALITIES.has(functionName(filter.fn))) {
      const [a, b] = filter.args;
      if (a === undefined || b === undefined) return [];
      return b.kind === 'constant' ? keyColumn(a) : a.kind === 'constant' ? keyColumn(b) : [];
    }
    if (filter.kind !== 'any_all' || filter.quantifier !== 'any' || !EQUALITIES.has(functionName(filter.fn))) return [];
    return isShortList(filter.array) ? keyColumn(filter.arg) : [];
  });
  return [...new Set(columns)];
}

function keyColumn(expr: TablePredicate): readonly string[] {
  const column: TablePredicate = expr.kind === 'cast' && expr.via === 'relabel' ? expr.arg : expr;
  return isColumn(column) && KEY_TYPES.has(column.type.oid) ? [column.name] : [];
}

function isColumn(expr: TablePredicate): expr is TableColumn {
  return expr.kind === 'table_column';
}

function isShortList(array: TablePredicate): boolean {
  if (array.kind === 'array') return array.elements.length <= MOST_VALUES && array.elements.every(({ kind }) => kind === 'constant');
  return array.kind === 'constant' && (array.value ?? '').split(',').length <= MOST_VALUES;
}

export interface RemarkRequest {
  readonly scan: ScanOperator;
  readonly connector: PlanningConnector;
  readonly filters: readonly TablePredicate[];
  readonly found: IndexedSplits;
  /** Splits before an index narrowed them, with bounds of the columns. */
  readonly all: readonly ConnectorSplit[];
  readonly context: PlanContext;
}

/**
 * What a user should know of a scan that reads much for few rows: that no index could say where they are. Undefined: nothing, since little is
 * read, the index did what it could, or a value of the columns may well be in many rows.
 */
export async function indexRemark({ scan, connector, filters, found, all, context }: RemarkRequest): Promise<string | undefined> {
  const { splits, index, unbuilt = 0 } = found;
  const bytes = splits.reduce((sum, split) => sum + split.bytes, 0);
  if (context.useIndex === 'off' || bytes <= context.taskTargets.smallBytes || connector.dataFiles === undefined) return undefined;
  const columns = keyColumns(filters);
  if (columns.length === 0) return undefined;
  const files = connector.dataFiles.files(splits.map((split) => split.data)).length;
  const name = `${scan.schema}.${scan.table}`;
  if (index !== undefined && (index.result === 'not asked' || unbuilt === 0)) return undefined;
  const column = await firstScattered(columns, { scan, connector, splits: all, context });
  if (column === undefined) return undefined;
  if (index !== undefined) {
    return `${count(unbuilt, 'file')} of ${name} not covered by index ${index.name}: ${size(bytes)} are read; run: timeline index build ${name}`;
  }
  return `column "${column}" of ${name} has no index: ${size(bytes)} in ${count(files, 'file')} are read to find few rows`;
}

async function firstScattered(
  columns: readonly string[],
  {
    scan,
    connector,
    splits,
    context,
  }: Pick<RemarkRequest, 'scan' | 'connector' | 'context'> & { readonly splits: readonly ConnectorSplit[] },
): Promise<string | undefined> {
  for (const column of columns) {
    try {
      if ((await connector.dataFiles?.scattered?.(scan.handle, splits, column, context.signal)) === true) return column;
    } catch {
      // A remark is worth no error; what is wrong with the table shows when it is read.
      context.signal.throwIfAborted();
      return undefined;
    }
  }
  return undefined;
}
