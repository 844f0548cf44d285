import type { IncomingMessage } from 'node:http';
import type { Fault } from './faults.ts';

/** When a stub is too busy to say yes or no. The service's own calls, with a signature in a header, are answered: their client tries again. */
export class Busy {
  readonly #fault: Fault | undefined;
  readonly #asked = new Set<string>();
  #hasUpload = false;

  constructor(fault: Fault | undefined) {
    this.#fault = fault;
  }

  now({ method, url = '', headers }: IncomingMessage): boolean {
    if (headers.authorization !== undefined) return false;
    const isOfObject = /^\/[^/?]+\/[^?]/.test(url);
    if (this.#fault === 'is busy with objects') return isOfObject;
    if (this.#fault === 'is busy after the first upload') {
      const busy = this.#hasUpload;
      this.#hasUpload ||= method === 'PUT' && isOfObject;
      return busy;
    }
    if (this.#fault !== 'is busy at first') return false;
    // A question that is asked again has another time and signature when a second has passed in between.
    const question = `${method} ${url.replace(/X-Amz-[^&]*&?/g, '')}`;
    const isNew = !this.#asked.delete(question);
    if (isNew) this.#asked.add(question);
    return isNew;
  }
}
