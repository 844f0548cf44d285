import { connect, type Socket } from 'node:net';

const HEAD_END = '\r\n\r\n';
const LENGTH = /\r\ncontent-length: (\d+)/i;

/**
 * One kept-alive HTTP connection that sends the same bytes again and again, one request at a time. It reads of an answer what tells where it ends, no
 * more: all else would take the CPU of the machine that both sides share.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #request: Buffer;
  readonly #onAnswer: () => void;
  readonly #onFailure: (error: Error) => void;
  readonly #status: number;
  #part: Buffer | undefined;
  #left = 0;
  #isWaiting = false;
  #isClosed = false;

  constructor(
    url: URL,
    ask: { readonly request: Buffer; readonly status: number },
    on: { readonly answer: () => void; readonly failure: (error: Error) => void },
  ) {
    this.#request = ask.request;
    this.#status = ask.status;
    this.#onAnswer = on.answer;
    this.#onFailure = on.failure;
    this.#socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#socket.on('error', (error) => this.#fail(error.message));
    this.#socket.on('close', () => this.#fail('the connection was closed'));
  }

  send(): void {
    this.#isWaiting = true;
    this.#socket.write(this.#request);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    if (!this.#isWaiting) this.#fail('an answer that nobody asked for');
    else if (this.#left > 0) this.#body(chunk.length);
    else this.#begin(this.#part === undefined ? chunk : Buffer.concat([this.#part, chunk]));
  }

  #begin(bytes: Buffer): void {
    const end = bytes.indexOf(HEAD_END);
    this.#part = end === -1 ? bytes : undefined;
    if (end === -1) return;
    const head = bytes.toString('latin1', 0, end);
    const [, length] = LENGTH.exec(head) ?? [];
    if (Number(head.slice(9, 12)) !== this.#status) {
      this.#fail(
        `not ${this.#status}: ${head.split('\r\n', 1)[0] ?? ''} ${bytes.toString('latin1', end).trim()}`,
      );
    } else if (length === undefined) {
      this.#fail('an answer without Content-Length');
    } else {
      this.#left = Number(length);
      this.#body(bytes.length - end - HEAD_END.length);
    }
  }

  #body(bytes: number): void {
    this.#left -= bytes;
    if (this.#left > 0) return;
    if (this.#left < 0) {
      this.#fail('more than was asked for');
      return;
    }
    this.#isWaiting = false;
    this.#onAnswer();
  }

  #fail(message: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#onFailure(new Error(message));
  }
}
