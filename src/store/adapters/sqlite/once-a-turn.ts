import { endOfTurn } from '../../../end-of-turn.ts';

/**
 * Look-ups of one thing within one turn of the event loop share their reading, at its end: so each sees what was committed before it came, as
 * if it had been read for it alone. Of many requests that come together most have the same API key.
 */
export function onceATurn<Found>(read: (id: string) => Promise<Found>): (id: string) => Promise<Found> {
  // A map for each turn: one that is filled and emptied for ever leaves its garbage in V8's old generation.
  let asked: Map<string, Promise<Found>> | undefined;

  function begin(): Map<string, Promise<Found>> {
    // Before those who wait in it, since it waits first.
    void endOfTurn().then(() => (asked = undefined));
    return new Map();
  }

  return (id) => {
    asked ??= begin();
    let answer = asked.get(id);
    if (answer === undefined) {
      answer = endOfTurn().then(() => read(id));
      asked.set(id, answer);
    }
    return answer;
  };
}
