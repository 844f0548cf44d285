import { endOfTurn } from '../../end-of-turn.ts';

/**
 * Runs `work` once for all who ask within one turn of the event loop, at its end. What is put together as it comes in would else begin with
 * groups of one: the first of many goes off alone.
 */
export function onceSoon(work: () => void): () => void {
  let isDue = false;
  const run = (): void => {
    isDue = false;
    work();
  };
  return () => {
    if (isDue) return;
    isDue = true;
    void endOfTurn().then(run);
  };
}
