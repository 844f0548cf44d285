import { Redacted } from '../../redacted.ts';

/** What proves who calls: an API key, JWT or grant. Printing, serialising or inspecting it shows `[redacted]`. */
export class BearerToken extends Redacted {
  readonly #text: string;

  /**
   * @param text visible ASCII, without `Bearer`.
   * @throws TypeError when it is empty or could not stand in a header; the message does not repeat it.
   */
  constructor(text: string) {
    super();
    if (!/^[!-~]+$/.test(text)) throw new TypeError('a bearer token is visible ASCII without spaces');
    this.#text = text;
  }

  /** The value of the `authorization` header: the only way in. */
  header(): string {
    return `Bearer ${this.#text}`;
  }
}
