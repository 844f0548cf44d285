import { request as httpRequest, type Agent } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { TargetConfig } from '../config/config.ts';
import type { PresignedForm, S3Target, SignRequest } from '../s3/port.ts';

/** One request to S3, signed by the service's own presigner, as a client would send it. */
export interface Question {
  readonly method: SignRequest['method'];
  /** Sent in place of what was signed: a browser's preflight goes to the URL of the request that is to follow. */
  readonly sendMethod?: 'OPTIONS';
  /** `''` asks of the bucket itself. */
  readonly objectKey?: string;
  /** Signed. A sub-resource has an empty value: `{versions: ''}`. */
  readonly query?: Readonly<Record<string, string>>;
  /** Signed; sent too, unless `send` says otherwise. Names in lower case. A `content-length` is signed in place of the body's. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What is sent in place of the signed headers. */
  readonly send?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** 60 unless given. */
  readonly expiresInSeconds?: number;
  /** Milliseconds since the epoch; now unless given. */
  readonly signedAt?: number;
  /** Signed with what uploads are signed with. */
  readonly upload?: boolean;
  /** Sent without the signature, as anybody could who knows the address. */
  readonly unsigned?: true;
}

/** What S3 said. Never logged or printed whole: headers may name the key. */
export interface Said {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** At most 64 KiB: a longer answer is none. */
  readonly body: string;
  /** `<Code>` of S3's error, else `''`. */
  readonly code: string;
}

const LONGEST_BODY = 64 * 1024;
const TIMEOUT_MS = 10_000;
/** Before a busy S3 is asked again. */
const PAUSE_MS = 300;

export interface AskerOptions {
  readonly target: S3Target;
  readonly bucket: string;
  readonly agent: Agent;
  readonly now: () => number;
  /** Once aborted, nothing more is asked. What is under way is waited for: what it makes has to be known. */
  readonly signal?: AbortSignal;
  /** The target's settings, for `s3api`; AWS unless given. */
  readonly settings?: Pick<TargetConfig, 'endpoint' | 'caFile'>;
  /** Waits so many milliseconds; a timer unless given. */
  readonly pause?: (milliseconds: number) => Promise<unknown>;
}

/**
 * Asks one bucket. Rejects only when no answer comes: with Node's error, whose `code` tells why, or with the signal's reason.
 */
export class Asker {
  readonly bucket: string;
  readonly target: S3Target;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly #agent: Agent;
  readonly #signal: AbortSignal | undefined;
  readonly #pause: (milliseconds: number) => Promise<unknown>;
  readonly #settings: AskerOptions['settings'];

  constructor(options: AskerOptions) {
    this.bucket = options.bucket;
    this.target = options.target;
    this.now = options.now;
    this.#agent = options.agent;
    this.#signal = options.signal;
    this.#pause = options.pause ?? delay;
    this.#settings = options.settings;
  }

