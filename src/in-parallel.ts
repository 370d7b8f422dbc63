/** Results in the items' order, `most` (16) at a time. After a failure, or once the signal is aborted, nothing more is begun. */
export async function inParallel<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  options: { readonly most?: number; readonly signal?: AbortSignal } = {},
): Promise<readonly R[]> {
  const { most = 16, signal } = options;
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      signal?.throwIfAborted();
      const index = next++;
      try {
        results[index] = await work(items[index] as T);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  signal?.throwIfAborted();
  return results;
}
