import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startMinio } from '../../test/support/minio.ts';
import { startPostgres, type Postgres } from '../../test/support/postgres.ts';
import type { S3Server } from '../../test/support/s3-server.ts';
import { POSTGRES_SETTINGS } from '../load/stores.ts';
import { subjectId, type Cell, type Subject } from './cells.ts';
import { install, start, type Installed, type Started } from './service.ts';
import { makeIssuer, type Issuer } from './tokens.ts';

/** What is measured, running. */
export interface Endpoint {
  readonly url: string;
  readonly pid: number;
  /** The postmaster. */
  readonly storePid: number | undefined;
  readonly apiKey: string | undefined;
}

type Tokens = Readonly<Record<'es256' | 'rs256', readonly string[]>>;

/** What is measured and what it needs, each started when it is first asked for. */
export class World implements AsyncDisposable {
  readonly s3: S3Server;
  readonly #issuer: Issuer;
  readonly #stack: AsyncDisposableStack;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #tokens: Tokens;
  readonly #nodeArgs: readonly string[];
  readonly #services: Started[] = [];
  #postgres: Postgres | undefined;

  private constructor(
    stack: AsyncDisposableStack,
    s3: S3Server,
    issuer: { readonly issuer: Issuer; readonly tokens: Tokens },
    nodeArgs: readonly string[],
  ) {
    this.#stack = stack;
    this.s3 = s3;
    this.#issuer = issuer.issuer;
    this.#tokens = issuer.tokens;
    this.#nodeArgs = nodeArgs;
  }

  /** @param options what Node is given before the service. */
  static async open({ nodeArgs = [] }: { readonly nodeArgs?: readonly string[] } = {}): Promise<World> {
    const stack = new AsyncDisposableStack();
    try {
      const s3 = stack.use(await startMinio({ log: () => undefined }));
      await s3.createBucket('uploads');
      const issuer = await makeIssuer();
      const tokens = { es256: await issuer.tokens('ES256'), rs256: await issuer.tokens('RS256') };
      return new World(stack, s3, { issuer, tokens }, nodeArgs);
    } catch (error) {
      await stack.disposeAsync();
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  tokensFor({ auth }: Pick<Cell, 'auth'>, { apiKey }: Endpoint): readonly string[] {
    if (auth === undefined) return [];
    return auth === 'key' ? [apiKey ?? ''] : this.#tokens[auth];
  }

  async endpoint(subject: Subject): Promise<Endpoint> {
    const id = subjectId(subject);
    const known = this.#endpoints.get(id);
    if (known !== undefined) return known;
    const made = subject.kind === 'sealslot' ? await this.#service(subject) : await this.#other(subject.kind);
    this.#endpoints.set(id, made);
    return made;
  }

  /** Configuration, keys and an empty store; not started. */
  async install({
    store,
    custody,
  }: Pick<Extract<Subject, { kind: 'sealslot' }>, 'store' | 'custody'>): Promise<Installed> {
    const postgres = store === 'postgres' ? await this.postgres() : undefined;
    const options = { s3: this.s3, custody, issuer: this.#issuer, ...(postgres && { postgres }) };
    return this.#stack.use(await install(options));
  }

  async start(installed: Installed): Promise<Started> {
    const started = this.#stack.use(await start(installed, this.#nodeArgs));
    this.#services.push(started);
    return started;
  }

  /** As a supervisor does. */
  async stopServices(): Promise<void> {
    for (const service of this.#services) await service.stop();
  }

  async postgres(): Promise<Postgres> {
    this.#postgres ??= this.#stack.use(await startPostgres({ settings: POSTGRES_SETTINGS }));
    return this.#postgres;
  }

  async #service(subject: Extract<Subject, { kind: 'sealslot' }>): Promise<Endpoint> {
    const installed = await this.install(subject);
    const { url, pid } = await this.start(installed);
    const storePid = subject.store === 'postgres' ? postmaster(await this.postgres()) : undefined;
    return { url, pid, storePid, apiKey: installed.token };
  }

  async #other(kind: 'naive' | 'empty'): Promise<Endpoint> {
    const child = fork(new URL(`${kind}.ts`, import.meta.url), {
      env: { PATH: process.env['PATH'], NODE_ENV: 'production', S3_ENDPOINT: this.s3.endpoint },
    });
    this.#stack.defer(() => void child.kill());
    const [url] = (await once(child, 'message')) as [string];
    return { url, pid: child.pid ?? 0, storePid: undefined, apiKey: undefined };
  }
}

function postmaster({ dataFolder }: Postgres): number {
  return Number.parseInt(readFileSync(join(dataFolder, 'postmaster.pid'), 'latin1'), 10);
}
