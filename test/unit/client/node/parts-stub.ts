import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { problem, startStub, type Answer, type S3Handler, type Stub } from './stub.ts';

/** A service and an S3 that keep an upload in parts as they should, but for what a test has them do wrong. */
export interface PartsStub extends AsyncDisposable {
  readonly stub: Stub;
  /** What S3 has, by part number. */
  readonly parts: Map<number, Buffer>;
  /** What S3 does with the next PUTs of a part, in place of keeping it. */
  readonly faults: Map<number, S3Handler[]>;
  /** The part numbers that were put, in the order of their beginnings. */
  readonly puts: number[];
  /** Those that were asked for, call by call. */
  readonly lots: number[][];
  /** What slots were asked for. */
  readonly asks: Record<string, unknown>[];
  /** How many PUTs were under way at most. */
  mostAtOnce(): number;
  /** How long URLs live, in milliseconds. */
  urlLifeMs: number;
  slot(state: string): Record<string, unknown>;
  /** As S3 does with a PUT of a part. */
  keep(part: number, ...call: Parameters<S3Handler>): void;
  /** As the service answers when it looks: all parts there, or not. */
  look(): Answer;
}

export async function startPartsStub(body: Buffer, partSize: number): Promise<PartsStub> {
  const stub = await startStub();
  const partCount = Math.ceil(body.length / partSize);
  const kept = { parts: new Map<number, Buffer>(), faults: new Map<number, S3Handler[]>() };
  const seen = { puts: [] as number[], lots: [] as number[][], asks: [] as Record<string, unknown>[] };
  let [now, most] = [0, 0];
  const sizeOf = (part: number) => Math.min(partSize, body.length - (part - 1) * partSize);
  const world: PartsStub = {
    stub,
    ...kept,
    ...seen,
    urlLifeMs: 60_000,
    mostAtOnce: () => most,
    slot: (state) => ({ id: 'id', state, objectKey: 'k', contentType: 'text/plain', size: body.length }),
    look() {
      const all = Array.from({ length: partCount }, (_, index) => index + 1);
      const missingParts = all.filter((part) => kept.parts.get(part)?.length !== sizeOf(part));
      if (missingParts.length === 0) return { status: 200, body: world.slot('uploaded') };
      const refused = problem(409, 'not_arrived', 2);
      return { ...refused, body: { ...(refused.body as object), missingParts: missingParts.slice(0, 100) } };
    },
    keep(part, request, response) {
      void buffer(request).then((bytes) => {
        kept.parts.set(part, bytes);
        response.end();
      });
    },
    [Symbol.asyncDispose]: () => stub[Symbol.asyncDispose](),
  };
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  stub.script['POST'] = [
    (ask) => {
      seen.asks.push(ask as Record<string, unknown>);
      const { sha256 } = ask as { sha256?: string };
      const request = { method: 'multipart', partSize, partCount, expiresAt };
      return { status: 201, body: { ...world.slot('issued'), sha256, request } };
    },
  ];
  stub.script['GET /parts'] = [
    () => ({
      status: 200,
      body: {
        parts: [...kept.parts].map(([partNumber, { length: size }]) => ({ partNumber, size, etag: 'e' })),
      },
    }),
  ];
  stub.script['POST /parts'] = [
    (asked) => {
      const { partNumbers } = asked as { partNumbers: number[] };
      seen.lots.push(partNumbers);
      const parts = partNumbers.map((partNumber) => {
        const { url, ...signed } = stub.signed('PUT', world.urlLifeMs);
        return { ...signed, partNumber, size: sizeOf(partNumber), url: `${url}?partNumber=${partNumber}` };
      });
      return { status: 200, body: { parts } };
    },
  ];
  stub.script['POST /complete'] = [() => world.look()];
  stub.s3.push((request, response) => {
    const part = Number(new URL(request.url ?? '', 'https://s3').searchParams.get('partNumber'));
    seen.puts.push(part);
    most = Math.max(most, (now += 1));
    response.once('close', () => (now -= 1));
    const fault = kept.faults.get(part)?.shift();
    if (fault !== undefined) fault(request, response);
    else world.keep(part, request, response);
  });
  return world;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64');