  /** What an operator types to tell this very server something about this bucket; without its address it would go to AWS. */
  s3api(command: string, rest = ''): string {
    return s3api(this.bucket, this.#settings, command, rest);
  }

  ask(question: Question): Promise<Said> {
    return this.patiently(() => this.askOnce(question));
  }

  /** Once more, a moment later, when S3 is too busy to say yes or no. */
  async patiently(send: () => Promise<Said>): Promise<Said> {
    const said = await send();
    if (said.status !== 429 && said.status !== 503) return said;
    await this.#pause(PAUSE_MS);
    return send();
  }

  /** For what has to be noted each time that it is sent. */
  async askOnce(question: Question): Promise<Said> {
    this.#signal?.throwIfAborted();
    const { method, objectKey = '', query = {}, headers = {}, body } = question;
    const presigner = question.upload === true ? this.target.uploadPresigner : this.target.presigner;
    const window = await presigner.open(question.expiresInSeconds ?? 60, question.signedAt ?? this.now());
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    const url = window.sign({
      method,
      bucket: this.bucket,
      objectKey,
      headers: { ...length, ...headers },
      query,
    });
    return send(
      question.unsigned === true ? withoutSignature(url, query) : url,
      question.sendMethod ?? method,
      { ...(question.send ?? headers), ...length },
      body,
      this.#agent,
    );
  }

  /** Sends a form once, as an HTML page does it, its file last. */
  async postOnce({ url, fields }: PresignedForm, file: Uint8Array<ArrayBuffer>): Promise<Said> {
    this.#signal?.throwIfAborted();
    const data = new FormData();
    for (const [name, value] of Object.entries(fields)) data.append(name, value);
    data.append('file', new Blob([file]), 'canary.txt');
    const form = new Response(data);
    const body = new Uint8Array(await form.arrayBuffer());
    const headers = {
      'content-type': form.headers.get('content-type') ?? '',
      'content-length': String(body.length),
    };
    return send(url, 'POST', headers, body, this.#agent);
  }
}

/** Path and host stay exactly as they were signed. */
function withoutSignature(url: string, query: Readonly<Record<string, string>>): string {
  const [address = ''] = url.split('?');
  const rest = new URLSearchParams(query).toString();
  return rest === '' ? address : `${address}?${rest}`;
}

/** @param settings of the target; AWS unless given. */
export function s3api(
  bucket: string,
  settings: AskerOptions['settings'],
  command: string,
  rest = '',
): string {
  const address = settings === undefined ? '' : reach(settings);
  return `aws s3api ${command} --bucket ${bucket}${address} ${rest}`.trim();
}

function reach({ endpoint, caFile }: Pick<TargetConfig, 'endpoint' | 'caFile'>): string {
  if (/\.amazonaws\.com(\.cn)?$/.test(endpoint.hostname)) return '';
  return ` --endpoint-url ${endpoint.origin}${caFile === undefined ? '' : ` --ca-bundle ${caFile}`}`;
}

/** One HTTPS request, without retries or redirects. */
export function send(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array | undefined,
  agent: Agent,
): Promise<Said> {
  return new Promise((resolve, reject) => {
    const call = httpRequest(url, { method, headers: { ...headers }, agent }, (answer) => {
      const chunks: Buffer[] = [];
      let length = 0;
      answer.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > LONGEST_BODY) call.destroy(noAnswer('the answer is far too long', 'EMSGSIZE'));
      });
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const flat = Object.entries(answer.headers).map(([name, value]) => [name, [value].flat().join(', ')]);
        resolve({
          status: answer.statusCode ?? 0,
          headers: Object.fromEntries(flat) as Record<string, string>,
          body: text,
          code: element(text, 'Code') ?? '',
        });
      });
    });
    // In all, not between two bytes: some answers never end.
    const late = setTimeout(() => call.destroy(noAnswer('no whole answer in 10 s', 'ETIMEDOUT')), TIMEOUT_MS);
    call.on('close', () => clearTimeout(late));
    call.on('error', reject);
    call.end(body);
  });
}

const noAnswer = (message: string, code: string): Error => Object.assign(new Error(message), { code });

/** Taken, refused, or neither: the 503 of a busy server says nothing about what it would do. */
export function verdict({ status }: Pick<Said, 'status'>): 'taken' | 'refused' | 'unclear' {
  if (status >= 200 && status < 300) return 'taken';
  const busy = status === 408 || status === 429;
  return (status >= 400 && status < 500 && !busy) || status === 501 ? 'refused' : 'unclear';
}

/** Status and code, for a finding: `403 AccessDenied`. The code is S3's own word, so its length and letters are bounded. */
export function answerOf({ status, code }: Pick<Said, 'status' | 'code'>): string {
  return /^[A-Za-z]{1,64}$/.test(code) ? `${status} ${code}` : String(status);
}

/** The text of the first `<name>` in S3's XML, whose few fields that matter here hold no markup. */
export function element(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

export type TargetFacts = Pick<TargetConfig, 'endpoint' | 'publicEndpoint' | 'region' | 'pathStyle' | 'ca'>;
