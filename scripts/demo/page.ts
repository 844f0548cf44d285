import assert from 'node:assert/strict';

const LEADS_TO =
  /\b(?:from|import)\s*\(?\s*["'](\.[^"']+)["']|\bnew URL\(\s*["'](\.[^"']+)["']|\b(?:src|href)="([^"#.][^"]*)"/g;

/** Follows the page as a browser does. @returns how many files it has. Rejects when one of them is not there. */
export async function pageFiles(origin: string): Promise<number> {
  const seen = new Set<string>();
  const follow = async (url: URL): Promise<void> => {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    const answer = await fetch(url);
    assert.equal(answer.status, 200, url.pathname);
    const text = await answer.text();
    for (const [, imported, address, reference] of text.matchAll(LEADS_TO))
      await follow(new URL(imported ?? address ?? reference ?? '', answer.url));
  };
  await follow(new URL('/demo', origin));
  return seen.size;
}
