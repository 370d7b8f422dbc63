import type { TableShape } from './table-shape.js';

/** What a manifest keeps of a column (`write.metadata.metrics.…`). */
export type MetricsMode = { readonly kind: 'none' | 'counts' | 'full' } | { readonly kind: 'truncate'; readonly length: number };

const DEFAULT: MetricsMode = { kind: 'truncate', length: 16 };
const PREFIX = 'write.metadata.metrics.';
/** Columns of very wide tables beyond these keep nothing, unless the table says so. */
const MOST_BY_DEFAULT = 100;

/** The mode of each leaf, by its path of names. Sorted columns always have bounds, or sorting would be for nothing. */
export function metricsModes(shape: TableShape): (leaf: { readonly path: readonly string[]; readonly id: number }) => MetricsMode {
  const { properties } = shape;
  const own = parseMode(properties[`${PREFIX}default`]);
  const limit = Number(properties[`${PREFIX}max-inferred-column-defaults`] ?? MOST_BY_DEFAULT);
  const few = new Set(
    shape.schema.fields.slice(0, Number.isInteger(limit) && limit >= 0 ? limit : MOST_BY_DEFAULT).map((field) => field.name),
  );
  const sorted = new Set(shape.order.fields.map((field) => field.sourceId));
  return ({ path, id }) => {
    const explicit = parseMode(properties[`${PREFIX}column.${path.join('.')}`]);
    if (explicit !== undefined) return explicit;
    const mode = own ?? (few.has(path[0] ?? '') ? DEFAULT : { kind: 'none' });
    return sorted.has(id) && (mode.kind === 'none' || mode.kind === 'counts') ? DEFAULT : mode;
  };
}

function parseMode(text: string | undefined): MetricsMode | undefined {
  const name = text?.trim().toLowerCase();
  if (name === 'none' || name === 'counts' || name === 'full') return { kind: name };
  const length = Number(/^truncate\((\d{1,6})\)$/.exec(name ?? '')?.[1] ?? 0);
  return length > 0 ? { kind: 'truncate', length } : undefined;
}
