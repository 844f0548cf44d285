import assert from 'node:assert/strict';
import type { Harness, Json } from '../../support/harness.ts';
import type { FakeObjectStore } from '../../support/fake-s3.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly text: string;
}

/** As `Harness.call`, for answers that may be content or nothing at all, whatever their type says. */
export async function ask(
  h: Harness,
  method: 'GET' | 'HEAD' | 'POST' | 'DELETE',
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const answer = await h.app.inject({ method, url, headers: { ...headers } });
  return {
    status: answer.statusCode,
    headers: answer.headers as Answer['headers'],
    text: answer.body,
  };
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

export const slotsIn = async (h: Harness, tenant = 'acme') =>
  (await h.store.uploads.list(tenant, { limit: 2000, now: h.clock.now })).length;

/** The paths of a problem's `errors`. */
export const pathsOf = (body: Json) => (body.errors as { path: string }[]).map(({ path }) => path);

/** A slot whose object has arrived and is verified. */
export async function uploaded(
  h: Harness,
  s3: FakeObjectStore,
  token: string,
  bytes: Uint8Array,
  asked: Readonly<Record<string, unknown>> = {},
): Promise<Json> {
  const body = { contentType: 'text/plain', size: bytes.length, ...asked };
  const made = await h.call('POST', '/v1/uploads', { token, body });
  assert.equal(made.status, 201, made.text);
  const { id, objectKey } = made.body as { id: string; objectKey: string };
  s3.put(objectKey, await h.customerKey('acme', id), { contentType: body.contentType }, { bytes });
  const done = await h.call('POST', `/v1/uploads/${id}/complete`, { token });
  assert.equal(done.status, 200, done.text);
  return done.body;
}
