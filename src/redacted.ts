import { inspect } from 'node:util';

const REDACTED = '[redacted]';

/** What holds a secret. Printing, serialising or inspecting it shows `[redacted]`. */
export abstract class Redacted {
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
