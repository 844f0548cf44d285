/** What an application imports that has sealslot inside: `import { sealslot } from 'sealslot'`. docs/plugin.md tells how. */
export { sealslot, sealslot as default } from './plugin/plugin.ts';
export type { Sealslot, SealslotLogger, SealslotOptions } from './plugin/options.ts';
export type { HostPrincipal } from './access/host.ts';
export type { Scope } from './access/principal.ts';
export type { Readiness } from './http/admin.ts';
export { HostUnfit, UnsafeToServe } from './plugin/errors.ts';
export { ConfigErrors, type Mistake } from './config/errors.ts';
export { Unauthenticated } from './errors.ts';
