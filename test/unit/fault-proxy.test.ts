import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { faultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { waitUntil } from '../support/processes.ts';

/** What the tests of faults stand on. */
describe('the fault proxy', { timeout: 60_000 }, () => {
  // Says everything back, and how much that is in all.
  const echo = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => socket.write(chunk));
  });
  let proxy: FaultProxy;
  const clients: Client[] = [];

  class Client {
    readonly socket: Socket;
    got = '';
    ended: string | undefined;

    constructor() {
      this.socket = connect(proxy.port, '127.0.0.1');
      this.socket.setEncoding('utf8').on('data', (text: string) => (this.got += text));
      this.socket.on('error', (error: NodeJS.ErrnoException) => (this.ended = error.code));
      this.socket.on('close', () => (this.ended ??= 'closed'));
      clients.push(this);
    }

    static async connected(): Promise<Client> {
      const client = new Client();
      await once(client.socket, 'connect');
      return client;
    }

    async says(text: string): Promise<void> {
      const before = this.got.length;
      this.socket.write(text);
      await waitUntil(text, () => this.got.slice(before) === text);
    }
  }

  before(async () => {
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
    proxy = await faultProxy(`https://localhost:${(echo.address() as AddressInfo).port}`);
  });
  after(async () => {
    for (const { socket } of clients) socket.destroy();
    await proxy[Symbol.asyncDispose]();
    echo.close();
  });

  it('passes all on', async () => {
    assert.equal(proxy.endpoint.href, `https://localhost:${proxy.port}/`);
    const before = proxy.connections();
    const client = await Client.connected();
    await client.says('hello');
    assert.equal(proxy.connections(), before + 1);
  });

  it('cut: ends what is open, and refuses', async () => {
    const open = await Client.connected();
    await open.says('hello');
    await proxy.fail('cut');
    await waitUntil('the end', () => open.ended !== undefined);
    const late = new Client();
    await waitUntil('the refusal', () => late.ended === 'ECONNREFUSED');
    await proxy.mend();
    await (await Client.connected()).says('again');
  });

  it('half-open: takes connections and all that is sent, and says nothing, also where it has spoken before', async () => {
    const open = await Client.connected();
    await open.says('hello');
    await proxy.fail('half-open');
    const before = proxy.connections();
    const late = await Client.connected();
    await waitUntil('its line', () => proxy.connections() === before + 1);
    for (const client of [open, late]) client.socket.write('lost');
    await proxy.mend();
    const again = await Client.connected();
    await again.says('again');
    assert.deepEqual([open.got, open.ended, late.got, late.ended], ['hello', undefined, '', undefined]);
  });

  it('blackhole: leaves connects without an answer, and what is open too', async () => {
    const open = await Client.connected();
    await open.says('hello');
    await proxy.fail('blackhole');
    open.socket.write('lost');
    const late = new Client();
    // A refusal would be here before the mending is.
    await proxy.mend();
    const again = await Client.connected();
    await again.says('again');
    assert.deepEqual([open.got, open.ended, late.got], ['hello', undefined, '']);
  });

  it('slow: a byte at a time, and the rest when it is mended', async () => {
    const open = await Client.connected();
    await proxy.fail('slow');
    open.socket.write('0123456789');
    await waitUntil('a byte', () => open.got !== '');
    assert.ok(open.got.length < 5, open.got);
    await proxy.mend();
    await waitUntil('all', () => open.got === '0123456789');
    await open.says('again');
  });

  it('reset: breaks off in the middle', async () => {
    const open = await Client.connected();
    await proxy.fail('reset', 7);
    const late = await Client.connected();
    for (const client of [open, late]) client.socket.write('0123456789');
    await waitUntil('the resets', () => open.ended === 'ECONNRESET' && late.ended === 'ECONNRESET');
    for (const client of [open, late]) assert.ok('0123456'.startsWith(client.got), client.got);
    await proxy.mend();
    await (await Client.connected()).says('again');
  });
});
