import type { Agent } from 'node:https';
import { endIdle } from '../idle-connections.ts';
import type { MiddlewareClient } from './whole-answers.ts';

/** As much of an SDK client as is needed here; those of S3 and KMS have different types. */
interface SendingClient {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- overloads of each client's own
  send: (command: any, options?: any) => any;
}

/** No answer came in the time that one call has, all its attempts together. */
class NoAnswerInTime extends Error {
  override readonly name = 'TimeoutError';
}

/**
 * Every call of this client ends within these milliseconds: the SDK's own timeouts are for one attempt, and between attempts it waits for
 * as long as the server asks it to. Of a call that streams a body, until the head of its answer has come.
 */
export function answerWithin(client: SendingClient, milliseconds: number): void {
  const send = client.send.bind(client) as (command: unknown, options: unknown) => Promise<unknown>;
  client.send = async (command: unknown, options: { abortSignal?: AbortSignal } = {}) => {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), milliseconds);
    const { abortSignal: left } = options;
    const abortSignal = left === undefined ? late.signal : AbortSignal.any([late.signal, left]);
    try {
      return await send(command, { ...options, abortSignal });
    } catch (error) {
      const isLate = late.signal.aborted && left?.aborted !== true;
      throw isLate ? new NoAnswerInTime(`no answer in ${milliseconds / 1000} s`) : error;
    } finally {
      clearTimeout(timer);
    }
  };
}

/** An attempt without an answer is the last on the connections of its time: the next has a new one. */
export function renewSilentConnections(client: MiddlewareClient, agent: Agent): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        return (await next(args)) as unknown;
      } catch (error) {
        if (error instanceof Error && isSilence(error)) endIdle(agent);
        throw error;
      }
    },
    { step: 'deserialize', priority: 'low', name: 'sealslotSilentConnections' },
  );
}

/** By the SDK's own names for its timeouts, and for the end of the time above. */
function isSilence({ name }: Error): boolean {
  return name === 'TimeoutError' || name === 'AbortError';
}
