/** A batch of keys must not open a thousand connections to a KMS at once. */
const AT_ONCE = 32;

/** In order, a few at once. After a failure no more are begun; the first one is thrown when those in hand have ended. */
export async function mapSeveral<A, B>(items: readonly A[], work: (item: A) => Promise<B>): Promise<B[]> {
  const [only] = items;
  if (only !== undefined && items.length === 1) return [await work(only)];
  const results: B[] = [];
  const left = items.entries();
  let failure: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    for (const [index, item] of left) {
      if (failure !== undefined) return;
      try {
        results[index] = await work(item);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  if (failure !== undefined) throw failure.error;
  return results;
}
