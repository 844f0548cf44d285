import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Principal } from '../../src/access/principal.ts';
import { loadOperated, openServices } from '../../src/cli/operator.ts';
import { openHierarchy } from '../../src/composition.ts';
import { KeyNotMine, KeyRefused } from '../../src/custody/errors.ts';
import { issueUpload } from '../../src/uploads/issue.ts';
import { placeOf, type Services } from '../../src/uploads/services.ts';
import type { PlacedKey } from '../../src/store/port.ts';
import type { TestKms } from '../support/kms.ts';
import type { Openbao } from '../support/openbao.ts';
import { environment, type Answer, type Service } from '../support/service.ts';
import { sendByFetch } from './support-clients.ts';

const KEY = 'x-amz-server-side-encryption-customer-key';
const PAGE = 500;
/** Few enough for a slow KMS to answer in time. */
const AT_ONCE = 16;

export const ASK = { contentType: 'text/plain', size: 5 };
export const BODY = Buffer.from('hello');

/** As the API key of `setUp` is. */
const MAKER: Principal = { tenant: 'acme', id: 'key:test', scopes: new Set(['uploads:write']) };

/** Customer keys as they were handed out, in base64, by slot. */
export type HandedOut = Map<string, string>;

/** The section `custody`: JSON is YAML. */
export function custodyOf(custody: {
  readonly current: string;
  readonly wrappers: Readonly<Record<string, object>>;
  readonly hierarchy?: object;
  readonly recovery?: object;
}): string {
  return JSON.stringify(custody);
}

/** @param endpoint another way in to the same KMS. */
export function kmsWrapper(kms: TestKms, keyId: string, endpoint = kms.endpoint): object {
  const { region, caFile, accessKeyId, secretAccessKey } = kms;
  const credentials = { kind: 'static', accessKeyId, secretAccessKey };
  return { kind: 'aws-kms', keyId, region, endpoint, caFile, credentials };
}

export function transitWrapper(bao: Pick<Openbao, 'address' | 'caFile'>, key: string): object {
  const auth = { kind: 'token', tokenFile: 'bao-token' };
  return { kind: 'vault-transit', address: bao.address, key, caFile: bao.caFile, auth };
}

/** Puts another section `custody` into the configuration of a folder that is set up. */
export async function setCustody(dir: string, custody: string): Promise<void> {
  const file = join(dir, 'sealslot.yaml');
  const yaml = await readFile(file, 'utf8');
  await writeFile(
    file,
    yaml.replace(/^custody: .*$/m, () => `custody: ${custody}`),
  );
}

