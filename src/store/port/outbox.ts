/** What is told to one of a tenant's webhooks, word for word. */
export interface OutboxMessage {
  /** `msg_` and a UUIDv7; the receiver sees it, and knows a repetition by it. */
  readonly id: string;
  readonly tenant: string;
  /** The webhook's name in the tenant's configuration. */
  readonly webhook: string;
  readonly uploadId: string;
  readonly type: UploadEvent;
  /** The body, JSON. Never holds key material. */
  readonly payload: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

export const UPLOAD_EVENTS = [
  'upload.uploaded',
  'upload.rejected',
  'upload.expired',
  'upload.deleted',
] as const;
export type UploadEvent = (typeof UPLOAD_EVENTS)[number];

/** `dead`: given up, until an operator replays it. */
export const MESSAGE_STATES = ['pending', 'delivered', 'dead'] as const;
export type MessageState = (typeof MESSAGE_STATES)[number];
export type UndeliveredState = Exclude<MessageState, 'delivered'>;
export const UNDELIVERED_STATES = ['pending', 'dead'] as const satisfies readonly UndeliveredState[];

export interface QueuedMessage extends OutboxMessage {
  readonly state: MessageState;
  /** How often it was tried since it was made, or last replayed. */
  readonly attempts: number;
  /** When it is tried next; of one in hand, when another worker may take it. */
  readonly nextAttemptAt: number;
  /** Why the last attempt failed, in words of ours. */
  readonly lastFailure: string | null;
  /** When it was delivered or given up. */
  readonly endedAt: number | null;
}

/** Ids. Those of no message are in neither. */
export interface Replayed {
  /** Had ended, and are pending again. */
  readonly again: readonly string[];
  /** Were pending, and go now. */
  readonly sooner: readonly string[];
}

/** Messages wait here from the commit of what they tell until they are delivered: at least once, and in order for each slot and webhook. */
export interface OutboxStore {
  /**
   * One commit: takes pending messages whose time has come, those first that wait the longest since. Of one webhook and slot only the
   * oldest pending one is taken, by the order of the commits.
   * Counts the attempt, and sets `nextAttemptAt` to `leaseUntil`.
   * @param busy webhooks whose messages are left out.
   */
  claim(
    now: number,
    leaseUntil: number,
    limit: number,
    busy?: readonly Pick<OutboxMessage, 'tenant' | 'webhook'>[],
  ): Promise<QueuedMessage[]>;
  /**
   * Notes how an attempt ended.
   * @param attempts as claimed: when it was claimed again or replayed since, nothing is noted.
   * @returns whether it was noted.
   */
  note(
    message: Pick<QueuedMessage, 'id' | 'attempts'>,
    outcome:
      | { readonly state: 'delivered'; readonly endedAt: number }
      | { readonly state: 'dead'; readonly endedAt: number; readonly lastFailure: string }
      | { readonly state: 'pending'; readonly nextAttemptAt: number; readonly lastFailure: string },
  ): Promise<boolean>;
  /** The earliest `nextAttemptAt` of those pending that wait for no older one of their webhook and slot; undefined when none is. */
  nextAttemptAt(): Promise<number | undefined>;
  /** By id, newest first. @param before only ids smaller than it. */
  list(query: {
    tenant?: string;
    state?: MessageState;
    before?: string;
    limit: number;
  }): Promise<QueuedMessage[]>;
  /**
   * One commit: ended messages are pending again, with no attempt counted, and where they were in the order of their slot and webhook.
   * Those named that are pending still go now in place of later; their attempts stay counted, so that one in hand is noted only once.
   * @param which by id, or all dead ones of a tenant or of all.
   */
  replay(
    which: { readonly ids: readonly string[] } | { readonly dead: true; readonly tenant?: string },
    now: number,
  ): Promise<Replayed>;
  /**
   * Drops what was delivered before `before`, `limit` at most, and nothing that another caller is dropping.
   * @returns how many.
   */
  dropDelivered(before: number, limit: number): Promise<number>;
  /** How many are still to be done something about. Those delivered, by far the most, are not counted: it is asked often. */
  count(): Promise<Readonly<Record<UndeliveredState, number>>>;
}
