import { Agent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';
import { ownCredentials } from '../../aws/credentials.ts';
import { answerWithin, renewSilentConnections } from '../../aws/deadline.ts';
import { readWholeAnswers } from '../../aws/whole-answers.ts';
import type { Clock } from '../../clock.ts';
import type { TargetConfig } from '../../config/config.ts';
import type { ClockSkew } from '../clock-skew.ts';
import type { CredentialProvider } from '../credentials.ts';
import { trusted } from '../trust.ts';

/** The longest right answer is a page of 1,000 versions: 3 MiB when every object key is as long as can be. */
const LONGEST_BYTES = 8 * 1024 * 1024;

/** Calls at once. */
const SOCKETS = 50;

/** How long a client waits, how often it asks, and how much at a time. */
export interface Patience {
  readonly attempts: number;
  /** For what S3 takes its time for. Without it, all attempts of a call have the target's `timeoutSeconds` together. */
  readonly slow?: {
    /** Without a byte in either direction. */
    readonly idleMs: number;
    /** Until the whole answer has come. */
    readonly wholeMs: number;
  };
  /** Whether answers are not read but handed on as they come: then only their heads have to come in time. */
  readonly streams?: boolean;
  /** `SOCKETS` unless given. */
  readonly sockets?: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** A server that is there answers a connect within this, however busy. */
const CONNECT_MS = 2 * SECOND;

/** Calls that S3 answers at once. */
const CALLS: Patience = { attempts: 2 };

/** Whoever reads a body watches over it: a consumer may take its time. */
export const READING: Patience = { attempts: 3, streams: true };

/** A slow consumer keeps its socket for as long as it reads. */
export const STREAMING: Patience = { ...READING, sockets: 1_024 };

/** AWS answers a copy at once, and then sends a space now and then until it is done; MinIO answers when it is done. */
export const WRITING: Patience = { attempts: 3, slow: { idleMs: 10 * MINUTE, wholeMs: 60 * MINUTE } };

/** What makes an object visible is not asked twice: the second answer would be about what the first has changed. */
export const COMMITTING: Patience = { ...WRITING, attempts: 1 };

/** An SDK client that gives up early, also in the middle of an answer, adds no checksums of its own, logs nothing, and teaches `skew` the time from every answer. */
export function sdkClient(
  config: Omit<TargetConfig, 'publicEndpoint'>,
  skew: ClockSkew,
  now: Clock = Date.now,
  patience: Patience = CALLS,
  shared?: CredentialProvider,
): S3Client {
  const { slow } = patience;
  const promptMs = config.timeoutSeconds * SECOND;
  const { sockets } = patience;
  // Many at once: what each has read ahead adds up.
  const pool = { maxSockets: sockets ?? SOCKETS, ...(sockets !== undefined && { highWaterMark: 16 * 1024 }) };
  const httpsAgent = new Agent({ keepAlive: true, ...pool, ...trusted(config.ca) });
  const client = new S3Client({
    endpoint: config.endpoint.href,
    region: config.region,
    forcePathStyle: config.pathStyle,
    maxAttempts: patience.attempts,
    // The SDK would send such requests by an agent that does not know the private authority.
    expectContinueHeader: false,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: Math.min(CONNECT_MS, promptMs),
      // Less than all of the time, so that a connection which has fallen silent costs a call no more than that.
      ...(slow ? { socketTimeout: slow.idleMs } : { requestTimeout: promptMs / 2 }),
      throwOnRequestTimeout: true,
      httpAgent: pool,
      httpsAgent,
    },
    ...(shared ? { credentials: shared } : ownCredentials(config.credentials)),
  });
  if (slow === undefined) answerWithin(client, promptMs);
  renewSilentConnections(client, httpsAgent);
  if (patience.streams !== true)
    readWholeAnswers(client, { bytes: LONGEST_BYTES, milliseconds: slow?.wholeMs ?? promptMs });
  client.middlewareStack.add(
    (next) => async (args) => {
      const sent = now();
      const result = await next(args);
      const { headers } = result.response as { headers?: Record<string, string> };
      skew.learn(headers?.['date'], sent, now());
      return result;
    },
    // Next to the socket: it sees refusals too, before they become errors, and the head when it comes.
    { step: 'deserialize', priority: 'low', name: 'sealslotClockSkew' },
  );
  return client;
}
