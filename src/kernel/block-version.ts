/** Of the form of rows in block-file.ts: whoever reads blocks of another process checks it. */
export const BLOCK_VERSION = 1;
