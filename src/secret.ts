import { Redacted } from './redacted.ts';

/** A secret text. Printing, serialising or inspecting it shows `[redacted]`; `reveal` is the only way in. */
export class Secret extends Redacted {
  readonly #text: string;

  constructor(text: string) {
    super();
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }
}
