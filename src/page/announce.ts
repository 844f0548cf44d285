import { byId } from './dom.ts';

/** Many files end at once: what is said within this time, milliseconds, is said together. */
const GATHERED = 400;

const gathered = new Map<string, string[]>();

/** For screen readers, when they have nothing else to say. */
export const say = (words: string): void => speak('said', words);
/** For screen readers, at once. */
export const warn = (words: string): void => speak('warned', words);

function speak(region: string, words: string): void {
  const waiting = gathered.get(region);
  if (waiting !== undefined) {
    waiting.push(words);
    return;
  }
  const first = [words];
  gathered.set(region, first);
  setTimeout(() => {
    gathered.delete(region);
    byId(region, HTMLElement).textContent = first.join(' ');
  }, GATHERED);
}
