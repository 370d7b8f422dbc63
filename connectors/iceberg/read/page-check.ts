import { corrupt } from '../format/corrupt.js';
import type { ChunkPart } from './page-plan.js';
import { fieldOf, intOf, readThrift, structOf } from './thrift-tree.js';

/** Numbers of parquet.thrift. */
const PAGE = { type: 1, compressed: 3, v1: 5, dictionary: 7, v2: 8 } as const;
const VALUES = 1;
const TYPE = { data: 0, dictionary: 2, dataV2: 3 } as const;

/** A dictionary without values cannot stand for rows that nobody asks for. */
export class NoDictionary extends Error {}

/** `bytes`: the part, or the beginning of it. Errors: XX001 naming the file where the page is not what its offset index says. */
export function checkPart(part: Exclude<ChunkPart, { readonly kind: 'padding' }>, bytes: Uint8Array, file: string): void {
  const isWhole = fits(part, bytes);
  if (part.kind === 'dictionary' && !isWhole) throw new NoDictionary('no dictionary page where one should be');
  if (!isWhole) throw corrupt(file, `its page index does not fit the page at byte ${part.start}`);
}

function fits(part: Exclude<ChunkPart, { readonly kind: 'padding' }>, bytes: Uint8Array): boolean {
  try {
    const { struct, end } = readThrift(bytes);
    if (end + (intOf(struct, PAGE.compressed) ?? -1) !== part.end - part.start) return false;
    const type = intOf(struct, PAGE.type);
    if (part.kind === 'dictionary') return type === TYPE.dictionary && (intOf(structOf(fieldOf(struct, PAGE.dictionary)), VALUES) ?? 0) > 0;
    if (type !== TYPE.data && type !== TYPE.dataV2) return false;
    return intOf(structOf(fieldOf(struct, type === TYPE.data ? PAGE.v1 : PAGE.v2)), VALUES) === part.rows;
  } catch {
    return false;
  }
}
