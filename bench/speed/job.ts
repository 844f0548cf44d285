export interface Job {
  readonly url: string;
  readonly path: string;
  readonly body: string;
  /** Values of `Authorization`, given to the connections in turn; none of those who want none. */
  readonly tokens: readonly string[];
  /** Any other makes all of it fail. */
  readonly status: number;
  readonly connections: number;
  readonly warmSeconds: number;
  readonly seconds: number;
  /** Ends the window when there were so many, in place of its time. */
  readonly answers?: number;
  /** Answers a second; as many as there can be unless given. */
  readonly rate?: number;
}

/** The bytes of one request, which a connection sends again and again. */
export function requestOf({ path, body }: Job, { host }: URL, token: string | undefined): Buffer {
  const lines = [
    `POST ${path} HTTP/1.1`,
    `host: ${host}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}
