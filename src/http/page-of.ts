/** What one row more than a page's `limit` was asked for. @returns that page, and where the next one begins, if there is one. */
export function pageOf<T extends { readonly id: string }>(
  rows: readonly T[],
  limit: number,
): { readonly page: readonly T[]; readonly nextCursor: string | undefined } {
  const page = rows.slice(0, limit);
  return { page, nextCursor: rows.length > limit ? page.at(-1)?.id : undefined };
}
