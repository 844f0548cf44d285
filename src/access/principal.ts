import type { Grant } from './grant.ts';

export const SCOPES = [
  'uploads:write',
  'uploads:read',
  'objects:read',
  'objects:delete',
  'keys:rotate',
  'grants:write',
  'events:write',
] as const;

export type Scope = (typeof SCOPES)[number];

/** Who calls. Made by an authenticator, never by a handler. */
export interface Principal {
  /** The tenant's name in the configuration; the caller sees this tenant's slots and no others. */
  readonly tenant: string;
  /**
   * Stable identity inside the tenant: `key:<name>` (a key's name survives its rotation), `jwt:<issuer> <sub>`, `grant:<id>`, or `host:<subject>`
   * of an application that authenticates itself. Slots belong to it.
   */
  readonly id: string;
  readonly scopes: ReadonlySet<Scope>;
  /** As it was when the caller came. With it, the caller sees the slots that it made and no others, and its limits bind beside the policy. */
  readonly grant?: Grant;
}

const OF_GRANTS: ReadonlySet<Scope> = new Set(['uploads:write']);

export function grantPrincipal(grant: Grant): Principal {
  return { tenant: grant.tenant, id: `grant:${grant.id}`, scopes: OF_GRANTS, grant };
}
