import type { Session } from './connection.ts';

/** In one order whoever asks, so that two who want several never wait for each other. */
const LOCK = `
  SELECT count(pg_advisory_xact_lock(key)) FROM (
    SELECT DISTINCT hashtextextended(name, 0) AS key FROM unnest(:names::text[]) AS n (name) ORDER BY key OFFSET 0) AS k`;

/**
 * Until the transaction's end nobody else has a lock of these names. For what no row stands for; statements that come after it see what
 * those have committed that had it before. Two names may rarely share a lock, which only makes one wait.
 */
export async function lockNames(session: Session, names: readonly string[]): Promise<void> {
  if (names.length > 0) await session.get(LOCK, { names });
}

/** The messages of one slot to one webhook are a line, and whether one waits for another is decided under this lock. */
export const lineLock = (uploadId: string): string => `line ${uploadId}`;

/** Whether an object has a slot is decided under this lock. */
export const placeLock = (bucket: string, objectKey: string): string => `place ${bucket} ${objectKey}`;

/** How much of a quota is left is decided under this lock. @param principal null for the whole tenant. */
export const quotaLock = (tenant: string, principal: string | null): string =>
  `quota ${JSON.stringify([tenant, principal])}`;
