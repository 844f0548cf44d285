import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { startKms, type TestKms } from '../support/kms.ts';
import { waitUntil } from '../support/processes.ts';
import { startService, type Answer, type Service } from '../support/service.ts';
import { ASK, custodyOf, issue, kmsWrapper, times } from './support-custody.ts';

const SLOTS = 10_000;
const MAX_AGE_SECONDS = 5;

const kms = await available(startKms);

interface Ready {
  readonly status: number;
  readonly checks: Readonly<Record<string, string>>;
}

async function ready({ adminUrl }: Service): Promise<Ready> {
  const answer = await fetch(`${adminUrl}/readyz`);
  return { ...((await answer.json()) as Ready), status: answer.status };
}

const ask = (service: Service): Promise<Answer> => service.call('POST', '/v1/uploads', { body: ASK });

/** Asks until the answer is another, which is soon, or the cache outlives its age. @returns that, and how many came before it. */
async function untilNot(service: Service, status: number): Promise<{ answer: Answer; before: number }> {
  let before = 0;
  let answer = await ask(service);
  const anotherAnswer = async (): Promise<boolean> => {
    if (answer.status !== status) return true;
    before += 1;
    answer = await ask(service);
    return false;
  };
  await waitUntil(`another answer than ${status}`, anotherAnswer, { timeoutMs: 3000 * MAX_AGE_SECONDS });
  return { answer, before };
}

function isUnavailable({ status, headers, body }: Answer): void {
  assert.equal(status, 503, JSON.stringify(body));
  assert.equal(body.dependency, 'custody');
  assert.match(headers.get('retry-after') ?? '', /^[1-9][0-9]*$/);
  assert.equal(body.request, undefined);
}

describe('serve with AWS KMS', { skip: kms.skip, timeout: 300_000 }, () => {
  after(() => kms.stop());

  async function custody(options: { hierarchy?: object } = {}): Promise<{ kek: string; custody: string }> {
    const kek = await kms.get().createKey();
    const wrappers = { kms: kmsWrapper(kms.get(), kek) };
    return { kek, custody: custodyOf({ current: 'kms', wrappers, ...options }) };
  }

  const operations = (from: TestKms): string =>
    Object.entries(Object.groupBy(from.calls(), ({ operation }) => operation))
      .map(([operation, calls]) => `${calls?.length} ${operation}`)
      .join(', ');

  it(`issues ${SLOTS} slots with at most 10 calls of KMS, probes and scrapes among them`, async (t) => {
    kms.get().forget();
    await using service = await startService({ custody: (await custody({ hierarchy: {} })).custody });
    t.diagnostic(`the start, until ready: ${operations(kms.get())}`);
    kms.get().forget();
    let probes = 0;
    const began = Date.now();
    await times(SLOTS / 500, 1, async () => {
      await issue(service, 500);
      assert.equal((await ready(service)).status, 200);
      assert.equal((await fetch(`${service.adminUrl}/metrics`)).status, 200);
      probes += 1;
    });
    const calls = kms.get().count();
    t.diagnostic(
      `${SLOTS} slots in ${Date.now() - began} ms, ${probes} probes and scrapes: ${calls} calls (${operations(kms.get())})`,
    );
    assert.ok(kms.get().count('Encrypt') >= 1, 'control: calls are counted');
    assert.ok(calls <= 10, `${calls} calls`);
    await service.stop();
  });

  it('KMS cut: goes on for the cache’s age, then fails closed, and heals by itself', async (t) => {
    const hierarchy = { maxAgeSeconds: MAX_AGE_SECONDS };
    await using service = await startService({ custody: (await custody({ hierarchy })).custody });
    const first = await ask(service);
    assert.equal(first.status, 201);
    await kms.get().cut();
    try {
      const cut = Date.now();
      const { answer, before } = await untilNot(service, 201);
      t.diagnostic(
        `${before} slots in ${Date.now() - cut} ms after the cut, with maxAgeSeconds ${MAX_AGE_SECONDS}`,
      );
      assert.ok(before > 0, 'it goes on at first');
      isUnavailable(answer);
      isUnavailable(await service.call('POST', `/v1/uploads/${String(first.body.id)}/request`));
      await waitUntil('not ready', async () => (await ready(service)).status === 503);
      assert.deepEqual((await ready(service)).checks, { store: 'ok', custody: 'failed', draining: 'no' });
    } finally {
      await kms.get().mend();
    }
    await waitUntil('ready', async () => (await ready(service)).status === 200);
    assert.equal((await ask(service)).status, 201);
    await service.stop();
  });

  for (const [how, options] of [
    ['with', { hierarchy: {} }],
    ['without', {}],
  ] as const) {
    it(`started while KMS is cut, ${how} hierarchy: comes up, hands out nothing, and heals by itself`, async () => {
      const { custody: section } = await custody(options);
      await kms.get().cut();
      try {
        await using service = await startService({ custody: section, mayBeUnready: true });
        const { status, checks } = await ready(service);
        assert.deepEqual([status, checks['custody']], [503, 'failed']);
        assert.equal((await fetch(`${service.adminUrl}/livez`)).status, 200);
        isUnavailable(await ask(service));
        assert.deepEqual((await service.call('GET', '/v1/uploads')).body.uploads, []);
        await kms.get().mend();
        await waitUntil('ready', async () => (await ready(service)).status === 200);
        await issue(service, 10);
        await service.stop();
      } finally {
        await kms.get().mend();
      }
    });
  }

  describe('the right to the KEK is taken away', () => {
    it('without hierarchy: the next slot is refused', async () => {
      const { kek, custody: section } = await custody();
      await using service = await startService({ custody: section });
      const first = await ask(service);
      assert.equal(first.status, 201);
      kms.get().refuse(kek);
      isRefused(await ask(service));
      isRefused(await service.call('POST', `/v1/uploads/${String(first.body.id)}/request`));
      kms.get().allow(kek);
      assert.equal((await ask(service)).status, 201);
      await service.stop();
    });

    it('with hierarchy: within the cache’s age, also under a load that never pauses', async (t) => {
      const hierarchy = { maxAgeSeconds: MAX_AGE_SECONDS };
      const { kek, custody: section } = await custody({ hierarchy });
      await using service = await startService({ custody: section });
      const first = await ask(service);
      assert.equal(first.status, 201);
      kms.get().refuse(kek);
      const refusedAt = Date.now();
      const { answer, before } = await untilNot(service, 201);
      t.diagnostic(`${before} slots in ${Date.now() - refusedAt} ms after the refusal`);
      isRefused(answer);
      isRefused(await service.call('POST', `/v1/uploads/${String(first.body.id)}/request`));
      await waitUntil('not ready', async () => (await ready(service)).status === 503);
      kms.get().allow(kek);
      await waitUntil('ready', async () => (await ready(service)).status === 200);
      assert.equal((await ask(service)).status, 201);
      await service.stop();
    });
  });
});

/** An operator has to act, so no caller is told to try again. */
function isRefused({ status, body }: Answer): void {
  assert.equal(status, 500, JSON.stringify(body));
  assert.equal(body.code, 'key_unusable');
  assert.equal(body.request, undefined);
}
