import assert from 'node:assert/strict';
import { afterEach, describe, it, mock } from 'node:test';
import { answerWithin } from '../../../src/aws/deadline.ts';
import { targetOn } from '../s3/answering.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));
/** More than a call takes to arrive, or it would run out of the time that is let pass here. */
const TURNS_OF_A_CALL = 50;
afterEach(() => mock.timers.reset());

describe('the time of a call by an SDK client', () => {
  it('is that of all attempts together, whatever the server asks to wait for', async () => {
    const { target, seen } = await targetOn((_seen, response) =>
      response.writeHead(503, { 'retry-after': '3600' }).end(),
    );
    mock.timers.enable({ apis: ['setTimeout'] });
    const asked = target.tags.get({ bucket: 'b', objectKey: 'k', versionId: null });
    const failing = assert.rejects(asked, ({ cause }: Error) => {
      assert.equal((cause as Error).message, 'TimeoutError: no answer in 10 s');
      return true;
    });
    while (seen.length < 1) await turn();
    while (seen.length < 2) {
      for (let n = 0; n < TURNS_OF_A_CALL && seen.length < 2; n += 1) await turn();
      if (seen.length < 2) mock.timers.tick(500);
    }
    mock.timers.tick(10_000);
    await failing;
  });

  it('ends with the answer, so that a body may take longer', async () => {
    let signal: AbortSignal | undefined;
    const client = {
      send: async (_command: unknown, options: { abortSignal: AbortSignal }) => {
        signal = options.abortSignal;
        return 'the head';
      },
    };
    answerWithin(client, 10);
    mock.timers.enable({ apis: ['setTimeout'] });
    assert.equal(await client.send('command', {} as never), 'the head');
    mock.timers.tick(20);
    assert.equal(signal?.aborted, false);
  });

  it('leaves the failure of a caller who has left as it is, and hears of it after the answer too', async () => {
    const left = new AbortController();
    let signal: AbortSignal | undefined;
    const client = {
      send: (_command: unknown, options: { abortSignal: AbortSignal }) => {
        signal = options.abortSignal;
        return Promise.resolve('the head');
      },
    };
    answerWithin(client, 1000);
    assert.equal(await client.send('command', { abortSignal: left.signal }), 'the head');
    left.abort(new Error('left'));
    assert.equal((signal?.reason as Error).message, 'left');
    const gone = new Error('gone');
    const failing = { send: () => Promise.reject(gone) };
    answerWithin(failing, 1000);
    await assert.rejects(failing.send(), gone);
  });
});
