import { AsyncLocalStorage } from 'node:async_hooks';

/** On whose behalf the code that runs now acts; for the log alone, nothing is allowed or refused by it. */
export interface Acting {
  /** `Principal.id`, or what no principal is called: a link, the background job, a look that an event of S3 asked for. */
  readonly actor: (string & {}) | 'link' | 'job' | 'event';
  /** Absent in the background. */
  readonly requestId?: string;
}

const current = new AsyncLocalStorage<Acting>();

/** All that `work` begins acts so too, unless it says otherwise. */
export function actAs<T>(acting: Acting, work: () => T): T {
  return current.run(acting, work);
}

export function acting(): Acting | undefined {
  return current.getStore();
}
