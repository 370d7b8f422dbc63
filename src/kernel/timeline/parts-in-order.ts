import type { EventPart } from './parquet-events.js';

/** A part of which the least and the greatest time are known. */
export type BoundedPart = EventPart & { readonly bounds: NonNullable<EventPart['bounds']> };

/** Parts by their least time; undefined: some part's is not known. */
export function partsInOrder(parts: readonly EventPart[]): readonly BoundedPart[] | undefined {
  if (!parts.every(isBounded)) return undefined;
  return parts.filter(isBounded).sort((a, b) => a.bounds.min - b.bounds.min || a.position - b.position);
}

function isBounded(part: EventPart): part is BoundedPart {
  return part.bounds !== undefined;
}

/** Rows that are held at once at most when parts are read in this order, and given out as soon as no earlier event can come. */
export function mostHeld(parts: readonly BoundedPart[]): number {
  let held: readonly BoundedPart[] = [];
  let most = 0;
  for (const part of parts) {
    held = [...held.filter(({ bounds }) => bounds.max >= part.bounds.min), part];
    most = Math.max(
      most,
      held.reduce((sum, { rows }) => sum + rows, 0),
    );
  }
  return most;
}
