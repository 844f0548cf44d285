import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { trust } from '../../integration/support-clients.ts';
import { makeCa } from '../../support/ca.ts';
import { waitUntil } from '../../support/processes.ts';
import { startReceiver, type Receiver } from '../../support/receiver.ts';
import { startService, type Service } from '../../support/service.ts';
import { startStubS3, type StubS3 } from '../../support/stub-s3.ts';
import { describeHistory } from './figures.ts';
import { clock, Recorder, type History } from './history.ts';
import { Load } from './load.ts';
import { endLeases, readStored, storeOpener, type Scope } from './stored.ts';
import { violationsOf } from './violations.ts';

const CLIENTS = 8;
/** A round is killed after at most so many acknowledgements. */
const MOST_ACKNOWLEDGED = 50;
/** The kill itself comes at some moment after the last of them, in microseconds. */
const MOST_AFTER_US = 4000;
/** How many more calls those are given that live on. */
const MOST_SURVIVED = 20;
/** Before the database comes back. */
const LEAST_REFUSED = 8;
const PATIENT = { timeoutMs: 120_000 };
const BUCKET = 'uploads';

/** Of the tables as they are, around the adapters. */
export interface RowCheck {
  /** Slot ids of keys whose slot is not there. */
  keysWithoutSlot(): Promise<string[]>;
  /** All else that would make the store unsound: each is a line. */
  faults(): Promise<string[]>;
}

export interface WorldOptions {
  /** How many replicas serve at once. */
  readonly replicas: number;
  /** The section `store`; SQLite unless given. */
  readonly store?: string;
  readonly rows: (dir: string) => RowCheck;
}

/** What outlives a service: its folder or database, its S3, the receiver of its messages, and what its clients know. */
export class World implements AsyncDisposable {
  readonly recorder = new Recorder();
  readonly #dir: string;
  readonly #options: WorldOptions;
  readonly #s3: StubS3;
  readonly #receiver: Receiver;
  readonly #rows: RowCheck;
  readonly #replicas: (Service | undefined)[];
  readonly #load: Load;
  #inStore!: Awaited<ReturnType<typeof storeOpener>>;
  /** When the two latest rounds began, in milliseconds since the epoch. */
  #began: readonly [number, number] = [0, 0];
  /** Slot ids by marker, as earlier checks found them: also those that nobody was told of. */
  readonly #seen = new Map<string, Set<string>>();

  private constructor(dir: string, options: WorldOptions, s3: StubS3, receiver: Receiver) {
    this.#dir = dir;
    this.#options = options;
    this.#s3 = s3;
    this.#receiver = receiver;
    this.#rows = options.rows(dir);
    this.#replicas = Array.from({ length: options.replicas }, () => undefined);
    this.#load = new Load(this.recorder, () => this.#replicas);
  }

