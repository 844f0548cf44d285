import { createSecretKey } from 'node:crypto';
import type { Config } from '../../../src/config/config.ts';
import { DEFAULTS } from '../../../src/config/defaults.ts';
import { localWrapper } from '../../../src/custody/adapters/local.ts';
import { createJobs, type Jobs } from '../../../src/jobs/runner.ts';
import type { Store, UploadStore } from '../../../src/store/port.ts';
import { createLongSteps } from '../../../src/uploads/long-steps.ts';
import { createStreams } from '../../../src/uploads/streams.ts';
import type { Services } from '../../../src/uploads/services.ts';
import { Crash, CrashPoint } from '../../crash/crash-point.ts';
import { fakeTarget } from '../../support/fake-s3.ts';
import { TENANT } from '../../support/harness.ts';
import { watch, type Interference } from '../../support/interference.ts';
import type { ModelS3 } from './s3.ts';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
/** Short, so that a run sees the ends of all. */
export const RETENTION = { keySeconds: 3 * 86_400, deleteMarginSeconds: 86_400, endedSeconds: 4 * 86_400 };
export const MARGIN = RETENTION.deleteMarginSeconds * 1000;
export const ENDED = RETENTION.endedSeconds * 1000;

const WEBHOOK = {
  url: new URL('https://hooks.example.com/'),
  events: ['upload.uploaded', 'upload.rejected', 'upload.expired', 'upload.deleted'],
};
const ring = { current: 'kek', keks: new Map([['kek', createSecretKey(Buffer.alloc(32, 7))]]) };

/** How a run's service is set up. */
export interface Setup {
  readonly rejected: 'keep' | 'remove';
  /** Keys are copied into tags. */
  readonly copies: boolean;
  readonly versioned: boolean;
}

export interface Surroundings {
  readonly store: Store;
  readonly s3: ModelS3;
  readonly clock: { now: number };
  readonly tenant: string;
  readonly setup: Setup;
  /** Before a key goes. */
  readonly destroying: (id: string) => void;
}

/** One life of the service's process, from its start to its crash. */
export interface Life {
  readonly services: Services;
  /** The same for those who look on: crashes do not touch it. */
  readonly onlooker: Services;
  readonly jobs: Jobs;
  /** What the job reported and nobody expects. */
  readonly surprises: unknown[];
  crashAt(at: number, when: 'before' | 'after'): void;
  readonly isCrashed: () => boolean;
}

export function startLife(around: Surroundings): Life {
  const { store, s3, clock } = around;
  let crash: CrashPoint | undefined;
  const surprises: unknown[] = [];
  const all: Interference[] = [
    { before: (call) => crash?.before(call), after: (call) => crash?.after(call) },
  ];
  const target = fakeTarget(s3);
  const plain = localWrapper({ id: 'local', ring });
  const wrapper = watch('wrapper', plain, all);
  const services: Services = {
    config: configOf(around),
    store: {
      ...store,
      uploads: watch('uploads', proving(store.uploads, around.destroying), all),
      keys: watch('keys', store.keys, all),
    },
    wrapper,
    keks: wrapper,
    targets: new Map([
      [
        'main',
        {
          ...target,
          objects: watch('objects', s3, all),
          multipart: watch('multipart', target.multipart, all),
          content: watch('content', target.content, all),
          tags: watch('tags', target.tags, all),
          presigner: watch('presigner', target.presigner, all),
          uploadPresigner: watch('presigner', target.uploadPresigner, all),
        },
      ],
    ]),
    now: () => clock.now,
    observer: { timed: (_step, work) => work(), slot: () => undefined },
    lookAt: (upload) => jobs.lookAt(upload),
    deliver: () => undefined,
    longSteps: createLongSteps(),
    streams: createStreams(),
  };
  const jobs = createJobs(
    () => services,
    (error) => {
      if (!isExpected(error)) surprises.push(error);
    },
  );
  return {
    services,
    onlooker: { ...services, store, wrapper: plain },
    jobs,
    surprises,
    crashAt: (at, when) => (crash = new CrashPoint(at, when)),
    isCrashed: () => crash?.place !== undefined,
  };
}

/** A dependency that fails, a race that was lost, the end of the process: all else is a bug. */
export function isExpected(error: unknown): boolean {
  if (error instanceof Crash) return true;
  const { code } = error as { code?: unknown };
  return code === 'dependency_unavailable' || code === 'state_conflict';
}

function configOf({ tenant, setup: { rejected, copies } }: Surroundings): Config {
  const policy = { ...TENANT, rejected, webhooks: { hook: WEBHOOK } };
  return {
    tenants: { [tenant]: policy, [`${tenant}-foreign`]: { ...policy, webhooks: {} } },
    custody: { recovery: copies ? { target: 'main', bucket: 'copies' } : undefined },
    retention: RETENTION,
    content: DEFAULTS.content,
    jobs: { intervalSeconds: 3600 },
  } as unknown as Config;
}

function proving(uploads: UploadStore, destroying: (id: string) => void): UploadStore {
  return {
    ...uploads,
    bury: (id, ...rest) => {
      destroying(id);
      return uploads.bury(id, ...rest);
    },
    forget: (id, ...rest) => {
      destroying(id);
      return uploads.forget(id, ...rest);
    },
  };
}
