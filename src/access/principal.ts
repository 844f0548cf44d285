export const SCOPES = [
  'uploads:write',
  'uploads:read',
  'objects:read',
  'objects:delete',
  'keys:rotate',
  'events:write',
] as const;

export type Scope = (typeof SCOPES)[number];

/** Who calls. Made by an authenticator, never by a handler. */
export interface Principal {
  /** The tenant's name in the configuration; the caller sees this tenant's slots and no others. */
  readonly tenant: string;
  /**
   * Stable identity inside the tenant: `key:<name>` (a key's name survives its rotation) or `jwt:<issuer> <sub>`. Slots belong to it.
   */
  readonly id: string;
  readonly scopes: ReadonlySet<Scope>;
}
