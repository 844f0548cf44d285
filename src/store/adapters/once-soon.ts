/**
 * Runs `work` once for all who ask within one turn of the event loop, when the turn has nothing else to do. What is put together as it comes in would
 * else begin with groups of one: the first of many goes off alone.
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
    // After all microtasks: requests that came together go on in step, each a few promises behind another.
    process.nextTick(run);
  };
}