export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'sealslot-custody-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** `work` for 0 to `count` - 1, so many at once. */
export async function times(
  count: number,
  atOnce: number,
  work: (n: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

export function keyOf(answer: Answer): string {
  return answer.body.request.headers[KEY] as string;
}

/** So many slots by the API. */
export async function issue(service: Service, count: number, atOnce = 64): Promise<HandedOut> {
  const handedOut: HandedOut = new Map();
  await times(count, atOnce, async () => {
    const answer = await service.call('POST', '/v1/uploads', { body: ASK });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    handedOut.set(answer.body.id as string, keyOf(answer));
  });
  return handedOut;
}

/** The production services on the store of a folder, beside whatever else works on it. */
export async function servicesOf<T>(dir: string, work: (services: Services) => Promise<T>): Promise<T> {
  await using operated = await openServices(await loadOperated(environment(dir), undefined));
  return await work(operated.services);
}

/**
 * So many slots, straight into the store.
 * @param at the time that their intermediate key is of.
 */
export function insert(dir: string, count: number, at = Date.now()): Promise<HandedOut> {
  return servicesOf(dir, async (services) => {
    const { config, keks, store, targets } = services;
    const wrapper = openHierarchy(config, { keks, store, now: () => at, targets: () => targets });
    const handedOut: HandedOut = new Map();
    await times(count, 100, async () => {
      const { upload, request } = await issueUpload({ ...services, wrapper }, MAKER, ASK, undefined);
      handedOut.set(upload.id, request?.method === 'PUT' ? (request.headers[KEY] ?? '') : '');
    });
    wrapper.close();
    return handedOut;
  });
}

/** A slot with its object in S3. @returns its id. */
export async function upload(service: Service, handedOut: HandedOut): Promise<string> {
  const slot = await service.call('POST', '/v1/uploads', { body: ASK });
  assert.equal(slot.status, 201, JSON.stringify(slot.body));
  const id = slot.body.id as string;
  await arrive(service, id);
  handedOut.set(id, keyOf(slot));
  return id;
}

/** The object of a slot that is there. */
export async function arrive(service: Service, id: string): Promise<void> {
  const slot = await service.call('POST', `/v1/uploads/${id}/request`);
  assert.equal(slot.status, 200, JSON.stringify(slot.body));
  const { status, body } = await sendByFetch({ ...slot.body.request, body: BODY });
  assert.equal(status, 200, body.toString());
  const done = await service.call('POST', `/v1/uploads/${id}/complete`);
  assert.equal(done.status, 200, JSON.stringify(done.body));
}

export async function downloads(service: Service, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const { status, body } = await service.call('POST', `/v1/uploads/${id}/download`);
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual((await sendByFetch(body)).body, BODY);
  }
}

/** Every living key of the store, page by page. */
export async function* livingKeys({ store }: Pick<Services, 'store'>): AsyncGenerator<PlacedKey[]> {
  for (let after; ;) {
    const page: PlacedKey[] = await store.keys.page({ limit: PAGE, ...(after && { after }) });
    const last = page.at(-1);
    if (!last) return;
    yield page;
    after = { uploadId: last.upload.id, generation: last.generation };
  }
}

/** @returns the slots whose key does not open, or opens as another than the one handed out, or is not there at all. */
export function unreadable(dir: string, handedOut: HandedOut): Promise<string[]> {
  return servicesOf(dir, async ({ store, wrapper }) => {
    const missing = new Set(handedOut.keys());
    for await (const page of livingKeys({ store })) {
      await times(page.length, AT_ONCE, async (n) => {
        const { upload, generation, wrapped } = page[n]!;
        const key = await wrapper.unwrap(wrapped, placeOf(upload, generation)).catch(refusal);
        if (key?.bytes().toString('base64') === handedOut.get(upload.id)) missing.delete(upload.id);
      });
    }
    return [...missing];
  });
}

/** Only what is final: a keeper that does not answer says nothing of a key. */
function refusal(error: unknown): undefined {
  if (!(error instanceof KeyRefused || error instanceof KeyNotMine)) throw error;
}

export interface Load extends AsyncDisposable {
  /** Slots, new requests and downloads so far. */
  readonly answers: number;
  /** What was answered otherwise than it should be. */
  readonly wrong: readonly string[];
  /** Resolves when nobody asks any more. */
  stop(): Promise<void>;
}

/** Issues, asks for new requests and downloads, until it is stopped. New slots go into `handedOut`. */
export function load(service: Service, handedOut: HandedOut, uploaded: readonly string[], clients = 4): Load {
  const wrong: string[] = [];
  let answers = 0;
  let isStopped = false;
  const known = [...handedOut.keys()].filter((id) => !uploaded.includes(id));
  const pick = (from: readonly string[], n: number): string => from[(n * 7919) % from.length] ?? '';

  async function step(n: number): Promise<string | undefined> {
    if (n % 3 === 0) {
      const answer = await service.call('POST', '/v1/uploads', { body: ASK });
      if (answer.status !== 201) return `issue: ${answer.status} ${String(answer.body.code)}`;
      handedOut.set(answer.body.id as string, keyOf(answer));
    } else if (n % 3 === 1 && known.length > 0) {
      const id = pick(known, n);
      const answer = await service.call('POST', `/v1/uploads/${id}/request`);
      if (answer.status !== 200) return `request: ${answer.status} ${String(answer.body.code)}`;
      if (keyOf(answer) !== handedOut.get(id)) return `request: another key for ${id}`;
    } else if (uploaded.length > 0) {
      const id = pick(uploaded, n);
      const answer = await service.call('POST', `/v1/uploads/${id}/download`);
      if (answer.status !== 200) return `download: ${answer.status} ${String(answer.body.code)}`;
      if (answer.body.headers[KEY] !== handedOut.get(id)) return `download: another key for ${id}`;
    }
    answers += 1;
    return undefined;
  }

  async function client(first: number): Promise<void> {
    for (let n = first; !isStopped; n += clients) {
      const failure = await step(n).catch((error: unknown) => String(error));
      if (failure !== undefined) wrong.push(failure);
    }
  }

  const running = Array.from({ length: clients }, (_, n) => client(n));
  const stop = async (): Promise<void> => {
    isStopped = true;
    await Promise.all(running);
  };
  return {
    get answers() {
      return answers;
    },
    wrong,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
