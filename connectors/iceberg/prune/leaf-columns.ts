import { parquetSchema, type SchemaElement } from 'hyparquet';
import type { ParquetFooter } from '../read/parquet-footer.js';
import type { RawStatistics } from '../read/parquet-statistics.js';
import type { Evidence } from './evidence.js';
import { type Encoding, encodingOf, readBound } from './parquet-datum.js';
import type { ConditionColumn } from './predicate.js';

/** A top-level column of single values, as it lies in one Parquet file. */
export interface LeafColumn {
  /** Of its chunk in each row group. */
  readonly chunk: number;
  readonly name: string;
  readonly required: boolean;
  readonly encoding: Encoding;
  /** Are its bounds in the order of its type? */
  readonly typedOrder: boolean;
  readonly floating: boolean;
}

/** The file's leaf for a column; undefined: it has none, or one that nothing can be concluded from. */
export function leafColumn(footer: ParquetFooter, column: ConditionColumn): LeafColumn | undefined {
  const tree = parquetSchema(footer.metadata);
  let chunk = 0;
  for (const [index, child] of tree.children.entries()) {
    const own = footer.columns[index];
    if (own?.fieldId === column.id && own.name === child.element.name) {
      const { element } = child;
      const single = child.children.length === 0 && (element.repetition_type === 'OPTIONAL' || element.repetition_type === 'REQUIRED');
      const encoding = single ? encodingOf(element, column.type) : undefined;
      return encoding === undefined ? undefined : leaf(footer, element, chunk, encoding);
    }
    chunk += leaves(child);
  }
  return undefined;
}

function leaf(footer: ParquetFooter, element: SchemaElement, chunk: number, encoding: Encoding): LeafColumn {
  return {
    chunk,
    name: element.name,
    required: element.repetition_type === 'REQUIRED',
    encoding,
    typedOrder: footer.statistics.typedOrder[chunk] === true,
    floating: encoding.kind === 'float',
  };
}

function leaves(tree: ReturnType<typeof parquetSchema>): number {
  return tree.children.length === 0 ? 1 : tree.children.reduce((sum, child) => sum + leaves(child), 0);
}

/** What the statistics of a chunk of `rows` rows say. */
export function chunkEvidence(column: LeafColumn, statistics: RawStatistics | undefined, rows: number): Evidence {
  const { lower, upper } = statistics === undefined ? NO_BOUNDS : chunkBounds(column, statistics);
  const nulls = column.required ? 0 : statistics?.nulls;
  return {
    lower,
    upper,
    mayHaveNull: nulls !== 0,
    mayHaveValue: nulls === undefined || nulls < rows,
    mayHaveNaN: column.floating,
  };
}

const NO_BOUNDS = { lower: undefined, upper: undefined };

/** The old fields have signed order whatever the type: of no use for bytes. The new ones need a known order, but numbers have one only. */
function chunkBounds(column: LeafColumn, statistics: RawStatistics): Pick<Evidence, 'lower' | 'upper'> {
  const { encoding } = column;
  const hasOneOrder = encoding.kind === 'boolean' || encoding.kind === 'integer' || encoding.kind === 'float';
  const [lower, upper] =
    column.typedOrder || (hasOneOrder && (statistics.lower !== undefined || statistics.upper !== undefined))
      ? [statistics.lower, statistics.upper]
      : hasOneOrder
        ? [statistics.signedLower, statistics.signedUpper]
        : [undefined, undefined];
  return boundsInOrder(encoding, lower, upper);
}

/** Bounds where both are right or nothing is: NaN among them, or the lower above the upper, is a writer that went wrong. */
export function boundsInOrder(
  encoding: Encoding,
  lower: Uint8Array | undefined,
  upper: Uint8Array | undefined,
): Pick<Evidence, 'lower' | 'upper'> {
  const [low, high] = [readBound(encoding, lower), readBound(encoding, upper)];
  if ((lower !== undefined && low === undefined) || (upper !== undefined && high === undefined)) return NO_BOUNDS;
  if (low instanceof Uint8Array && high instanceof Uint8Array)
    return Buffer.compare(low, high) > 0 ? NO_BOUNDS : { lower: low, upper: high };
  return low !== undefined && high !== undefined && low > high ? NO_BOUNDS : { lower: low, upper: high };
}
