import { LARGEST_PUT_BYTES, type AskFacts, type UploadMethod } from '../asks.ts';
import type { UploadAsk } from '../model.ts';
import { IN_MEMORY_BYTES } from './file-hash.ts';

/** Something to ask for. Its SHA-256 is added when it is its turn: to make one of a large file takes long. */
export interface BrowserAsk {
  readonly ask: UploadAsk;
  readonly isHashed: boolean;
}

/** Up to here a file goes whole, and S3 itself checks its SHA-256: that is one part's size, so parts would save nothing after a cut. */
const LARGEST_WHOLE_BYTES = 16 * 1024 ** 2;

/** As `asksFor`, but where nothing demands a SHA-256 of a large file, it goes without. */
export function browserAsks(
  facts: AskFacts,
  method: UploadMethod,
  partSize: number | undefined,
): BrowserAsk[] {
  const both = (ask: UploadAsk): BrowserAsk[] => [false, true].map((isHashed) => ({ ask, isHashed }));
  const { size } = facts;
  const whole = both(facts).slice(size > IN_MEMORY_BYTES ? 0 : 1);
  const parts = both({ ...facts, method: 'multipart', partSize } as UploadAsk);
  if (method === 'PUT' || (method === 'auto' && size === 0)) return whole;
  if (method === 'multipart' || size > LARGEST_PUT_BYTES) return parts;
  return size > LARGEST_WHOLE_BYTES ? [...parts, ...whole] : [...whole, ...parts];
}
