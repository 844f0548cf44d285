import { clientHeaders } from '../../uploads/put-request.ts';
import { CustomerKey } from '../../custody/customer-key.ts';
import { type Asker, type Question, type Said } from '../ask.ts';
import type { PresignedForm } from '../../s3/port.ts';
import type { Canaries, Made } from '../canaries.ts';
import { about, type Finding } from '../finding.ts';
import { unexamined } from '../unexamined.ts';

/** What a slot would announce. */
export const CANARY = {
  contentType: 'text/plain',
  sha256: null,
  metadata: { canary: 'sealslot-doctor' },
} as const;
export const BODY = Buffer.from('A canary of sealslot doctor. It may be removed.\n');

/** What all steps of one conformance run share: whom they ask, for whom they speak, and the first canary, under its key. */
export class Trial {
  readonly asker: Asker;
  readonly subject: string;
  readonly key = CustomerKey.generate();
  readonly otherKey = CustomerKey.generate();
  /** The right upload; the first step makes it, later ones read it. */
  readonly objectKey: string;
  /** As `PUT` named it. */
  versionId: string | undefined;
  readonly #canaries: Canaries;
  readonly #signal: AbortSignal;

  constructor(options: { asker: Asker; canaries: Canaries; subject: string; signal: AbortSignal }) {
    this.asker = options.asker;
    this.subject = options.subject;
    this.#canaries = options.canaries;
    this.#signal = options.signal;
    this.objectKey = this.name('right');
  }

  get say() {
    return about(this.subject);
  }

  name(what: string): string {
    return this.#canaries.name(what);
  }

  /** The headers of a PUT as the service issues it. */
  headers(sha256: string | null = null): Record<string, string> {
    return clientHeaders({ ...CANARY, sha256 }, this.key);
  }

  /** @throws the signal's reason once it is aborted. A request that is under way is waited for: what it makes has to be known. */
  ask(question: Question): Promise<Said> {
    this.#signal.throwIfAborted();
    return this.asker.ask(question);
  }

  /** A PUT as the service issues it, but for `change`. */
  put(objectKey: string, change: Partial<Question> = {}): Promise<Said> {
    this.#signal.throwIfAborted();
    const usual = { method: 'PUT', upload: true, headers: this.headers(), body: BODY } as const;
    const question = { ...usual, objectKey, ...change };
    return this.asker.patiently(() => this.#canaries.put(objectKey, () => this.asker.askOnce(question)));
  }

  /** A form for one of the names, sent with a file. What comes of it may lie under any of `names`. */
  post(form: PresignedForm, file: Uint8Array<ArrayBuffer>, names: readonly string[]): Promise<Said> {
    this.#signal.throwIfAborted();
    const once = names.reduce<() => Promise<Said>>(
      (sent, objectKey) => () => this.#canaries.put(objectKey, sent),
      () => this.asker.postOnce(form, file),
    );
    return this.asker.patiently(once);
  }

  /** As `Canaries.make`; nothing is begun once the signal is aborted. */
  make<T extends Made>(objectKey: string, call: () => Promise<T>): Promise<T> {
    this.#signal.throwIfAborted();
    return this.#canaries.make(objectKey, call);
  }

  /** The first canary, as `download` asks for it. */
  get(method: 'GET' | 'HEAD', headers: Readonly<Record<string, string>>): Promise<Said> {
    return this.ask({ method, objectKey: this.objectKey, headers, query: this.version() });
  }

  version(): Record<string, string> {
    return this.versionId === undefined ? {} : { versionId: this.versionId };
  }

  /** For a question that was answered neither yes nor no, though one of the two would be unsafe. */
  unclear(check: string, said: Said): Finding {
    return unexamined(this.subject, check, said);
  }
}
