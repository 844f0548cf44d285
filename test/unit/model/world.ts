import { mkdtempSync, existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import type { Principal, Scope } from '../../../src/access/principal.ts';
import { SealslotError } from '../../../src/errors.ts';
import { openSqliteStore } from '../../../src/store/adapters/sqlite.ts';
import type { Store } from '../../../src/store/port.ts';
import { Crash } from '../../crash/crash-point.ts';
import { examine } from './invariants.ts';
import { startLife, type Life, type Setup, type Surroundings } from './life.ts';
import { ModelS3 } from './s3.ts';
import type { Body, Once, Slot } from './truth.ts';

export type Answer<T> = { readonly value: T } | { readonly code: string };

/** One store for all runs: a real one, on a disk that need not last. */
export class Disk {
  readonly #dir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sealslot-model-'));
  #store: Store | undefined;
  #runs = 0;

  /** @returns the store, empty, and a tenant that it has not seen. */
  async fresh(): Promise<{ store: Store; tenant: string }> {
    // As a command has it: with a thread that writes, the order of things would be another in each run.
    this.#store ??= await openSqliteStore({ path: this.#path, exclusive: false });
    const db = new DatabaseSync(this.#path);
    for (const table of ['outbox', 'idempotency', 'keys', 'wrapped_keys', 'uploads'])
      db.exec(`DELETE FROM ${table}`);
    db.close();
    this.#runs += 1;
    return { store: this.#store, tenant: `tenant-${this.#runs}` };
  }

  get #path(): string {
    return join(this.#dir, 'sealslot.db');
  }

  async remove(): Promise<void> {
    await this.#store?.close();
    rmSync(this.#dir, { recursive: true });
  }
}

/** What a run acts on, and what it knows of it. */
export class World {
  readonly s3 = new ModelS3();
  readonly clock = { now: Date.parse('2027-01-31T12:00:00Z') };
  readonly store: Store;
  readonly setup: Setup;
  readonly tenant: string;
  /** In the order of their making; never shortened. */
  readonly slots: Slot[] = [];
  /** Begun and not yet over. */
  readonly bodies: Body[] = [];
  readonly idempotent = new Map<string, Once>();
  readonly violations: string[] = [];
  life: Life;
  steps = 0;
  readonly #around: Surroundings;

  constructor({ store, tenant }: { store: Store; tenant: string }, setup: Setup) {
    this.store = store;
    this.tenant = tenant;
    this.setup = setup;
    this.s3.versioned = setup.versioned;
    const destroying = (id: string) => this.#requireProof(id);
    this.#around = { store, s3: this.s3, clock: this.clock, tenant, setup, destroying };
    this.life = startLife(this.#around);
  }

  as(id: 'maker' | 'stranger' | 'deleter'): Principal {
    const scopes: Scope[] = id === 'deleter' ? ['objects:delete'] : ['uploads:write', 'events:write'];
    return { tenant: this.tenant, id: `key:${id}`, scopes: new Set(scopes) };
  }

  get foreigner(): Principal {
    return { ...this.as('deleter'), tenant: `${this.tenant}-foreign` };
  }

  slotAt(index: number): Slot | undefined {
    return this.slots.length === 0 ? undefined : this.slots[index % this.slots.length];
  }

  /** A call of a caller: what it answers, or the code of its refusal. Anything else that is thrown is a bug. */
  async ask<T>(call: () => Promise<T>): Promise<Answer<T>> {
    try {
      return { value: await call() };
    } catch (error) {
      if (error instanceof Crash) return { code: 'crash' };
      // The service has no slot whose key it cannot open and has not destroyed.
      if (error instanceof SealslotError && error.code !== 'key_unusable') return { code: error.code };
      throw error;
    }
  }

  /** One command: what it set off has ended, and everything is looked at, before the next. */
  async step(act: () => Promise<void>): Promise<void> {
    this.steps += 1;
    await act();
    await this.#settled();
    if (this.life.isCrashed()) await this.restart();
    if (this.life.surprises.length > 0) throw this.life.surprises[0];
    await examine(this);
  }

  async restart(): Promise<void> {
    await this.life.jobs.stop();
    this.s3.proven.clear();
    this.life = startLife(this.#around);
  }

  /** Nothing here waits for a device: what has begun has ended when the event loop comes round. */
  async #settled(): Promise<void> {
    await setImmediate();
    await setImmediate();
  }

  #requireProof(id: string): void {
    const slot = this.slots.find((one) => one.id === id);
    if (slot === undefined) this.violations.push(`the key of ${id} goes, which nobody knows`);
    else if (!this.s3.proven.has(slot.objectKey)) this.violations.push(`the key of ${id} goes without proof`);
  }
}
