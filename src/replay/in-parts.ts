const AT_ONCE = 16;

/** Results in the items' order, a few at a time. Throws the signal's reason between them. */
export async function inParts<T, R>(items: readonly T[], signal: AbortSignal, work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let n = 0; n < items.length; n += AT_ONCE) {
    signal.throwIfAborted();
    for (const one of await Promise.all(items.slice(n, n + AT_ONCE).map(work))) results.push(one);
  }
  signal.throwIfAborted();
  return results;
}
