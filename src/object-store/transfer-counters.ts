/** What this process has asked object stores for since it began, for `/metrics`. */
export const transfers = {
  /** Requests sent, repeated ones among them. */
  requests: 0,
  /** Bytes of bodies received. */
  bytes: 0,
  /** Reads of ranges that no request was needed for, and their bytes. */
  cacheHits: 0,
  cacheHitBytes: 0,
};
