import type { Clock } from '../../../clock.ts';

/** Asks again only when the answer is older than `ms`; those who ask at once share one question. A failure is not remembered. */
export function remembered<T>(ms: number, now: Clock, ask: () => Promise<T>): () => Promise<T> {
  let last: { readonly at: number; readonly answer: Promise<T> } | undefined;
  return () => {
    if (last === undefined || now() - last.at >= ms) {
      const mine = { at: now(), answer: ask() };
      last = mine;
      mine.answer.catch(() => {
        if (last === mine) last = undefined;
      });
    }
    return last.answer;
  };
}
