import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import type { HostPrincipal } from '../access/host.ts';
import type { Environment } from '../config/overrides.ts';
import type { Readiness } from '../http/admin.ts';

/** Where the logs go: pino, or the application's own. Only what may be logged is ever passed to it. */
export type SealslotLogger = Pick<FastifyBaseLogger, 'fatal' | 'error' | 'warn' | 'info' | 'debug'>;

export interface SealslotOptions {
  /**
   * The path of a sealslot.yaml, or what would stand in one. Relative paths in it begin at its folder, or at the working directory. `listen`, `admin` and
   * `log` have no effect: they are the application's.
   */
  readonly config: string | Readonly<Record<string, unknown>>;
  /** Settings by `SEALSLOT_…` variables, for a configuration that is a file. None unless given: pass `process.env` for those of the process. */
  readonly env?: Environment;
  /**
   * Says who calls, from the application's own session, cookie or token. Asked before the body is read, after the application's `onRequest`
   * hooks. Nothing (`undefined`, `null`) is for nobody that it knows. It throws with a `statusCode` from 400 to 499 for credentials that are
   * not good (401); whatever else it throws is a 503, since they may be.
   */
  readonly authenticate?: (
    request: FastifyRequest,
  ) => HostPrincipal | null | undefined | Promise<HostPrincipal | null | undefined>;
  /** Whether `Authorization: Bearer` with an API key, a JWT or a grant is good too, for callers that `authenticate` does not know. True unless given. */
  readonly bearer?: boolean;
  /** Of all paths, such as `/files`; `/v1/…` is then `/files/v1/…`. */
  readonly prefix?: string;
  /** The application's own unless given. */
  readonly logger?: SealslotLogger;
}

/** What the application gets of it. */
export interface Sealslot {
  /** For a health check. Never rejects; proofs of the KEK are remembered for some seconds. */
  ready(): Promise<Readiness>;
  /** prom-client's, with sealslot's own metrics alone. */
  readonly metrics: Registry;
  /** Reads the configuration again, as `sealslot serve` does on SIGHUP; what is wrong with it is logged, and then the old one stays in force. */
  reload(): Promise<void>;
}

declare module 'fastify' {
  interface FastifyInstance {
    sealslot: Sealslot;
  }
}
