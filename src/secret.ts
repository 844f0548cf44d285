import { inspect } from 'node:util';

const REDACTED = '[redacted]';

/** A secret text. Printing, serialising or inspecting it shows `[redacted]`; `reveal` is the only way in. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
