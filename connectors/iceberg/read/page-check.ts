import { corrupt } from '../format/corrupt.js';
import { rowsOfPage } from './list-rows.js';
import type { ChunkPart } from './page-plan.js';
import { fieldOf, intOf, readThrift, structOf } from './thrift-tree.js';

/** Numbers of parquet.thrift. */
const PAGE = { type: 1, bytes: 2, compressed: 3, v1: 5, dictionary: 7, v2: 8 } as const;
const VALUES = 1;
/** Of pages of the second version. */
const ROWS = 3;
const TYPE = { data: 0, dictionary: 2, dataV2: 3 } as const;

/** The slice can be made of whole chunks only. */
export class NotPaged extends Error {}

type FilePart = Exclude<ChunkPart, { readonly kind: 'padding' }>;

/**
 * The number of values in a part, by its page's header; `bytes`: the part, or the beginning of it. Errors: NotPaged where that cannot be told, or where
 * the dictionary is none that could stand for rows which nobody asks for; XX001 naming the file where a page is not what its offset index says.
 */
export async function valuesOf(part: FilePart, bytes: Uint8Array, file: string): Promise<number> {
  const found = pageHeader(part, bytes);
  if (part.kind === 'dictionary') {
    if (found?.type !== TYPE.dictionary || found.values === 0) throw new NotPaged('no dictionary page where one should be');
    return 0;
  }
  if (found === undefined || found.type === TYPE.dictionary || (await rowsOf(part, found, bytes)) !== part.rows)
    throw corrupt(file, `its page index does not fit the page at byte ${part.start}`);
  return found.values;
}

interface Header {
  readonly type: number;
  readonly values: number;
  readonly rows: number;
  /** Of the page, unpacked. */
  readonly bytes: number;
  /** Where it ends. */
  readonly end: number;
}

/** Undefined: it is none, or another page's. */
function pageHeader(part: FilePart, bytes: Uint8Array): Header | undefined {
  try {
    const { struct, end } = readThrift(bytes);
    const type = intOf(struct, PAGE.type) ?? -1;
    const about = { [TYPE.data]: PAGE.v1, [TYPE.dictionary]: PAGE.dictionary, [TYPE.dataV2]: PAGE.v2 }[type];
    if (about === undefined || end + (intOf(struct, PAGE.compressed) ?? -1) !== part.end - part.start) return undefined;
    const counts = structOf(fieldOf(struct, about));
    return { type, values: intOf(counts, VALUES) ?? -1, rows: intOf(counts, ROWS) ?? -1, bytes: intOf(struct, PAGE.bytes) ?? -1, end };
  } catch {
    return undefined;
  }
}

async function rowsOf(part: Extract<FilePart, { readonly kind: 'page' }>, header: Header, bytes: Uint8Array): Promise<number> {
  const { maxRepetition, codec } = part.column;
  if (maxRepetition === 0) return header.values;
  if (header.type === TYPE.dataV2) return header.rows;
  if (bytes.length < part.end - part.start) throw new NotPaged('a page that is too large');
  try {
    return await rowsOfPage(bytes.subarray(header.end), { codec, bytes: header.bytes, maxRepetition, values: header.values });
  } catch (error) {
    throw new NotPaged('the rows of a page cannot be counted', { cause: error });
  }
}
