import { DependencyUnavailable } from '../../errors.ts';
import type { PlacedKey, StoredKey } from '../../store/port.ts';
import type { Upload } from '../upload.ts';
import { AUDIT_CODES, type AuditCode } from './codes.ts';

/** What a finding is about, as far as that is known. */
export interface Place {
  readonly tenant?: string;
  /** Id of the slot. */
  readonly slot?: string;
  readonly generation?: number;
  /** Id of the intermediate key. */
  readonly intermediate?: string;
  readonly bucket?: string;
  readonly objectKey?: string;
  readonly versionId?: string | null;
}

export interface AuditFinding extends Place {
  readonly code: AuditCode;
  /** What was seen here, in one sentence without a full stop; never a secret. */
  readonly detail: string;
}

/** A slot and its living keys, oldest first. */
export interface SlotKeys {
  readonly upload: Upload;
  readonly keys: readonly StoredKey[];
}

export function found(code: AuditCode, at: Place, detail: string): AuditFinding {
  return { ...at, code, detail };
}

/** The place of a slot's key; that of the current one has the slot's version. */
export function placeIn(upload: Upload, key: Pick<PlacedKey, 'generation' | 'versionId'>): Place {
  return {
    tenant: upload.tenant,
    slot: upload.id,
    generation: key.generation,
    bucket: upload.bucket,
    objectKey: upload.objectKey,
    versionId: key.generation === upload.generation ? upload.versionId : key.versionId,
  };
}

export const isUnknown = ({ code }: AuditFinding): boolean => code === 'unknown';
export const isWrong = ({ code }: AuditFinding): boolean => AUDIT_CODES[code].grade === 'wrong';

/** What could not be asked becomes a finding. A store that does not answer ends the audit: nothing can be said without it. */
export async function orUnknown(
  at: Place,
  look: () => Promise<readonly AuditFinding[]>,
): Promise<readonly AuditFinding[]> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof DependencyUnavailable) || error.extra.dependency === 'store') throw error;
    return [found('unknown', at, reasonOf(error))];
  }
}

export function reasonOf(error: DependencyUnavailable): string {
  const text = error.cause instanceof Error ? `${error.message} ${error.cause.message}` : error.message;
  return text.replace(/\.$/, '');
}
