import { randomInt, randomUUID } from 'node:crypto';
import { sendByFetch } from '../../integration/support-clients.ts';
import type { Answer, Service } from '../../support/service.ts';
import { acknowledgementOf, slotsIn } from './answers.ts';
import type { Ask, Order, Recorder } from './history.ts';

const CONTENTS = Buffer.from('abc');
const SLOTS_OF_A_GRANT = 3;
/** Far longer than any timeout of the service: a call that takes longer hangs, and counts as cut off. */
const HANGS_MS = 60_000;
/** How many keyed orders are remembered to be asked for again. */
const REMEMBERED = 60;

/** A slot that a client was told of; `sent` when its object lies in S3. */
interface Known {
  readonly id: string;
  readonly method: Order['method'];
  readonly put: { readonly url: string; readonly headers: Record<string, string> } | undefined;
  stage: 'issued' | 'sent' | 'uploaded' | 'removing';
}

interface Grant {
  readonly id: string;
  readonly token: string;
  readonly unit: string;
}

/** Replicas by number; undefined is one that is dead. */
export type Replicas = readonly (Service | undefined)[];

/** What all clients know. It outlives the service. */
export class Load {
  readonly recorder: Recorder;
  readonly #replicas: () => Replicas;
  readonly #slots: Known[] = [];
  readonly #grants: Grant[] = [];
  /** Keyed orders with the bearer token they were made by, for another call of the same. */
  readonly #keyed: { readonly order: Order; readonly unit: string; readonly token: string | undefined }[] =
    [];
  #orders = 0;

  /** @param replicas those that may be called now. */
  constructor(recorder: Recorder, replicas: () => Replicas) {
    this.recorder = recorder;
    this.#replicas = replicas;
  }

  /** One step of a client, at random. @returns how many calls of it were acknowledged, or refused for a reason. */
  async step(): Promise<number> {
    const dice = randomInt(100);
    if (dice < 16) return this.#order({});
    if (dice < 32) return this.#order({ isKeyed: true });
    if (dice < 40) return this.#twice({ count: randomInt(1, 3), isKeyed: true });
    if (dice < 50) return this.#again();
    if (dice < 58) return this.#order({ count: randomInt(2, 6), isKeyed: dice % 2 === 0 });
    if (dice < 64) return this.#order({ method: 'multipart' });
    if (dice < 68) return this.#mint();
    if (dice < 78) return this.#byGrant();
    return this.#withSlot();
  }

  /** Every keyed order that the clients still know, once more. */
  async replayAll(): Promise<void> {
    for (const one of this.#keyed.splice(0)) await this.#send(one);
  }

  async #order(what: Partial<Pick<Order, 'count' | 'method'>> & { isKeyed?: boolean }): Promise<number> {
    return this.#send(this.#make(what));
  }

  /** Two at once with one Idempotency-Key. */
  async #twice(what: { count: number; isKeyed: true }): Promise<number> {
    const one = this.#make(what);
    const [first, second] = await Promise.all([this.#send(one), this.#send(one)]);
    return first + second;
  }

  async #again(): Promise<number> {
    const one = this.#keyed[randomInt(this.#keyed.length + 1)];
    return one === undefined ? this.#order({ isKeyed: true }) : this.#send(one);
  }