  static async make(options: WorldOptions): Promise<World> {
    await using stack = new AsyncDisposableStack();
    const dir = await mkdtemp(join(tmpdir(), 'sealslot-history-'));
    stack.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
    const ca = await makeCa(join(dir, 'tls'));
    trust(ca.caPem);
    const s3 = stack.use(await startStubS3({ ca }));
    await s3.createBucket(BUCKET);
    const receiver = stack.use(await startReceiver(ca));
    for (const name of ['grant-secret', 'hook-secret'])
      await writeFile(join(dir, name), `whsec_${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    const world = new World(dir, options, s3, receiver);
    // An orderly end writes Node's compile cache, which makes the restarts quicker.
    await (await world.#start()).stop();
    world.#inStore = await storeOpener(dir);
    stack.move();
    return world;
  }

  /** Until all replicas that are dead serve again. */
  async revive(): Promise<void> {
    await Promise.all(
      this.#replicas.map(async (service, replica) => {
        this.#replicas[replica] = service ?? (await this.#start());
      }),
    );
  }

  /**
   * One round: clients call until some of the replicas, or all, are killed after a random number of acknowledgements, and those that live on a
   * little longer. Then what the round touched is checked.
   */
  async killRound(): Promise<void> {
    await this.revive();
    this.#began = [this.#began[1], Date.now()];
    const victims = this.#victims();
    let kill: Promise<void> | undefined;
    let left = randomInt(1, MOST_ACKNOWLEDGED);
    let isDead = false;
    let isOver = false;
    const acknowledged = (count: number): void => {
      left -= count;
      if (left > 0) return;
      if (isDead) isOver = true;
      kill ??= this.#kill(victims).then(() => {
        isDead = true;
        left = randomInt(1, MOST_SURVIVED);
      });
    };
    await this.#clients(acknowledged, () => isOver || this.#replicas.every((one) => one === undefined));
    await kill;
    await this.checkTouched();
  }

  /**
   * One round: clients call, the database goes away after a random number of answers and, when calls have been refused for it, comes back. The
   * replicas go on: when each has served again, some more calls are made, and what was touched is checked.
   */
  async outageRound(database: { stop(): Promise<void>; start(): Promise<void> }): Promise<void> {
    await this.revive();
    this.#began = [this.#began[1], Date.now()];
    const { recorder } = this;
    let isOver = false;
    let left = 0;
    let reached: (() => void) | undefined;
    const clients = this.#clients(
      (count) => {
        left -= count;
        if (left <= 0) reached?.();
      },
      () => isOver,
    );
    const someAnswers = (): Promise<void> =>
      new Promise((resolve) => {
        left = randomInt(1, MOST_ACKNOWLEDGED);
        reached = resolve;
      });
    const outage = async (): Promise<void> => {
      await someAnswers();
      const from = clock();
      // Until it is over nobody knows when that will be.
      const outage = { from, to: Infinity };
      recorder.outages.push(outage);
      const refused = recorder.refused;
      await database.stop();
      await waitUntil('calls are refused', () => recorder.refused >= refused + LEAST_REFUSED, PATIENT);
      await database.start();
      const backAt = clock();
      const serves = (replica: number): boolean => (recorder.servedAt.get(replica) ?? 0) > backAt;
      await waitUntil('each replica serves again', () => [...this.#replicas.keys()].every(serves), PATIENT);
      outage.to = clock();
      await someAnswers();
    };
    try {
      await Promise.race([outage(), clients]);
    } finally {
      isOver = true;
      await clients;
    }
    await this.checkTouched();
  }

  /** Clients until `isOver`. A failure that is no answer ends it. */
  async #clients(acknowledged: (count: number) => void, isOver: () => boolean): Promise<void> {
    const client = async (): Promise<void> => {
      while (!isOver()) {
        const { refused } = this.recorder;
        acknowledged(await this.#load.step());
        // As the answer asks them to, if not for as long.
        if (this.recorder.refused > refused) await delay(randomInt(20, 200));
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
  }

  #victims(): number[] {
    const all = [...this.#replicas.keys()];
    if (all.length === 1 || randomInt(3) === 0) return all;
    return [randomInt(all.length)];
  }

  async #kill(victims: readonly number[]): Promise<void> {
    await Promise.all(
      victims.map(async (replica) => {
        await delay(randomInt(MOST_AFTER_US) / 1000);
        const service = this.#replicas[replica];
        this.#replicas[replica] = undefined;
        this.recorder.kills.push({ replica, at: clock() });
        await service?.kill();
      }),
    );
  }

  /**
   * What was touched in the latest two rounds: a database may end what a client that was killed had begun, and it is there when the round
   * is over.
   */
  checkTouched(): Promise<void> {
    const { calls, ...times } = this.recorder.touched();
    const markers = calls.flatMap(({ ask }) => (ask.kind === 'create' ? [ask.order.marker] : []));
    const seen = new Set(markers.flatMap((marker) => [...(this.#seen.get(marker) ?? [])]));
    return this.#check({ calls, ...times }, { since: this.#began[0], alsoIds: seen });
  }

  async #check(history: History, scope: Scope): Promise<void> {
    const stored = await this.#inStore(async (services) => ({
      ...(await readStored(services, history, scope)),
      keysWithoutSlot: scope.since === 0 ? await this.#rows.keysWithoutSlot() : [],
    }));
    for (const { id, marker } of stored.slots)
      if (marker !== null) this.#seen.set(marker, (this.#seen.get(marker) ?? new Set()).add(id));
    const violations = violationsOf(history, stored);
    assert.deepEqual(violations, [], `${violations.length} violations`);
  }

  /**
   * After the last round: what is remembered is asked for again, messages are delivered, and all is checked.
   * @returns the figures, in words.
   */
  async end(): Promise<string> {
    await this.#inStore(endLeases);
    await this.revive();
    await this.#load.replayAll();
    const told = (): Set<string> => new Set(this.#receiver.received.map(({ body }) => String(slotIn(body))));
    const completed = this.recorder
      .all()
      .calls.flatMap(({ ask, answer }) =>
        ask.kind === 'complete' && answer?.status === 200 ? [ask.slotId] : [],
      );
    await waitUntil('every upload is told of', () => isSubset(completed, told()), PATIENT);
    for (const service of this.#replicas) await service?.stop();
    this.#replicas.fill(undefined);
    await this.#check(this.recorder.all(), { since: 0, alsoIds: new Set() });
    assert.deepEqual(await this.#rows.faults(), []);
    return this.figures();
  }

  /** What has been checked so far, in words. */
  figures(): string {
    const slots = [...this.#seen.values()].reduce((sum, ids) => sum + ids.size, 0);
    return describeHistory(this.recorder.all(), slots);
  }

  #start(): Promise<Service> {
    const hook =
      `{ url: "https://localhost:${this.#receiver.port}/hook", secretFiles: [hook-secret], caFile: tls/ca.crt, ` +
      'allowedAddresses: [127.0.0.0/8, "::1/128"] }';
    const { store } = this.#options;
    return startService({
      dir: this.#dir,
      s3: { name: 'minio', source: 'in this process', ...this.#s3 },
      // Nothing ends by itself while this runs.
      tenant: `methods: [PUT, multipart], slotSeconds: 604800, urlSeconds: { min: 1, default: 86400, max: 604800 }, webhooks: { crm: ${hook} }`,
      yaml: 'grants: { secretFiles: [grant-secret] }\n',
      ...(store !== undefined && { store }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const service of this.#replicas) await service?.kill();
    await this.#s3.stop();
    await this.#receiver[Symbol.asyncDispose]();
    await rm(this.#dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

const isSubset = (some: readonly string[], all: ReadonlySet<string>): boolean =>
  some.every((one) => all.has(one));

function slotIn(body: string): unknown {
  return (JSON.parse(body) as { data: { id: string } }).data.id;
}
