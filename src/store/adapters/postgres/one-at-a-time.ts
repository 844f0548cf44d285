/** What takes longer keeps nobody else waiting: a row may be locked, or the connection dead. */
const PATIENCE_MS = 200;

/**
 * Has what waits done in groups, one group at a time: two at a time are each smaller, and cost more together.
 * @param begin begins what waits now, as one group, and calls `end` later, when that has ended. False when nothing waits.
 * @param most so many are under way where those before take long.
 * @returns to be called whenever something waits.
 */
export function oneAtATime(begin: (end: () => void) => boolean, most = Infinity): () => void {
  let running = 0;
  /** Of those under way, the one that is waited for. */
  let current: symbol | undefined;

  function goOn(): void {
    while (current === undefined && running < most) if (!next()) return;
  }

  function next(): boolean {
    const group = Symbol('group');
    const release = (): void => {
      if (current === group) current = undefined;
      goOn();
    };
    const isBegun = begin(() => {
      clearTimeout(timer);
      running -= 1;
      release();
    });
    if (!isBegun) return false;
    running += 1;
    current = group;
    const timer = setTimeout(release, PATIENCE_MS);
    return true;
  }

  return goOn;
}