  async #byGrant(): Promise<number> {
    const grant = this.#grants[randomInt(this.#grants.length + 1)];
    if (grant === undefined) return this.#mint();
    const one = this.#make({ count: randomInt(1, 3), isKeyed: randomInt(2) === 0 }, grant);
    return this.#send(one);
  }

  #make(
    { count = 1, method = 'PUT', isKeyed = false }: Partial<Order> & { isKeyed?: boolean },
    grant?: Grant,
  ) {
    this.#orders += 1;
    const marker = `order-${this.#orders}`;
    const idempotencyKey = isKeyed ? randomUUID() : undefined;
    const order: Order = { marker, count, method, idempotencyKey, grantId: grant?.id };
    const one = { order, unit: grant?.unit ?? marker, token: grant?.token };
    if (isKeyed) this.#keyed.push(one);
    if (this.#keyed.length > REMEMBERED) this.#keyed.shift();
    return one;
  }

  async #send({
    order,
    unit,
    token,
  }: {
    order: Order;
    unit: string;
    token: string | undefined;
  }): Promise<number> {
    const { marker, count, method, idempotencyKey } = order;
    const ask = { filename: marker, contentType: 'text/plain', size: CONTENTS.length, method };
    const known = await this.#call({ kind: 'create', order }, unit, (service) =>
      service.call('POST', count === 1 ? '/v1/uploads' : '/v1/uploads/batch', {
        body: count === 1 ? ask : { uploads: Array.from({ length: count }, () => ask) },
        headers: {
          ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
      }),
    );
    if (known?.status !== 201 || known.isReplay === true) return known === undefined ? 0 : 1;
    // What is made by a grant, its bearer does things with; that is shown elsewhere.
    if (token === undefined)
      for (const slot of known.requests) this.#slots.push({ ...slot, method, stage: 'issued' });
    return 1;
  }

  async #mint(): Promise<number> {
    const unit = `grant-${(this.#orders += 1)}`;
    let token = '';
    const answer = await this.#call({ kind: 'mint', count: SLOTS_OF_A_GRANT }, unit, async (service) => {
      const said = await service.call('POST', '/v1/grants', {
        body: { count: SLOTS_OF_A_GRANT, expiresInSeconds: 3600 },
      });
      token = String(said.body?.token);
      return said;
    });
    if (answer?.grantId !== undefined) this.#grants.push({ id: answer.grantId, token, unit });
    if (this.#grants.length > 4) this.#grants.shift();
    return answer === undefined ? 0 : 1;
  }

  /** A slot is taken while something is done with it, and put back at the stage that is certain. */
  async #withSlot(): Promise<number> {
    const [slot] = this.#slots.splice(randomInt(this.#slots.length + 1), 1);
    if (slot === undefined) return this.#order({});
    const kind = nextOf(slot);
    if (kind === 'complete' && slot.stage === 'issued') {
      if (!(await isPut(slot))) throw new Error(`S3 did not take the object of ${slot.id}`);
      slot.stage = 'sent';
    }
    if (kind === 'remove') slot.stage = 'removing';
    const path = `/v1/uploads/${slot.id}`;
    const answer = await this.#call({ kind, slotId: slot.id }, this.recorder.unitOf(slot.id), (service) =>
      kind === 'remove'
        ? service.call('DELETE', path)
        : service.call('POST', `${path}/${kind}`, kind === 'parts' ? { body: { partNumbers: [1] } } : {}),
    );
    if (kind === 'complete' && answer?.status === 200) slot.stage = 'uploaded';
    // One that is gone is asked about no more.
    if (kind !== 'remove' || answer?.status !== 202) this.#slots.push(slot);
    return answer === undefined ? 0 : 1;
  }

  async #call(ask: Ask, unit: string, send: (service: Service) => Promise<Answer>) {
    const alive = this.#replicas().flatMap((service, replica) => (service ? [{ service, replica }] : []));
    const chosen = alive[randomInt(Math.max(alive.length, 1))];
    if (chosen === undefined) return undefined;
    let answer: Answer | undefined;
    const acknowledgement = await this.recorder.record(ask, unit, chosen.replica, async () => {
      answer = await within(HANGS_MS, send(chosen.service));
      return acknowledgementOf(ask, answer);
    });
    return acknowledgement && { ...acknowledgement, requests: requestsOf(answer) };
  }
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function nextOf({ stage, method }: Known): 'request' | 'parts' | 'complete' | 'remove' {
  if (stage === 'removing') return 'remove';
  const dice = randomInt(10);
  if (stage === 'sent') return 'complete';
  if (stage === 'uploaded') return dice < 5 ? 'remove' : 'complete';
  if (dice < 2) return 'remove';
  if (method === 'multipart') return 'parts';
  return dice < 6 ? 'request' : 'complete';
}

async function isPut({ put }: Known): Promise<boolean> {
  if (put === undefined) return false;
  // 412: it has arrived before.
  return [200, 412].includes((await sendByFetch({ method: 'PUT', ...put, body: CONTENTS })).status);
}

function requestsOf(answer: Answer | undefined): Pick<Known, 'id' | 'put'>[] {
  return slotsIn(answer?.body).map(({ id, request }) => ({
    id: String(id),
    put: request?.method === 'PUT' ? { url: request.url, headers: request.headers } : undefined,
  }));
}
