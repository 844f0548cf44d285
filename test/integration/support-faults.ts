import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import type { FaultProxy, Fault } from '../support/fault-proxy.ts';
import { waitUntil } from '../support/processes.ts';
import type { Answer, Service } from '../support/service.ts';
import { BODY, livingKeys, servicesOf, unreadable, type HandedOut } from './support-custody.ts';
import { sendByFetch } from './support-clients.ts';

/** What stands behind the service, by the name that its problems have for it. */
export type Dependency = 's3' | 'custody' | 'jwks' | 'store';

/** Of what the proxied dependency has to answer in; seconds. */
export const TIMEOUT_SECONDS = 1;
/** For two busy cores: what has a timeout of its own that nobody configured, 5 s or more, is found all the same. */
const MARGIN_MS = 3_500;

const KEY = 'x-amz-server-side-encryption-customer-key';
const ASK = { contentType: 'text/plain', size: BODY.length };
const MIB = 1024 * 1024;
const MULTIPART = { contentType: 'text/plain', size: 6 * MIB, partSize: 5 * MIB, method: 'multipart' };

export interface FaultWorld {
  service: Service;
  /** Customer keys by slot, as far as they were handed out in headers. */
  readonly handedOut: HandedOut;
  /** Slots that were answered. */
  readonly answered: Set<string>;
}

/** Slots in each state, made while all is well: a round of calls changes some of them. */
interface Slots {
  readonly replayed: { readonly key: string; readonly id: string };
  readonly issued: string;
  readonly arrived: string;
  readonly uploaded: string;
  readonly rekeyed: string;
  readonly doomed: string;
  readonly unbegun: string;
  readonly begun: string;
  readonly link: string;
  readonly grant: string;
}

export interface Call<S = unknown> {
  readonly name: string;
  readonly needs: readonly Dependency[];
  readonly ok: number;
  readonly ask: (world: FaultWorld, slots: S) => Promise<Answer>;
}

const CUSTODY = ['custody', 'store'] as const;
const S3 = ['s3', ...CUSTODY] as const;
const STORE = ['store'] as const;

/** Every kind of call, and what it needs. The store is asked for the API key too. */
const CALLS: readonly Call<Slots>[] = [
  call('a slot', 201, CUSTODY, (world) => create(world, ASK)),
  call('a slot again by its Idempotency-Key', 201, CUSTODY, (world, { replayed }) =>
    create(world, ASK, { 'idempotency-key': replayed.key }),
  ),
  call('a batch', 201, CUSTODY, async (world) => {
    const answer = await world.service.call('POST', '/v1/uploads/batch', { body: { uploads: [ASK, ASK] } });
    for (const slot of answer.status === 201 ? answer.body.uploads : []) keep(world, slot);
    return answer;
  }),
  call('a slot by a grant', 201, CUSTODY, (world, { grant }) =>
    create(world, ASK, { authorization: `Bearer ${grant}` }),
  ),
  call('a request', 200, CUSTODY, ({ service }, { issued }) => post(service, `${issued}/request`)),
  call('first parts', 200, S3, ({ service }, { unbegun }) =>
    post(service, `${unbegun}/parts`, { partNumbers: [1] }),
  ),
  call('more parts', 200, CUSTODY, ({ service }, { begun }) =>
    post(service, `${begun}/parts`, { partNumbers: [1, 2] }),
  ),
  call('the list of parts', 200, S3, ({ service }, { begun }) => get(service, `${begun}/parts`)),
  call('complete', 200, S3, ({ service }, { arrived }) => post(service, `${arrived}/complete`)),
  call('complete again', 200, STORE, ({ service }, { uploaded }) => post(service, `${uploaded}/complete`)),
  call('a download', 200, CUSTODY, ({ service }, { uploaded }) => post(service, `${uploaded}/download`)),
  call('content', 200, S3, ({ service, ...world }, { uploaded }) =>
    read({ service, ...world }, `/v1/uploads/${uploaded}/content`),
  ),
  call('HEAD of content', 200, S3, ({ service }, { uploaded }) =>
    service.call('HEAD', `/v1/uploads/${uploaded}/content`),
  ),
  call('a link', 201, STORE, ({ service }, { uploaded }) => post(service, `${uploaded}/links`)),
  call('content by a link', 200, S3, (world, { link }) => read(world, link)),
  call('a slot’s state', 200, STORE, ({ service }, { issued }) => get(service, issued)),
  call('a page of the list', 200, STORE, ({ service }) => service.call('GET', '/v1/uploads?limit=5')),
  call('a re-key', 202, CUSTODY, ({ service }, { rekeyed }) => post(service, `${rekeyed}/rekey`)),
  call('DELETE', 202, STORE, ({ service }, { doomed }) => service.call('DELETE', `/v1/uploads/${doomed}`)),
  call('a grant', 201, STORE, ({ service }) => service.call('POST', '/v1/grants', { body: { count: 100 } })),
  call('an S3 event', 202, STORE, ({ service }) => service.call('POST', '/v1/events/s3', { body: EVENT })),
  call('the document', 200, [], ({ service }) => service.call('GET', '/openapi.json')),
  call('liveness', 200, [], ({ service }) => admin(service, '/livez')),
  call('metrics', 200, [], ({ service }) => admin(service, '/metrics')),
];

