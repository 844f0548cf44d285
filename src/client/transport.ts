/** One call of the service. */
export interface ServiceCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** What was answered, whatever its status. */
export interface ServiceAnswer {
  readonly status: number;
  /** What `Retry-After` asks for. */
  readonly retryAfterSeconds: number | undefined;
  readonly text: string;
}

/** How a program reaches the service. */
export interface ServiceTransport {
  /**
   * Makes a call, once. Redirects are not followed: the token and customer keys would follow them.
   * @throws Unreachable when no whole answer comes; what aborted the signal.
   */
  send(call: ServiceCall): Promise<ServiceAnswer>;
}

/** Seconds; undefined when it is absent or a date, which only tells something to those whose clock is right. */
export function retryAfterIn(value: string | null | undefined): number | undefined {
  return value && /^\d{1,6}$/.test(value) ? Number(value) : undefined;
}

/** S3's refusals are XML; their code is all that is used of them. */
export function s3CodeIn(xml: string): string {
  return /<Code>([A-Za-z0-9.]{1,64})<\/Code>/.exec(xml)?.[1] ?? '';
}
