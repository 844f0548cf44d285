import assert from 'node:assert/strict';
import type { Route } from '../../../src/http/route.ts';
import type { UploadState } from '../../../src/uploads/upload.ts';
import type { FakeObjectStore } from '../fake-s3.ts';
import type { Harness, Json } from '../harness.ts';
import type { Faults } from './faults.ts';
import type { Recorder, Sent } from './recorder.ts';
import { json, slotBody, type Scenario } from './scenarios.ts';
import { buriedAt } from '../../contract/store-rows.ts';

const PARTED = { ...slotBody, method: 'multipart' };
/** What is sent where `{}` would be refused. */
const BODIES: Readonly<Record<string, object>> = {
  createUpload: slotBody,
  createUploads: { uploads: [slotBody, slotBody, PARTED] },
  requestParts: { partNumbers: [1] },
  createGrant: { count: 2, metadata: { case: '4711' } },
};
const NEEDS_OBJECT = new Set(['downloadUpload', 'readContent', 'headContent', 'createLink']);

const isOfParts = ({ url }: Route): boolean => url.endsWith('/parts');

/** Plays scenarios, each on a slot of its own. */
export class Stage {
  readonly tokens: readonly string[];
  readonly #recorder: Recorder;
  readonly #inside: { h: Harness; objects: FakeObjectStore } | undefined;

  constructor(
    recorder: Recorder,
    tokens: readonly string[],
    inside?: { h: Harness; objects: FakeObjectStore },
  ) {
    this.#recorder = recorder;
    this.tokens = tokens;
    this.#inside = inside;
  }

  static async on(h: Harness, objects: FakeObjectStore, recorder: Recorder): Promise<Stage> {
    const few = await h.token('acme', ['objects:read'], 'few');
    return new Stage(recorder, [await h.token(), few], { h, objects });
  }

  async play(
    route: Route,
    { name, fault, state, change, inProcess }: Scenario,
    faults?: Faults,
  ): Promise<void> {
    const usual = inProcess === true && NEEDS_OBJECT.has(route.operationId) ? 'uploaded' : 'issued';
    const { id, key } = await this.#slotIn(
      state ?? usual,
      name,
      isOfParts(route) && (state ?? usual) === 'issued' ? PARTED : slotBody,
    );
    const sent: Sent = {
      method: route.method,
      path: route.url.replace(':id', id),
      headers: {
        authorization: `Bearer ${this.tokens[0] ?? ''}`,
        ...(route.operationId === 'createUpload' && { 'idempotency-key': id }),
        ...(route.body && json),
      },
      ...(route.body && { body: JSON.stringify(BODIES[route.operationId] ?? {}) }),
    };
    const changed = change?.(sent, key) ?? sent;
    const last = await this.#as(changed, name);
    if (faults) faults.now = fault;
    try {
      await this.#recorder.send(name, route.operationId, last);
      if (name === 'repeated') await this.#recorder.send(name, route.operationId, last);
    } finally {
      if (faults) faults.now = undefined;
    }
  }

  /** `few` and `grant` stand for credentials that are not at hand where scenarios are written. */
  async #as(sent: Sent, name: string): Promise<Sent> {
    const { authorization } = sent.headers;
    if (authorization !== 'few' && authorization !== 'grant') return sent;
    const token = authorization === 'few' ? this.tokens[1] : await this.#grant(name);
    return { ...sent, headers: { ...sent.headers, authorization: `Bearer ${token ?? ''}` } };
  }

  async #grant(name: string): Promise<string> {
    const { status, body } = await this.#recorder.send(`making a grant for ${name}`, 'createGrant', {
      method: 'POST',
      path: '/v1/grants',
      headers: { ...json, authorization: `Bearer ${this.tokens[0] ?? ''}` },
      body: JSON.stringify(BODIES['createGrant']),
    });
    assert.equal(status, 201);
    return String((body as { token: unknown }).token);
  }

  async #slotIn(state: UploadState, name: string, ask: object): Promise<{ id: string; key: string }> {
    const headers = { ...json, authorization: `Bearer ${this.tokens[0] ?? ''}` };
    const send = (operation: string, method: string, path: string, body?: unknown) =>
      this.#recorder.send(`making a slot for ${name}`, operation, {
        method,
        path,
        headers: body === undefined ? { authorization: headers.authorization } : headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    const made = await send('createUpload', 'POST', '/v1/uploads', ask);
    assert.equal(made.status, 201);
    const slot: Json = made.body;
    const id = String(slot.id);
    const key = String(slot.request.headers?.['x-amz-server-side-encryption-customer-key'] ?? '');
    if (state === 'deleting' || state === 'deleted')
      await send('deleteUpload', 'DELETE', `/v1/uploads/${id}`);
    if (this.#inside === undefined) return { id, key };

    const { h, objects } = this.#inside;
    if (state === 'uploaded' || state === 'rejected') {
      const facts = { size: state === 'uploaded' ? 5 : 6, contentType: slotBody.contentType };
      objects.put(String(slot.objectKey), await h.customerKey('acme', id), facts);
      await send('completeUpload', 'POST', `/v1/uploads/${id}/complete`, {});
    }
    if (state === 'expired') await h.store.uploads.update(id, ['issued'], { state });
    if (state === 'deleted') {
      const { urlEndsAt } = (await h.store.uploads.get('acme', id)) ?? { urlEndsAt: 0 };
      assert.ok(await h.store.uploads.bury(id, { urlEndsAt }, buriedAt(h.clock.now)));
    }
    assert.equal((await h.store.uploads.get('acme', id))?.state, state);
    return { id, key };
  }
}
