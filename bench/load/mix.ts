import { randomBytes, randomUUID } from 'node:crypto';
import type { Ask, Reply } from './http.ts';

/** What a load is made of. `replay` sends a creation once more, as clients do that lost the answer. */
export const KINDS = ['create', 'createOnce', 'replay', 'get', 'request', 'list'] as const;
export type Kind = (typeof KINDS)[number];
export type Weights = Readonly<Partial<Record<Kind, number>>>;

/** Mostly new slots, half of them with an `Idempotency-Key`, and what their makers ask next. */
export const USUAL: Weights = { create: 3, createOnce: 3, replay: 0.5, get: 2, request: 1, list: 0.5 };

/** So many of the newest slots are asked for. */
const REMEMBERED = 5_000;

export interface Mixed extends Ask {
  readonly kind: Kind;
  /** Told the answer, so that later asks can name what this one made. */
  learn(reply: Reply): void;
}

/** `create=3,get=2` @throws when it is not of this form. */
export function parseWeights(text: string): Weights {
  const entries = text.split(',').map((part) => {
    const [kind = '', weight = ''] = part.split('=');
    if (!(KINDS as readonly string[]).includes(kind) || !(Number(weight) > 0))
      throw new Error(`${part}: must be one of ${KINDS.join(', ')}, then = and a number above 0`);
    return [kind, Number(weight)] as const;
  });
  return Object.fromEntries(entries);
}

/** Asks by chance, as often as their weights say. @param random from 0 to below 1. */
export class Mix {
  readonly #table: readonly (readonly [kind: Kind, upTo: number])[];
  readonly #total: number;
  readonly #random: () => number;
  readonly #ids = new Ring<string>(REMEMBERED);
  readonly #creations = new Ring<Ask>(REMEMBERED);

  constructor(weights: Weights, random: () => number = Math.random) {
    let total = 0;
    this.#table = KINDS.flatMap((kind) => {
      const weight = weights[kind] ?? 0;
      total += weight;
      return weight > 0 ? [[kind, total] as const] : [];
    });
    if (total === 0) throw new Error('a mix needs a kind');
    this.#total = total;
    this.#random = random;
  }

  next(): Mixed {
    const at = this.#random() * this.#total;
    const [kind] = this.#table.find(([, upTo]) => at < upTo) ?? this.#table[0] ?? ['create' as const];
    return this.#ask(kind);
  }

  /** What has nothing to name yet is a creation. */
  #ask(kind: Kind): Mixed {
    switch (kind) {
      case 'create':
        return this.#create(kind, {});
      case 'createOnce':
        return this.#create(kind, { 'idempotency-key': randomUUID() });
      case 'replay': {
        const earlier = this.#creations.any(this.#random);
        return earlier ? { ...earlier, kind, learn: () => undefined } : this.#ask('createOnce');
      }
      case 'list':
        return { kind, method: 'GET', path: '/v1/uploads?limit=50', learn: () => undefined };
      case 'get':
      case 'request': {
        const id = this.#ids.any(this.#random);
        if (id === undefined) return this.#ask('createOnce');
        const [method, path] = kind === 'get' ? ['GET', ''] : ['POST', '/request'];
        return { kind, method, path: `/v1/uploads/${id}${path}`, learn: () => undefined };
      }
    }
  }

  #create(kind: Kind, headers: Readonly<Record<string, string>>): Mixed {
    const ask: Ask = {
      method: 'POST',
      path: '/v1/uploads',
      headers,
      body: JSON.stringify({
        filename: `Invoice ${randomBytes(6).toString('hex')}.pdf`,
        contentType: 'application/pdf',
        size: 1 + Math.floor(this.#random() * 5_000_000),
        sha256: randomBytes(32).toString('base64'),
        metadata: { 'customer-number': randomBytes(4).toString('hex'), department: 'accounts' },
      }),
    };
    return {
      ...ask,
      kind,
      learn: ({ status, body }) => {
        if (status !== 201) return;
        this.#ids.add((JSON.parse(body) as { id: string }).id);
        if (kind === 'createOnce') this.#creations.add(ask);
      },
    };
  }
}

/** The newest few of many. */
class Ring<T> {
  readonly #items: T[] = [];
  readonly #size: number;
  #at = 0;

  constructor(size: number) {
    this.#size = size;
  }

  add(item: T): void {
    this.#items[this.#at] = item;
    this.#at = (this.#at + 1) % this.#size;
  }

  any(random: () => number): T | undefined {
    return this.#items[Math.floor(random() * this.#items.length)];
  }
}
