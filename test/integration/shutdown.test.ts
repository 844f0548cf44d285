import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { waitUntil } from '../support/processes.ts';
import { setUp, startService, type Service } from '../support/service.ts';
import { temporaryFolder } from './support-custody.ts';
import { admin, configure, endsWell } from './support-faults.ts';

const ASK = { contentType: 'text/plain', size: 5 };

describe('the end of the service', { timeout: 120_000 }, () => {
  let silent: Server;
  before(async () => {
    silent = createServer((socket) => void socket.on('error', () => undefined).resume());
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
  });
  after(() => silent.close());

  async function served(
    shutdown: object,
    work: (service: Service) => Promise<void>,
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    await using folder = await temporaryFolder();
    await setUp(folder.path, { dir: folder.path });
    await configure(folder.path, { shutdown, ...more });
    await using service = await startService({ dir: folder.path });
    await work(service);
  }

  it('after SIGTERM, readiness says so while all is answered, and then it ends', async () => {
    await served({ drainSeconds: 3 }, async (service) => {
      const before = await service.call('POST', '/v1/uploads', { body: ASK });
      assert.equal(before.headers.get('connection'), 'keep-alive');
      // A second SIGTERM would end it at once.
      const ended = endsWell(service);
      await waitUntil('readiness to say so', async () => (await admin(service, '/readyz')).status === 503);
      const { checks } = (await admin(service, '/readyz')).body as { checks: object };
      assert.deepEqual(checks, { store: 'ok', custody: 'ok', draining: 'yes' });
      const answers = await Promise.all([
        service.call('POST', '/v1/uploads', { body: ASK }),
        service.call('GET', '/v1/nothing'),
      ]);
      assert.deepEqual(
        answers.map(({ status, headers }) => [status, headers.get('connection')]),
        [
          [201, 'close'],
          [404, 'close'],
        ],
        'the next request goes elsewhere',
      );
      await ended;
      assert.match(service.stdout(), /"msg":"ended"/);
    });
  });

  it('after SIGINT it ends at once', async () => {
    await served({ drainSeconds: 300 }, async (service) => {
      await endsWell(service, 'SIGINT');
      assert.doesNotMatch(service.stdout(), /answering on/);
    });
  });

  it('what takes longer than its grace is cut', async () => {
    const endpoint = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const hanging = { 's3.targets.main.endpoint': endpoint, 's3.targets.main.timeoutSeconds': 60 };
    await served(
      { graceSeconds: 1 },
      async (service) => {
        const { body: slot } = await service.call('POST', '/v1/uploads', { body: ASK });
        const asked = once(silent, 'connection');
        const completing = service.call('POST', `/v1/uploads/${slot.id}/complete`).catch(() => 'cut');
        await asked;
        await endsWell(service);
        assert.equal(await completing, 'cut');
        assert.match(service.stdout(), /ends with requests or jobs in hand/);
      },
      hanging,
    );
  });
});
