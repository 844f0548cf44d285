import { Agent } from 'node:https';
import { after } from 'node:test';
import { DEFAULTS } from '../../../src/config/defaults.ts';
import { Asker } from '../../../src/doctor/ask.ts';
import { examineBucket } from '../../../src/doctor/bucket/bucket.ts';
import { Canaries } from '../../../src/doctor/canaries.ts';
import { examineConformance } from '../../../src/doctor/conformance.ts';
import type { Finding } from '../../../src/doctor/finding.ts';
import { examineRights } from '../../../src/doctor/bucket/rights.ts';
import { createTarget } from '../../../src/s3/adapters/target.ts';
import type { S3Target } from '../../../src/s3/port.ts';
import type { UploadMethod } from '../../../src/uploads/upload.ts';
import { Secret } from '../../../src/secret.ts';
import { makeCa } from '../../support/ca.ts';
import { scratchFolder } from '../../support/s3-server.ts';
import { startStubS3, type Fault, type StubS3 } from '../../support/stub-s3.ts';

export const BUCKET = 'acme-uploads';
export const SUBJECT = `bucket ${BUCKET} on main`;

const scratch = await scratchFolder('stub-ca');
const ca = await makeCa(scratch.path);
after(() => scratch.remove());

export interface Stage extends AsyncDisposable {
  readonly stub: StubS3;
  readonly target: S3Target;
  readonly asker: Asker;
  readonly canaries: Canaries;
}

export interface StageOptions {
  readonly fault?: Fault;
  readonly versioning?: boolean;
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly now?: () => number;
}

/** A stub with one bucket, and all that a doctor needs to examine it. */
export async function stage(options: StageOptions = {}): Promise<Stage> {
  const { fault, versioning = true, now = Date.now } = options;
  const stub = await startStubS3({ ca, ...(fault !== undefined && { fault }) });
  await stub.createBucket(BUCKET, { versioning });
  const endpoint = new URL(stub.endpoint);
  const target = createTarget({
    endpoint,
    publicEndpoint: endpoint,
    region: stub.region,
    pathStyle: true,
    ca: stub.caPem,
    credentials: {
      kind: 'static',
      accessKeyId: options.accessKeyId ?? stub.accessKeyId,
      secretAccessKey: new Secret(options.secretAccessKey ?? stub.secretAccessKey),
      sessionToken: undefined,
    },
    ...DEFAULTS.s3,
  });
  const agent = new Agent({ ca: stub.caPem, keepAlive: true });
  return {
    stub,
    target,
    asker: new Asker({ target, bucket: BUCKET, agent, now, pause: () => Promise.resolve() }),
    canaries: new Canaries(target.objects, BUCKET),
    async [Symbol.asyncDispose]() {
      agent.destroy();
      target.close();
      await stub.stop();
    },
  };
}

/** As the doctor does it: the bucket, the rights, the canaries. */
export async function* examineAll(
  { asker, canaries, stub }: Stage,
  {
    brief = false,
    tagged = false,
    methods = ['PUT'],
    signal = new AbortController().signal,
  }: { brief?: boolean; tagged?: boolean; methods?: readonly UploadMethod[]; signal?: AbortSignal } = {},
): AsyncGenerator<Finding> {
  const facts = yield* examineBucket(asker, { subject: SUBJECT, region: stub.region, brief });
  if (facts === undefined) return;
  if (!(yield* examineRights(asker, facts, { subject: SUBJECT, multipart: methods.includes('multipart') })))
    return;
  yield* examineConformance(asker, canaries, {
    subject: SUBJECT,
    brief,
    tagged,
    methods: new Set(methods),
    signal,
  });
}

export interface Examined {
  readonly findings: readonly Finding[];
  /** `check: outcome` of all but ✓. */
  readonly notOk: readonly string[];
  /** What `remove` said, and what lay there afterwards all the same. */
  readonly left: readonly string[];
  readonly found: (check: string) => Finding;
}

export async function examined(
  options: StageOptions & {
    readonly brief?: boolean;
    readonly tagged?: boolean;
    readonly methods?: readonly UploadMethod[];
  } = {},
  examine: (on: Stage) => AsyncGenerator<Finding> = (on) => examineAll(on, options),
): Promise<Examined> {
  await using on = await stage(options);
  const findings = await Array.fromAsync(examine(on));
  const left = await on.canaries.remove();
  return {
    findings,
    notOk: findings
      .filter(({ outcome }) => outcome !== 'ok')
      .map(({ check, outcome }) => `${check}: ${outcome}`),
    left: [...left, ...on.stub.objects(BUCKET)],
    found(check) {
      const finding = findings.find((candidate) => candidate.check === check);
      if (finding === undefined) throw new Error(`nothing was found of ${check}`);
      return finding;
    },
  };
}
