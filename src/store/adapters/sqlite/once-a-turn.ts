/**
 * Look-ups of one thing within one turn of the event loop share their reading, at its end: so each sees what was committed before it came, as
 * if it had been read for it alone. Of many requests that come together most have the same API key.
 */
export function onceATurn<Found>(read: (id: string) => Promise<Found>): (id: string) => Promise<Found> {
  const asked = new Map<string, Promise<Found>>();
  return (id) => {
    const known = asked.get(id);
    if (known !== undefined) return known;
    const answer = new Promise<Found>((answered) => {
      setImmediate(() => {
        asked.delete(id);
        answered(read(id));
      });
    });
    asked.set(id, answer);
    return answer;
  };
}