const EVENT = {
  Records: [
    { eventName: 's3:ObjectCreated:Put', s3: { bucket: { name: 'uploads' }, object: { key: 'nobody’s' } } },
  ],
};

function call(name: string, ok: number, needs: readonly Dependency[], ask: Call<Slots>['ask']): Call<Slots> {
  return { name, ok, needs, ask };
}

const post = (service: Service, path: string, body?: object): Promise<Answer> =>
  service.call('POST', `/v1/uploads/${path}`, { body });
const get = (service: Service, path: string): Promise<Answer> => service.call('GET', `/v1/uploads/${path}`);

export async function admin(service: Service, path: string): Promise<Answer> {
  const { status, headers, ...answer } = await fetch(service.adminUrl + path).then(async (got) => ({
    status: got.status,
    headers: got.headers,
    text: await got.text(),
  }));
  const isJson = headers.get('content-type')?.includes('json') === true;
  return { status, headers, body: isJson ? JSON.parse(answer.text) : answer.text };
}

async function create(
  world: FaultWorld,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const answer = await world.service.call('POST', '/v1/uploads', { body, headers });
  if (answer.status === 201) keep(world, answer.body);
  return answer;
}

function keep(world: FaultWorld, slot: Answer['body']): void {
  world.answered.add(slot.id as string);
  const key = slot.request.headers?.[KEY] as string | undefined;
  if (key !== undefined) world.handedOut.set(slot.id as string, key);
}

/** An object is no JSON. */
async function read({ service }: FaultWorld, path: string): Promise<Answer> {
  const answer = await fetch(service.url + path, { headers: { authorization: `Bearer ${service.token}` } });
  const text = await answer.text();
  if (answer.status === 200) assert.equal(text, BODY.toString());
  return {
    status: answer.status,
    headers: answer.headers,
    body: answer.status === 200 ? text : JSON.parse(text),
  };
}

/** What is only prepared, while all is well: a busy machine may outlast the short timeouts that these services have. */
async function prepared(ask: () => Promise<Answer>): Promise<Answer> {
  for (let left = 10; ; left -= 1) {
    const answer = await ask();
    if (answer.status !== 503 || left === 0) return answer;
  }
}

let made = 0;

