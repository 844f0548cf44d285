import { S3Refusal, ServiceProblem, Unreachable, FileChanged } from '../errors.ts';

/** What people read when a file does not go through; `locale: { strings }` replaces any of them. */
export const LOCALE = {
  strings: {
    sealslotOffline: 'There is no connection to the network.',
    sealslotServiceUnreachable: 'The upload service cannot be reached.',
    sealslotStorageUnreachable: 'The storage cannot be reached.',
    sealslotSignedOut: 'You may not upload: sign in again.',
    sealslotEnough: 'That is all that may be uploaded for now.',
    sealslotNotAllowed: 'This file may not be uploaded here.',
    sealslotStorageRefused: 'The storage refused the file.',
    sealslotFileChanged: 'The file was changed during the upload: choose it again.',
    sealslotNotAsChosen: 'What arrived is not what was chosen: upload it again.',
    sealslotFailed: 'The upload did not succeed.',
    sealslotChooseAgain: 'Choose the file again.',
    sealslotNoCompanion: 'Only files of this device can be uploaded here.',
  },
};

/** A sentence of {@link LOCALE}. */
export type Word = keyof (typeof LOCALE)['strings'];

/** Which sentence says it to a person. */
export function wordFor(error: unknown): Word {
  if (error instanceof Unreachable) {
    if (error.likely === 'offline') return 'sealslotOffline';
    return error.peer === 'S3' ? 'sealslotStorageUnreachable' : 'sealslotServiceUnreachable';
  }
  if (error instanceof S3Refusal) return 'sealslotStorageRefused';
  if (error instanceof FileChanged) return 'sealslotFileChanged';
  if (!(error instanceof ServiceProblem)) return 'sealslotFailed';
  if (error.code === 'mismatch') return 'sealslotNotAsChosen';
  if (error.code === 'grant_exhausted' || error.code === 'grant_expired') return 'sealslotEnough';
  if (error.status === 401 || error.status === 403) return 'sealslotSignedOut';
  return error.status === 400 || error.status === 413 || error.status === 422
    ? 'sealslotNotAllowed'
    : 'sealslotFailed';
}