/** What a round of calls is about. */
export async function makeSlots(world: FaultWorld): Promise<Slots> {
  const { service } = world;
  made += 1;
  const key = `round-${made}`;
  const slot = async (body: object, headers = {}): Promise<Answer['body']> => {
    const answer = await prepared(() => create(world, body, headers));
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body;
  };
  const arrived = async (): Promise<string> => {
    const { id, request } = await slot(ASK);
    assert.equal((await sendByFetch({ ...request, body: BODY })).status, 200);
    return id as string;
  };
  const uploaded = async (): Promise<string> => {
    const id = await arrived();
    assert.equal((await prepared(() => post(service, `${id}/complete`))).status, 200);
    return id;
  };
  const begun = (await slot(MULTIPART)).id as string;
  const parts = await prepared(() => post(service, `${begun}/parts`, { partNumbers: [1] }));
  assert.equal(parts.status, 200);
  const read = await uploaded();
  const rekeyed = await uploaded();
  // It gets another.
  world.handedOut.delete(rekeyed);
  const link = await prepared(() => post(service, `${read}/links`));
  assert.equal(link.status, 201, JSON.stringify(link.body));
  const grant = await prepared(() => service.call('POST', '/v1/grants', { body: { count: 100 } }));
  assert.equal(grant.status, 201, JSON.stringify(grant.body));
  return {
    replayed: { key, id: (await slot(ASK, { 'idempotency-key': key })).id as string },
    issued: (await slot(ASK)).id as string,
    arrived: await arrived(),
    uploaded: read,
    rekeyed,
    doomed: await uploaded(),
    unbegun: (await slot(MULTIPART)).id as string,
    begun,
    link: link.body.url as string,
    grant: grant.body.token as string,
  };
}

export interface Round<S> {
  readonly proxy: FaultProxy;
  readonly fault: Fault;
  /** What the fault makes unusable; undefined where all is survived. */
  readonly down: Dependency | undefined;
  readonly calls: readonly Call<S>[];
  /** Of the dependency. */
  readonly timeoutSeconds: number;
}

/** A round of every kind of call. */
export async function round(
  world: FaultWorld,
  options: Pick<Round<Slots>, 'proxy' | 'fault' | 'down'>,
): Promise<void> {
  const slots = await makeSlots(world);
  await rounds(world, slots, { ...options, calls: CALLS, timeoutSeconds: TIMEOUT_SECONDS });
}

/** All calls at once while the fault lasts, and all again when it is mended, until all is as it was. */
export async function rounds<S>(
  world: FaultWorld,
  slots: S,
  { proxy, fault, down, calls, timeoutSeconds }: Round<S>,
): Promise<void> {
  await proxy.fail(fault);
  const wrong = await Promise.all(
    calls.map(async ({ name, needs, ok, ask }) => {
      const isNeeded = down !== undefined && needs.includes(down);
      const asked = ask(world, slots).then((answer) =>
        isNeeded ? refusalIn(answer, down) : otherThan(ok, answer),
      );
      const mistake = await inTime(asked, timeoutSeconds * 1000 + MARGIN_MS);
      return mistake === undefined ? [] : [`${name}: ${mistake}`];
    }),
  );
  assert.deepEqual(wrong.flat(), []);
  await proxy.mend();
  for (const { name, ok, ask } of calls)
    await waitUntil(
      `${name}, now that ${fault} is over`,
      async () => (await ask(world, slots)).status === ok,
    );
}

/** @returns what is wrong with it as a refusal of a call that needs what is down. */
function refusalIn({ status, headers, body }: Answer, down: Dependency): string | undefined {
  // The answer to HEAD has no body.
  const said = body === undefined ? { code: 'dependency_unavailable', dependency: down } : body;
  const isRefusal = status === 503 && said.code === 'dependency_unavailable' && said.dependency === down;
  if (!isRefusal) return `${status} ${JSON.stringify(body)}`;
  return /^[1-9]\d*$/.test(headers.get('retry-after') ?? '') ? undefined : 'no Retry-After';
}

function otherThan(ok: number, { status, body }: Answer): string | undefined {
  return status === ok ? undefined : `${status} ${JSON.stringify(body)}`;
}

async function inTime(asked: Promise<string | undefined>, ms: number): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer in ${ms / 1000} s`), ms);
  });
  return Promise.race([asked, late]).finally(() => clearTimeout(timer));
}

/** Readiness as it says it, when it has come to say this. */
export async function readiness(service: Service, status: 200 | 503, checks: object): Promise<void> {
  let last: unknown;
  await waitUntil(`readiness ${status} ${JSON.stringify(checks)}`, async () => {
    const answer = await inTimeOrThrow(admin(service, '/readyz'));
    last = answer.body;
    return answer.status === status;
  });
  assert.deepEqual((last as { checks: object }).checks, {
    store: 'ok',
    custody: 'ok',
    draining: 'no',
    ...checks,
  });
}

async function inTimeOrThrow(asked: Promise<Answer>): Promise<Answer> {
  const got = { answer: undefined as Answer | undefined };
  const late = await inTime(
    asked.then((answer) => {
      got.answer = answer;
      return undefined;
    }),
    TIMEOUT_SECONDS * 1000 + MARGIN_MS,
  );
  if (got.answer === undefined) throw new Error(late);
  return got.answer;
}

/**
 * No slot without its key, none that nobody was told of, and none lost that somebody was.
 * @param mayHaveLostAnswers of a store that may commit without being able to say so: such a slot is whole too, and its Idempotency-Key finds it.
 */
export async function allWhole(
  { service, handedOut, answered }: FaultWorld,
  { mayHaveLostAnswers = false } = {},
): Promise<void> {
  assert.deepEqual(await unreadable(service.dir, handedOut), []);
  const stored = await servicesOf(service.dir, async (services) => {
    const ids: string[] = [];
    for await (const page of livingKeys(services)) ids.push(...page.map(({ upload }) => upload.id));
    return new Set(ids);
  });
  if (!mayHaveLostAnswers)
    assert.deepEqual(without(stored, answered), [], 'slots that were made by calls without an answer');
  assert.deepEqual(without(answered, stored), [], 'answered slots without a key');
  for (let path = '/v1/uploads?limit=100'; ;) {
    const { status, body } = await prepared(() => service.call('GET', path));
    assert.equal(status, 200);
    for (const slot of body.uploads) assert.ok(stored.has(slot.id as string), JSON.stringify(slot));
    if (body.nextCursor === undefined) break;
    path = `/v1/uploads?limit=100&cursor=${body.nextCursor}`;
  }
}

const without = (these: ReadonlySet<string>, those: ReadonlySet<string>): string[] =>
  [...these].filter((id) => !those.has(id));

export const handles = async ({ pid }: Service): Promise<number> => (await readdir(`/proc/${pid}/fd`)).length;

/** Sockets to clients and dependencies that are kept alive come and go; what leaks adds up. */
const FEW_HANDLES = 40;

export async function noMoreHandles(service: Service, before: number): Promise<void> {
  let now = 0;
  await waitUntil(`about ${before} handles`, async () => {
    now = await handles(service);
    return now <= before + FEW_HANDLES;
  });
}

/** It ends by itself with 0, so nothing was left unhandled, and has said nothing but its log. */
export async function endsWell(service: Service, signal?: NodeJS.Signals): Promise<void> {
  await service.stop(signal);
  assert.equal(service.stderr(), '');
}

/** Changes settings in the folder of a service. */
export async function configure(dir: string, settings: Readonly<Record<string, unknown>>): Promise<void> {
  const file = join(dir, 'sealslot.yaml');
  const document = parseDocument(await readFile(file, 'utf8'));
  for (const [path, value] of Object.entries(settings)) document.setIn(path.split('.'), value);
  await writeFile(file, String(document));
}

/** For grants and links, which every one of these services has. */
export const FAULT_YAML = `grants: { secretFiles: [secret] }
content: { linkSecretFiles: [link-secret] }
jobs: { intervalSeconds: 1 }
`;

export async function writeSecrets(dir: string): Promise<void> {
  await writeFile(join(dir, 'secret'), 'a secret of the tests, for grants alone', { mode: 0o600 });
  await writeFile(join(dir, 'link-secret'), 'a secret of the tests, for links alone', { mode: 0o600 });
}
